"""What a checkpoint belongs to, and what is said where it can't be used."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.small_fits import DIGIT, KNOWN, NEW, QUICK
from helpers.stopped_fits import (
    FITS,
    Stopped,
    after_an_epoch,
    assert_same_result,
    result,
    stopped_epoch,
)
from scipy import sparse
from sklearn.base import clone

from skdeepclust import ForcedApartEmbedder, load, save
from skdeepclust._estimator.base import fit_method
from skdeepclust._storage import checkpoint, files
from skdeepclust._storage.checkpoint import HEADER, read
from skdeepclust._storage.folder_lock import FolderLock

ARGUMENTS = (KNOWN, DIGIT[:60] > 4)


def make(folder: Path, **options) -> ForcedApartEmbedder:
    return ForcedApartEmbedder(checkpoint=folder, **{**QUICK, "max_epochs": 4, **options})


def stop(model, *arguments, **more) -> None:
    """Stop a fit in the epoch after the next one."""
    with pytest.raises(Stopped), after_an_epoch([]):
        model.fit(*(arguments or ARGUMENTS), **more)


def n_epochs_of(model, *arguments) -> int:
    """Go on with a fit to its end, and return how many epochs it took."""
    epochs: list[str] = []
    with stopped_epoch(lambda phase: bool(epochs.append(phase))):
        model.fit(*(arguments or ARGUMENTS))
    return len(epochs)


# ---------------------------------------------------------------- other fits


def test_fits_with_other_parameters_and_data_dont_meet(tmp_path):
    fits = [
        (make(tmp_path), ARGUMENTS),
        (make(tmp_path, lr=0.01), ARGUMENTS),
        (make(tmp_path), (KNOWN + 0.1, ARGUMENTS[1])),
        (make(tmp_path, module__hidden=(32,)), ARGUMENTS),
    ]
    texts = [
        None,
        r"lr \(0.01 now, 0.001 then\). Delete",
        r"X \(other contents\)",
        r"module__hidden \(\(32,\) now, None then\)",
    ]
    for (model, arguments), text in zip(fits, texts, strict=True):
        if text is None:
            stop(model, *arguments)
        else:
            with pytest.warns(UserWarning, match=text):
                stop(model, *arguments)
    for model, arguments in fits:
        expected = result(clone(model).set_params(checkpoint=None).fit(*arguments))
        assert n_epochs_of(model, *arguments) == 3
        assert_same_result(result(model), expected)
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_effect_may_change(tmp_path):
    stop(make(tmp_path, device="cpu"))
    again = make(tmp_path, device=torch.device("cpu"), verbose=0, callbacks=[])
    assert n_epochs_of(again) == 3


def test_more_data_is_named(tmp_path):
    stop(make(tmp_path))
    with pytest.warns(
        UserWarning, match=r"sample_weight \(float64 of shape \(60,\) now, None then"
    ):
        stop(make(tmp_path), *ARGUMENTS, sample_weight=np.ones(60))
    with pytest.warns(UserWarning, match=r"X \(float64 of shape \(40, 64\) now, float64 of"):
        stop(make(tmp_path), NEW, DIGIT[50:90] > 4)


def test_two_equal_fits_at_once(tmp_path):
    stop(make(tmp_path))
    (path,) = tmp_path.iterdir()
    lock = FolderLock(path)
    with pytest.raises(RuntimeError, match=r"checkpoint='.*' is in use: another fit"):
        make(tmp_path).fit(*ARGUMENTS)
    lock.release()
    assert n_epochs_of(make(tmp_path)) == 3


def test_the_header_of_another_fit(tmp_path):
    stop(make(tmp_path / "one"))
    stop(make(tmp_path / "other", lr=0.01, loss=None))
    (one,), (other,) = ((tmp_path / name).iterdir() for name in ("one", "other"))
    (other / HEADER).replace(one / HEADER)
    with pytest.raises(ValueError, match=r"differs in loss \('auto' now, None then\), lr \(0.001"):
        make(tmp_path / "one").fit(*ARGUMENTS)
    assert one.exists()


def test_another_version(tmp_path, monkeypatch):
    stop(make(tmp_path))
    later = {**files.versions(), "skdeepclust": "99.0"}
    monkeypatch.setattr(checkpoint, "versions", lambda: later)
    with pytest.raises(ValueError, match=r"skdeepclust \(version 99.0 now, .* then\)"):
        make(tmp_path).fit(*ARGUMENTS)


# ---------------------------------------------------------------- files


def test_a_folder_that_cant_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(OSError, match=r"can't be written: .*leave out checkpoint"):
            make(folder).fit(*ARGUMENTS)
    with pytest.raises(ValueError, match="The 'checkpoint' parameter"):
        make(3).fit(*ARGUMENTS)  # type: ignore


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FAULTY = ["files._bytes_of", "replacing.os.fsync", "replacing.Path.replace"]


def fill_the_disk(name: str, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(f"skdeepclust._storage.{name}", full)


@pytest.mark.parametrize("name", FAULTY)
def test_a_full_disk(name, tmp_path, monkeypatch):
    model = make(tmp_path).set_params(checkpoint=None).fit(*ARGUMENTS)
    before = result(model)
    with monkeypatch.context() as patch:
        fill_the_disk(name, patch)
        with pytest.raises(OSError, match="No space left"):
            model.set_params(checkpoint=tmp_path).fit(*ARGUMENTS)
    assert list(tmp_path.iterdir()) == []
    model.set_params(max_epochs=5)
    expected = result(clone(model).set_params(checkpoint=None).fit(*ARGUMENTS))
    stop(model)
    with monkeypatch.context() as patch:
        fill_the_disk(name, patch)
        with pytest.raises(OSError, match=r"02?.*No space left.*make room.*start the same fit"):
            model.fit(*ARGUMENTS)
    assert_same_result(result(model), before)
    assert not list(tmp_path.rglob("*.part"))
    assert n_epochs_of(model) == 4
    assert_same_result(result(model), expected)


@pytest.mark.parametrize("file", [HEADER, "01-classification.safetensors"])
def test_damage(file, tmp_path):
    stop(make(tmp_path))
    (path,) = tmp_path.rglob(file)
    content = path.read_bytes()
    for damaged in (b"", content[:-1], content[:200], content[:-9] + b"?" + content[-8:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=rf"{file}' can't be read: .* Delete its folder, '.*'"):
            make(tmp_path).fit(*ARGUMENTS)
    path.write_bytes(content)
    assert n_epochs_of(make(tmp_path)) == 3


def test_a_file_runs_no_code(tmp_path):
    path = tmp_path / "01-step.safetensors"
    call = {"$": "object", "class": ["os", "system"], "state": {"$": "dict", "items": []}}
    for tree in ({"$": "global", "name": ["os", "system"]}, call):
        files.write_file(path, tree, {})
        with pytest.raises(ValueError, match=r"it names os\.system"):
            read(path)


def test_what_a_kill_may_leave_is_cleared(tmp_path):
    stop(make(tmp_path))
    (path,) = tmp_path.iterdir()
    (path / ".01-classification.safetensors.0.part").write_text("cut")
    assert n_epochs_of(make(tmp_path)) == 3
    stop(make(tmp_path))
    (path / HEADER).unlink()  # a kill while a finished fit was tidying up
    assert n_epochs_of(make(tmp_path)) == 4
    assert list(tmp_path.iterdir()) == []


def test_a_fit_that_fails_before_its_first_epoch_ends_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="y has 60 labels"):
        make(tmp_path / "a").fit(KNOWN[:50], ARGUMENTS[1])
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="no layer"):
        make(tmp_path, code_layer="nowhere").fit(*ARGUMENTS)
    assert list(tmp_path.iterdir()) == []


def test_a_fit_without_training_deletes_nothing(tmp_path, monkeypatch):
    class Untrained(ForcedApartEmbedder):
        @fit_method
        def fit(self, X, y=None, sample_weight=None):
            return self

    monkeypatch.chdir(tmp_path)
    (tmp_path / HEADER).write_text("of somebody else")
    Untrained(checkpoint=".").fit(KNOWN)
    assert [path.name for path in tmp_path.iterdir()] == [HEADER]


# ---------------------------------------------------------------- what a fit is recognised by


class Locked:
    """A function that nothing can be said about."""

    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, codes, n_clusters, random_state):
        return codes[:n_clusters]


def test_parameters_that_cant_be_recognised(tmp_path):
    model, arguments = FITS["triplet dec"]()
    with pytest.raises(
        TypeError, match=r"can't be used with init=.*Locked object.*can't be hashed"
    ):
        model.set_params(init=Locked(), checkpoint=tmp_path).fit(*arguments)


class Counting(torch.optim.SGD):
    """An optimiser that keeps an object."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["lock"] = threading.Lock()
        return super().step(closure)


