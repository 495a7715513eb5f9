"""One table for each question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.answers.costs import OWN
from benchmarks.answers.experiments import CONTAMINATIONS, NEIGHBORS, PEERS
from benchmarks.answers.explanations import DEPTHS
from benchmarks.answers.known import KINDS, NUMBERS
from benchmarks.answers.peers import HDBSCAN_SCORES
from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown, mean_and_std

Rows = list[list[object]]


def runs_of(records: Sequence[Record], experiment: str) -> Iterator[tuple[str, str, list[Record]]]:
    own = [record for record in records if record["experiment"] == experiment]
    for (data, setting), runs in grouped(own, lambda r: (r["data"], r["setting"])).items():
        yield data, setting, runs


def over(runs: Sequence[Record], name: str, digits: int = 3) -> str:
    return mean_and_std([run[name] for run in runs], digits)


def novelty_table(records: Sequence[Record]) -> str:
    """Return the area under the curve of each score; withheld classes are the repetitions."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "novelty"):
        if setting == PEERS:
            for peer in ("IsolationForest", "LocalOutlierFactor"):
                rows.append([data, peer, "input", *auroc(runs, peer)])
            continue
        if setting == HDBSCAN_SCORES:
            rows.append([data, "HDBSCAN", "GLOSH, input", *auroc(runs, "HDBSCAN")])
            continue
        shown_as = {"neighbours": "neighbours, embedding", "input, k=5": "neighbours, input"}
        for name, shown in {**shown_as, "probability": "largest probability"}.items():
            rows.append([data, setting, shown, *auroc(runs, name)])
    return markdown(["data", "clusterer", "score", "AUROC", "worst class", "n"], rows)


def auroc(runs: Sequence[Record], name: str) -> list[object]:
    """Return an area over the runs, that of the class with the lowest mean, and their number."""
    of_class = grouped(runs, lambda run: run["seed"] % 10)
    worst = min(np.mean([run[name] for run in own]) for own in of_class.values())
    return [over(runs, name), f"{worst:.3f}", len(runs)]


def without_peers(records: Sequence[Record]) -> Iterator[tuple[str, str, list[Record]]]:
    for data, setting, runs in runs_of(records, "novelty"):
        if setting not in (PEERS, HDBSCAN_SCORES):
            yield data, setting, runs


def novelty_cost_table(records: Sequence[Record]) -> str:
    """Return the seconds of a fit and of the scores of all new samples, and their share."""
    rows: Rows = []
    for data, setting, runs in without_peers(records):
        share = np.mean([run["score_s"] for run in runs]) / np.mean([run["cpu_s"] for run in runs])
        seconds = [over(runs, name, 2) for name in ("cpu_s", "score_s")]
        rows.append([data, setting, *seconds, f"{share:.1%}"])
    return markdown(["data", "clusterer", "fit, s", "scores, s", "scores / fit"], rows)


def neighbors_table(records: Sequence[Record]) -> str:
    """Return the area under the curve by the number of neighbours."""
    rows: Rows = []
    for data, setting, runs in without_peers(records):
        for place in ("neighbours", "input"):
            values = [over(runs, f"{place}, k={k}") for k in NEIGHBORS]
            rows.append([data, setting, place.replace("neighbours", "embedding"), *values])
    return markdown(["data", "clusterer", "distances in", *(f"k={k}" for k in NEIGHBORS)], rows)


def refused_table(records: Sequence[Record]) -> str:
    """Return the shares refused of new samples, usual ones and those of the withheld class."""
    rows: Rows = []
    for data, setting, runs in without_peers(records):
        for contamination in CONTAMINATIONS:
            shares = [over(runs, f"{kind} refused at {contamination}") for kind in ("usual", "new")]
            rows.append([data, setting, contamination, *shares])
    header = ["data", "clusterer", "contamination", "usual, refused", "withheld, refused"]
    return markdown(header, rows)


def consensus_table(records: Sequence[Record]) -> str:
    """Return the accuracy of the vote beside those of its runs."""
    names = ("consensus", "mean", "std", "worst", "best", "sure", "ACC of sure", "ACC of others")
    rows: Rows = [
        # older runs say nothing of the spread
        [data, setting, len(runs), *(over(runs, n) if n in runs[0] else "" for n in names)]
        for data, setting, runs in runs_of(records, "consensus")
    ]
    header = ["data", "clusterer", "n", "ACC of the vote", "mean run", "std of runs"]
    header += ["worst run", "best run"]
    return markdown([*header, "share all agree on", "ACC there", "ACC elsewhere"], rows)


