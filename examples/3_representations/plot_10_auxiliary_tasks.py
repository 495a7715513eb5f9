"""
10. Several labellings of the same images
=========================================

Two digits side by side: an image belongs to a group by its left half, to another one by its right
half, and to one of six by both. ``TAGnetClusterer`` with auxiliary tasks (DTAGnet) is told these
three numbers of groups, and no labels.
"""

# %%
# The images: 0 or 6 on the left; 1, 4 or 7 on the right.

import numpy as np
from sklearn.datasets import load_digits

from skdeepclust import TAGnetClusterer
from skdeepclust.metrics import clustering_accuracy_score

digits, digit = load_digits(return_X_y=True)
random = np.random.default_rng(0)
left = random.choice(np.flatnonzero(np.isin(digit, [0, 6])), 1000)
right = random.choice(np.flatnonzero(np.isin(digit, [1, 4, 7])), 1000)
images = np.concatenate([digits[left].reshape(-1, 8, 8), digits[right].reshape(-1, 8, 8)], axis=2)
X = images.reshape(1000, -1) / 16
classes = {"both": 10 * digit[left] + digit[right], "left": digit[left], "right": digit[right]}

# %%
# Ten stages; the first has a head for two groups, the sixth one for three. The last stage
# clusters into six.

clusterer = TAGnetClusterer(
    6,
    n_stages=10,
    auxiliary_clusters=[2, None, None, None, None, 3, None, None, None, None],
    max_epochs=30,
    n_init=5,
    random_state=0,
).fit(X)
two, three = (labels for labels in clusterer.auxiliary_labels_ if labels is not None)
found = {"the clusters": clusterer.labels_, "a task of 2 groups": two, "a task of 3 groups": three}
print(f"{'accuracy':20}" + "".join(f"{name:>8}" for name in classes))
for name, labels in found.items():
    scores = [clustering_accuracy_score(truth, labels) for truth in classes.values()]
    print(f"{name:20}" + "".join(f"{score:8.2f}" for score in scores))

# %%
# The six clusters are the pairs, and the task of two groups has found the left digit. The task of
# three has found something else than the right one: the sevens, and the others by their left
# digit. Nothing tells a task *which* grouping is meant; the tables of :doc:`/tagnet` show the
# same of other images.
#
# What each group looks like: its mean, and six of its members.

import matplotlib.pyplot as plt

n_rows = sum(len(np.unique(labels)) for labels in found.values())
fig, axes = plt.subplots(n_rows, 7, figsize=(9.5, 8.6), layout="constrained")
rows = iter(axes)
for name, labels in found.items():
    for group in np.unique(labels):
        members = images[labels == group]
        row = next(rows)
        for ax, image in zip(row, [members.mean(axis=0), *members[:6]], strict=True):
            ax.imshow(image, cmap="gray_r", vmin=0, vmax=16)
            ax.set(xticks=[], yticks=[])
        row[0].spines[:].set(color="#bd1f01", linewidth=2)
        row[0].set_ylabel(f"{len(members)}", rotation=0, ha="right", va="center")
        if group == 0:
            row[0].set_title(name, loc="left", weight="bold")
plt.show()

# %%
# Which group has the images of which pair.

from skdeepclust.plotting import AssignmentDisplay

fig, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, (name, labels) in zip(panels, found.items(), strict=True):
    AssignmentDisplay.from_predictions([f"{pair:02}" for pair in classes["both"]], labels, ax=ax)
    ax.set_title(name, loc="left")
plt.show()
