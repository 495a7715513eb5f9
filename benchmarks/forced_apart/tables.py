"""The tables of the benchmark of Forced Apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean, median

from scipy.stats import spearmanr

from benchmarks.common.records import Record
from benchmarks.common.selection import hashable, run_key
from benchmarks.common.tables import difference, grouped, markdown, mean_and_std
from benchmarks.forced_apart.settings import BASELINE, RAW, SETTINGS
from benchmarks.forced_apart.tasks import TASKS

# Table 1 of the paper, AMI on the test set, and the tasks here that stand for its data.
PAPER: Mapping[str, Mapping[str, float]] = {
    "MNIST strokes": {
        "none": 0.467,
        "DeCov": 0.287,
        "XCov": 0.525,
        "single": 0.544,
        "multi": 0.502,
    },
    "MNIST autoencoder": {
        "none": 0.454,
        "DeCov": 0.443,
        "XCov": 0.414,
        "single": 0.457,
        "multi": 0.463,
    },
    "CIFAR-10": {"none": 0.194, "DeCov": 0.176, "XCov": 0.321, "single": 0.239, "multi": 0.376},
    "DBPedia": {"none": 0.349, "DeCov": 0.270, "XCov": 0.379, "single": 0.451, "multi": 0.529},
}
STANDS_FOR: Mapping[str, Sequence[str]] = {
    "MNIST strokes": ("strokes, GRU", "MNIST rows, GRU"),
    "CIFAR-10": ("MNIST, CNN", "MNIST, MLP", "digits, MLP"),
    "DBPedia": ("text, GRU", "text, tf-idf + MLP"),
    "MNIST autoencoder": ("strokes, autoencoder", "MNIST, autoencoder"),
}

Runs = dict[tuple[str, str], list[Record]]  # by data and setting


def test_runs(records: Sequence[Record]) -> Runs:
    """Return the test runs of the strength that the validation part chose, each once.

    Files that were put together may hold a run twice, and a longer list of candidates may
    leave runs of a strength that was the best of fewer.
    """
    unique = {run_key(r): r for r in records if r["experiment"] == "forced apart"}.values()
    valid = grouped((r for r in unique if r["stage"] == "selection"), strength_key)
    tests = grouped((r for r in unique if r["stage"] == "test"), strength_key)
    chosen: Runs = {}
    best: dict[tuple[str, str], float] = {}
    for (data, setting, strength), runs in tests.items():
        scores = [run["valid"] for run in valid.get((data, setting, strength), [])]
        score = fmean(scores) if scores else -math.inf
        if (data, setting) not in best or score > best[data, setting]:
            chosen[data, setting], best[data, setting] = runs, score
    return chosen


def strength_key(record: Record) -> tuple:
    return record["data"], record["setting"], hashable(record["strength"])


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return names once each: the known ones in their order, then others as they appear."""
    names = dict.fromkeys(names)
    return [*{name: None for name in known if name in names} | names]


def table(
    records: Sequence[Record], cell: Callable[[list[Record]], str], *, every_row: bool = True
) -> str:
    """Return a table with a row for each setting and a column for each task."""
    runs = test_runs(records)
    tasks = in_order((data for data, _ in runs), TASKS)
    rows = []
    for setting in in_order((setting for _, setting in runs), SETTINGS):
        cells = [cell(runs[task, setting]) if (task, setting) in runs else "" for task in tasks]
        if any(cells) or every_row:
            rows.append([setting, *cells])
    return markdown(("setting", *tasks), rows)


def scores_of(name: str) -> Callable[[list[Record]], str]:
    """Return a function that tells mean and deviation of a score, where runs have it."""

    def cell(runs: list[Record]) -> str:
        scores = [run[name] for run in runs if name in run]
        return mean_and_std(scores) if scores else ""

    return cell


def ami_table(records: Sequence[Record]) -> str:
    """AMI of the hidden classes and K-means on the code."""
    return table(records, scores_of("AMI"))


def nmi_table(records: Sequence[Record]) -> str:
    """NMI of the same clusters."""
    return table(records, scores_of("NMI"))


def accuracy_table(records: Sequence[Record]) -> str:
    """Share of right coarse labels."""
    return table(records, scores_of("accuracy"), every_row=False)


def gain_table(records: Sequence[Record]) -> str:
    """AMI over that of "none", with the standard error over seeds; the paper's gains above."""
    runs = test_runs(records)
    settings = in_order((setting for _, setting in runs), SETTINGS)
    settings = [setting for setting in settings if setting not in (RAW, BASELINE)]
    measured = in_order((data for data, setting in runs if setting == BASELINE), TASKS)
    rows = []
    for paper, tasks in STANDS_FOR.items():
        known = [data for task in tasks for data in measured if f"{data}, ".startswith(f"{task}, ")]
        if known:
            rows.append(paper_row(paper, settings))
            rows += [gain_row(runs, data, settings) for data in known]
    return markdown(("data", f"AMI of {BASELINE}", *settings), rows)


def paper_row(data: str, settings: Sequence[str]) -> list[str]:
    scores = PAPER[data]
    base = scores[BASELINE]
    gains = [f"{scores[name] - base:+.3f}" if name in scores else "" for name in settings]
    return [f"*paper, {data}*", f"{base:.3f}", *gains]


def gain_row(runs: Runs, task: str, settings: Sequence[str]) -> list[str]:
    base = runs[task, BASELINE]
    gains = [difference(runs.get((task, name), []), base, "AMI") for name in settings]
    return [task, scores_of("AMI")(base), *gains]


def strength_text(runs: list[Record]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in runs[0]["strength"].items())


def chosen_table(records: Sequence[Record]) -> str:
    """Margins and weights that the validation part chose."""
    return table(records, strength_text, every_row=False)


def silhouette_table(records: Sequence[Record]) -> str:
    """What the silhouette of the code, which needs no hidden classes, would have chosen."""
    runs = {run_key(r): r for r in records if r["stage"] == "selection" and "silhouette" in r}
    families = grouped(
        (r for r in runs.values() if r["setting"] != RAW),
        lambda r: (r["data"], "with" if "LayerNorm" in r["setting"] else "without"),
    )
    rows = []
    for (data, family), members in families.items():
        seeds = grouped(members, lambda r: r["seed"]).values()
        told = [_chosen_by_silhouette(candidates) for candidates in seeds]
        means = [fmean(column) for column in zip(*told, strict=True)]
        rows.append([data, family, len(members) // len(told), *(f"{mean:.2f}" for mean in means)])
    header = ("data", "LayerNorm", "candidates", "rank correlation", "AMI chosen", "best", "median")
    return markdown(header, rows)


def _chosen_by_silhouette(candidates: Sequence[Record]) -> tuple[float, ...]:
    """Return rank correlation, AMI of the largest silhouette, best and median AMI."""
    silhouettes, scores = zip(*((r["silhouette"], r["valid"]) for r in candidates), strict=True)
    constant = min(len(set(silhouettes)), len(set(scores))) == 1
    correlation = math.nan if constant else float(spearmanr(silhouettes, scores).statistic)
    chosen = scores[silhouettes.index(max(silhouettes))]
    return correlation, chosen, max(scores), median(scores)


TABLES: dict[str, Callable[[Sequence[Record]], str]] = {
    "forced-apart": ami_table,
    "forced-apart-nmi": nmi_table,
    "forced-apart-accuracy": accuracy_table,
    "forced-apart-gain": gain_table,
    "forced-apart-chosen": chosen_table,
    "forced-apart-silhouette": silhouette_table,
}
