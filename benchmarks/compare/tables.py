"""Tables of the comparison, from its results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import fmean

from matplotlib.figure import Figure
from scipy.signal import find_peaks
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

from benchmarks.common.records import Record
from benchmarks.common.tables import grouped, markdown, mean_and_std
from benchmarks.compare.criteria import CRITERIA, unpacked

OURS = (
    "TripletDEC", "TAGnet", "Parsimonious", "ForcedApart",
    "DECClusterer", "IDECClusterer", "DCNClusterer", "DKMClusterer", "VaDEClusterer",
)  # fmt: skip
# Das et al. (2019), Table 2: ACC on MNIST by the retention of the rarest class.
PAPER_IMBALANCE = {0.1: 0.880, 0.3: 0.945, 0.5: 0.961, 0.7: 0.972, 0.9: 0.979}
IMAGES = ("digits", "mnist-5k", "mnist")
# Fewer seeds than these say nothing of ranks.
MIN_SEEDS = 5


def of_experiment(records: Iterable[Record], name: str) -> list[Record]:
    return [record for record in records if record["experiment"] == name]


def label(method: str) -> str:
    return f"**{method}**" if method.startswith(OURS) else method


def by_method(records: Sequence[Record], name: str) -> list[tuple[str, str, list[Record]]]:
    """Return data set, method and runs, the methods of a data set by falling mean ACC."""
    runs_of = grouped(of_experiment(records, name), lambda r: (r["data"], r["setting"]))
    lines = [(data, method, runs) for (data, method), runs in runs_of.items()]
    first = {data: i for i, data in reversed(list(enumerate(line[0] for line in lines)))}
    return sorted(lines, key=lambda line: (first[line[0]], -mean_of(line[2], "ACC")))


def mean_of(runs: Sequence[Record], name: str) -> float:
    return fmean(run.get(name, 0) for run in runs)


def methods(records: Sequence[Record]) -> str:
    """Return one row for each data set and method."""
    header = ["data", "method", "seeds", "ACC", "worst", "NMI", "ARI", "CPU s", "MB"]
    rows = []
    for data, method, runs in by_method(records, "methods"):
        if "error" in runs[0]:
            rows.append([data, label(method), len(runs), "fails", *[""] * 5])
            continue
        rows.append(
            [
                data,
                label(method),
                len(runs),
                mean_and_std([run["ACC"] for run in runs]),
                f"{min(run['ACC'] for run in runs):.3f}",
                mean_and_std([run["NMI"] for run in runs]),
                mean_and_std([run["ARI"] for run in runs]),
                f"{mean_of(runs, 'cpu_s'):.1f}",
                f"{max(run['peak_rss_mb'] for run in runs):.0f}",
            ]
        )
    return markdown(header, rows)


def summary(records: Sequence[Record]) -> str:
    """Return the methods of the README, with few columns."""
    kept = (
        "TripletDEC",
        "TAGnet",
        "UMAP + Gauss",
        "ClustPy N2D",
        "ClustPy DCN",
        "Spectral",
        "KMeans",
    )
    rows = [
        [
            data,
            label(method),
            len(runs),
            mean_and_std([run["ACC"] for run in runs]),
            mean_and_std([run["NMI"] for run in runs]),
            f"{mean_of(runs, 'cpu_s'):.0f}",
        ]
        for data, method, runs in by_method(records, "methods")
        if method.startswith(kept) and "error" not in runs[0] and data in IMAGES
    ]
    return markdown(["data", "method", "seeds", "ACC", "NMI", "CPU s"], rows)


def new_samples(records: Sequence[Record]) -> str:
    """Return ACC of the half that was fitted, and of the other one."""
    header = ["data", "method", "seeds", "ACC, fitted half", "ACC, other half", "CPU s to predict"]
    rows = [
        [
            data,
            label(method),
            len(runs),
            mean_and_std([run["ACC"] for run in runs]),
            mean_and_std([run["new_ACC"] for run in runs]),
            f"{mean_of(runs, 'predict_cpu_s'):.2f}",
        ]
        for data, method, runs in by_method(records, "halves")
        if "error" not in runs[0]
    ]
    return markdown(header, rows)


# ---------------------------------------------------------------- how many clusters


def stability(runs: Sequence[Record]) -> float:
    """Return the mean adjusted Rand index between runs of different seeds."""
    labels = [unpacked(run["labels"]) for run in runs]
    pairs = [adjusted_rand_score(a, b) for a, b in combinations(labels, 2)]
    return fmean(pairs) if pairs else math.nan


def curves(records: Sequence[Record]) -> dict[tuple[str, str], dict[int, dict[str, float]]]:
    """Return, for each data set and method, criteria by the number of clusters."""
    runs = of_experiment(records, "numbers")
    of = grouped(runs, lambda r: (r["data"], r["setting"].partition(",")[0], r["n_clusters"]))
    found: dict = {}
    for (data, method, number), group in sorted(of.items(), key=lambda item: item[0]):
        values = {name: mean_of(group, name) for name in CRITERIA if name in group[0]}
        if "rejected" in group[0]:
            values["kept"] = 1 - mean_of(group, "rejected")
        values["stability"] = stability(group)
        values["ARI"] = mean_of(group, "ARI")
        found.setdefault((data, method), {})[number] = values
    return found


NUMBER_CRITERIA: Mapping[str, str] = {
    "score": "`score`",
    "embedding_silhouette": "silhouette, embedding",
    "input_silhouette": "silhouette, input",
    "input_calinski_harabasz": "Calinski-Harabasz, input",
    "input_davies_bouldin": "Davies-Bouldin, input",
    "input_neighbors": "information of neighbours",
    "input_neighbors_share": "information of neighbours / entropy",
    "stability": "stability over seeds",
    "kept": "share of sure samples",
    "ARI": "ARI (needs classes)",
}


# Few clusters have high values, too: of these the last number before the final fall.
PEAKED = ("score", "embedding_silhouette")


def known(curve: Mapping[int, Mapping[str, float]], name: str) -> dict[int, float]:
    """Return a criterion by the number of clusters, where there is one."""
    values = {number: of.get(name, math.nan) for number, of in curve.items()}
    return {number: value for number, value in values.items() if not math.isnan(value)}


def largest(values: Mapping[int, float]) -> str:
    return str(max(values, key=values.__getitem__)) if values else ""


def last_peak(values: Mapping[int, float]) -> str:
    """Return the last number at which a criterion is larger than at both numbers beside it."""
    peaks, _ = find_peaks(list(values.values()))
    return str(list(values)[peaks[-1]]) if len(peaks) else ""


def numbers(records: Sequence[Record]) -> str:
    """Return the numbers of clusters that criteria tell, the largest value or the last peak."""
    found = curves(records)
    header = ["criterion, best number by", *(f"{data}, {method}" for data, method in found)]
    rows = []
    for name, told in NUMBER_CRITERIA.items():
        values = [known(curve, name) for curve in found.values()]
        rows.append([told, *map(largest, values)])
        if name in PEAKED:
            rows.append([f"{told}, last peak", *map(last_peak, values)])
    return markdown(header, rows)


# Where there are not ten.
N_CLASSES = {"segments": 7}
SHOWN = ("score", "embedding_silhouette", "input_neighbors_share", "stability")


def draw_numbers(records: Sequence[Record], path: Path) -> None:
    """Draw criteria against the number of clusters, each between its least and largest value."""
    found = {key: curve for key, curve in curves(records).items() if key[1].startswith(OURS)}
    if not found:
        raise SystemExit(
            "No run that was asked for varies the number of clusters: nothing to draw."
        )
    n_columns = min(len(found), 2)
    n_rows = math.ceil(len(found) / n_columns)
    figure = Figure(figsize=(3.25 * n_columns, 2.5 * n_rows + 0.8), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    for unused in panels[len(found) :]:
        unused.remove()
    for ax, ((data, method), curve) in zip(panels, found.items(), strict=False):
        numbers = list(curve)
        for name, style in zip(SHOWN, ("o-", "s--", "^-.", "v:"), strict=True):
            values = known(curve, name)
            least, most = min(values.values(), default=0), max(values.values(), default=1)
            ax.plot(
                list(values),
                [(value - least) / ((most - least) or 1) for value in values.values()],
                style,
                label=NUMBER_CRITERIA[name].strip("`"),
            )
        ax.plot(numbers, [curve[n]["ARI"] for n in numbers], color="0.5", label="ARI (classes)")
        ax.axvline(N_CLASSES.get(data, 10), color="0.8", zorder=0)
        ax.set(title=f"{method}, {data}", xlabel="n_clusters", xticks=numbers[::2])
    for ax in panels[: len(found) : n_columns]:
        ax.set_ylabel("between least and largest")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=180)


# ---------------------------------------------------------------- which run


def trust(records: Sequence[Record]) -> str:
    """Return rank correlations over seeds between criteria without classes and ACC."""
    lines = [
        (data, method, runs)
        for data, method, runs in by_method(records, "methods")
        if len(runs) >= MIN_SEEDS and method.startswith(OURS[:2])
    ]
    header = ["criterion", *(f"{data}, {method} ({len(runs)})" for data, method, runs in lines)]
    rows = []
    for name, told in CRITERIA.items():
        cells = [correlation(runs, name) for _, _, runs in lines]
        if any(cells):
            rows.append([told, *cells])
    chosen = [f"{fmean(run['ACC'] for run in runs):.3f}" for _, _, runs in lines]
    rows.append(["mean ACC", *chosen])
    rows.append(["ACC of the run of the highest `score`", *(best(runs) for _, _, runs in lines)])
    return markdown(header, rows)


def correlation(runs: Sequence[Record], name: str) -> str:
    values = [run.get(name) for run in runs]
    if None in values or len(set(values)) < 2:
        return ""
    return f"{spearmanr(values, [run['ACC'] for run in runs]).statistic:+.2f}"


def best(runs: Sequence[Record]) -> str:
    return f"{max(runs, key=lambda run: run['score'])['ACC']:.3f}"


# ---------------------------------------------------------------- unequal classes


def imbalance(records: Sequence[Record]) -> str:
    """Return ACC by the retention of the rarest class."""
    runs = of_experiment(records, "imbalance")
    of = grouped(runs, lambda r: (r["data"], r["setting"].rpartition(",")[0], r["retention"]))
    retentions = sorted({retention for *_, retention in of})
    rows = [
        [
            data,
            label(method),
            *(
                mean_and_std([run["ACC"] for run in of[data, method, retention]])
                if (data, method, retention) in of
                else ""
                for retention in retentions
            ),
        ]
        for data, method in dict.fromkeys(key[:2] for key in of)
    ]
    paper = [f"{PAPER_IMBALANCE[r]:.3f}" if r in PAPER_IMBALANCE else "" for r in retentions]
    rows.append(["mnist", "Das et al. (2019), Table 2", *paper])
    return markdown(["data", "method", *map(str, retentions)], rows)


TABLES: Mapping[str, Callable[[Sequence[Record]], str]] = {
    "compare": methods,
    "compare-summary": summary,
    "compare-new-samples": new_samples,
    "compare-numbers": numbers,
    "compare-trust": trust,
    "compare-imbalance": imbalance,
}