def hierarchy_table(records: Sequence[Record]) -> str:
    """Return the numbers that rules find in the same trees, and what they are worth."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "hierarchy"):
        numbers = [
            ", ".join(str(run[rule]) for run in runs)
            for rule in ("auto", "silhouette", "modularity")
        ]
        names = ("ARI by auto", "ARI at classes", "ARI of plain fit")
        rows.append(
            [data, setting, runs[0]["n_classes"], *numbers, *(over(runs, name) for name in names)]
        )
    header = ["data", "clusterer", "classes", "found", "best silhouette", "best modularity"]
    return markdown([*header, "ARI of found", "ARI at classes", "ARI, fit with classes"], rows)


def number_table(records: Sequence[Record]) -> str:
    """Return the numbers of clusters that others find, one for each seed."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "number"):
        found = ", ".join(str(run["found"]) for run in runs)
        values = [over(runs, name) for name in ("noise", "ARI")]
        rows.append([data, setting, runs[0]["n_classes"], found, *values, over(runs, "cpu_s", 1)])
    header = ["data", "algorithm", "classes", "found", "share of noise", "ARI", "seconds"]
    return markdown(header, rows)


def sizes_table(records: Sequence[Record]) -> str:
    """Return the range of sizes, free and bounded, as shares of their mean, and accuracies."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "sizes"):
        for place in ("known", "new"):
            row: list[object] = [data, setting, {"known": "of the fit", "new": "new"}[place]]
            for name in ("free", "bounded"):
                if f"ACC, {name}, {place}" not in runs[0]:
                    row += ["", ""]
                    continue
                ends = [
                    min(run[f"least, {name}, {place}"] / run["mean size"] for run in runs),
                    max(run[f"most, {name}, {place}"] / run["mean size"] for run in runs),
                ]
                row += [f"{ends[0]:.2f} to {ends[1]:.2f}", over(runs, f"ACC, {name}, {place}")]
            rows.append(row)
    header = ["data", "clusterer", "samples", "sizes, free", "ACC, free"]
    return markdown([*header, "sizes, bounded", "ACC, bounded"], rows)


def assignment_table(records: Sequence[Record]) -> str:
    """Return the seconds of the assignment alone."""
    rows: Rows = [
        [data, setting, over(runs, "moved"), over(runs, "cpu_s", 1)]
        for data, setting, runs in runs_of(records, "assignment")
    ]
    return markdown(["samples", "clusters", "share moved", "seconds of one core"], rows)


WAYS = {"parts": "partial_fit", "refit": "fit with a reference", "anew": "fit without one"}


def stream_table(records: Sequence[Record]) -> str:
    """Return what becomes of numbers and of new classes, by the way of going on."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "stream"):
        for way, shown in {**WAYS, "goes on": "partial_fit"}.items():
            if f"{way}: ACC" not in runs[0]:
                continue
            numbers = ", ".join(str(run[f"{way}: clusters"]) for run in runs)
            found = [over(runs, f"{way}: {kind}, new number") for kind in ("new", "old")]
            found = ["", ""] if way == "anew" else found
            values = [over(runs, f"{way}: {name}") for name in ("kept", "ACC")]
            rows.append([data, setting.split(",")[0], shown, *values, *found, numbers])
    header = ["data", "clusterer", "third part", "numbers kept", "ACC", "new classes, new number"]
    return markdown([*header, "old classes, new number", "clusters"], rows)


def stream_check_table(records: Sequence[Record]) -> str:
    """Return new clusters in parts that have no new class, and what parts cost."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "stream"):
        if "parts: ACC" in runs[0]:
            wrong = [sum(run[f"new in {part}"] for run in runs) for part in ("second", "uneven")]
            values = [over(runs, "novelty"), f"{max(run['p'] for run in runs):.1g}"]
            seconds = [over(runs, name, 1) for name in ("first_s", "parts: cpu_s", "refit: cpu_s")]
            rows.append([data, setting, len(runs), *wrong, *values, *seconds])
    header = ["data", "clusterer", "n", "wrong, second part", "wrong, half of the classes"]
    header += ["belong nowhere in the third", "largest p", "first fit, s", "part, s", "refit, s"]
    return markdown(header, rows)


def fidelity_table(records: Sequence[Record]) -> str:
    """Return how far trees of several depths say what a clusterer says."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "explained"):
        shares = [
            over(runs, f"{kind}, depth {depth}")
            for depth in DEPTHS
            for kind in ("fidelity", "held back")
        ]
        rows.append([data, setting, over(runs, "baseline"), *shares])
    names = [f"{kind}{depth}" for depth in DEPTHS for kind in ("depth ", "held back, ")]
    return markdown(["data", "clusterer", "largest cluster", *names], rows)


