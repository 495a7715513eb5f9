"""Which processes take part in a fit, what one does for all, and what happens if one is lost."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from typing import Any

import pytest
from helpers import distributed_scenarios, ranks

from skdeepclust._engine import distributed

SCRIPT = distributed_scenarios.__file__


@pytest.fixture(scope="module")
def launched(tmp_path_factory) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Run all scenarios under torchrun; return what was printed and what each process found."""
    folder = tmp_path_factory.mktemp("launched")
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    port = ranks.free_port()
    done = subprocess.run(
        [sys.executable, *launcher, f"--master-port={port}", SCRIPT, str(folder)],
        env={**os.environ, "PYTHONPATH": ranks.PATH},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    found = (pickle.loads((folder / f"rank{rank}.pickle").read_bytes()) for rank in range(2))
    return done.stdout, *found


ALIKE = {each.__name__ for each in distributed_scenarios.SCENARIOS}
ALIKE -= {"threads_and_children", "found_once", "checkpoint"}


@pytest.mark.parametrize("name", sorted(ALIKE))
def test_both_processes_find_the_same(name: str, launched) -> None:
    _, first, second = launched
    assert first[name] == second[name]


def test_the_first_process_prints(launched) -> None:
    assert launched[0].count("ParsimoniousClassifier, classification 1/2") == 1


def test_other_data_are_refused(launched) -> None:
    shape, contents, order = launched[1]["other_data"]
    assert "ValueError: The 2 processes of this fit differ in the shape of X: (64, 64)" in shape
    assert "differ in the hash of X" in contents
    assert "differ in the hash of X" in order


def test_other_parameters_are_refused(launched) -> None:
    message = launched[1]["other_parameters"][1]
    assert "differ in lr: 0.01 in process 0, 1.01 in process 1" in message


def test_other_links_labels_and_weights_are_refused(launched) -> None:
    names = ["must_link", "cannot_link", "cannot_link", "the hash of known_labels"]
    names += ["the hash of sample_weight", "the hash of y", "the hash of y"]
    for message, name in zip(launched[1]["other_arguments"], names, strict=True):
        assert f"ValueError: The 2 processes of this fit differ in {name}: " in message
        assert "in the same order" in message


def test_a_wrong_parameter_is_an_error_as_ever(launched) -> None:
    assert "InvalidParameterError: The 'lr' parameter" in launched[1]["bad_parameters"]


def test_fits_in_threads_and_children_are_their_own(launched) -> None:
    losses, alone = launched[1]["threads_and_children"]
    assert losses[0] == losses[1]
    assert alone


def test_the_first_process_finds_what_takes_long(launched) -> None:
    (n_first, labels), (n_second, others) = (each["found_once"] for each in launched[1:])
    assert (n_first, n_second) == (1, 0)
    assert labels == others


def test_each_process_changes_its_own_rows_by_what_is_drawn_for_all(launched) -> None:
    drawn, applied, of_a_function, same = launched[1]["rows_augmented"]
    tried, steps = [8], 4  # the augmentation is tried on a few samples at first
    assert drawn == of_a_function == tried + steps * [32]
    assert applied == tried + steps * [16]
    assert same


def test_the_first_process_keeps_the_checkpoint_of_both(launched) -> None:
    for rank, found in enumerate(launched[1:]):
        epochs, same, (stopped, unwritable), exists = found["checkpoint"]
        assert epochs == [3, 4, 5]
        assert same
        assert stopped == "RuntimeError: stop"
        assert "can't be written" in unwritable
        assert exists == (rank == 0)


def test_a_loss_is_not_compiled(launched) -> None:
    (message,) = launched[1]["compiled"]
    assert "compile=True has no effect" in message


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # it has threads, and forks
def test_the_death_of_a_process_ends_the_others() -> None:
    # copies of this process, where there is a fork, import nothing anew
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    pipes = [context.Pipe() for _ in range(2)]
    port = ranks.free_port()
    processes = [
        context.Process(
            target=distributed_scenarios.until_killed,
            args=(ranks.environment(rank, 2, port), teller),
        )
        for rank, (_, teller) in enumerate(pipes)
    ]
    try:
        for process in processes:
            process.start()
        for listener, _ in pipes:
            assert listener.poll(60)
            assert listener.recv() == 1
        processes[1].kill()
        assert pipes[0][0].poll(60)
        as_it_was, message = pipes[0][0].recv()
    finally:
        for process in processes:
            process.kill()
            process.join()
    assert as_it_was
    assert message.startswith("RuntimeError: Process 0 of 2 has lost contact with the others")


@pytest.mark.parametrize(
    "changed",
    [
        {"RANK": None},
        {"MASTER_ADDR": None},
        {"WORLD_SIZE": "1"},
        {distributed.OWNER: "1"},  # of a parent
    ],
)
def test_a_process_that_no_launcher_has_started_shares_nothing(monkeypatch, changed) -> None:
    for name, value in {**ranks.environment(0, 2, 1), **changed}.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert not distributed._is_launched()
    assert distributed._find().size == 1
