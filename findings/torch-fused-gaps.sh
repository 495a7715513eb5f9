#!/usr/bin/env bash
# torch 2.13.0
#
# Behaviour: optimisers with fused=True on a CPU change other numbers than those of a weight that lies in memory with gaps, without an
# error. The kernel takes as many numbers in a row as the weight has, so that it skips some of its own and writes into the gaps.
# Output seen: after one step of SGD with a gradient of 1 the first half of the weights has moved, and so have the numbers between them,
# which belong to no weight; the second half hasn't. With fused=False all weights have moved, and nothing else.
# Expected: the same weights, or an error. The documentation names no condition on strides.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0
venv/bin/python -m pip install -qq --disable-pip-version-check numpy==2.4.6

venv/bin/python - <<'PY'
import sys

import torch

moved = {}
for fused in (False, True):
    memory = torch.zeros(8)
    weight = torch.nn.Parameter(memory[::2])
    weight.grad = torch.ones(4)
    torch.optim.SGD([weight], lr=1.0, fused=fused).step()
    moved[fused] = memory.tolist()
    print(f"fused={fused}: {moved[fused]}")
assert moved[False] == [-1, 0] * 4
if moved[True] == moved[False]:
    sys.exit("No longer so: fused optimisers go by the elements, not by memory.")
PY
