"""
9. TAGnet: atoms, a graph, codes
================================

Sparse codes of neighbours are made alike, by iterations that are the stages of a network; the
network is then trained to cluster. What each of these parts looks like.
"""

# %%
# Ten digits, with the accuracy of KMeans beside it.

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from skdeepclust import TAGnetClusterer
from skdeepclust.metrics import clustering_accuracy_score

X, y = load_digits(return_X_y=True)
clusterer = TAGnetClusterer(10, random_state=0).fit(X)
kmeans = KMeans(10, n_init=10, random_state=0).fit_predict(X)
print(f"KMeans           {clustering_accuracy_score(y, kmeans):.3f}")
print(f"TAGnetClusterer  {clustering_accuracy_score(y, clusterer.labels_):.3f}")

# %%
# **The atoms**: each image is a sum of a few of them.

import matplotlib.pyplot as plt

from skdeepclust.plotting import DictionaryDisplay

fig, ax = plt.subplots(figsize=(8.5, 4.6), layout="constrained")
DictionaryDisplay.from_estimator(clusterer, X, image_shape=(8, 8), order="usage", ax=ax)
plt.show()

# %%
# **The graph** joins each image to its ten nearest ones. Its edges are drawn on a t-SNE map of
# the codes; those between different digits, about one in twenty, are dark. The dots have the
# colour of their cluster.

from matplotlib.collections import LineCollection
from scipy.sparse import triu
from sklearn.manifold import TSNE

from skdeepclust.plotting import HistoryDisplay

COLORS = np.array(
    ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
     "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
)  # fmt: skip
codes = clusterer.transform(X)
places = TSNE(random_state=0).fit_transform(codes)
edges = triu(clusterer.affinity_matrix_).tocoo()
wrong = y[edges.row] != y[edges.col]
fig, ax = plt.subplots(figsize=(8, 7.2), layout="constrained")
for chosen, style in (
    (~wrong, {"color": "#b8c0c8", "lw": 0.4}),
    (wrong, {"color": "#1a1a1a", "lw": 0.35, "alpha": 0.5}),
):
    lines = np.stack([places[edges.row[chosen]], places[edges.col[chosen]]], axis=1)
    ax.add_collection(LineCollection(lines, **style))
ax.scatter(*places.T, s=14, c=COLORS[clusterer.labels_], zorder=2, ec="white", lw=0.3)
for digit in range(10):
    ax.text(*np.median(places[y == digit], axis=0), str(digit), size=16, weight="bold", zorder=3,
            bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "alpha": 0.85})  # fmt: skip
ax.set(xticks=[], yticks=[])
ax.set_title(
    f"{len(wrong):,} edges, {wrong.mean():.1%} of them between different digits", loc="left"
)
plt.show()

# %%
# **The codes**: a column for each of 200 images, sorted by cluster, and a row for each atom that
# they use. Images of a cluster use the same few atoms.

order = np.concatenate([np.flatnonzero(clusterer.labels_ == k)[:20] for k in range(10)])
table = np.abs(np.asarray(codes))[order].T
table = table / np.maximum(np.linalg.norm(table, axis=0), 1e-9)
means = table.reshape(len(table), 10, 20).mean(axis=2)
atoms = np.lexsort((-means.max(axis=1), means.argmax(axis=1)))
atoms = atoms[means.max(axis=1)[atoms] > 0.02]
fig, ax = plt.subplots(figsize=(10, 4.6), layout="constrained")
im = ax.imshow(table[atoms], aspect="auto", cmap="magma_r", vmax=0.5)
for k in range(1, 10):
    ax.axvline(20 * k - 0.5, color="#717581", lw=0.8)
names = [np.bincount(y[clusterer.labels_ == k]).argmax() for k in range(10)]
ax.set_xticks(np.arange(10) * 20 + 9.5, [f"mostly {name}" for name in names], fontsize="small")
ax.set(yticks=[], ylabel="atoms", xlabel="images by cluster")
ax.tick_params(length=0)
fig.colorbar(im, ax=ax, label="share in the code")
plt.show()

# %%
# **The training**: the heads first, from a partition that the graph has chosen, then all
# together.

HistoryDisplay.from_estimator(clusterer)
plt.show()

# sphinx_gallery_thumbnail_number = 2
