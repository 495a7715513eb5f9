"""Links between samples: what follows from them, and assignments that keep them."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
import torch

from skdeepclust._clusters.known.links import Links, settled_labels
from skdeepclust._clusters.known.queries import margins, query_samples
from skdeepclust._clusters.positives import LinkedPositives
from skdeepclust._inputs.links import checked_pairs, links_of_rows

NO_PAIRS = np.empty((0, 2), dtype=int)


def pairs(*given: tuple[int, int]) -> np.ndarray:
    return np.array(given, dtype=int).reshape(-1, 2)


def learn(must=NO_PAIRS, cannot=NO_PAIRS, label=None, *, n_samples=12, n_clusters=3) -> Links:
    label = np.full(n_samples, -1) if label is None else np.asarray(label)
    return Links.learn(must, cannot, label, n_clusters)


def together(links: Links) -> np.ndarray:
    """Return which samples have to share a cluster."""
    group = links.group
    return (group[:, None] == group) & (group >= 0) & (group >= 0)[:, None]


def apart(links: Links) -> np.ndarray:
    """Return which samples have to be in different clusters."""
    n_groups = links.apart.shape[1]
    of_groups = np.zeros((n_groups + 1, n_groups + 1), dtype=bool)
    of_groups[tuple(links.conflicts.T)] = True
    return of_groups[links.group][:, links.group]


def closed(must: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return which samples share a cluster, by going from one to the next until nothing changes."""
    linked = np.eye(len(label), dtype=bool)
    linked[tuple(must.T)] = True
    linked |= (label[:, None] == label) & (label >= 0)
    linked |= linked.T
    while not (linked == (longer := linked @ linked)).all():
        linked = longer
    return linked


def known_from(truth: np.ndarray, n_links: int, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = rng.integers(len(truth), size=(n_links, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    same = truth[ends[:, 0]] == truth[ends[:, 1]]
    label = np.where(rng.random(len(truth)) < 0.2, truth, -1)
    return ends[same], ends[~same], label


@pytest.mark.parametrize("seed", range(5))
def test_what_follows_from_links_is_what_a_search_finds(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=12)
    must, cannot, label = known_from(truth, 8, rng)
    links = learn(must, cannot, label)
    linked = closed(must, label)
    is_known = (label >= 0) | np.isin(np.arange(12), np.concatenate([must, cannot]))
    np.testing.assert_array_equal(links.group >= 0, is_known)
    np.testing.assert_array_equal(together(links), linked & is_known & is_known[:, None])
    split = np.zeros((12, 12), dtype=bool)
    split[tuple(cannot.T)] = True
    split |= (label[:, None] != label) & (label >= 0) & (label >= 0)[:, None]
    np.testing.assert_array_equal(apart(links), linked @ (split | split.T) @ linked)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_links_and_of_their_ends_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    must, cannot, label = known_from(rng.integers(3, size=12), 10, rng)
    one = learn(must, cannot, label)
    twice = np.concatenate([rng.permutation(must)[:, ::-1], must])
    other = learn(twice, rng.permutation(cannot)[:, ::-1], (label + 5) * (label >= 0) - (label < 0))
    np.testing.assert_array_equal(one.group, other.group)
    np.testing.assert_array_equal(one.apart.toarray(), other.apart.toarray())


@pytest.mark.parametrize("seed", range(6))
def test_the_assignment_is_the_cheapest_of_all_that_keep_the_links(seed):
    rng = np.random.default_rng(seed)
    must, cannot, label = known_from(rng.integers(3, size=7), 5, rng)
    label[label.argmax() :] = -1
    links = learn(must, cannot, label, n_clusters=3)
    costs = rng.random((7, 3))
    kept, split = together(links), apart(links)

    def total(labels: tuple[int, ...]) -> float:
        same = np.equal.outer(labels, labels)
        holds = same[kept].all() and not same[split].any()
        return costs[np.arange(7), labels].sum() if holds else np.inf

    best = min(itertools.product(range(3), repeat=7), key=total)
    np.testing.assert_array_equal(links.settled(costs), best)


def test_labels_are_one_set_however_many_there_are():
    label = np.arange(30_000) % 50
    start = time.perf_counter()
    links = learn(label=label, n_clusters=50)
    assert links.apart.shape == (1, 50)
    np.testing.assert_array_equal(links.group, label)
    # any permutation of the clusters is kept, and costs nothing
    order = np.random.default_rng(0).permutation(50)
    np.testing.assert_array_equal(links.settled(1 - np.eye(50)[order[label]]), order[label])
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("must", "cannot", "label", "n_clusters", "message"),
    [
        (pairs((0, 1), (1, 2)), pairs((2, 0)), None, 3, r"cannot_link holds \(2, 0\).*must_link"),
        (NO_PAIRS, pairs((4, 4), (0, 1)), None, 3, r"cannot_link holds \(4, 4\), but a sample"),
        (NO_PAIRS, pairs((0, 2)), [0, 1, 0], 3, r"cannot_link holds \(0, 2\).*known_labels"),
        (pairs((0, 1), (1, 2)), NO_PAIRS, [0, -1, 1], 3, r"samples 0 and 2.*known_labels differ"),
        (NO_PAIRS, pairs((0, 1), (1, 2), (2, 0)), None, 2, r"n_clusters=2 .*\(0, 1\), \(0, 2\)"),
        (NO_PAIRS, NO_PAIRS, [0, 1, 2], 2, "3 different labels.*n_clusters=2"),
        (NO_PAIRS, pairs((0, 3), (1, 3), (2, 3)), [0, 1, 2, -1], 3, "n_clusters=3 clusters"),
        (NO_PAIRS, pairs((0, 1)), None, 1, "n_clusters=1 clusters"),
    ],
)
def test_contradictions_are_named(must, cannot, label, n_clusters, message):
    with pytest.raises(ValueError, match=message):
        learn(must, cannot, label, n_samples=5, n_clusters=n_clusters)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[0, 5]], "index 5, but X has n_samples=5"),
        ([[-1, 0]], "index -1"),
        ([[0.0, 1.0]], "holds float64"),
        ([[True, False]], "holds bool"),
        ([["0", "1"]], "holds <U1"),
        ([0, 1], r"shape \(2,\)"),
        ([[0, 1, 2]], r"shape \(1, 3\)"),
        ([[0, 1], [2]], "different lengths"),
        (np.zeros((2, 2, 2), dtype=int), r"shape \(2, 2, 2\)"),
        ([[0, None]], "missing value"),
        ({(0, 1)}, "is a set"),
        ("01", "is a str"),
    ],
)
def test_what_are_no_pairs_is_refused_with_the_name(given, message):
    with pytest.raises(ValueError, match=rf"(?s)must_link.*{message}|{message}"):
        checked_pairs(given, "must_link", 5)


