"""Colours and styles: where colours are alike, in grey or from the eleventh on, styles differ."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from skdeepclust.plotting._shared.canvas import (
    N_COLORS,
    cluster_colors,
    color_of_text_on,
    ink_colormap,
    line_style,
    point_style,
)

# Of linear RGB.
XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
       [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
WHITE = [0.95047, 1.0, 1.08883]


def lab(colors) -> np.ndarray:
    """Return CIE L*, a*, b* (n, 3) of colours."""
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.transpose(XYZ) / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f.T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_lab_is_that_of_known_colours():
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [53.59, 0, 0]]
    np.testing.assert_allclose(lab(["w", "k", "#ff0000", "#808080"]), expected, atol=0.02)


def test_colours_come_again_and_styles_do_not():
    assert cluster_colors(23)[:10] == cluster_colors(23)[10:20]
    assert len(set(cluster_colors(10))) == N_COLORS
    for style in (line_style, point_style):
        assert len({tuple(style(index).items()) for index in range(90)}) == 90


def test_lines_of_a_figure_differ_in_grey():
    styles = [line_style(index) for index in range(9)]
    assert len({style["marker"] for style in styles}) == 9
    assert len({style["ls"] for style in styles[:4]}) == 4


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_maps_of_colours_are_ordered_in_grey(style):
    with plt.style.context(style):
        ink = ink_colormap(Figure().subplots())
    for cmap in (ink, matplotlib.colormaps["viridis"], matplotlib.colormaps["cividis"]):
        steps = np.diff(lab(cmap(np.linspace(0, 1, 20)))[:, 0])
        assert (steps > 0).all() or (steps < 0).all()


def test_text_on_a_colour_can_be_read():
    for color in matplotlib.colormaps["viridis"](np.linspace(0, 1, 50)):
        text = color_of_text_on(color)
        assert abs(lab([text])[0, 0] - lab([color])[0, 0]) > 48
