#!/usr/bin/env bash
# torch 2.13.0
#
# Behaviour: a network with a lazy normalisation layer that has seen no batch can't be copied, though one with a lazy linear or
# convolutional layer can: its buffers are uninitialised, and copy.deepcopy of an uninitialised buffer fails where that of an
# uninitialised parameter doesn't.
# Output seen: LazyLinear and LazyConv2d copy; LazyBatchNorm1d raises "Attempted to use an uninitialized parameter in <function
# Tensor.__deepcopy__>".
# Expected: a copy, as of the other lazy layers. clone of scikit-learn, skorch and model averaging copy networks before any batch. The
# message speaks of parameters, also of a layer that has none (affine=False).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0
venv/bin/python -m pip install -qq --disable-pip-version-check numpy==2.4.6

venv/bin/python - <<'PY'
import copy
import sys

from torch import nn

copy.deepcopy(nn.Sequential(nn.LazyLinear(3), nn.LazyConv2d(3, 3)))
print("LazyLinear and LazyConv2d copy")
try:
    copy.deepcopy(nn.LazyBatchNorm1d(affine=False))
except ValueError as error:
    print(f"LazyBatchNorm1d: {str(error)[:70]}")
    assert "uninitialized parameter" in str(error)
else:
    sys.exit("No longer so: a lazy normalisation copies.")
PY
