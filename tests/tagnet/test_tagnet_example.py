"""The example of TAGnet draws its figure."""

from __future__ import annotations


def test_the_example_prints_scores_and_draws_a_figure(
    example, tmp_path, monkeypatch, capsys, digits
):
    script = example("tagnet")
    monkeypatch.setattr(script, "load_digits", lambda **_: tuple(part[:250] for part in digits))
    for name, value in {"GRAPH_WEIGHTS": (0, 5), "STAGES": (2,), "SWEEP_SAMPLES": 200}.items():
        monkeypatch.setattr(script, name, value)
    output = tmp_path / "figure.png"
    script.main(["--epochs", "2", "--repeats", "1", "--output", str(output)])
    assert output.stat().st_size > 20_000
    assert "KMeans" in capsys.readouterr().out
