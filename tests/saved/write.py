"""Write the files of this folder: `python tests/saved/write.py VERSION`.

Run it once at a release; `test_persistence.py` loads the files of all versions.
"""

import json
import sys
from pathlib import Path

from sklearn.datasets import load_digits

from skdeepclust import ForcedApartEmbedder, ParsimoniousClassifier, TAGnetClusterer, save

QUICK = {"max_epochs": 2, "random_state": 0}
MODELS = {
    "forced_apart": ForcedApartEmbedder(n_components=3, module__hidden=(8,), **QUICK),
    "parsimonious": ParsimoniousClassifier(n_clusters=3, module__hidden=(8, 6), **QUICK),
    "tagnet": TAGnetClusterer(3, n_components=8, n_stages=2, n_init=1, **QUICK),
}


def main(version: str) -> None:
    X, y = load_digits(return_X_y=True)
    X, y, new = X[:40, :20] / 16, y[:40], X[40:43, :20] / 16
    for name, model in MODELS.items():
        model.fit(X, y > 4)
        file = Path(__file__).parent / f"{name}_{version}.safetensors"
        save(model, file)
        values = {"X": new.tolist(), "transform": model.transform(new).tolist()}
        file.with_suffix(".json").write_text(json.dumps(values))


if __name__ == "__main__":
    main(sys.argv[1])
