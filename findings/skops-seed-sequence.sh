#!/usr/bin/env bash
# skops 0.16.0 (numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: a numpy SeedSequence that skops.io saves and loads has lost its entropy. Saving and loading say nothing; the error
# comes when it is first used.
# Output seen: SeedSequence(3) comes back with entropy None and pool_size 0, and generate_state raises
# "TypeError: 'NoneType' object is not iterable".
# Expected: an equal seed, or an error of dumps, which raises for other things that it can't save, such as a lil_array. Loading
# has asked for trust in SeedSequence by name. A Generator with that seed comes back with its entropy, and so does either of
# them from pickle.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check skops==0.16.0 numpy==2.4.6 scikit-learn==1.9.1

venv/bin/python - <<'PY'
import pickle
import sys

import numpy as np
import skops.io
from scipy.sparse import lil_array


def through_skops(value):
    data = skops.io.dumps(value)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


try:
    skops.io.dumps(lil_array((2, 2)))
except NotImplementedError as error:
    print("NotImplementedError:", error)
seed = np.random.SeedSequence(3)
assert pickle.loads(pickle.dumps(seed)).entropy == 3
generator = through_skops(np.random.default_rng(3))
assert generator.bit_generator.seed_seq.entropy == 3
loaded = through_skops(seed)
assert "numpy.random.bit_generator.SeedSequence" in skops.io.get_untrusted_types(data=skops.io.dumps(seed))
print(f"entropy {loaded.entropy}, pool_size {loaded.pool_size}")
if loaded.entropy == 3:
    sys.exit("No longer so: the entropy comes back.")
try:
    loaded.generate_state(1)
except TypeError as error:
    print("TypeError:", error)
PY