def explanation_costs_table(records: Sequence[Record]) -> str:
    """Return the seconds of a fit, of each explanation and of a report."""
    names = ("fit", "tree", "features", "centres", "members", "report")
    rows: Rows = []
    for data, setting, runs in runs_of(records, "explained"):
        seconds = [f"{np.mean([run[f'{name}_s'] for run in runs]):.2f}" for name in names]
        share = np.mean([run["report_s"] for run in runs]) / np.mean([run["fit_s"] for run in runs])
        shown = f"{share:.1%}" if share < 1 else ""
        size = np.mean([run["bytes"] for run in runs]) / 1e3
        rows.append([data, setting, *seconds, shown, f"{size:.0f} kB"])
    return markdown(["data", "clusterer", *names, "report / fit", "size"], rows)


def told(records: Sequence[Record]) -> dict[tuple[str, str], dict[str, list[Record]]]:
    """Return by data and clusterer what runs were told, and these."""
    found: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for data, setting, runs in runs_of(records, "known"):
        name, _, amount = setting.rpartition(": ")
        found.setdefault((data, name), {})[amount] = runs
    return found


def known_table(records: Sequence[Record]) -> str:
    """Return the accuracy by how many labels, or links, are known."""
    rows: Rows = []
    for (data, name), runs in told(records).items():
        for kind in ("labels", "links"):
            amounts = ["nothing", *(f"{number} {kind}" for number in NUMBERS)]
            if any(amount in runs for amount in amounts[1:]):
                shown = [over(runs[each], "ACC") if each in runs else "" for each in amounts]
                rows.append([data, name, kind, *shown])
    return markdown(["data", "clusterer", "known", "0", *map(str, NUMBERS)], rows)


def queries_table(records: Sequence[Record]) -> str:
    """Return the accuracy on samples without a label, of random and of queried ones."""
    rows: Rows = []
    for (data, name), runs in told(records).items():
        for number in KINDS["queried labels"]:
            both = [f"{number} {kind}" for kind in ("labels", "queried labels")]
            if all(each in runs for each in both):
                shown = [over(runs[each], "ACC of rest") for each in both]
                rows.append([data, name, number, *shown])
    return markdown(["data", "clusterer", "labels", "random", "queried"], rows)


def known_cost_table(records: Sequence[Record]) -> str:
    """Return the seconds of a fit by what is known."""
    amounts = ("nothing", "500 labels", "500 links")
    rows: Rows = []
    for (data, name), runs in told(records).items():
        shown = [over(runs[each], "cpu_s", 1) if each in runs else "" for each in amounts]
        rows.append([data, name, *shown])
    return markdown(["data", "clusterer", *amounts], rows)


def cost_table(records: Sequence[Record]) -> str:
    """Return the seconds of a fit, and what stands around it as shares of that."""
    rows: Rows = []
    for data, setting, runs in runs_of(records, "cost"):
        fit = np.mean([run["fit_s"] for run in runs])
        own = [float(np.mean([run[name] for run in runs])) for name in OWN]
        shown = [f"{each:.2f} s ({each / fit:.1%})" if fit > 1 else f"{each:.2f} s" for each in own]
        rows.append([data, setting, f"{fit:.2f} s", *shown])
    return markdown(["data", "clusterer", "its fit", *OWN], rows)


TABLES = {
    "novelty": novelty_table,
    "novelty-neighbors": neighbors_table,
    "novelty-refused": refused_table,
    "novelty-cost": novelty_cost_table,
    "consensus": consensus_table,
    "hierarchy": hierarchy_table,
    "number": number_table,
    "sizes": sizes_table,
    "assignment": assignment_table,
    "stream": stream_table,
    "stream-check": stream_check_table,
    "explained": fidelity_table,
    "explained-costs": explanation_costs_table,
    "answers-cost": cost_table,
    "known": known_table,
    "known-queries": queries_table,
    "known-cost": known_cost_table,
}
