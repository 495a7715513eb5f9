"""
13. A table
===========

Wines by thirteen measurements. Without an image there is no shift or turn that leaves a sample
what it is: a positive is then a copy with noise and with some features left out, and the network
a multilayer perceptron.
"""

# %%
# Features have to be on one scale first, so the clusterer stands in a pipeline. Tables are what
# the deep clusterers are least suited for: the classes of these wines are close to round, and
# KMeans is better than both, in a hundredth of the time.

from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepclust import TAGnetClusterer, TripletDECClusterer

X, y = load_wine(return_X_y=True, as_frame=True)
clusterers = {
    "KMeans": KMeans(3, n_init=10, random_state=0),
    "GaussianMixture": GaussianMixture(3, n_init=5, random_state=0),
    "TripletDECClusterer": TripletDECClusterer(3, n_components=8, random_state=0),
    "TAGnetClusterer": TAGnetClusterer(3, n_components=64, random_state=0),
}
pipelines = {name: make_pipeline(StandardScaler(), each) for name, each in clusterers.items()}
for name, pipeline in pipelines.items():
    print(f"{name:20} ARI {adjusted_rand_score(y, pipeline.fit_predict(X)):.3f}")

# %%
# A cluster is described by its features. How far is the mean of each feature in a cluster from
# the mean of all wines, in standard deviations?

import matplotlib.pyplot as plt
import numpy as np

pipeline = pipelines["TripletDECClusterer"]
labels = pipeline[-1].labels_
scaled = pipeline[0].transform(X)
profile = np.stack([scaled[labels == k].mean(axis=0) for k in range(3)])
order = np.lexsort((-profile.max(axis=0), profile.argmax(axis=0)))

fig, (left, right) = plt.subplots(
    1, 2, figsize=(12.5, 4.8), layout="constrained", width_ratios=(1.6, 1)
)
im = left.imshow(profile[:, order], cmap="RdBu_r", vmin=-1.4, vmax=1.4, aspect="auto")
for row, column in np.ndindex(profile.shape):
    value = profile[row, order[column]]
    left.text(column, row, f"{value:+.1f}", ha="center", va="center", fontsize="small",
              color="white" if abs(value) > 0.9 else "black")  # fmt: skip
names = [
    name.replace("_", " ").replace("od280/od315 of diluted wines", "OD 280/315")
    for name in X.columns
]
left.set_xticks(range(13), np.array(names)[order], rotation=40, ha="right", rotation_mode="anchor")
left.set_yticks(range(3), [f"cluster {k}\n{(labels == k).sum()} wines" for k in range(3)])
left.set_title("what makes a cluster, in standard deviations", loc="left")
fig.colorbar(im, ax=left)

from skdeepclust.plotting import EmbeddingDisplay

EmbeddingDisplay.from_estimator(pipeline[-1], scaled, y, ax=right)
right.set_title("the embedding", loc="left")
plt.show()
