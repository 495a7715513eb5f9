"""What the gallery needs beside its examples."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

# What an example needs beside the packages; one that lacks it is shown without being run.
NEEDS = {"plot_02_mnist": "mnist"}


def what_runs() -> str:
    """Return the pattern of the examples that are run: those whose data are here."""
    root = os.environ.get("SKDEEPCLUST_DATA")
    missing = [
        name
        for name, folder in NEEDS.items()
        if not (root and Path(root, folder).is_dir()) and not os.environ.get("GALLERY_DOWNLOADS")
    ]
    lacks = "".join(rf"(?!{name}\.py)" for name in missing)
    return rf"[/\\]{lacks}plot_"


def reset(gallery_conf: dict[str, Any], file_name: str) -> None:
    """Let each example start from the same figure settings, threads and random numbers."""
    from matplotlib import rcParams

    rcParams.update({"figure.dpi": 100, "savefig.dpi": 150, "animation.embed_limit": 40})
    torch.set_num_threads(1)
    torch.manual_seed(0)
