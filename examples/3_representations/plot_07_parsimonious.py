"""
7. Layers that form clusters, and their exemplars
=================================================

In a small convolutional network one convolution clusters *positions*, and the fully connected
layer clusters *images*. Each cluster has exemplars: what lies nearest to its centre. For a
position that is the part of an image which the unit sees, its receptive field.
"""

# %%
# ``layers`` says what is clustered where.

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepclust import ParsimoniousClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
classifier = ParsimoniousClassifier(
    layers={"conv1": {"clustering": "spatial", "lam": 0.01}, "fc1": "sample"},
    n_clusters=30,
    lam=1.0,
    image_shape=(8, 8),
    max_epochs=20,
    random_state=0,
).fit(X_train, y_train)
print(f"accuracy on images that it hasn't seen: {classifier.score(X_test, y_test):.3f}")

# %%
# A row for each of the eight largest clusters, nearest exemplars first. On the left the box is
# what a unit of ``conv1`` sees: clusters stand for edges and ends of strokes. On the right, those
# of ``fc1``, for whole digits.

import matplotlib.pyplot as plt

from skdeepclust.plotting import ExemplarDisplay

fig, (left, right) = plt.subplots(1, 2, figsize=(12, 5.4), layout="constrained")
ExemplarDisplay.from_estimator(classifier, X_test, "conv1", ax=left)
ExemplarDisplay.from_estimator(classifier, X_test, "fc1", ax=right)
plt.show()

# %%
# Every position of every image belongs to a cluster, as in a segmentation: here the positions of
# ``conv1`` on ten test images, in the colours of the boxes above, and white where the cluster
# isn't one of these eight.

import numpy as np
from matplotlib.colors import ListedColormap

assigned = classifier.regularizer_.assign(X_test, "conv1").reshape(len(X_test), 8, 8)
frequent = np.argsort(-np.bincount(assigned.ravel(), minlength=30), kind="stable")[:8]
names = np.full(30, 8)
names[frequent] = np.arange(8)
colors = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70"]
rows = np.concatenate([np.flatnonzero(y_test == digit)[:2] for digit in (0, 1, 3, 4, 7)])
fig, axes = plt.subplots(2, 10, figsize=(12, 2.7), layout="constrained")
for (above, below), row in zip(axes.T, rows, strict=True):
    above.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
    below.imshow(names[assigned[row]], cmap=ListedColormap([*colors, "white"]), vmin=0, vmax=8)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("image")
axes[1, 0].set_ylabel("clusters")
plt.show()
