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
import cProfile
import io
import pstats
import time
from collections.abc import Sequence

import numpy as np
from sklearn.base import clone
from skorch.callbacks import Callback

from benchmarks.common.data import load
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.overhead.loop import PlainLoop, make_estimator, make_plain_loop
from benchmarks.overhead.tables import PHASES, table
from skdeepclust import TripletDECClusterer
from skdeepclust.augmentation import ImageAugmentation

# Of estimator to plain loop, at most: small images leave less time to hide the machinery in.
TARGETS = {"digits": 1.25, "mnist": 1.10}
# Above this ratio the profile is printed without being asked for.
WORTH_A_LOOK = 1.05
Times = tuple[float, float]  # seconds, CPU seconds


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
    files = "phase_net|runner|net|callbacks?|history|base|training|logging|lr_scheduler|optimizer"
    loop = rf"^({files})\."
    stats.print_stats(loop, 30)
    return text.getvalue()


# ---------------------------------------------------------------- command line


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