@pytest.mark.parametrize(
    "given",
    [
        [(0, 3), (1, 2)],
        np.array([[0, 3], [1, 2]], dtype=np.uint8),
        torch.tensor([[0, 3], [1, 2]]),
        np.array([[0, 3], [1, 2]], dtype=object),
    ],
)
def test_pairs_in_any_form(given):
    np.testing.assert_array_equal(checked_pairs(given, "must_link", 4), [[0, 3], [1, 2]])
    assert checked_pairs([], "must_link", 4).shape == (0, 2)


def test_links_follow_rows_that_are_taken():
    found = links_of_rows([[0, 3], [1, 2], [3, 4]], "must_link", 5, np.array([4, 0, 3]))
    np.testing.assert_array_equal(found, [[1, 2], [2, 0]])


def test_what_breaks_links_has_a_penalty():
    truth = np.arange(12) % 3
    links = learn(label=np.where(np.arange(12) < 6, truth, -1))
    assert links.penalty(truth, 3) == links.penalty((truth + 1) % 3, 3) == 0
    worse = truth.copy()
    worse[:2] = truth[2:0:-1]
    assert 0 < links.penalty(worse, 3) < links.penalty(np.zeros(12, dtype=int), 3) < 2
    # of a few linked samples it says less
    few = learn(label=np.where(np.arange(12) < 3, truth, -1))
    assert few.penalty(np.zeros(12, dtype=int), 3) < links.penalty(np.zeros(12, dtype=int), 3)


