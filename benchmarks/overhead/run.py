"""What the library's machinery costs: a training step of TripletDECClusterer against plain PyTorch.

    python -m benchmarks.overhead.run                  # MNIST, batches of 256
    python -m benchmarks.overhead.run --data digits    # small images: machinery weighs more
    python -m benchmarks.overhead.run --profile        # and where the difference goes

Both sides train the same network with the same losses, augmentation, optimiser and batch size in
one process; the plain loop finds its batches gathered and converted. Rounds alternate between the
two, and medians over epochs are compared: of seconds, and of CPU seconds, which other work on the
machine disturbs less.
"""

from __future__ import annotations

import argparse
import copy
import cProfile
import io
import pstats
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import Callback
from torch import Tensor
from torch.nn import functional

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.common.tables import markdown
from skdeepclust import TripletDECClusterer
from skdeepclust._engine.batches import Batches
from skdeepclust.augmentation import ImageAugmentation
from skdeepclust.losses import (
    assignment_kl,
    information_loss,
    masked_info_nce_loss,
    pairwise_squared_distances,
    reconstruction_loss,
    student_t_assignment,
    target_distribution,
)

# Of estimator to plain loop, at most: small images leave less time to hide the machinery in.
TARGETS = {"digits": 1.25, "mnist": 1.10}
# Above this ratio the profile is printed without being asked for.
WORTH_A_LOOK = 1.05
Times = tuple[float, float]  # seconds, CPU seconds
PHASES = ("warmup", "clustering")
# The objective that PlainLoop writes out; the estimator's defaults may differ from it.
OBJECTIVE = {
    "reconstruction_weight": 1.0,
    "clustering_weight": 1.0,
    "triplet_weight": 0.2,
    "entropy_weight": 1.0,
    "degrees_of_freedom": 31.0,
    "normalize": True,
    "contrast": "info_nce",
    "negatives": "cluster",
    "target_view": "augmented",
    "n_neighbors": 0,
    "n_starts": 1,
    "batch_size": 256,
    "optimizer": "adam",
    "lr": 0.001,
    "device": "cpu",
}


class PlainLoop:
    """The two phases as one would write them by hand for one data set."""

    def __init__(self, network, batches: list, augment: Callable):
        self.network, self.batches, self.augment = network, batches, augment
        n_samples = sum(len(x) for x, _ in batches)
        self.mean, self.mean_square = torch.zeros(2, n_samples)
        self.target = torch.zeros(n_samples, len(network.centers))

    def start(self, phase: str, epochs: int = 1) -> Callable[[], float]:
        """Return a function that trains one epoch and returns its mean loss."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=OBJECTIVE["lr"])
        n_steps = epochs * len(self.batches)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
        loss_of = getattr(self, phase)

        def epoch() -> float:
            total, n_seen = torch.zeros(()), 0
            if phase == "clustering":
                self.update_target()
            self.network.train()
            for x, idx in self.batches:
                optimizer.zero_grad()
                loss = loss_of(x, idx)
                loss.backward()
                optimizer.step()
                if phase == "clustering":
                    decay.step()
                total += loss.detach() * len(x)
                n_seen += len(x)
            return float(total) / n_seen

        return epoch

    def warmup(self, x: Tensor, idx: Tensor) -> Tensor:
        anchor, positive = self.views(x)
        contrast = masked_info_nce_loss(anchor, positive, self.outside(anchor, positive, idx))
        return 0.2 * contrast + self.reconstruction(x, anchor)

    def clustering(self, x: Tensor, idx: Tensor) -> Tensor:
        anchor, positive = self.views(x)
        target = self.target[idx]
        q_anchor, q_positive = self.assign(anchor), self.assign(positive)
        divergence = assignment_kl(target, q_positive)
        information = -information_loss(torch.cat([q_anchor, q_positive]))
        label = target.argmax(1)
        contrast = masked_info_nce_loss(anchor, positive, label[:, None] != label)
        return divergence - information + 0.2 * contrast + self.reconstruction(x, anchor)

    @torch.no_grad()
    def update_target(self) -> None:
        self.network.eval()
        for x, idx in self.batches:
            self.target[idx] = self.assign(self.embed(x))
        self.target = target_distribution(self.target)

    @torch.no_grad()
    def outside(self, anchor: Tensor, positive: Tensor, idx: Tensor) -> Tensor:
        """Which samples lie beyond mean + 2 std of the distances to augmented copies."""
        mean, mean_square = self.mean[idx], self.mean_square[idx]
        radius = mean + 2 * (mean_square - mean.square()).clamp_min(0).sqrt()
        distance = (anchor - positive).norm(dim=1)
        self.mean[idx] = mean.lerp(distance, 0.3)
        self.mean_square[idx] = mean_square.lerp(distance.square(), 0.3)
        return pairwise_squared_distances(anchor, anchor) > radius.square()[:, None]

    def views(self, x: Tensor) -> tuple[Tensor, Tensor]:
        anchor, positive = self.embed(torch.cat([x, self.augment(x)])).chunk(2)
        return anchor, positive

    def embed(self, x: Tensor) -> Tensor:
        embedding = self.network.autoencoder.encode(self.network.standardize(x))
        return functional.normalize(embedding, dim=1)

    def reconstruction(self, x: Tensor, embedding: Tensor) -> Tensor:
        decoded = self.network.autoencoder.decode(embedding)
        return reconstruction_loss(decoded, self.network.standardize(x))

    def assign(self, embedding: Tensor) -> Tensor:
        mapped = embedding @ self.network.metric
        return student_t_assignment(mapped, self.network.centers, degrees_of_freedom=31.0)


def make_estimator(image_shape: tuple[int, int], epochs: int, **parameters) -> TripletDECClusterer:
    """Return an estimator that spends `epochs` epochs on each of the two phases."""
    schedule = {"pretrain_epochs": 0, "warmup_epochs": epochs, "max_epochs": epochs}
    start = {"init": "kmeans", "n_init": 1, "image_shape": image_shape}
    return TripletDECClusterer(10, **{**OBJECTIVE, **schedule, **start, **parameters})


def make_plain_loop(estimator: TripletDECClusterer, X: np.ndarray, augment: Callable) -> PlainLoop:
    """Return a plain loop that starts from a fitted estimator's network."""
    gather = Batches(
        X,
        batch_size=estimator.batch_size,
        sample_shape=estimator.image_shape_,
        dtype=torch.float32,
        device=torch.device("cpu"),
        generator=torch.Generator().manual_seed(0),
    )
    batches = [(x, extra["idx"]) for x, extra in gather]
    return PlainLoop(copy.deepcopy(estimator.module_), batches, augment)


