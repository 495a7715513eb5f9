#!/usr/bin/env bash
# torch 2.13.0
#
# Behaviour: Adam with fused=True on a CPU pairs moments with the wrong weights, without an error, where their memory formats differ.
# They do after load_state_dict of moments whose strides weren't kept, as of a file of safetensors, into an optimiser of weights in
# channels_last: load_state_dict takes the strides of the file, and the kernel goes through both as they lie in memory.
# Output seen: after two more steps the weights differ from those of an unbroken training by 0.27 at a learning rate of 0.1; with
# fused=False they are equal to the last bit.
# Expected: the same weights, or an error. The documentation names no condition on strides.
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

import torch

LAST = torch.channels_last
torch.manual_seed(0)
start, *gradients = torch.randn(5, 8, 4, 3, 3).unbind()


def trained(fused, stopped):
    weight = torch.nn.Parameter(start.contiguous(memory_format=LAST))
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
    for number, gradient in enumerate(gradients):
        if stopped and number == 2:
            state = copy.deepcopy(optimizer.state_dict())
            moments = state["state"][0]
            for name in ("exp_avg", "exp_avg_sq"):
                moments[name] = moments[name].contiguous()  # the same numbers
            optimizer = torch.optim.Adam([weight], lr=0.1, fused=fused)
            optimizer.load_state_dict(state)
        weight.grad = gradient.contiguous(memory_format=LAST)
        optimizer.step()
    return weight.detach()


differences = {}
for fused in (False, True):
    difference = trained(fused, stopped=False) - trained(fused, stopped=True)
    differences[fused] = difference.abs().max().item()
    print(f"fused={fused}: largest difference {differences[fused]:.2f}")
assert differences[False] == 0
if differences[True] < 0.1:
    sys.exit("No longer so: fused Adam goes by the elements, not by memory.")
PY