def test_what_links_say_of_held_out_ones():
    # a ring of neighbours around each of two clusters, of which a partition has seen one
    truth = np.arange(200) // 100
    steps = np.arange(1, 6)
    ring = torch.from_numpy((np.arange(200)[:, None] + steps) % 100 + 100 * truth[:, None])
    links = learn(label=np.where(np.arange(200) % 3, -1, truth), n_clusters=2)
    joined = np.zeros(200, dtype=int)
    assert links.penalty(joined, 2) > 0.5
    assert links.held_out_penalty(joined, ring, 2) == 0
    np.testing.assert_array_equal(links.spread(joined, ring, 2).argmax(1), truth)
    # links that are drawn by lot say nothing of others
    lots = np.random.default_rng(0).integers(2, size=200)
    drawn = learn(label=np.where(np.arange(200) % 3, -1, lots), n_clusters=2)
    assert drawn.penalty(drawn.spread(truth, ring, 2).argmax(1).numpy(), 2) < 0.3
    assert drawn.held_out_penalty(truth, ring, 2) > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_targets_of_a_group_are_its_mean_and_differ_from_those_apart(seed):
    rng = np.random.default_rng(seed)
    links = learn(*known_from(rng.integers(3, size=12), 6, rng))
    target = torch.from_numpy(rng.dirichlet(np.ones(3), size=12))
    shared = links.targets(target)
    top, group = shared.argmax(1).numpy(), links.group
    for one, other in zip(*np.nonzero(together(links)), strict=True):
        assert torch.equal(shared[one], shared[other])
    assert not (top[:, None] == top)[apart(links)].any()
    assert torch.equal(shared[group < 0], target[group < 0])
    for number in range(group.max() + 1):
        mean = target[group == number].mean(0)
        found = shared[np.flatnonzero(group == number)[0]]
        # the same shares, of which two may have changed places
        torch.testing.assert_close(found.sort().values, mean.sort().values)
        assert int((~torch.isclose(found, mean)).sum()) in (0, 2)


def test_links_of_nothing_change_nothing():
    links, target = Links.none(12), torch.rand(12, 3)
    assert not links
    assert links.targets(target) is target
    assert links.clamped(target) is target
    np.testing.assert_array_equal(settled_labels(target, links), target.argmax(1))
    outside = torch.rand(5, 5) > 0.5
    assert links.admissible(outside, torch.arange(5)) is outside


@pytest.mark.parametrize("seed", range(3))
def test_negatives_are_what_the_links_say(seed):
    rng = np.random.default_rng(seed)
    links = learn(*known_from(rng.integers(3, size=12), 8, rng))
    idx = torch.from_numpy(rng.permutation(12)[:9])
    outside = torch.from_numpy(rng.random((9, 9)) < 0.5)
    expected = (outside.numpy() & ~together(links)[idx][:, idx]) | apart(links)[idx][:, idx]
    np.testing.assert_array_equal(links.admissible(outside, idx), expected)


class Itself:
    """The positive of a sample is the sample."""

    def draw(self, x, idx):
        return x, idx[:, None].to(x)

    def apply_drawn(self, x, *drawn):
        return torch.cat(drawn, 1)


def test_positives_are_of_the_same_group():
    links = learn(pairs((0, 5), (5, 9), (2, 3)), pairs((0, 7)))
    rows, group = torch.from_numpy(links.rows), torch.from_numpy(links.group)
    x = torch.arange(12.0)[:, None]
    made = LinkedPositives(Itself(), x[rows], rows, group)
    torch.manual_seed(0)
    seen = [set() for _ in range(12)]
    for _ in range(60):
        drawn = made.apply_drawn(x, *made.draw(x, torch.arange(12)))
        assert torch.equal(drawn[:, 0], drawn[:, 1])  # samples and their indices go together
        for sample, other in enumerate(drawn[:, 0].long().tolist()):
            seen[sample].add(other)
    alone = {sample: {sample} for sample in range(12)}
    shared = {0: {0, 5, 9}, 5: {0, 5, 9}, 9: {0, 5, 9}, 2: {2, 3}, 3: {2, 3}}
    assert dict(enumerate(seen)) == {**alone, **shared}


# ---------------------------------------------------------------- queries


def test_queries_lie_between_clusters_and_in_each_region():
    points = np.random.default_rng(0).uniform(-1, 1, size=(1500, 2))
    points = np.append(points, [[50.0, 0.0]] * 9, axis=0)
    q = 1 / (1 + np.exp(-40 * points[:, 0]))
    unsure, sure = np.stack([q, 1 - q], axis=1), np.eye(2)[(q < 0.5).astype(int)]
    known = np.zeros(len(points), dtype=bool)

    def asked(assignment: np.ndarray) -> np.ndarray:
        return query_samples(points, assignment, 40, known=known, random_state=0)

    found = asked(unsure)
    assert len(set(found.tolist())) == 40
    assert (np.diff(margins(unsure)[found]) >= 0).all()
    assert (points[found, 0] > 40).sum() == 1  # sure, but nobody else is near
    between = [(np.abs(points[rows, 0]) < 0.1).mean() for rows in (found, asked(sure))]
    assert between[0] > 2 * between[1]
    known[found] = True
    assert not set(asked(unsure).tolist()) & set(found.tolist())


def test_equal_samples_are_asked_about_once_each():
    points, q = np.zeros((6, 2)), np.full((6, 2), 0.5)
    found = query_samples(points, q, 4, known=np.arange(6) == 2, random_state=0)
    assert len(set(found.tolist())) == 4
    assert 2 not in found
