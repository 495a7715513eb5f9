#!/usr/bin/env bash
# skorch 1.4.0 (torch 2.13.0, numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: set_params(optimizer=...) on a fitted net raises "ValueError: Something went wrong, please open an issue", while
# set_params with module=, criterion= or optimizer__momentum= works, and so does optimizer= before the first fit.
# Output seen: criterion, optimizer__momentum and lr are taken by a fitted net; optimizer raises the ValueError above, after
# which net.optimizer is the new class and net.optimizer_ still made of the old one.
# Expected: an optimizer made anew, as a criterion is. The docstring of set_params says that any key of get_params is valid.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check torch==2.13.0
venv/bin/python -m pip install -qq --disable-pip-version-check skorch==1.4.0 numpy==2.4.6 scikit-learn==1.9.1

venv/bin/python - <<'PY'
import sys

import numpy as np
import torch
from skorch import NeuralNetRegressor

X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
y = X.sum(axis=1, keepdims=True)


def set_after_fit(**params):
    net = NeuralNetRegressor(
        torch.nn.Linear, module__in_features=3, module__out_features=1, max_epochs=1, train_split=None, verbose=0
    )
    net.fit(X, y)
    try:
        net.set_params(**params)
    except ValueError as error:
        print("net.optimizer", net.optimizer.__name__, "but net.optimizer_", type(net.optimizer_).__name__)
        return f"ValueError: {error}"
    return "taken"


for params in ({"criterion": torch.nn.L1Loss}, {"optimizer__momentum": 0.9}, {"lr": 0.1}):
    assert set_after_fit(**params) == "taken", params
    print(*params, "taken")
outcome = set_after_fit(optimizer=torch.optim.Adam)
print("optimizer", outcome)
if not outcome.startswith("ValueError: Something went wrong"):
    sys.exit("No longer so: a fitted net takes another optimizer.")
PY
