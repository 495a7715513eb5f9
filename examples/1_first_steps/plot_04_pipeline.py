"""
4. A pipeline into KMeans
=========================

Every estimator here is a transformer as well, and so a step of a pipeline that ends in any of
scikit-learn's clusterers. Here the same KMeans clusters pixels, principal components, and the
embeddings of two networks.
"""

# %%
# ``ParsimoniousAutoencoder`` needs no labels, and neither does ``TripletDECClusterer``.

from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeepclust import ParsimoniousAutoencoder, TripletDECClusterer

X, y = load_digits(return_X_y=True)
steps = {
    "pixels": "passthrough",
    "PCA": PCA(16, random_state=0),
    "ParsimoniousAutoencoder": ParsimoniousAutoencoder(
        n_components=16, n_clusters=50, max_epochs=60, random_state=0
    ),
    "TripletDECClusterer": TripletDECClusterer(
        10, image_shape=(8, 8), warmup_epochs=30, random_state=0
    ),
}
pipelines = {
    name: make_pipeline(MinMaxScaler(), step, KMeans(10, n_init=10, random_state=0)).fit(X)
    for name, step in steps.items()
}
scores = {name: adjusted_rand_score(y, each[-1].labels_) for name, each in pipelines.items()}
for name, score in scores.items():
    print(f"{name:24} {score:.3f}")

# %%
# What KMeans had to look at: each representation on a map, coloured by digit, and how many of the
# images of a digit (row) went into which cluster (column, in the order that fits best).

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.manifold import TSNE
from sklearn.metrics import confusion_matrix

COLORS = [
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
]
fig, axes = plt.subplots(2, 4, figsize=(13, 6.8), layout="constrained")
for (name, pipeline), (above, below) in zip(pipelines.items(), axes.T, strict=True):
    features = pipeline[:-1].transform(X)
    places = TSNE(random_state=0, max_iter=500).fit_transform(features)
    for digit in range(10):
        x, z = places[y == digit].T
        above.scatter(x, z, s=4, color=COLORS[digit])
        box = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": COLORS[digit]}
        place = {"weight": "bold", "ha": "center", "va": "center"}
        above.text(np.median(x), np.median(z), str(digit), bbox=box, **place)
    above.set(xticks=[], yticks=[])
    above.spines[:].set_visible(False)
    above.set_title(name)
    counts = confusion_matrix(y, pipeline[-1].labels_)
    order = linear_sum_assignment(-counts)[1]
    below.imshow(counts[:, order], cmap="Blues", vmax=200)
    below.set(xticks=[], yticks=range(10), xlabel="cluster", title=f"ARI {scores[name]:.2f}")
axes[1, 0].set_ylabel("digit")
plt.show()
