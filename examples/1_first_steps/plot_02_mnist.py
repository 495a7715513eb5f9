"""
2. MNIST
========

The same clusterer on larger images: 2,000 of the 70,000 images of MNIST, 28 x 28 pixels, with a
shorter warm-up than the default, so that the example takes a minute. All 70,000 take some ten
minutes of one core, and come out better still; see :doc:`/comparison`.

``fetch_mnist`` reads the four IDX files from the folder ``mnist`` in the one that the environment
variable ``SKDEEPCLUST_DATA`` names, and asks OpenML if there is none.
"""

# %%
# Images of bytes may stay bytes, and keep their shape: they are read by batches.

import numpy as np

from skdeepclust import TripletDECClusterer
from skdeepclust.datasets import fetch_mnist
from skdeepclust.metrics import clustering_accuracy_score

images, digit = fetch_mnist(return_X_y=True, as_images=True)
rows = np.random.default_rng(0).permutation(len(images))
train, new = rows[:2000], rows[2000:4000]
clusterer = TripletDECClusterer(10, warmup_epochs=30, random_state=0)
clusterer.fit(images[train])
print(
    f"accuracy, clustered images  {clustering_accuracy_score(digit[train], clusterer.labels_):.3f}"
)
predicted = clusterer.predict(images[new])
print(f"accuracy, new images        {clustering_accuracy_score(digit[new], predicted):.3f}")

# %%
# Left the centres, decoded, and new images nearest to them; right the new images, and where the
# clusterer was wrong.

import matplotlib.pyplot as plt

from skdeepclust.plotting import ClusterGalleryDisplay, EmbeddingDisplay

fig, (left, right) = plt.subplots(
    1, 2, figsize=(12.5, 6.2), layout="constrained", width_ratios=(1.15, 1)
)
ClusterGalleryDisplay.from_estimator(clusterer, images[new], digit[new], n_members=10, ax=left)
EmbeddingDisplay.from_estimator(clusterer, images[new], digit[new], method="tsne", ax=right)
plt.show()

# %%
# The most doubtful images are worth a look: those whose largest probability is smallest.

probability = clusterer.predict_proba(images[new])
doubtful = probability.max(axis=1).argsort()[:18]
matched = {k: np.bincount(digit[train][clusterer.labels_ == k]).argmax() for k in range(10)}
fig, axes = plt.subplots(2, 9, figsize=(10, 3), layout="constrained")
for ax, i in zip(axes.flat, doubtful, strict=True):
    first, second = probability[i].argsort()[:-3:-1]
    ax.imshow(images[new][i], cmap="gray_r")
    ax.set_title(f"{matched[first]} or {matched[second]}?", fontsize="medium")
    ax.axis("off")
fig.suptitle("Which digit? The two most probable clusters, by their majority", fontsize="medium")
plt.show()
