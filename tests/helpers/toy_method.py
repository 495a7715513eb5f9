"""Deep embedded clustering (Xie et al. 2016), the method of `docs/adding_a_method.md`."""

import numpy as np
import torch
from sklearn.cluster import KMeans

from skdeepclust import losses
from skdeepclust._estimator.clusterer import BaseDeepClusterer
from skdeepclust._estimator.parameters import parameter
from skdeepclust.networks import MLPAutoencoder


class DECClusterer(BaseDeepClusterer):
    """An autoencoder, KMeans, then KL(P || Q) of the soft assignment Q from its sharpened form."""

    max_epochs: int = parameter(default=15)

    # -- the network
    def _default_network(self):
        return MLPAutoencoder

    def _arguments(self):
        return {"n_components": 10, "n_clusters": self.n_clusters, "batch_norm": False}

    def _build(self, network, arguments):
        network.centers = torch.nn.Parameter(torch.zeros(arguments["n_clusters"], 10))
        return network

    def _embed(self, x):
        return self._runner.run(self.module_.encode, x)

    def _assign(self, embedding):
        return losses.student_t_assignment(embedding, self.module_.centers)

    # -- the objective
    def _reconstruct(self, x, idx, sample_weight=None):
        reconstruction = self._runner.run(self.module_.decode, self._embed(x))
        return {"loss": losses.reconstruction_loss(reconstruction, x, sample_weight=sample_weight)}

    def _sharpen(self, x, idx, sample_weight=None):
        target = self._fit[idx]
        return {"loss": losses.assignment_kl(target, self._soft(x), sample_weight=sample_weight)}

    # -- the schedule
    def _schedule(self, n_samples, warm):
        clustering = {"clustering": self.max_epochs}
        return clustering if warm else {"reconstruction": 2 * self.max_epochs, **clustering}

    def _fit_phases(self, session, X, extra, schedule):
        weight = extra.get("sample_weight", np.ones(X.shape[0]))
        if "reconstruction" in schedule:
            epochs = schedule["reconstruction"]
            session.train("reconstruction", self._reconstruct, X, extra, epochs=epochs)
            self._set_centers(session.runner.infer(self._embed, X[np.flatnonzero(weight)]))
        session.train("clustering", self._sharpen, X, extra, epochs=schedule["clustering"],
                      on_epoch_begin=lambda epoch: self._set_target(X, weight))  # fmt: skip

    def _set_centers(self, embedding):
        points = np.unique(embedding.double().cpu().numpy().round(9), axis=0)
        seed = int(torch.randint(2**31 - 1, ()))
        kmeans = KMeans(self.n_clusters, n_init=10, random_state=seed).fit(points)
        self.module_.centers.data.copy_(torch.from_numpy(kmeans.cluster_centers_))

    def _set_target(self, X, weight):
        q = self._runner.infer(self._soft, X)
        weight = torch.as_tensor(weight, device=q.device)
        self._fit = losses.target_distribution(q, sample_weight=weight)


class IDECClusterer(DECClusterer):
    gamma: float = parameter(default=0.1)

    def _sharpen(self, *batch, **extra):
        kl, error = super()._sharpen(*batch, **extra), self._reconstruct(*batch, **extra)
        return {"loss": error["loss"] + self.gamma * kl["loss"]}
