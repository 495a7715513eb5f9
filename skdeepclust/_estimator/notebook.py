"""What a notebook shows of an estimator: its documentation, and of a fit phases and network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from torch import nn

from skdeepclust._engine.reports import write_values

NOT_PARTS = {"phase", "epoch", "attempt", "seconds"}
MOST_LAYERS = 100


def with_tables(attributes: Any, estimator: Any) -> Any:
    """Add tables of phases and of layers to scikit-learn's table of fitted attributes."""
    kept = getattr(estimator, "attempt_", None)
    tables = _phases_table(estimator.history_, kept) + _network_table(estimator.module_)
    written = attributes._html_repr
    attributes._html_repr = lambda: written() + tables
    return attributes


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table that folds, in the style of scikit-learn's own and with its style sheet."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        '<tr class="default">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="estimator-table"><details><summary>{escape(title)}</summary>'
        f'<table class="parameters-table"><tbody><tr>{head}</tr>{body}</tbody></table>'
        "</details></div>"
    )


def _phases_table(history: Sequence[dict[str, Any]], kept: int | None) -> str:
    """Write a row for each phase, or attempt at one: its epochs, last losses, and seconds."""
    runs: list[list[dict[str, Any]]] = []
    for row in history:
        before = runs[-1][-1] if runs else {}
        same = all(row.get(key) == before.get(key) for key in ("phase", "attempt"))
        if not runs or not same or row["epoch"] <= before["epoch"]:  # fitted again: its own row
            runs.append([])
        runs[-1].append(row)
    rows = []
    for run in runs:
        last, attempt = run[-1], run[-1].get("attempt")
        number = "" if attempt is None else f" #{attempt + 1}"
        name = last["phase"] + number + (", kept" if number and attempt == kept else "")
        parts = {key: last[key] for key in last if key not in NOT_PARTS}
        numbers = {key: part for key, part in parts.items() if isinstance(part, (int, float))}
        seconds = sum(row.get("seconds") or 0.0 for row in run)
        rows.append([name, str(len(run)), ", ".join(write_values(numbers)), f"{seconds:.1f}"])
    return _table("Phases", ["Phase", "Epochs", "After the last epoch", "Seconds"], rows)


def _network_table(module: nn.Module) -> str:
    """Write a row for each layer with parameters of its own or without layers within it."""
    rows, seen = [], set()
    n_layers = total = trained = 0
    for name, layer in module.named_modules():
        own = [each for each in layer.parameters(recurse=False) if id(each) not in seen]
        seen |= {id(each) for each in own}
        count = sum(each.numel() for each in own)
        total += count
        trained += sum(each.numel() for each in own if each.requires_grad)
        if not own and next(layer.children(), None) is not None:
            continue
        n_layers += 1
        if n_layers <= MOST_LAYERS:
            about = f"{type(layer).__name__}({layer.extra_repr()})"
            rows.append([name or "(network)", about, f"{count:,}"])
    if n_layers > MOST_LAYERS:
        rows.append([f"{n_layers - MOST_LAYERS} more", "", ""])
    fixed = "" if trained == total else f", {trained:,} of them trained"
    title = f"Network: {total:,} parameters{fixed}"
    return _table(title, ["Layer", "Type", "Parameters"], rows)
