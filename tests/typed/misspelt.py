"""Mistakes that type checkers find: those of the marked lines, and no others.

Nothing of it is run. `check.py` beside it asks the type checkers.
"""

from __future__ import annotations

import numpy as np

from skdeepclust import TripletDECClusterer

X = np.zeros((100, 64))


def misspell() -> None:
    clusterer = TripletDECClusterer(10)
    TripletDECClusterer(10, marign=0.5)  # wrong: a parameter of the estimator
    TripletDECClusterer(10, n_components="8")  # wrong: a type
    clusterer.fitt(X)  # wrong: a method
    clusterer.fit(X, sample_wieght=np.ones(100))  # wrong: a parameter of `fit`
    print(clusterer.lables_)  # wrong: an attribute
