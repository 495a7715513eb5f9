"""Parameters of the network and the optimiser among those of an estimator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from sklearn.base import BaseEstimator


class ComponentsMixin(BaseEstimator):
    """`module__NAME` and `optimizer__NAME` beside the parameters that a class declares."""

    _components: dict[str, Any]

    # made by scikit-learn, which tells type checkers that they return nothing
    set_fit_request: Callable[..., Self]
    set_partial_fit_request: Callable[..., Self]
    set_predict_request: Callable[..., Self]
    set_predict_proba_request: Callable[..., Self]
    set_decision_function_request: Callable[..., Self]
    set_transform_request: Callable[..., Self]
    set_score_request: Callable[..., Self]

    def _keep_components(self, components: dict[str, Any]) -> None:
        for name in components:
            if not _is_component(name):
                raise TypeError(
                    f"{type(self).__name__}() got an unexpected keyword argument {name!r}; "
                    "beside its own parameters it takes module__NAME and optimizer__NAME."
                )
        self._components = components

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with those of the network and the optimiser.

        Parameters
        ----------
        deep : bool, default=True
            As in scikit-learn.

        Returns
        -------
        params : dict
            Parameter names and values.
        """
        return {**super().get_params(deep), **self._components}

    def set_params(self, **params: Any) -> Self:
        """Set parameters, among them `module__NAME` and `optimizer__NAME`.

        Parameters
        ----------
        **params : dict
            Parameter names and values.

        Returns
        -------
        self : object
            This estimator.
        """
        components = {name: value for name, value in params.items() if _is_component(name)}
        super().set_params(**{k: v for k, v in params.items() if k not in components})
        self._components = {**self._components, **components}
        return self

    def _component(self, prefix: str) -> dict[str, Any]:
        start = prefix + "__"
        return {
            k.removeprefix(start): v for k, v in self._components.items() if k.startswith(start)
        }


def _is_component(name: str) -> bool:
    return name.startswith(("module__", "optimizer__"))
