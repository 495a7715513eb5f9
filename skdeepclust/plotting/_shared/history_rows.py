"""Rows of a history: which of their values are parts, and where they are on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

NOT_PARTS = {"phase", "epoch", "attempt", "seconds"}


def _is_part(name: str, value: Any) -> bool:
    is_number = isinstance(value, (Real, np.number)) and not isinstance(value, (bool, np.bool_))
    return name not in NOT_PARTS and is_number


def to_number(value: Any) -> float:
    return float(value) if _is_part("", value) else np.nan


def find_parts(rows: Sequence[dict[str, Any]], *, repeated: bool) -> list[str]:
    """Return the names of the parts; if not `repeated`, without those that equal the loss."""
    found = [name for row in rows for name, value in row.items() if _is_part(name, value)]
    names = list(dict.fromkeys(found))
    if repeated:
        return names
    whole = {name: "valid_loss" if name.startswith("valid_") else "loss" for name in names}
    return [
        name
        for name in names
        if name == whole[name] or any(row.get(name) != row.get(whole[name]) for row in rows)
    ]


def select_phases(history: Any, phases: str | Sequence[str] | None) -> list[dict[str, Any]]:
    """Return the rows of the phases to show."""
    if hasattr(history, "to_dict"):
        history = history.to_dict("records")
    rows = [dict(row) for row in history]
    if not rows:
        raise ValueError("history is empty: fit the estimator for at least one epoch.")
    known = {str(row.get("phase", "")) for row in rows}
    wanted = known if phases is None else {phases} if isinstance(phases, str) else set(phases)
    if not wanted or wanted - known:
        raise ValueError(f"phases must be among {sorted(known)}, got {phases!r}.")
    return [row for row in rows if str(row.get("phase", "")) in wanted]


def lay_out(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Find the runs, and put their epochs on one axis.

    A run is an attempt at a phase; runs of several attempts at a phase have the same place.
    """
    keys, epochs, runs = _find_runs(rows)
    slots = _place(keys)
    placed, phases, end = epochs.copy(), [], None
    for slot in range(max(slots) + 1):
        own = np.isin(runs, [run for run, place in enumerate(slots) if place == slot])
        first = epochs[own].min()
        placed[own] += 0 if end is None else end + 1 - first
        end = placed[own].max()
        phases.append((keys[slots.index(slot)][0], float(placed[own].min()), float(end)))
    attempts = np.array([attempt for _, attempt in keys])[runs]
    return {"epochs": placed, "runs": runs, "attempts": attempts, "phases": phases}


def _find_runs(
    rows: Sequence[dict[str, Any]],
) -> tuple[list[tuple[str, int]], np.ndarray, np.ndarray]:
    """Return phase and attempt of each run, and the epoch within its phase and run of each row."""
    keys: list[tuple[str, int]] = []
    epochs, runs = np.zeros(len(rows)), np.zeros(len(rows), int)
    for index, row in enumerate(rows):
        attempt = to_number(row.get("attempt"))
        key = (str(row.get("phase", "")), -1 if np.isnan(attempt) else int(attempt))
        goes_on = bool(keys) and key == keys[-1]
        epochs[index] = row.get("epoch", epochs[index - 1] + 1 if goes_on else 1)
        if not goes_on or epochs[index] <= epochs[index - 1]:  # fitted again: a run of its own
            keys.append(key)
        runs[index] = len(keys) - 1
    return keys, epochs, runs


def _place(keys: Sequence[tuple[str, int]]) -> list[int]:
    """Give each run its place among the phases; attempts at the same phase share one."""
    names: list[str] = []  # of the phases, place by place
    slots: list[int] = []
    block = following = 0  # first place of the attempts, and of the next run of this attempt
    before = -1
    for name, attempt in keys:
        if attempt < 0 or attempt < before or before < 0:
            block = following = len(names)  # what was before has ended
        elif attempt > before:
            following = block
        slot = next((k for k in range(following, len(names)) if names[k] == name), len(names))
        if slot == len(names):
            names.append(name)
        slots.append(slot)
        following, before = slot + 1, attempt
    return slots
