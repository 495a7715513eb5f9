"""Deep embedded clustering (Xie et al. 2016), the method of `docs/adding_a_method.md`."""

import numpy as np
import torch
from sklearn.cluster import KMeans

from skdeepclust import losses
from skdeepclust._estimator.clusterer import BaseDeepClusterer
from skdeepclust.networks import MLPAutoencoder


class DECClusterer(BaseDeepClusterer):
    """An autoencoder, KMeans, then KL(P || Q) of the soft assignment Q from its sharpened form."""

    def __init__(self, n_clusters=8, *, lr=0.001, max_epochs=15, batch_size=256, dtype="float32",
                 warm_start=False, random_state=None, **module__kwargs):  # fmt: skip
        super().__init__(lr=lr, max_epochs=max_epochs, batch_size=batch_size, dtype=dtype,
                         warm_start=warm_start, random_state=random_state,
                         **module__kwargs)  # fmt: skip
        self.n_clusters = n_clusters

    # -- the network
    def _default_network(self):
        return MLPAutoencoder

    def _arguments(self):
        return {"n_components": 10, "n_clusters": self.n_clusters, "batch_norm": False}

    def _build(self, network, arguments):
        network.centers = torch.nn.Parameter(torch.zeros(arguments["n_clusters"], 10))
        return network

    def _embed(self, x):
        return self._run(self.module_.encode, x)

    def _assign(self, embedding):
        return losses.student_t_assignment(embedding, self.module_.centers)

    # -- the objective
    def _reconstruct(self, x, idx, sample_weight=None):
        reconstruction = self._run(self.module_.decode, self._embed(x))
        return {"loss": losses.reconstruction_loss(reconstruction, x, sample_weight=sample_weight)}

    def _sharpen(self, x, idx, sample_weight=None):
        target, q = self._fit.target[idx], self._soft(x)
        return {"loss": losses.assignment_kl(target, q, sample_weight=sample_weight)}

    # -- the schedule
    def _schedule(self, n_samples, warm):
        clustering = {"clustering": self.max_epochs}
        return clustering if warm else {"reconstruction": 2 * self.max_epochs, **clustering}

    def _fit_phases(self, X, extra, schedule):
        weight = extra.get("sample_weight", np.ones(X.shape[0]))
        if "reconstruction" in schedule:
            self._train("reconstruction", self._reconstruct, X, extra, epochs=2 * self.max_epochs)
            self._set_centers(self._infer(self._embed, X[np.flatnonzero(weight)]))
        self._train("clustering", self._sharpen, X, extra, epochs=self.max_epochs,
                    on_epoch_begin=lambda: self._set_target(X, weight))  # fmt: skip

    def _set_centers(self, embedding):
        points = np.unique(embedding.double().cpu().numpy().round(9), axis=0)
        seed = int(torch.randint(2**31 - 1, ()))
        kmeans = KMeans(self.n_clusters, n_init=10, random_state=seed).fit(points)
        self.module_.centers.data.copy_(torch.from_numpy(kmeans.cluster_centers_))

    def _set_target(self, X, weight):
        q = self._infer(self._soft, X)
        weight = torch.as_tensor(weight, device=q.device)
        self._fit.target = losses.target_distribution(q, sample_weight=weight)
