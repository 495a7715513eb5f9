"""The benchmark of the regulariser's cost compares like with like, and its tables say so."""

from __future__ import annotations

import json

import pytest
import torch
from helpers.watched import Feed, normal

from benchmarks.regularizer_cost import run as script
from benchmarks.regularizer_cost import settings
from skdeepclust.regularizers import ClusteringRegularizer

KINDS = ("sample", "spatial", "channel")


def test_quick_run(tmp_path, capsys) -> None:
    out = tmp_path / "results.jsonl"
    script.main(["--quick", "--out", str(out)])
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [r["layers"] for r in records] == [s.layers for s in script.QUICK]
    for record in records:
        assert record["ratio"] == pytest.approx(record["step_ms"] / record["plain_ms"], rel=0.05)
        assert record.keys() >= {"n_threads", "versions", "processor", "date", "wall_ratio"}
        assert record["distances_bytes"] > 0
        if "naive" not in record["layers"]:
            assert 0 < record["largest_bytes"] <= record["output_bytes"]
        if record["row_fraction"] < 1:
            assert len(record["relative_distance"][0]) == 3  # layers
        else:
            assert record["relative_distance"] is None
    note, _, printed = capsys.readouterr().out.partition("\n")
    assert note == f"{len(records)} runs made, 0 taken from {out}"
    script.main(["--table", "--out", str(out)])
    assert capsys.readouterr().out.partition("\n")[2] == printed


@pytest.mark.parametrize("kind", KINDS)
def test_the_naive_form_is_the_same_method(kind: str) -> None:
    ours = ClusteringRegularizer({"a": kind}, n_clusters=3)
    naive = settings.NaiveClustering({"a": kind}, n_clusters=3)
    for seed in range(4):
        y = normal(6, 2, 2, 3, seed=seed).requires_grad_()
        gradients = []
        for regularizer in (ours, naive):
            with regularizer.watch(feed := Feed()):
                feed({"a": [y]})
            penalty = regularizer.penalty()
            gradients.append(torch.autograd.grad(penalty, y)[0])
        if seed:  # each has drawn centres of its own
            torch.testing.assert_close(*gradients)
            centers = torch.as_tensor(ours.cluster_centers_["a"])
            torch.testing.assert_close(naive.centers["a"], centers)
        naive.centers["a"] = torch.tensor(ours.cluster_centers_["a"])


def test_the_largest_tensor_is_seen() -> None:
    x = torch.zeros(10, 3)
    with script.LargestTensor() as largest:
        (x @ x.T).sum()
    assert largest.n_bytes == 10 * 10 * 4


# a tenth of the rows is fewer than two for each centre, which is what is compared
@pytest.mark.filterwarnings("ignore:n_clusters=4 sample clusters")
def test_all_rows_are_as_good_as_all_rows() -> None:
    epoch = script.Epoch("digits-60", None, 20)
    relative = script.relative_distances(epoch, [1.0, 0.1], n_clusters=4, n_seeds=1)
    assert set(relative) == {(kind, fraction) for kind in KINDS for fraction in (1.0, 0.1)}
    for kind in KINDS:
        assert relative[kind, 1.0] == [[1.0, 1.0, 1.0]]
        assert relative[kind, 0.1] != [[1.0, 1.0, 1.0]]
