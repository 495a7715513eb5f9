"""The demonstration: its table, its figure."""

from __future__ import annotations

import re

from matplotlib.image import imread


def test_demo_prints_a_table_and_draws_a_figure(example, tmp_path, capsys):
    output = tmp_path / "digits.png"
    example("demo").main(
        ["--seed", "1", "--output", str(output)],
        pretrain_epochs=1,
        warmup_epochs=2,
        max_epochs=1,
        n_init=1,
    )
    printed = capsys.readouterr().out
    rows = re.findall(r"^(\w[\w +]*?) +((?:-?[01]\.\d{3} +){3})\d+\.\d$", printed, re.M)
    methods = ["TripletDECClusterer", "KMeans", "SpectralClustering", "PCA + GaussianMixture"]
    assert [name for name, _ in rows] == methods
    accuracy = {name: float(scores.split()[0]) for name, scores in rows}
    assert accuracy["KMeans"] > 0.7
    assert accuracy["TripletDECClusterer"] > 0.3  # chance gives about 0.13
    assert str(output) in printed
    image = imread(output)
    height, width, _ = image.shape
    assert height > 500
    assert width > 1000
    assert len({tuple(color) for color in image[::7, ::7].reshape(-1, image.shape[2])}) > 50
