"""Write the files of this folder: `python tests/saved/write.py VERSION`.

Run it once at a release; `test_persistence.py` loads the files of all versions.
"""

import json
import sys
from pathlib import Path

from sklearn.datasets import load_digits

from skdeepclust import ForcedApartEmbedder, ParsimoniousClassifier, TAGnetClusterer, save

X, y = load_digits(return_X_y=True)
X, y, new = X[:40, :20] / 16, y[:40], X[40:43, :20] / 16
QUICK = {"max_epochs": 2, "random_state": 0}
MODELS = {
    "forced_apart": ForcedApartEmbedder(n_components=3, module__hidden=(8,), **QUICK).fit(X, y > 4),
    "parsimonious": ParsimoniousClassifier(n_clusters=3, module__hidden=(8, 6), **QUICK).fit(X, y),
    "tagnet": TAGnetClusterer(3, n_components=8, n_stages=2, n_init=1, **QUICK).fit(X),
}
for name, model in MODELS.items():
    file = Path(__file__).parent / f"{name}_{sys.argv[1]}.safetensors"
    save(model, file)
    values = {"X": new.tolist(), "transform": model.transform(new).tolist()}
    file.with_suffix(".json").write_text(json.dumps(values))
