"""
6. A grid over λ and K
======================

``ParsimoniousClassifier`` pulls what a hidden layer represents towards K centres, with the weight
λ. Both are parameters like any other of scikit-learn, so a grid search finds them, with two
scores at once: the accuracy, and how well the features of new images cluster.
"""

# %%
# With 150 labels, an ordinary convolutional network (λ = 0) has features in which KMeans finds
# the digits poorly.

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit

from skdeepclust import ParsimoniousClassifier

X, y = load_digits(return_X_y=True)


def features_cluster(classifier, X, y):
    """NMI of KMeans, on the features of images that the network hasn't seen."""
    clusters = KMeans(10, n_init=3, random_state=0).fit_predict(classifier.transform(X))
    return normalized_mutual_info_score(y, clusters)


classifier = ParsimoniousClassifier(
    image_shape=(8, 8), layers="auto", max_epochs=30, batch_size=50, random_state=0
)
search = GridSearchCV(
    classifier,
    {"lam": [0, 0.1, 1, 10], "n_clusters": [1, 10, 25]},
    scoring={"accuracy": "accuracy", "NMI": features_cluster},
    cv=ShuffleSplit(3, train_size=150, test_size=500, random_state=0),
    refit=False,
).fit(X, y)

# %%
# ``SweepDisplay`` draws what the search found: λ to the right, a line for each K with a band of
# one standard deviation. One centre, K = 1, is plain shrinkage, and belongs in every such grid:
# often, as here, it does as well or better.

import matplotlib.pyplot as plt

from skdeepclust.plotting import SweepDisplay

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for ax, metric, name in (
    (left, "test_accuracy", "accuracy on new images"),
    (right, "test_NMI", "NMI of KMeans on the features"),
):
    SweepDisplay.from_cv_results(search.cv_results_, "lam", hue="n_clusters", metric=metric, ax=ax)
    ax.set(xlabel="λ", ylabel=name)
    ax.get_legend().set_title("K")
plt.show()

# %%
# Two parameters make a map.

fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
SweepDisplay.from_cv_results(search.cv_results_, ("lam", "n_clusters"), metric="test_NMI", ax=ax)
ax.set(xlabel="λ", ylabel="K")
plt.show()

best = np.argmax(search.cv_results_["mean_test_NMI"])
print("best features:", search.cv_results_["params"][best])
