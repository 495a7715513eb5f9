#!/usr/bin/env bash
# torch 2.13.0 (CPU build; numpy 2.4.6)
#
# Behaviour: in torch.autocast("cpu", torch.bfloat16), nn.LSTM raises "could not create a primitive descriptor for the LSTM forward
# propagation primitive" on a processor without AVX-512 (here: oneDNN is told to use no more than AVX2). nn.RNN and nn.Linear compute
# in bfloat16 there, and nn.GRU in float32.
# Output seen: RNN bfloat16, GRU float32, LSTM RuntimeError, Linear bfloat16.
# Expected: autocast falls back where an operator has no kernel, as it does for nn.GRU; an error, if at all, that names the dtype and
# the processor. Its documentation names no processor on which a layer of torch can't run in it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0 numpy==2.4.6

ONEDNN_MAX_CPU_ISA=AVX2 venv/bin/python - <<'PY'
import sys

import torch
from torch import nn

x = torch.ones(4, 6, 5)
found = {}
for layer in (nn.RNN(5, 8, batch_first=True), nn.GRU(5, 8, batch_first=True), nn.LSTM(5, 8, batch_first=True), nn.Linear(5, 8)):
    try:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            out = layer(x)
        out = out[0] if isinstance(out, tuple) else out
        found[type(layer).__name__] = str(out.dtype).removeprefix("torch.")
    except RuntimeError as error:
        found[type(layer).__name__] = "RuntimeError"
        print(str(error).splitlines()[0])
print(found)
if found != {"RNN": "bfloat16", "GRU": "float32", "LSTM": "RuntimeError", "Linear": "bfloat16"}:
    sys.exit("No longer so: autocast treats these layers in another way.")
PY
