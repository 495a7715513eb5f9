#!/usr/bin/env bash
# torch 2.13.0 (scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: torch.cdist of float32 rows loses every digit once there are more than 25 of them. Appending a row changes the
# distances between the others, and a point may be far from itself.
# Output seen: for 25 points in a square of side 1 near (1000, 1000) the largest error is 7e-8 and every point is 0 from itself;
# with a 26th point the largest error is 0.5, and a point is 0.5 from itself.
# Expected: distances that don't depend on other rows, as scipy's. The docstring says that the function is equivalent to
# scipy.spatial.distance.cdist, and that a matrix product is used beyond 25 rows, not that it costs the digits.
# Nearest centroids and neighbours of data that aren't centred become arbitrary.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0
venv/bin/python -m pip install -qq --disable-pip-version-check scipy==1.17.1 numpy==2.4.6

venv/bin/python - <<'PY'
import sys

import numpy as np
import torch
from scipy.spatial.distance import cdist

X = (np.random.default_rng(0).random((26, 2)) + 1000).astype("float32")
errors = {}
for n in (25, 26):
    distances = torch.cdist(torch.from_numpy(X[:n]), torch.from_numpy(X[:n])).numpy()
    errors[n] = float(np.abs(distances - cdist(X[:n], X[:n])).max())
    print(f"{n} points: largest error {errors[n]:.2g}, from itself {distances.diagonal().max():.2g}")
assert errors[25] < 1e-6
if errors[26] < 0.1:
    sys.exit("No longer so: the 26th point changes nothing.")
PY
