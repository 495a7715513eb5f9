"""Images of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skdeepclust.datasets import load_images


def gradient(height: int, width: int) -> Image.Image:
    """Return an image that is dark on top and blue on the right."""
    rows, columns = np.mgrid[:height, :width]
    pixels = np.stack([255 * rows / height, 0 * rows, 255 * columns / width], -1)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "deep").mkdir(parents=True)
    gradient(40, 60).save(tmp_path / "b" / "wide.PNG")
    gradient(60, 40).save(tmp_path / "a" / "high.jpg", quality=95)
    gradient(33, 33).convert("L").save(tmp_path / "a" / "deep" / "grey.bmp")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "a" / "._high.jpg").write_text("what a system leaves there")
    return tmp_path


def test_images_of_unlike_sizes_become_one_array(folder) -> None:
    found = load_images(folder, size=(20, 30))
    assert found.images.shape == (3, 3, 20, 30)
    assert found.images.dtype == np.uint8
    assert [path.name for path in found.filenames] == ["grey.bmp", "high.jpg", "wide.PNG"]
    assert found.target_names == ["a", "a/deep", "b"]
    assert found.target.tolist() == [1, 0, 2]
    assert found.unreadable == {}
    wide = found.images[2].astype(float)
    # of 40 x 60 nothing is cut, and pixels are means of 2 x 2
    np.testing.assert_allclose(wide[0, :, 0], 255 * (np.arange(20) + 0.25) / 20, atol=6)
    np.testing.assert_allclose(wide[2, 0], 255 * (np.arange(30) + 0.25) / 30, atol=6)
    high = found.images[1].astype(float)  # of 60 x 40 the middle 26.7 rows are left
    assert high[0, 0].mean() == pytest.approx(255 * (60 - 26.7) / 2 / 60, abs=8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stand_as_they_were_taken(tmp_path, orientation) -> None:
    image = gradient(24, 24)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = image.transpose(turns[orientation]) if orientation in turns else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "x.png", exif=exif)
    found = load_images(tmp_path, size=24).images[0]
    np.testing.assert_array_equal(found, np.asarray(image).transpose(2, 0, 1))


def test_grey_images_keep_their_range(tmp_path) -> None:
    deep = (np.arange(64, dtype=np.uint16) * 1000).reshape(8, 8)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = load_images(tmp_path, size=8, mode="L").images
    np.testing.assert_array_equal(found[0, 0], deep // 256)


def test_files_that_cannot_be_read_are_listed(folder) -> None:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    Image.fromarray(np.ones((4, 4), np.float32)).save(folder / "range.tiff")
    with pytest.warns(UserWarning, match=r"2 of the files can't be read.*broken\.jpg") as caught:
        found = load_images(folder, size=8)
    assert caught[0].filename == __file__
    assert len(found.images) == len(found.filenames) == 3
    assert {path.name for path in found.unreadable} == {"broken.jpg", "range.tiff"}
    assert "no known range" in found.unreadable[folder / "range.tiff"]


def test_how_far_it_is(folder, capsys) -> None:
    load_images(folder, size=8, verbose=0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("size", [0, 2.5, (8,), (8, 0), (8, 8, 3), "8", None])
def test_sizes_that_are_none(folder, size) -> None:
    with pytest.raises(ValueError, match=r"size must be a number of pixels or \(height, width\)"):
        load_images(folder, size=size)


def test_what_is_no_folder_of_images(tmp_path, folder) -> None:
    with pytest.raises(NotADirectoryError, match="is no folder"):
        load_images(tmp_path / "missing", size=8)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image that can be read"):
        load_images(tmp_path / "empty", size=8)
    with pytest.raises(ValueError, match='mode must be "RGB" or "L"'):
        load_images(folder, size=8, mode="CMYK")
