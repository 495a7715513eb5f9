"""What the forms of the loss cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown
from benchmarks.forced_apart_cost.forms import OTHERS
from benchmarks.forced_apart_cost.settings import (
    SIZES,
    TARGET_MIB,
    TARGET_RATIO,
)


def table(records: Sequence[Record]) -> str:
    """Return the newest record of each setting."""
    newest = {(r["n"], r["k"], r["n_labels"], r["n_threads"]): r for r in records}
    header = ["samples", "units", "labels", "ms", "MiB", "products ratio"]
    header += [f"{name} {what}" for name in OTHERS for what in ("ratio", "MiB")]
    rows = []
    for r in newest.values():
        rows.append([r["n"], r["k"], r["n_labels"] if r["n_labels"] > 1 else "none"])
        rows[-1] += [f"{r['ms']:.2f}", f"{r['mib']:.1f}", f"{r['products_ratio']:.2f}"]
        for name in OTHERS:
            other = r["others"].get(name)
            rows[-1] += [f"{other['ratio']:.2f}", f"{other['mib']:.1f}"] if other else ["", ""]
    return markdown(header, rows)


def verdicts(records: Sequence[Record]) -> Iterator[str]:
    """Tell whether the targets are met."""
    for r in records:
        setting = f"{r['n']} samples, {r['k']} units, {r['n_labels']} label(s)"
        if (r["n"], r["k"]) == (2048, 15):
            ratio = r["others"]["dense"]["ratio"]
            word = "met" if ratio >= TARGET_RATIO else "missed"
            yield f"{setting}: {ratio:.2f} times faster than dense; {TARGET_RATIO:g} is {word}."
            word = "met" if r["mib"] < TARGET_MIB else "missed"
            yield f"{setting}: {r['mib']:.1f} MiB; less than {TARGET_MIB:g} is {word}."
        if r["n"] == min(SIZES):
            ratio = r["others"].get("grouped", r["others"]["dense"])["ratio"]
            word = "met" if ratio >= 1 else "missed"
            yield f"{setting}: {ratio:.2f} times faster than grouped; never slower is {word}."
