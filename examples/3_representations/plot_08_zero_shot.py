"""
8. Classes that were never seen
===============================

Two digits side by side make a hundred classes. A network learns from 70 of them, and is asked
about the other 30. It can answer because a class has attributes, its left and its right digit,
and each of these does occur in classes that it has seen.
"""

# %%
# The data: pairs of digits, and the 20 attributes of a pair. No image of a pair of ``unseen`` is
# in the training data.

import numpy as np
from sklearn.datasets import load_digits

from skdeepclust import ParsimoniousClassifier, ZeroShotClassifier

digits, labels = load_digits(return_X_y=True)
random = np.random.default_rng(0)


def draw_pairs(images, digit, n):
    left, right = random.integers(len(images), size=(2, n))
    return np.hstack([images[left], images[right]]), 10 * digit[left] + digit[right]


X_train, y_train = draw_pairs(digits[:1200], labels[:1200], 6000)
X_test, y_test = draw_pairs(digits[1200:], labels[1200:], 4000)
unseen = random.permutation(100)[:30]
attributes = {k: np.r_[np.eye(10)[k // 10], np.eye(10)[k % 10]] for k in range(100)}
seen = ~np.isin(y_train, unseen)

# %%
# Features from a classifier of the seen pairs, then a map from features to attributes.

network = ParsimoniousClassifier(n_clusters=1, lam=0.1, max_epochs=15, random_state=0)
features = network.fit(X_train[seen], y_train[seen])
classifier = ZeroShotClassifier(class_attributes=attributes, predict_over="all", random_state=0)
classifier.fit(features.transform(X_train[seen]), y_train[seen])

predicted = classifier.predict(features.transform(X_test))
is_new = np.isin(y_test, unseen)
print(f"seen pairs   {(predicted == y_test)[~is_new].mean():.3f}   (of 100 classes)")
print(f"unseen pairs {(predicted == y_test)[is_new].mean():.3f}   (of 100 classes)")
only = classifier.set_params(predict_over="unseen").predict(features.transform(X_test[is_new]))
print(f"unseen pairs {(only == y_test[is_new]).mean():.3f}   (of the 30 unseen ones)")

# %%
# The share of right answers for each pair: framed squares are pairs that the network has never
# seen, and they don't look much different.

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

share = np.array([(predicted == k)[y_test == k].mean() for k in range(100)]).reshape(10, 10)
fig, (ax, right) = plt.subplots(
    1, 2, figsize=(12, 5.4), layout="constrained", width_ratios=(1, 1.1)
)
im = ax.imshow(share, cmap="viridis", vmin=0, vmax=1)
for k in unseen:
    ax.add_patch(
        Rectangle((k % 10 - 0.46, k // 10 - 0.46), 0.92, 0.92, fc="none", ec="#ff6a4d", lw=2.5)
    )
ax.set(xticks=range(10), yticks=range(10), xlabel="right digit", ylabel="left digit")
ax.set_title("right answers; framed: never seen", loc="left")
fig.colorbar(im, ax=ax, label="share of right answers")

grid = right.get_subplotspec().subgridspec(5, 3)
right.remove()
for cell, i in zip(grid, np.flatnonzero(is_new)[:15], strict=True):
    panel = fig.add_subplot(cell)
    panel.imshow(X_test[i].reshape(2, 8, 8).transpose(1, 0, 2).reshape(8, 16), cmap="gray_r")
    panel.set(xticks=[], yticks=[])
    right_answer = predicted[i] == y_test[i]
    panel.set_title(
        f"{predicted[i]:02}" if right_answer else f"{predicted[i]:02}, is {y_test[i]:02}",
        weight="normal" if right_answer else "bold",
        color="#333" if right_answer else "#bd1f01",
        fontsize="medium",
    )
plt.show()
