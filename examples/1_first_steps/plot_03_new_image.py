"""
3. A new image, sorted by a saved model
=======================================

A fitted clusterer is written into a file without code, read again, as another program would, and
asked about images that it has never seen.
"""

# %%
# One program fits and saves.

import tempfile
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import skdeepclust
from skdeepclust import TripletDECClusterer

X, y = load_digits(return_X_y=True)
X_old, X_new, y_old, y_new = train_test_split(X, y, test_size=200, stratify=y, random_state=0)
clusterer = TripletDECClusterer(10, image_shape=(8, 8), warmup_epochs=40, random_state=0).fit(X_old)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "digits.safetensors")
skdeepclust.save(clusterer, path)
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")

# %%
# Another one loads. No code is run by that, whatever the file holds.

model = skdeepclust.load(path)
labels = model.predict(X_new)
probabilities = model.predict_proba(X_new)
folder.cleanup()

# %%
# Three of the new images, and one that was made up: half a three, half a five. For each, the
# probabilities of the clusters, which are named here by the image of their centre.

import matplotlib.pyplot as plt
import numpy as np

threes, fives = X_new[y_new == 3], X_new[y_new == 5]
mixed = np.hstack([threes[1].reshape(8, 8)[:, :4], fives[1].reshape(8, 8)[:, 4:]]).reshape(1, 64)
shown = np.vstack([X_new[[0, 1, 2]], mixed])
probabilities = model.predict_proba(shown)
centers = model.inverse_transform(model.cluster_centers_)

fig = plt.figure(figsize=(9, 6), layout="constrained")
grid = fig.add_gridspec(5, 2, width_ratios=(1, 9), height_ratios=(1, 1, 1, 1, 0.8))
for row, (image, probability) in enumerate(zip(shown, probabilities, strict=True)):
    ax = fig.add_subplot(grid[row, 0])
    ax.imshow(image.reshape(8, 8), cmap="gray_r")
    ax.axis("off")
    ax = fig.add_subplot(grid[row, 1])
    bars = ax.bar(range(10), probability, color="#3f90da")
    ax.bar_label(bars, [f"{p:.0%}" if p > 0.005 else "" for p in probability])
    ax.set(ylim=(0, 1.25), xlim=(-0.5, 9.5), xticks=[], yticks=[])
    ax.spines[["top", "left", "right"]].set_visible(False)
names = grid[4, 1].subgridspec(1, 10)
for k, center in enumerate(centers):
    ax = fig.add_subplot(names[k])
    ax.imshow(center.reshape(8, 8), cmap="gray_r")
    ax.axis("off")
fig.suptitle("Probability of each cluster, below its centre", x=0.12, ha="left")
plt.show()

# %%
# All 200 new images at once:

from skdeepclust.metrics import clustering_accuracy_score

print(f"accuracy on new images: {clustering_accuracy_score(y_new, labels):.3f}")
