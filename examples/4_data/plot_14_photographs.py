"""
14. Photographs
===============

A folder of photographs, a network that is only used, and clusters of what it makes of them. The
gallery and the map show the photographs, not the vectors.
"""

# %%
# Three photographs come with scikit-learn and Matplotlib. Cut into pieces and written to a folder,
# they stand for yours. ``load_images`` reads such a folder, of any sizes, as one array.

import tempfile
from pathlib import Path

from matplotlib.cbook import get_sample_data
from matplotlib.image import imread, imsave
from sklearn.datasets import load_sample_images

from skdeepclust.datasets import load_images

SIDE = 40  # pixels of a piece
china, flower = load_sample_images().images
with get_sample_data("grace_hopper.jpg") as file:
    photographs = {"admiral": imread(file), "flower": flower, "temple": china}

with tempfile.TemporaryDirectory() as folder:
    for name, photograph in photographs.items():
        Path(folder, name).mkdir()
        height, width = photograph.shape[:2]
        for top in range(0, height - SIDE + 1, SIDE):
            for left in range(0, width - SIDE + 1, SIDE):
                piece = photograph[top : top + SIDE, left : left + SIDE].copy()
                imsave(Path(folder, name, f"{top:03}_{left:03}.png"), piece)
    found = load_images(folder, size=SIDE)
print(found.images.shape, found.images.dtype, found.target_names)

# %%
# The network is a step like any other: a function that takes images and returns vectors. The
# weights of this one are random, which is enough for colours and textures, and needs no
# download. :doc:`/photographs` has one that was trained.

import torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from skdeepclust import TripletDECClusterer

torch.manual_seed(0)
network = nn.Sequential(
    nn.Conv2d(3, 64, 7, stride=2), nn.ReLU(),
    nn.Conv2d(64, 64, 5, stride=2), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(),
).eval()  # fmt: skip


@torch.inference_mode()
def vectors(images, network, batch_size=64):
    batches = torch.as_tensor(images).split(batch_size)
    return torch.cat([network(batch.float() / 127.5 - 1) for batch in batches]).numpy()


pipeline = make_pipeline(
    FunctionTransformer(vectors, kw_args={"network": network}),
    StandardScaler(),
    TripletDECClusterer(8, random_state=0),
)
labels = pipeline.fit_predict(found.images)
pixels = KMeans(8, n_init=10, random_state=0).fit_predict(found.images.reshape(len(labels), -1))
for name, clusters in {"pixels, KMeans": pixels, "vectors, pipeline": labels}.items():
    score = normalized_mutual_info_score(found.target, clusters)
    print(f"{name:18} NMI with the photograph {score:.2f}")

# %%
# ``images=`` says what the samples look like: the gallery shows the members that are surest, the
# map some photographs that have room beside each other, in the colours of their clusters.

import matplotlib.pyplot as plt

from skdeepclust.plotting import ClusterGalleryDisplay, EmbeddingDisplay

fig, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.6), layout="constrained")
ClusterGalleryDisplay.from_estimator(pipeline, found.images, images=found.images, ax=left)
EmbeddingDisplay.from_estimator(
    pipeline, found.images, images=found.images, method="tsne", ax=right
)
plt.show()

# %%
# Where do the clusters lie? The files are in the order of their places.

from matplotlib.colors import ListedColormap

fig, axes = plt.subplots(2, 3, figsize=(12.5, 6.8), layout="constrained")
colors = ListedColormap(plt.color_sequences["petroff10"][:8])
for index, (name, (above, below)) in enumerate(zip(found.target_names, axes.T, strict=True)):
    photograph = photographs[name]
    n_rows, n_columns = (size // SIDE for size in photograph.shape[:2])
    own = labels[found.target == index].reshape(n_rows, n_columns)
    above.imshow(photograph[: n_rows * SIDE, : n_columns * SIDE])
    below.imshow(own, cmap=colors, vmin=-0.5, vmax=7.5)
    above.set_title(name, loc="left")
    for ax in (above, below):
        ax.set_axis_off()
plt.show()
