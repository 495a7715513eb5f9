"""
12. Texts
=========

SciPy's own documentation as a corpus: the docstrings of about 1,200 functions, each of which
belongs to a part of SciPy. A network that is only told which half of the parts a function is in
finds some of the parts.
"""

# %%
# The texts, and what they are about. Parts with less than 40 functions are left out.

import importlib
import inspect

import numpy as np

PARTS = [
    "special",
    "stats",
    "signal",
    "linalg",
    "ndimage",
    "optimize",
    "interpolate",
    "sparse",
    "fft",
]
texts, part = [], []
for name in PARTS:
    module = importlib.import_module(f"scipy.{name}")
    functions = {
        id(value): value for key in module.__all__ if callable(value := getattr(module, key, None))
    }
    documents = [
        text for value in functions.values() if len(text := inspect.getdoc(value) or "") > 200
    ]
    texts += documents
    part += [name] * len(documents)
part = np.array(part)
coarse = np.isin(part, ["special", "stats", "linalg", "optimize"])
print(len(texts), "texts:", dict(zip(*np.unique(part, return_counts=True), strict=True)))

# %%
# Words as weights in a sparse matrix, which an estimator takes as it is: batches become dense one
# at a time. The words that name a part are taken out; that would be too easy.

from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import train_test_split

from skdeepclust import ForcedApartEmbedder

words = TfidfVectorizer(
    stop_words=[*ENGLISH_STOP_WORDS, "scipy", *PARTS],
    min_df=5,
    max_df=0.3,
    sublinear_tf=True,
    token_pattern=r"[a-z]{3,}",
    dtype=np.float32,
)
X = words.fit_transform(texts)
train, test = train_test_split(np.arange(len(part)), stratify=part, test_size=0.4, random_state=0)
embedders = {
    "coarse labels only": ForcedApartEmbedder(loss=None, module__layer_norm=False, random_state=0),
    "forced apart": ForcedApartEmbedder(random_state=0),
}
for name, embedder in embedders.items():
    code = embedder.fit(X[train], coarse[train]).transform(X[test])
    clusters = KMeans(9, n_init=10, random_state=0).fit_predict(code)
    print(f"{name:20} AMI with the parts {adjusted_mutual_info_score(part[test], clusters):.2f}")

# %%
# To be fair: KMeans of the words themselves, which needs no labels, is as good. Forcing apart
# wins back what the coarse labels take away, and no more; see :doc:`/forced_apart`. The code has
# 15 numbers a text, though, where there are some thousand words.

clusters = KMeans(9, n_init=10, random_state=0).fit_predict(X[test])
print(f"{'words':20} AMI with the parts {adjusted_mutual_info_score(part[test], clusters):.2f}")

# %%
# The codes, coloured by what the network was told, and by what it was not told.

import matplotlib.pyplot as plt

from skdeepclust.plotting import LabelledEmbeddingDisplay

fig, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
for row, (name, embedder) in zip(axes, embedders.items(), strict=True):
    labels = {
        f"{name}: what it was told": np.where(coarse, "first half", "second half")[test],
        f"{name}: parts of SciPy": part[test],
    }
    LabelledEmbeddingDisplay.from_estimator(embedder, X[test], labels, method="tsne", axes=row)
plt.show()
