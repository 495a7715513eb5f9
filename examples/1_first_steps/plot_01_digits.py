"""
1. Digits: from the first line to the map
=========================================

A network that is told nothing but the number of classes sorts handwritten digits. The labels that
come with the data are used at the end alone, to count mistakes.
"""

# %%
# The data are 1,797 images of 8 x 8 pixels, as rows of 64 numbers. ``image_shape`` says that the
# rows hold images: the network is then a convolutional autoencoder, and a shifted or turned image
# counts as the same thing.

from sklearn.datasets import load_digits

from skdeepclust import TripletDECClusterer

X, y = load_digits(return_X_y=True)
clusterer = TripletDECClusterer(10, image_shape=(8, 8), random_state=0)
labels = clusterer.fit_predict(X)

# %%
# How many images are in the cluster of their digit? KMeans beside it, on the same pixels.

from sklearn.cluster import KMeans

from skdeepclust.metrics import clustering_accuracy_score

kmeans = KMeans(10, n_init=10, random_state=0).fit_predict(X)
print(f"KMeans               {clustering_accuracy_score(y, kmeans):.3f}")
print(f"TripletDECClusterer  {clustering_accuracy_score(y, labels):.3f}")

# %%
# Every cluster has a centre, which the autoencoder can draw, and members. Those with a frame are
# of another digit than most of their cluster.

import matplotlib.pyplot as plt

from skdeepclust.plotting import ClusterGalleryDisplay, EmbeddingDisplay

fig, ax = plt.subplots(figsize=(8.5, 6.4), layout="constrained")
ClusterGalleryDisplay.from_estimator(clusterer, X, y, n_members=12, ax=ax)
plt.show()

# %%
# The map: what the network makes of each image, 32 numbers, in two dimensions. t-SNE keeps
# neighbourhoods; distances between clusters mean nothing on it.

fig, ax = plt.subplots(figsize=(7.5, 6.5), layout="constrained")
EmbeddingDisplay.from_estimator(clusterer, X, y, method="tsne", ax=ax)
plt.show()

# sphinx_gallery_thumbnail_number = 2
