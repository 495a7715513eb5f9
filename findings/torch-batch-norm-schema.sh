#!/usr/bin/env bash
# torch 2.13.0
#
# Behaviour: the operator that batch normalisation of a network in training calls on a CPU, aten.native_batch_norm, writes the
# running mean and variance, and its schema says that it writes nothing. A TorchDispatchMode that goes by the schemas, to undo,
# record or check what operators write, misses these two buffers, and these alone: the count of batches is written by an
# operator that says so.
# Output seen: "written: num_batches_tracked, running_mean, running_var", "declared: num_batches_tracked".
# Expected: a schema with aliases, as that of aten._native_batch_norm_legit, whose two statistics are marked as written.
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
from torch.utils._python_dispatch import TorchDispatchMode


class Declared(TorchDispatchMode):
    """Keeps where operators say that they write."""

    def __init__(self):
        super().__init__()
        self.places, self.names = set(), set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(func.name())
        for given, argument in zip(args, func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                self.places.add(given.data_ptr())
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
layer = torch.nn.BatchNorm1d(3)
before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
with Declared() as declared:
    layer(torch.randn(8, 3))
written = sorted(name for name, buffer in layer.named_buffers() if not torch.equal(buffer, before[name]))
known = sorted(name for name, buffer in layer.named_buffers() if buffer.data_ptr() in declared.places)
print("written:", ", ".join(written))
print("declared:", ", ".join(known))
assert "aten::native_batch_norm" in declared.names
legit = torch.ops.aten._native_batch_norm_legit.default._schema
assert [each.name for each in legit.arguments if each.alias_info] == ["running_mean", "running_var"]
if known == written:
    sys.exit("No longer so: the schema names what is written.")
assert known == ["num_batches_tracked"]
PY
