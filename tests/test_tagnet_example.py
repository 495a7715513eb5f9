"""The example of TAGnet draws its figure."""

from __future__ import annotations

import importlib.util
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "tagnet.py"


def test_the_example_prints_scores_and_draws_a_figure(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("tagnet_example", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    for name, value in {"GRAPH_WEIGHTS": (0, 5), "STAGES": (2,), "SWEEP_SAMPLES": 200}.items():
        monkeypatch.setattr(example, name, value)
    output = tmp_path / "figure.png"
    example.main(["--epochs", "2", "--repeats", "1", "--output", str(output)])
    assert output.stat().st_size > 20_000
    assert "KMeans" in capsys.readouterr().out
