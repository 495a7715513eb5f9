"""Paragraphs of docstrings that all estimators share."""

from __future__ import annotations

import inspect
from typing import TypeVar

Class = TypeVar("Class", bound=type)

SHARED_PARAMETERS = """
optimizer : {"adam", "adamw", "rmsprop", "sgd"} or callable, default="adam"
    Optimiser, or a class of `torch.optim`.
device : str or torch.device, default="auto"
    Device of the network; "auto" takes a GPU where there is one.
dtype : {"float32", "float64"}, default="float32"
    Floating dtype of the network and of what is returned.
precision : {"32", "bf16", "fp16", "auto"}, default="32"
    Precision in which the network is trained; losses and all that is inferred keep `dtype`. "auto"
    takes "bf16" where the device has such arithmetic. Where it hasn't, the others fall back to
    "32", with a warning.
compile : bool, default=False
    Whether to compile the training step with `torch.compile`, which takes minutes and needs a C++
    compiler; without one the fit warns and goes on uncompiled.
regularizers : list of skdeepclust.regularizers.Regularizer, default=None
    Penalties on named layers of the network, copied at the start of a fit.
callbacks : list of skorch.callbacks.Callback, default=None
    Copied for each phase. From scikit-learn 1.9, `set_callbacks` sets its own.
checkpoint : str or path-like, default=None
    Folder in which a fit keeps what it has done, after each epoch, until it has come to its end. A
    fit that was stopped, started again with the same parameters and data, goes on from there and
    ends as if it hadn't been stopped. `None` keeps nothing, nor does `partial_fit`.
warm_start : bool, default=False
    Whether `fit` goes on from the last fit: network, optimiser and random numbers.
random_state : int, RandomState instance or None, default=None
    Seed of everything random; `None` takes fresh entropy. Global random states stay as they are.
verbose : int, default=0
    0 is silent; 1 shows the parts of the loss, in a terminal or a notebook as progress bars of
    the phases and of long steps (with the package rich), elsewhere a line an epoch; 2 prints a
    table of each phase, a row an epoch.
**module__kwargs : dict
    `module__NAME` for the network, `optimizer__NAME` for the optimiser.
"""

SHARED_ATTRIBUTES = """
module_ : torch.nn.Module
    The trained network.
net_ : skorch.NeuralNet
    Net of the last phase. It isn't kept in a pickle.
regularizers_ : list of skdeepclust.regularizers.Regularizer
    The fitted regularisers: the method's own, then those given.
history_ : list of dict
    One row an epoch: `phase`, `epoch`, `loss`, its parts (before their weights, but for those of
    regularisers, which are weighted), `seconds`.
n_iter_ : int
    Epochs of the last fit over all phases.
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features where X is a DataFrame.
"""

CLUSTERING_PARAMETERS = """
restore_best : bool, default=False
    Whether to keep, of the clustering phase, the network of the epoch after which `criterion` in
    `history_` was largest, or that from before the phase, instead of the last epoch's. The
    criterion needs no labels.
"""

CLUSTERING_ATTRIBUTES = """
best_epoch_ : int
    Epoch of the clustering phase whose network was kept; 0: that from before it. There with
    `restore_best=True`.
"""

_MARKERS = {
    "<clustering parameters>": CLUSTERING_PARAMETERS,
    "<clustering attributes>": CLUSTERING_ATTRIBUTES,
    "<shared parameters>": SHARED_PARAMETERS,
    "<shared attributes>": SHARED_ATTRIBUTES,
}


def with_shared_docs(cls: Class) -> Class:
    """Put the shared paragraphs where the class's docstring has `<shared parameters>` and so on."""
    doc = inspect.cleandoc(cls.__doc__ or "")
    for marker, paragraph in _MARKERS.items():
        doc = doc.replace(marker, paragraph.strip())
    cls.__doc__ = doc
    return cls
