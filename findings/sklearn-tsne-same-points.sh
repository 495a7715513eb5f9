#!/usr/bin/env bash
# scikit-learn 1.9.1
#
# Behaviour: TSNE ends the process by a segmentation fault where all points are the same.
# With init="pca", the default, the start is divided by the deviation of its first component, which is 0. The start is then NaN, nothing
# checks it, and the tree of Barnes and Hut crashes.
# Output seen: "RuntimeWarning: invalid value encountered in divide", then exit status 139. With init="random" it returns a map.
# Expected: a map, or an error. Points that are the same are valid input, and PCA, KMeans and others take them.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check scikit-learn==1.9.1
venv/bin/python -m pip install -qq --disable-pip-version-check numpy==2.4.6

venv/bin/python - <<'PY'
import subprocess
import sys

CODE = """
import numpy as np
from sklearn.manifold import TSNE
TSNE(perplexity=2, init={init!r}, random_state=0).fit_transform(np.ones((9, 3)))
"""
status = {}
for init in ("random", "pca"):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", CODE.format(init=init)])
    status[init] = done.returncode
    print(f"init={init}: exit status {done.returncode}")
assert status["random"] == 0
if status["pca"] >= 0:
    sys.exit("No longer so: t-SNE of points that are the same doesn't end the process.")
PY
