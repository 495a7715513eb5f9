"""`inverse_transform` of estimators whose network has a decoder."""

from __future__ import annotations

from typing import Any

from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from skdeepclust._engine.foreign_arrays import in_numpy
from skdeepclust._estimator.base import BaseDeepEstimator
from skdeepclust._estimator.dask_answers import by_blocks
from skdeepclust._estimator.parameters import learned
from skdeepclust._inputs.containers import gathered


class DecodingEstimator(BaseDeepEstimator):
    """Adds `inverse_transform`; a method says in `_decode_point` how it decodes."""

    _n_features_out: int = learned()

    def _decode_point(self, embedding: Tensor, /) -> Tensor:
        raise NotImplementedError

    @by_blocks
    def inverse_transform(self, X: Any) -> Any:
        """Decode points of the embedding.

        Parameters
        ----------
        X : array-like of shape (n, n_components)
            What `transform` returns, or centres of clusters.

        Returns
        -------
        samples : ndarray of shape (n, n_features)
            Decoded samples in the layout and the units of the X of `fit`.

        Raises
        ------
        ValueError
            If X has another number of components than the embedding.
        """
        check_is_fitted(self)
        points = check_array(in_numpy(gathered(X), "X"), dtype=["float64", "float32"])
        if points.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {points.shape[1]} components, but this {type(self).__name__} embeds into "
                f"{self._n_features_out}: give what `transform` returns, or `cluster_centers_`."
            )
        samples = self._runner.infer(self._decode_point, points, sample_shape=(points.shape[1],))
        decoded = samples.cpu().numpy().reshape(len(points), -1)
        if self._input.origin is not None:  # which float64 alone can hold beside the differences
            decoded = decoded + self._input.origin
        return decoded.reshape(len(points), *self._input.sample_shape)
