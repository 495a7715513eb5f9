"""Files that take the place of others: permissions, links, what killed writers leave, no room."""

from __future__ import annotations

import errno
import os
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from skdeepclust import ParsimoniousAutoencoder, export, load, save
from skdeepclust._storage.files import read_file, write_file
from skdeepclust._storage.replacing import replacing

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="permissions and links of POSIX")


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model"


def write(path: Path, content: bytes = b"new") -> None:
    with replacing(path) as file:
        file.write(content)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@contextmanager
def umask(mask: int):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


# ---------------------------------------------------------------- permissions and links


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o777])
def test_a_file_that_is_replaced_keeps_its_permissions(mode, path):
    path.write_bytes(b"old")
    path.chmod(mode)
    with replacing(path) as file:
        (part,) = set(path.parent.iterdir()) - {path}
        assert part.stat().st_mode & 0o077 == 0  # nor does anybody read it before
        file.write(b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", mode)


@POSIX
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_of_one(mask, path):
    with umask(mask):
        write(path)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@POSIX
def test_a_link_stays(path, tmp_path):
    (tmp_path / "folder").mkdir()
    target = tmp_path / "folder" / "target"
    for is_there in (False, True):  # at first, it leads nowhere
        if not is_there:
            path.symlink_to(Path("folder") / "target")
        write(path, f"{is_there}".encode())
        assert path.is_symlink()
        assert target.read_text() == f"{is_there}"
    assert names(target.parent) == ["target"]
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="loop"):
        write(loop)
    assert loop.is_symlink()


# ---------------------------------------------------------------- writers that were killed, or run


def left(path: Path, end: str = ".part") -> Path:
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}{end}")
    part.write_bytes(b"cut")
    return part


def test_parts_of_killed_writers_are_cleared(path):
    for end in (".part", ".part.pt2"):  # the latter of earlier versions
        left(path, end)
    others = {left(path.with_name("model.safetensors")), left(path.with_name("mode"))}
    others |= {left(path, ".other"), path.with_name(".model.part")}
    path.with_name(".model.part").touch()
    write(path)
    assert set(path.parent.iterdir()) == others | {path}


def test_a_writer_that_runs_is_left_alone(path):
    with replacing(path) as first:
        first.write(b"first")
        with replacing(path) as second:
            second.write(b"second")
            write(path, b"third")
            assert path.read_bytes() == b"third"
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert names(path.parent) == ["model"]


def test_a_write_that_fails_leaves_what_was_there(path):
    write(path, b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write(b"half" + "of it")  # type: ignore
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["model"]


def test_errors_name_the_file_that_was_given(path, tmp_path):
    for place in (tmp_path / "nowhere" / "model", tmp_path):
        with pytest.raises(OSError, match="directory") as error:
            write(place)
        assert error.value.filename == str(place)
        assert str(error.value).endswith(f"{str(place)!r}")


def test_names_that_leave_no_room(tmp_path):
    path = tmp_path / ("é" * 120)
    left_by_others = left(tmp_path / "other")
    write(path)
    write(path, b"again")
    assert path.read_bytes() == b"again"
    assert names(tmp_path) == sorted([path.name, left_by_others.name])


# ---------------------------------------------------------------- no room


@contextmanager
def limited(n_bytes: int):
    """Let no file be longer, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).normal(size=(20, 4))
    return ParsimoniousAutoencoder(n_clusters=2, max_epochs=1, random_state=0).fit(X)


@POSIX
@pytest.mark.parametrize("suffix", [".safetensors", ".pt2", ".onnx"])
def test_a_full_disk_is_an_error_and_changes_nothing(suffix, model, tmp_path):
    if suffix == ".onnx":
        pytest.importorskip("onnxscript")
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"old")
    with limited(5000), pytest.raises(OSError, match="too large") as error:
        save(model, path) if suffix == ".safetensors" else export(model, path)
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == [path.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_device_is_written_to_and_not_replaced(model):
    for write_to in (save, lambda model, path: export(model, path, "torch")):
        with pytest.raises(OSError, match="No space left"):
            write_to(model, "/dev/full")
    assert Path("/dev/full").is_char_device()


def test_a_graph_of_torch_s_is_one_it_reads(model, tmp_path):
    export(model, tmp_path / "model.any", "torch")
    names = {"outputs": ""}
    torch.export.load(tmp_path / "model.any", extra_files=names)
    assert "embedding" in names["outputs"]


# ---------------------------------------------------------------- contents


def test_the_same_contents_give_the_same_bytes(path):
    arrays = {str(i): np.ones(i, dtype) for i, dtype in enumerate(["u1", "?", "f2", "i8"] * 3)}
    write_file(path, {"a": [1]}, arrays)
    before = path.read_bytes()
    for _ in range(5):
        write_file(path, {"a": [1]}, dict(reversed(arrays.items())))
        assert path.read_bytes() == before
    tree, again = read_file(path)
    assert tree == {"a": [1]}
    assert again.keys() == arrays.keys()
    for name, array in again.items():
        assert array.dtype == arrays[name].dtype
        np.testing.assert_array_equal(array, arrays[name])
        assert array.flags.writeable


def test_a_file_that_is_cut_off_is_said_to_be(path, model):
    save(model, path)
    content = path.read_bytes()
    for length in (0, 5, 8, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cut off"):
            load(path)


def test_what_would_not_be_read_is_not_written(path):
    with pytest.raises(ValueError, match="numpy arrays of numbers"):
        write_file(path, "a" * 50_000_000, {})
    assert names(path.parent) == []
