"""Install the wheel, then the sdist, with what they ask for alone, and see that both work.

Runs in an environment that holds nothing else; versions are those of requirements.lock.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
MOST_BYTES = 1_000_000

SMOKE = """
import importlib.metadata, importlib.resources, importlib.util
from sklearn.datasets import load_digits
import skdeepclust
from skdeepclust.plotting import EmbeddingDisplay

assert "site-packages" in skdeepclust.__file__, skdeepclust.__file__
assert importlib.metadata.version("skdeepclust") == skdeepclust.__version__
assert importlib.resources.files("skdeepclust").joinpath("py.typed").is_file()
X = load_digits().data[:100]
clusterer = skdeepclust.TripletDECClusterer(
    3, image_shape=(8, 8), pretrain_epochs=1, warmup_epochs=1, max_epochs=1, random_state=0
)
labels = clusterer.fit_predict(X)
skdeepclust.save(clusterer, "digits.skd")
assert (skdeepclust.load("digits.skd").predict(X) == labels).all()
texts = [f"digit {row}" for row in range(100)]
page = skdeepclust.report(clusterer, X, texts=texts, path="digits.html")
assert "digit 99" in page.read_text(encoding="utf-8")
for name in ("matplotlib", "pandas", "onnx", "rich"):
    assert importlib.util.find_spec(name) is None, f"{name} isn't a core dependency"
try:
    EmbeddingDisplay.from_estimator(clusterer, X)
except ImportError as error:
    assert "pip install matplotlib" in str(error), error
else:
    raise AssertionError("a figure without matplotlib")
"""


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    subprocess.run([*command, "-qq", "--disable-pip-version-check", "--no-input"], check=True)


def constraints() -> str:
    """Return the versions of the lock; pip takes no constraints of which only some have hashes."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^\w[^\\\n]*", lock, re.M))


def names(path: Path) -> list[str]:
    if path.suffix == ".whl":
        return zipfile.ZipFile(path).namelist()
    with tarfile.open(path) as archive:
        return archive.getnames()


def main() -> None:
    wheel, sdist = *DIST.glob("*.whl"), *DIST.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as folder:
        versions = Path(folder, "constraints.txt")
        versions.write_text(constraints(), encoding="utf-8")
        for path in (wheel, sdist):
            size = path.stat().st_size
            assert size < MOST_BYTES, f"{path.name} has {size:,} bytes"
            assert not [name for name in names(path) if "results" in Path(name).parts]
            pip("uninstall", "--yes", "skdeepclust")
            pip("install", "--constraint", versions, path)
            subprocess.run([sys.executable, "-I", "-c", SMOKE], cwd=folder, check=True)
            print(f"{path.name} ({size / 1e3:.0f} kB) installs and works")


if __name__ == "__main__":
    main()
