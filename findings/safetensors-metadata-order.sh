#!/usr/bin/env bash
# safetensors 0.8.0 (numpy 2.4.6)
#
# Behaviour: the same tensors with the same metadata, saved several times in one process, give files that differ: the keys of the
# metadata come in another order each time.
# Output seen: 20 saves of one array with eight keys of metadata give more than one digest; without metadata they give one.
# Expected: equal bytes for equal contents, as without metadata. The format's page describes the header as a JSON object and asks for no
# order, but checksums, caches and deduplicating stores take such files for different ones.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6

venv/bin/python - <<'PY'
import hashlib
import sys

import numpy as np
from safetensors.numpy import save

tensors = {"weight": np.arange(6.0)}
metadata = {f"key {i}": str(i) for i in range(8)}
plain = {hashlib.sha256(save(tensors)).hexdigest() for _ in range(20)}
described = {hashlib.sha256(save(tensors, metadata=metadata)).hexdigest() for _ in range(20)}
print(f"20 saves: {len(plain)} digest without metadata, {len(described)} with metadata")
assert len(plain) == 1
if len(described) == 1:
    sys.exit("No longer so: equal metadata give equal bytes.")
PY
