#!/usr/bin/env bash
# scipy-stubs 1.17.1.5 (mypy 2.4.1, pyright 1.1.414, scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: what scipy.sparse.issparse lets through has no attributes for a type checker: neither toarray nor shape.
# Output seen: both checkers reject `X.toarray()` inside `if issparse(X)`, where X is Any outside of it
# (mypy: "SparseABC" has no attribute "toarray"; pyright: Cannot access attribute "toarray" for class "SparseABC").
# Expected: no error. The guard is what SciPy's documentation and scikit-learn use before toarray(), and every class that it lets
# through has it. The stubs declare it as a TypeIs of a base class without members, which replaces Any.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check \
  scipy-stubs==1.17.1.5 mypy==2.4.1 "pyright[nodejs]==1.1.414" scipy==1.17.1 numpy==2.4.6

cat > dense.py <<'PY'
from typing import Any

from scipy.sparse import issparse


def dense(X: Any) -> Any:
    return X.toarray() if issparse(X) else X
PY
venv/bin/python -c "
import numpy as np, scipy.sparse as sp, dense
assert (dense.dense(sp.csr_array(np.eye(2))) == np.eye(2)).all()"
export PYRIGHT_PYTHON_IGNORE_WARNINGS=1
venv/bin/python -m mypy dense.py | tee mypy.txt || true
venv/bin/python -m pyright --pythonpath venv/bin/python dense.py | tee pyright.txt || true
grep -q 'has no attribute "toarray"' mypy.txt && grep -q 'attribute "toarray"' pyright.txt || {
  echo "No longer so: a checker takes toarray() of what issparse lets through."
  exit 1
}
