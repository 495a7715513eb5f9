#!/usr/bin/env bash
# pynndescent 0.7.0 (numba 0.68.1, numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: with one random_state, NNDescent finds other neighbours with two threads than with one. As n_jobs=None takes all
# cores, the same seeded script gives another graph, and so another clustering, on a machine with another number of cores.
# Output seen: two runs with one thread agree; between one and two threads, 26 of 1797 digits have other neighbours.
# Expected: the same graph, or a word of it: the docstring calls random_state the seed and n_jobs the number of threads, and
# doesn't say that a seed repeats a result for one number of threads alone. (umap-learn, which builds on it, takes one thread
# when it has a seed, and warns.)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check \
  pynndescent==0.7.0 numba==0.68.1 numpy==2.4.6 scikit-learn==1.9.1

NUMBA_NUM_THREADS=2 venv/bin/python - <<'PY'
import sys

import numpy as np
from pynndescent import NNDescent
from sklearn.datasets import load_digits

X = load_digits().data.astype("float32")


def neighbours(n_jobs):
    return NNDescent(X, n_neighbors=10, random_state=0, n_jobs=n_jobs).neighbor_graph[0]


one = neighbours(1)
assert np.array_equal(one, neighbours(1))
rows = int(sum(set(a) != set(b) for a, b in zip(one, neighbours(2), strict=True)))
print(f"one thread twice: the same; one thread and two: {rows} of {len(X)} digits have other neighbours")
if not rows:
    sys.exit("No longer so: the number of threads changes nothing.")
PY