# ---------------------------------------------------------------- measuring


class CpuClock(Callback):
    """A skorch callback that adds the CPU seconds of each epoch to the history."""

    def on_epoch_begin(self, net, **kwargs) -> None:
        self.begin = time.process_time()

    def on_epoch_end(self, net, **kwargs) -> None:
        net.history.record("cpu_seconds", time.process_time() - self.begin)


def estimator_seconds(estimator: TripletDECClusterer, phase: str) -> list[Times]:
    rows = [row for row in estimator.history_ if row["phase"] == phase]
    return [(row["seconds"], row["cpu_seconds"]) for row in rows]


def plain_seconds(loop: PlainLoop, phase: str, epochs: int) -> list[Times]:
    epoch = loop.start(phase, epochs)
    times = []
    for _ in range(epochs):
        wall, cpu = time.perf_counter(), time.process_time()
        epoch()
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def compare(X: np.ndarray, image_shape: tuple[int, int], rounds: int, epochs: int) -> Record:
    """Return milliseconds a step, for both sides and phases, and their ratios."""
    estimator = make_estimator(image_shape, epochs, callbacks=[CpuClock()], random_state=0)
    clone(estimator).set_params(warmup_epochs=1, max_epochs=1).fit(X)  # the first fit is slower
    ours: dict[str, list[Times]] = {phase: [] for phase in PHASES}
    plain: dict[str, list[Times]] = {phase: [] for phase in PHASES}
    for _ in range(rounds):
        estimator.fit(X)
        loop = make_plain_loop(estimator, X, ImageAugmentation())
        for phase in PHASES:
            ours[phase] += estimator_seconds(estimator, phase)
            plain[phase] += plain_seconds(loop, phase, epochs)
    n_steps = len(loop.batches)
    result: Record = {"n_samples": len(X), "steps_per_epoch": n_steps}
    for phase in PHASES:
        wall, cpu = np.median(ours[phase], axis=0)
        plain_wall, plain_cpu = np.median(plain[phase], axis=0)
        result[phase] = {
            "estimator_ms": round(1e3 * wall / n_steps, 3),
            "plain_ms": round(1e3 * plain_wall / n_steps, 3),
            "ratio": round(wall / plain_wall, 4),
            "estimator_cpu_ms": round(1e3 * cpu / n_steps, 3),
            "plain_cpu_ms": round(1e3 * plain_cpu / n_steps, 3),
            "cpu_ratio": round(cpu / plain_cpu, 4),
        }
    return result


def profile(X: np.ndarray, image_shape: tuple[int, int], epochs: int) -> str:
    """Return where a fit spends its time, by the functions of the training loop."""
    estimator = make_estimator(image_shape, epochs, random_state=0)
    profiler = cProfile.Profile()
    profiler.runcall(estimator.fit, X)
    text = io.StringIO()
    stats = pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime")
    files = "phase_net|batches|net|callbacks?|history|base|training|logging|lr_scheduler|optimizer"
    loop = rf"^({files})\."
    stats.print_stats(loop, 30)
    return text.getvalue()


# ---------------------------------------------------------------- command line


def table(records: Sequence[Record]) -> str:
    header = ["data", "phase", "estimator ms", "plain ms", "ratio"]
    header += ["estimator CPU ms", "plain CPU ms", "CPU ratio", "threads", "date"]
    return markdown(
        header,
        [
            [r["data"], phase, *r[phase].values(), r["n_threads"], r["date"]]
            for r in records
            for phase in PHASES
        ],
    )


def newest_table(records: Sequence[Record]) -> str:
    """Return the table of the newest measurement on each data set."""
    return table(list({record["data"]: record for record in records}.values()))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--data", default="mnist-5k", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=2, help="a phase and round, default: 2")
    parser.add_argument("--profile", action="store_true", help="print the profile of a fit")
    add_options(parser, "overhead.jsonl", ALWAYS_FRESH)
    return parse_options(parser, arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.table:
        print(table(recorded(options.out)))
        return
    X, _, image_shape = load(options.data, options.mnist)
    head = {"experiment": "overhead", "data": options.data, "rounds": options.rounds}
    with thread_limit(options.threads):
        compared = compare(X, image_shape, options.rounds, options.epochs)
        record = {**head, "epochs": options.epochs, **compared, **surroundings()}
        kept([record], options.out)
        print(table([record]))
        worst = max(record[phase]["cpu_ratio"] for phase in PHASES)
        target = TARGETS.get(options.data.partition("-")[0], max(TARGETS.values()))
        verdict = "within" if worst <= target else "above"
        print(f"The larger CPU ratio, {worst:.3f}, is {verdict} the target of {target}.")
        if options.profile or worst > WORTH_A_LOOK:
            print(profile(X, image_shape, options.epochs))


if __name__ == "__main__":
    main()