class Tag:
    """An object that no file may name by itself."""


class Tagging(torch.optim.SGD):
    """An optimiser that keeps one."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["tag"] = Tag()
        return super().step(closure)


def test_what_would_be_written_but_not_read_again_is_refused_at_once(tmp_path):
    with pytest.raises(TypeError, match=r"01-classification names .*Tag\. .*leave out checkpoint"):
        make(tmp_path, optimizer=Tagging).fit(*ARGUMENTS)


def test_an_optimizer_whose_state_cant_be_kept(tmp_path):
    with pytest.raises(TypeError, match=r"lock is <unlocked.*leave out checkpoint"):
        make(tmp_path, optimizer=Counting).fit(*ARGUMENTS)


@pytest.mark.parametrize(
    "form", [pd.DataFrame, sparse.csr_array, torch.from_numpy, np.ndarray.tolist]
)
def test_all_forms_of_input(form, tmp_path):
    arguments = form(KNOWN), ARGUMENTS[1]
    stop(make(tmp_path), *arguments)
    assert n_epochs_of(make(tmp_path), form(KNOWN.copy()), ARGUMENTS[1]) == 3


def test_an_estimator_with_a_checkpoint_is_saved(tmp_path):
    model = make(tmp_path / "folder").fit(*ARGUMENTS)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.checkpoint == tmp_path / "folder"
    np.testing.assert_array_equal(again.transform(NEW), model.transform(NEW))
