#!/usr/bin/env bash
# gemclus 1.1.1 (with scikit-learn 1.9.1, numpy 2.4.6, POT 0.9.7.post1)
#
# Behaviour: add_mlcl_constraint refuses constraints that don't contradict each other. Its check of triangles numbers the samples that
# occur in must-links from 0, and compares these numbers with the rows that cannot-links name.
# Output seen: with the must-links 5-6 and 6-7 the cannot-link 0-2, of samples that no must-link names, is a ValueError, "Triangular
# contradiction in Must-link / Cannot-link constraints". With the same samples called 15, 16, 17 and 10, 12 it is fitted.
# Expected: both are fitted, as the names of the samples mean nothing.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check \
    gemclus==1.1.1 scikit-learn==1.9.1 numpy==2.4.6 POT==0.9.7.post1

venv/bin/python - <<'PY'
import sys

import numpy as np
from gemclus import add_mlcl_constraint
from gemclus.linear import LinearMMD

X = np.random.default_rng(0).normal(size=(40, 3))


def outcome(shift):
    must_link = [(5 + shift, 6 + shift), (6 + shift, 7 + shift)]
    cannot_link = [(shift, 2 + shift)]
    model = LinearMMD(2, random_state=0, max_iter=2)
    try:
        add_mlcl_constraint(model, must_link=must_link, cannot_link=cannot_link).fit(X)
    except ValueError as error:
        return str(error)
    return "fitted"


first, second = outcome(0), outcome(10)
print(f"must-links 5-6, 6-7, cannot-link 0-2: {first}")
print(f"must-links 15-16, 16-17, cannot-link 10-12: {second}")
sys.exit(not ("Triangular contradiction" in first and second == "fitted"))
PY
