#!/usr/bin/env bash
# scipy 1.17.1 (numpy 2.4.6)
#
# Behaviour: `sum`, `max`, `min` and `abs` of a CSR array rewrite it: entries at the same place are added up, and indices sorted, in
# the user's own arrays. `mean` and `argmax` leave them alone.
# Output seen: an array of 4 stored entries has 2 after `X.max()`; of read-only arrays with unsorted indices `X.max()` raises
# "WRITEBACKIFCOPY base is read-only".
# Expected: a reduction that leaves its operand alone, as `mean` does. What works in place has methods that are named for it,
# `sum_duplicates` and `sort_indices`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check scipy==1.17.1 numpy==2.4.6

venv/bin/python - <<'PY'
import sys

import numpy as np
from scipy import sparse


def entries():
    data, indices, indptr = np.ones(4), np.array([2, 0, 2, 0]), np.array([0, 4])
    return data, indices, indptr


X = sparse.csr_array(entries(), shape=(1, 3))
X.mean()
before = X.nnz
X.max()
print(f"stored entries: {before} after mean(), {X.nnz} after max()")
assert before == 4
if X.nnz == 4:
    sys.exit("No longer so: max() leaves the array alone.")

parts = entries()
for part in parts:
    part.flags.writeable = False
frozen = sparse.csr_array(parts, shape=(1, 3), copy=False)
assert frozen.mean() == 4 / 3
try:
    frozen.max()
except ValueError as error:
    print(f"read-only: {error}")
else:
    sys.exit("No longer so: max() of a read-only array works.")
PY
