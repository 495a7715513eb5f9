#!/usr/bin/env bash
# safetensors 0.8.0 (numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: safetensors.numpy saves an array in Fortran order without a word, and loading gives the right shape with the
# numbers in the wrong places. scikit-learn leaves fitted attributes in that order.
# Output seen: the components of a PCA of iris, saved and loaded, differ by up to 1.4; numpy.save keeps them.
# Expected: the same array, or an error, as safetensors.torch gives for a transposed tensor. The docstring asks for arrays that
# are "contiguous and dense", which such an array is (flags.contiguous of numpy is about C order, flags.forc about either), and
# nothing checks it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6 scikit-learn==1.9.1

venv/bin/python - <<'PY'
import io
import sys

import numpy as np
import safetensors.numpy
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA

components = PCA(3).fit(load_iris().data).components_
print("contiguous, in C order or Fortran order:", components.flags.forc, "; in C order:", components.flags.c_contiguous)
stream = io.BytesIO()
np.save(stream, components)
stream.seek(0)
assert np.array_equal(np.load(stream), components)
loaded = safetensors.numpy.load(safetensors.numpy.save({"components": components}))["components"]
print(f"shape {loaded.shape}, largest difference {np.abs(loaded - components).max():.2g}")
if np.array_equal(loaded, components):
    sys.exit("No longer so: the array comes back as it was.")
PY
