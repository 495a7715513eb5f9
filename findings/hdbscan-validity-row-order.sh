#!/usr/bin/env bash
# hdbscan 0.8.44 (numpy 2.4.6, scipy 1.17.1, scikit-learn 1.9.1)
#
# Behaviour: hdbscan.validity.validity_index (DBCV) of the same points with the same labels depends on the order of the rows,
# by enough to turn its sign, and no two rows have to be equal for it.
# Output seen (five orders): iris with its classes between -0.104 and 0.078; three blobs between 0.591 and 0.665.
# Expected: the same number up to rounding, as from other indices. The docstring describes an index of the data and the labels
# and doesn't mention the order. The minimum spanning tree isn't unique, since mutual reachability distances tie, and the index
# takes its inner nodes from whichever tree the rows lead to.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check \
  hdbscan==0.8.44 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1

venv/bin/python - <<'PY'
import sys

import numpy as np
from hdbscan.validity import validity_index
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import silhouette_score


def spread(score, X, y):
    orders = [np.random.default_rng(seed).permutation(len(X)) for seed in range(5)]
    scores = [float(score(X[order], y[order])) for order in orders]
    print("  ", [round(value, 3) for value in scores])
    return max(scores) - min(scores)


iris, blobs = load_iris(return_X_y=True), make_blobs(150, n_features=4, random_state=0)
assert len(np.unique(blobs[0], axis=0)) == 150
print("silhouette, five orders of the rows of iris and of blobs:")
assert max(spread(silhouette_score, *data) for data in (iris, blobs)) < 1e-9
print("validity_index, the same orders:")
if min(spread(validity_index, *data) for data in (iris, blobs)) < 0.01:
    sys.exit("No longer so: the index hardly depends on the order of the rows.")
PY
