"""
5. Clusters over the epochs
===========================

A callback looks at the embedding after each epoch, and the frames become a film: how the latent
space of an autoencoder, in which digits overlap, falls apart into clusters.
"""

# %%
# Callbacks of skorch see the network at the end of each epoch. This one keeps the embedding of
# the first 400 images. The colours come from the labels, which the network never sees.

import torch
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from torch.nn.functional import normalize

from skdeepclust import TripletDECClusterer
from skdeepclust.metrics import clustering_accuracy_score

X, y = load_digits(return_X_y=True)
images = torch.tensor(X[:400].reshape(-1, 1, 8, 8), dtype=torch.float32)
frames = []


class Watch(Callback):
    """Keep the embedding of each epoch."""

    def on_epoch_end(self, net, **kwargs):
        network = net.module_.eval()
        with torch.no_grad():
            x = network.standardize(images.to(network.centers))
            embedding = normalize(network.autoencoder.encode(x))
        network.train()
        frames.append(embedding.cpu().numpy())


clusterer = TripletDECClusterer(
    10,
    image_shape=(8, 8),
    pretrain_epochs=6,
    warmup_epochs=40,
    max_epochs=12,
    n_starts=1,
    callbacks=[Watch()],
    random_state=0,
).fit(X)
print(f"accuracy {clustering_accuracy_score(y, clusterer.labels_):.3f}, {len(frames)} epochs")

# %%
# Each frame is a t-SNE map of 32 numbers an image, which starts from the places of the frame
# before, so that points can be followed.

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

phases = [row["phase"] for row in clusterer.history_]
shown = np.unique(np.r_[:7, 7:20:3, 20 : len(frames) : 8, len(frames) - 1])
places = [PCA(2).fit_transform(frames[0])]
for epoch in shown:
    start = places[-1] / places[-1].std() * 1e-2
    tsne = TSNE(init=start, early_exaggeration=4, max_iter=300, random_state=0)
    places.append(tsne.fit_transform(frames[epoch]))
places = [each / np.abs(each).max() for each in places[1:]]

# %%
# The film.

import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation

COLORS = np.array(
    ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
     "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
)  # fmt: skip
fig, ax = plt.subplots(figsize=(4.8, 5.1), layout="constrained")
ax.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xticks=[], yticks=[])
points = ax.scatter(*places[0].T, s=16, c=COLORS[y[:400]], alpha=0.9, linewidths=0)
names = [ax.text(0, 0, str(k), weight="bold", ha="center", va="center",
                 bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "ec": COLORS[k]})
         for k in range(10)]  # fmt: skip
title = ax.set_title("", loc="left")


def draw(frame):
    # a few steps from one map to the next
    step, share = divmod(frame / 2, 1)
    step = int(step)
    before, after = places[step], places[min(step + 1, len(places) - 1)]
    now = (1 - share) * before + share * after
    points.set_offsets(now)
    for digit, name in enumerate(names):
        name.set_position(np.median(now[y[:400] == digit], axis=0))
    epoch = shown[step]
    title.set_text(f"epoch {epoch + 1:2}: {phases[epoch]}")
    return points


film = FuncAnimation(fig, draw, frames=2 * (len(places) - 1) + 1, interval=180)
plt.show()

# %%
# What the epochs are: the losses of the phases. After the reconstruction the warm-up draws an
# image to its shifted and turned copies and away from others; the clustering phase then has
# little left to do.

from skdeepclust.plotting import HistoryDisplay

HistoryDisplay.from_estimator(clusterer)
plt.show()
