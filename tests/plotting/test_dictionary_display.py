"""Atoms as images: where they come from, their order, scale and place in the grid."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.display_data import IMAGES, own_axes
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, MiniBatchDictionaryLearning

from skdeepclust.dictionary import KSVD
from skdeepclust.plotting import DictionaryDisplay

ATOMS = np.random.default_rng(0).normal(size=(7, 12))
ATOMS[4] = 0
DATA = IMAGES[:150]
LEARNED = KSVD(9, n_nonzero_coefs=2, max_iter=2, random_state=0).fit(DATA)


def fitted(**attributes):
    """Make an estimator that looks fitted."""
    estimator = NMF()
    vars(estimator).update(attributes)
    return estimator


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    assert not plt.get_fignums()
    yield
    plt.close("all")


def cell(display, place):
    """Cut the image at a place out of the figure."""
    height, width = display.atoms.shape[2:]
    row, column = divmod(place, display.n_columns_)
    top, left = row * (height + display.gap_), column * (width + display.gap_)
    return np.ma.getdata(display.im_.get_array())[top : top + height, left : left + width]


def test_each_atom_stands_at_its_place_divided_by_its_largest_value():
    display = DictionaryDisplay.from_atoms(ATOMS, (3, 4), n_columns=3, ax=own_axes())
    assert_array_equal(display.atoms, ATOMS.reshape(7, 1, 3, 4))
    assert_array_equal(display.indices_, range(7))
    for place, atom in enumerate(ATOMS):
        scale = max(abs(value) for value in atom) or 1
        assert_allclose(cell(display, place), (atom / scale).reshape(3, 4))
    pixels = np.ma.getmaskarray(display.im_.get_array())
    assert pixels.shape == (3 * 3 + 2 * display.gap_, 3 * 4 + 2 * display.gap_)
    assert (~pixels).sum() == ATOMS.size, "nothing is drawn between the atoms"


def test_zero_is_in_the_middle_of_signed_atoms_and_the_paper_of_others():
    signed = DictionaryDisplay.from_atoms(ATOMS, (3, 4), ax=own_axes()).im_
    assert signed.get_clim() == (-1, 1)
    assert signed.norm(0.0) == 0.5
    red, green, blue, _ = signed.cmap(0.5)
    assert max(red, green, blue) - min(red, green, blue) < 0.05, "neutral"
    grey = signed.cmap(np.linspace(0, 1, 30))[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) > 0).all(), "readable without colours"
    positive = DictionaryDisplay.from_atoms(np.abs(ATOMS), (3, 4), ax=own_axes()).im_
    assert positive.get_clim() == (0, 1)
    assert_allclose(positive.to_rgba(0.0), 1)


@pytest.mark.parametrize("sign", [1, -1])
def test_colours(sign):
    atoms = np.abs(ATOMS[:2]) * [[1], [sign]]
    display = DictionaryDisplay.from_atoms(atoms, (3, 2, 2), ax=own_axes())
    for place, atom in enumerate(atoms):
        expected = (atom / np.abs(atom).max()).reshape(3, 2, 2).transpose(1, 2, 0)
        expected = expected if sign == 1 else (expected + 1) / 2
        assert_allclose(cell(display, place)[..., :3], expected)
    assert len(display.figure_.axes) == 1, "colours need no scale"


def test_two_channels_are_shown_by_their_mean():
    display = DictionaryDisplay.from_atoms(ATOMS, (2, 2, 3), ax=own_axes())
    expected = (ATOMS[2] / np.abs(ATOMS[2]).max()).reshape(2, 2, 3).mean(axis=0)
    assert_allclose(cell(display, 2), expected)


def test_order_by_usage_and_variance_of_the_codes():
    codes = LEARNED.transform(DATA)
    usage = [sum(row[j] != 0 for row in codes) / len(codes) for j in range(9)]
    variance = [np.var(codes[:, j, None] * LEARNED.components_[j], axis=0).sum() for j in range(9)]
    for order, expected in {"usage": usage, "variance": variance}.items():
        display = DictionaryDisplay.from_estimator(
            LEARNED, DATA, image_shape=(8, 8), order=order, n_atoms=4, ax=own_axes()
        )
        assert_allclose(display.importances, expected)
        assert_array_equal(display.indices_, np.argsort(-np.array(expected), kind="stable")[:4])
        atom = LEARNED.components_[display.indices_[1]]
        assert_allclose(cell(display, 1), (atom / np.abs(atom).max()).reshape(8, 8))
        assert display.ax_.get_xlabel().startswith("4 of 9 atoms")
        assert ("% of the samples" in display.ax_.get_xlabel()) == (order == "usage")


def test_order_by_an_array():
    order = [0, 3, 1, 3, 2, 9, 0]
    display = DictionaryDisplay.from_atoms(ATOMS, (3, 4), order=order, ax=own_axes())
    assert_array_equal(display.indices_, [5, 1, 3, 4, 2, 0, 6])


@pytest.mark.parametrize(
    "estimator", [NMF(4, max_iter=500, tol=0.01), MiniBatchDictionaryLearning(5, max_iter=2)]
)
def test_any_estimator_with_components(estimator):
    estimator.set_params(random_state=0).fit(DATA)
    display = DictionaryDisplay.from_estimator(estimator, image_shape=(8, 8), ax=own_axes())
    assert_array_equal(display.atoms.reshape(-1, 64), estimator.components_)


def test_the_estimator_knows_its_images():
    estimator = fitted(dictionary_=ATOMS, components_=ATOMS[:2], image_shape_=(1, 4, 3))
    display = DictionaryDisplay.from_estimator(estimator, ax=own_axes())
    assert_array_equal(display.atoms, ATOMS.reshape(7, 1, 4, 3))


@pytest.mark.parametrize("n_atoms", [1, 2, 3, 16, 128])
@pytest.mark.parametrize("shape", [(2, 2), (1, 4), (4, 1)])
def test_the_grid_holds_all_atoms_in_rows_that_are_full(n_atoms, shape):
    display = DictionaryDisplay.from_atoms(np.ones((n_atoms, 4)), shape, ax=own_axes())
    n_rows = -(-n_atoms // display.n_columns_)
    assert 0 <= n_rows * display.n_columns_ - n_atoms < n_rows
    assert_allclose(cell(display, n_atoms - 1), 1)
    assert len(display.ax_.collections[0].get_paths()) == n_atoms


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_figures_and_settings(style, tmp_path, global_state_untouched):
    before = dict(matplotlib.rcParams)
    ax = own_axes()
    display = DictionaryDisplay.from_atoms(ATOMS, (3, 4), ax=ax, colorbar=False)
    assert display.ax_ is ax
    assert len(ax.figure.axes) == 1
    assert not plt.get_fignums()
    with plt.style.context(style):
        assert display.plot(n_atoms=2) is display
    assert display.figure_ is plt.gcf()
    assert len(display.figure_.axes) == 2
    display.figure_.savefig(tmp_path / "atoms.png")
    assert dict(matplotlib.rcParams) == before


WRONG = [
    ({"image_shape": None}, ValueError, "KSVD was not fitted on images .* of 64 values"),
    ({"image_shape": (8, 7)}, ValueError, r"image_shape must be .* 64 values.* got \(8, 7\)"),
    ({"image_shape": (64,)}, ValueError, r"image_shape must be \(H, W\) .* got \(64,\)"),
    ({"order": "size"}, ValueError, "order must be .* got 'size'"),
    ({"order": "usage"}, ValueError, "order='usage' needs samples: give X"),
    ({"order": [1, 2]}, ValueError, r"order must be one value for each of the 9 atoms.*\(2,\)"),
    ({"order": [np.nan] * 9}, ValueError, "order contains NaN"),
    ({"n_atoms": 0}, ValueError, "n_atoms must be at least 1 or None, got 0"),
    ({"n_columns": 0}, ValueError, "n_columns must be at least 1 or None, got 0"),
    ({"estimator": KMeans(2, n_init=1).fit(DATA)}, TypeError, "must have dictionary_ or comp"),
    ({"estimator": fitted(components_=[[np.inf] * 64])}, ValueError, "atoms contains inf"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG)
def test_wrong_arguments_are_refused_before_a_figure_is_made(options, error, message):
    with pytest.raises(error, match=message):
        DictionaryDisplay.from_estimator(**{"estimator": LEARNED, "image_shape": (8, 8), **options})
    assert not plt.get_fignums()


def test_codes_of_other_atoms_are_no_order():
    split = MiniBatchDictionaryLearning(5, max_iter=2, split_sign=True, random_state=0).fit(DATA)
    with pytest.raises(ValueError, match=r"a code for each of the 5 atoms.*\(150, 10\)"):
        DictionaryDisplay.from_estimator(split, DATA, image_shape=(8, 8), order="usage")
