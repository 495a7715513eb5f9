"""Uses every public name, as a user would: type checkers find nothing to object to here.

Nothing of it is run. `check.py` beside it asks the type checkers. `public_tensors.py` has the names
for loops of one's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import skdeepclust
from skdeepclust import (
    DCNClusterer,
    DECClusterer,
    DKMClusterer,
    ForcedApartEmbedder,
    IDECClusterer,
    ParsimoniousAutoencoder,
    ParsimoniousClassifier,
    TAGnetClusterer,
    TripletDECClusterer,
    VaDEClusterer,
    ZeroShotClassifier,
    __version__,
    datasets,
    export,
    load,
    networks,
    plotting,
    regularizers,
    save,
)
from skdeepclust.augmentation import (
    FeatureAugmentation,
)
from skdeepclust.classics import dcn, dec, dkm, idec, vade
from skdeepclust.classics.dkm import annealed_alphas
from skdeepclust.dictionary import KSVD
from skdeepclust.graph import (
    NeighborAffinity,
    check_affinity,
    count_edges,
    laplacian,
    largest_eigenvalue_bound,
    nearest_neighbors,
    neighbor_information,
    smooth_over_graph,
)
from skdeepclust.metrics import (
    clustering_accuracy_score,
    clustering_accuracy_scorer,
    embedding_silhouette_scorer,
    match_labels,
)
from skdeepclust.parsimonious import ParsimoniousMixin
from skdeepclust.tagnet import PAPER_SETTINGS as TAGNET_SETTINGS
from skdeepclust.triplet_dec import PAPER_SETTINGS
from skdeepclust.zero_shot import AttributeNetwork, ScaledFeatures, n_features_of

X, y = np.zeros((100, 64)), np.zeros(100, dtype=int)
WEIGHT = np.ones(100)
x, LABELS = torch.zeros(100, 64), torch.zeros(100, dtype=torch.long)
IMAGES = torch.zeros(4, 3, 32, 32)


# ---------------------------------------------------------------- estimators


def use_clusterers() -> None:
    paper: TripletDECClusterer = TripletDECClusterer(10, **PAPER_SETTINGS)
    triplet = TripletDECClusterer(
        n_clusters=10,
        image_shape=(8, 8),
        cluster_prior=np.ones(10) / 10,
        augmentation=FeatureAugmentation(noise=0.2),
        pretrain_epochs=0.5,
        max_epochs=3,
        init=np.zeros((10, 32)),
        module=networks.MLPAutoencoder,
        optimizer=torch.optim.AdamW,
        lr=1,
        device=torch.device("cpu"),
        regularizers=[regularizers.DeCovRegularizer(lam=0.1)],
        callbacks=[],
        checkpoint=Path("fit"),
        random_state=np.random.RandomState(0),
    )
    triplet.set_params(module__hidden=(64,))
    fitted: TripletDECClusterer = triplet.fit(X, sample_weight=WEIGHT)
    labels = fitted.fit_predict(X)
    score: float = paper.fit(x).score(x)
    fitted.set_params(n_clusters=5, optimizer__weight_decay=0.1).get_params(deep=False)
    answers = fitted.predict(x), fitted.predict_proba(x).cpu(), fitted.fit_transform(X)
    print(labels, score, answers, fitted.inverse_transform(fitted.transform(X)).shape)
    print(fitted.labels_.shape, fitted.cluster_centers_.shape, fitted.n_iter_ + 1)
    print(fitted.module_.centers, fitted.history_[-1]["loss"], fitted.attempt_, fitted.net_)
    print(fitted.regularizers_[0].lam, fitted.n_features_in_ + 1, fitted.feature_names_in_.shape)
    print(fitted.image_shape_, fitted.best_epoch_)

    graph = TAGnetClusterer(10, batch_size=256, graph_weight=1.0, dictionary=np.eye(64), n_stages=2)
    graph = TAGnetClusterer(10, affinity="precomputed", init=lambda *args: args[0], device="cuda")
    graph.fit(X, affinity=laplacian(np.eye(100)), sample_weight=WEIGHT)
    print(graph.predict(X, affinity=None), graph.predict_proba(X), graph.transform(X))
    graph.set_fit_request(affinity=True, sample_weight=True).set_predict_request(affinity=True)
    graph.set_predict_proba_request(affinity=True).set_transform_request(affinity=True)
    print(graph.score(X) + 1, graph.labels_.shape, graph.affinity_matrix_.nnz, graph.dictionary_)
    print(graph.initial_labels_, graph.auxiliary_labels_[0], graph.graph_gain_, graph.best_epoch_)
    print(TAGnetClusterer(auxiliary_clusters=[10, None], **TAGNET_SETTINGS).get_params())


def use_classics() -> None:
    dec_: DECClusterer = DECClusterer(10, degrees_of_freedom=2, pretrain_epochs=5, n_init=3)
    fitted: IDECClusterer = IDECClusterer(10, gamma=0.5, clustering_lr=0.01).fit(X, None, WEIGHT)
    print(dec_.fit_predict(X), fitted.cluster_centers_.shape, fitted.module_.centers)
    print(fitted.inverse_transform(fitted.transform(X)).shape, fitted.score(X) + 1)
    dkm_ = DKMClusterer(10, alpha="annealed", lam=0.1, **dkm.ANNEALED_SETTINGS)
    print(DCNClusterer(10, lam=1.0, image_shape=(8, 8)), dkm_.labels_.shape, annealed_alphas(3))
    mixture = VaDEClusterer(10, likelihood="gaussian", max_epochs=3).fit(X)
    print(mixture.likelihood_.upper(), mixture.cluster_weights_ + mixture.cluster_variances_.sum(1))
    print(*(each.PAPER_SETTINGS for each in (dcn, dec, dkm, idec, vade)))


def use_representations() -> None:
    classifier = ParsimoniousClassifier(
        clustering=["sample", "channel"],
        layers={"fc1": {"n_clusters": 5}},
        class_weight={0: 1, 1: 2},
        module=networks.CIFARQuick,
        max_epochs=2,
    )
    classifier.fit(X, y, sample_weight=WEIGHT).partial_fit(X, y, classes=[0, 1])
    answers = classifier.predict(X), classifier.predict_proba(X), classifier.transform(X)
    print(classifier.score(X, y) + 1, answers, classifier.classes_.shape)
    mixin: ParsimoniousMixin = classifier
    print(mixin.cluster_centers_, mixin.regularizer_.assign(X, "fc1").shape)

    autoencoder = ParsimoniousAutoencoder(n_components=10, checkpoint="fit", random_state=0)
    autoencoder.fit(X).partial_fit(X, sample_weight=WEIGHT)
    codes = autoencoder.transform(X)
    print(autoencoder.inverse_transform(codes), autoencoder.score(X) + 1)
    print(autoencoder.reconstruction_err_ + 1, autoencoder.module_, autoencoder.net_)

    embedder = ForcedApartEmbedder(loss=None, margin={"multi": 3.0}, lam=0.1, max_epochs=5)
    embedder.fit(X, y).partial_fit(X, y, classes=[0, 1], sample_weight=WEIGHT)
    print(embedder.predict(X), embedder.predict_proba(X), embedder.transform(X))
    print(embedder.score(X, y, sample_weight=WEIGHT) + 1)


def use_zero_shot() -> None:
    zero_shot = ZeroShotClassifier(class_attributes={"cat": [0, 1]}, class_weight="balanced")
    zero_shot.fit(X, y).partial_fit(X, y, classes=["cat"], sample_weight=WEIGHT)
    print(zero_shot.predict(X, classes=["dog"]), zero_shot.decision_function(X))
    print(zero_shot.score(X, y) + 1, zero_shot.classes_, zero_shot.class_attributes_)
    print(zero_shot.seen_classes_, zero_shot.unseen_classes_, zero_shot.coef_, zero_shot.intercept_)
    zero_shot.set_partial_fit_request(sample_weight=True).set_score_request(sample_weight=False)
    zero_shot.set_decision_function_request(classes=True)
    features = ScaledFeatures((64,))
    network = AttributeNetwork(features, n_features_of(features, (64,)), 2, fit_intercept=True)
    print(network(x), network.linear_map()[0].shape, network.standardize)


def use_files() -> None:
    save(TripletDECClusterer().fit(X), Path("clusterer.safetensors"))
    loaded: TripletDECClusterer = load("clusterer.safetensors", trusted=[nn.Linear])
    print(export(loaded, "clusterer.onnx"), export(loaded, "torch", format="torch"))
    print(__version__.split("."), skdeepclust.__version__)


# ---------------------------------------------------------------- graphs, scores, data


def use_graphs() -> None:
    source = NeighborAffinity(5, edge_weights="self_tuning").fit(X)
    affinity = check_affinity(source.affinity_matrix_, 100)
    graph = laplacian(affinity, normalized=False)
    neighbors = nearest_neighbors(X, 10, candidates=np.arange(50))
    information: float = neighbor_information(y, neighbors)
    print(source.n_neighbors_ + source.n_features_in_, source.scales_, source.bandwidth_ + 1)
    print(source.neighbors_, source.feature_names_in_, source.affinity_matrix_)
    print(source.transform(X), largest_eigenvalue_bound(graph, n_steps=5) + information)
    print(count_edges(y, neighbors).sum(), graph.shape[0], graph.toarray())
    print(smooth_over_graph(x, torch.from_numpy(neighbors), weight=0.5).shape)


def use_dictionaries() -> None:
    ksvd = KSVD(32, n_nonzero_coefs=5, random_state=0, tol=1).fit(X)
    codes = ksvd.transform(X)
    print(ksvd.inverse_transform(codes).shape, ksvd.score(X) + 1, ksvd.components_.shape)
    print(ksvd.error_[-1], ksvd.n_iter_ + ksvd.n_features_in_, ksvd.feature_names_in_.shape)


def use_metrics() -> None:
    accuracy: float = clustering_accuracy_score(y, [0] * 100)
    print(accuracy, match_labels(y, y).shape)
    print(clustering_accuracy_scorer(TripletDECClusterer(), X, y))
    print(embedding_silhouette_scorer(TripletDECClusterer(), X, sample_size=100) + 1)


def use_datasets() -> None:
    pixels, digits = datasets.fetch_mnist(return_X_y=True)
    clothes = datasets.fetch_fashion_mnist(folder=Path("data"), as_images=True, verify=False)
    print(pixels.shape, digits.max(), clothes.data, datasets.load_idx("x.gz", mmap_mode="r"))
    print(datasets.load_images("photographs", size=(32, 32)).images.shape)


# ---------------------------------------------------------------- displays


def use_displays(search: Any) -> None:
    clusterer, images = TripletDECClusterer(), (8, 8)
    heatmap = plotting.ActivationHeatmapDisplay.from_estimator(clusterer, X, y, normalize=True)
    heatmap = plotting.ActivationHeatmapDisplay.from_activations(X, y, cmap="magma")
    assignment = plotting.AssignmentDisplay.from_estimator(clusterer, X, y, normalize="true")
    assignment = plotting.AssignmentDisplay.from_predictions(y, y)
    gallery = plotting.ClusterGalleryDisplay.from_estimator(clusterer, X, images=X, n_members=5)
    numbers = plotting.ClusterNumberDisplay.from_estimators({"a": clusterer}, X, y, n_seeds=2)
    tree = plotting.DendrogramDisplay.from_estimator(clusterer, n_clusters=3, show_sizes=True)
    print(tree.plot(names=list("abc")).leaves_ + 1)
    drift = plotting.DriftDisplay.from_predictions(y, y).plot(names=list("abc"))
    drift = plotting.DriftDisplay.from_estimator(clusterer, report=drift)
    curve = plotting.CoverageDisplay.from_predictions(y, y, y, kept=0.9)
    curve = plotting.CoverageDisplay.from_estimator(clusterer, X, y, name="a").plot(color="red")
    print(drift.share_shift + 1, curve.coverage + 1)
    atoms = plotting.DictionaryDisplay.from_estimator(TAGnetClusterer(), X, image_shape=images)
    atoms = plotting.DictionaryDisplay.from_atoms(np.eye(64), images, n_atoms=10)
    embedding = plotting.EmbeddingDisplay.from_estimator(clusterer, X, y, method="tsne", images=X)
    embedding = plotting.EmbeddingDisplay.from_predictions(X, y, n_points=10, n_images=9)
    plotting.ExemplarDisplay.from_estimator(clusterer, X, "fc1", clusters=[0]).plot()
    history = plotting.HistoryDisplay.from_estimator(clusterer, phases="clustering")
    history = plotting.HistoryDisplay.from_history(clusterer.history_, parts=["loss"])
    labelled = plotting.LabelledEmbeddingDisplay.from_estimator(clusterer, X, {"class": y})
    sweep = plotting.SweepDisplay.from_estimator(search, ("lr", "lam"))
    sweep = plotting.SweepDisplay.from_cv_results(search.cv_results_, "lr", hue="seed")
    sweep = plotting.SweepDisplay.from_values([1, 2], [0.5, 0.6], param="lr")
    print(heatmap.plot(sort=False), assignment.plot(colorbar=False).accuracy + 1, numbers.plot())
    print(gallery.from_predictions(X, y, images=X), atoms.plot(n_columns=4), embedding.plot())
    print(history.plot(yscale="log"), labelled.plot(legend=True), sweep.plot(xscale="log"))
