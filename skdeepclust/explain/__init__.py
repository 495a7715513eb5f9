"""Why here? What a clustering goes by: rules, features, centres, members for and against."""

from __future__ import annotations

from skdeepclust.explain._centers import CenterContrast, contrast_centers
from skdeepclust.explain._displays import CenterContrastDisplay, NearestMembersDisplay
from skdeepclust.explain._intervals import FeatureInterval, distinguishing_features
from skdeepclust.explain._members import NearestMembers, nearest_members
from skdeepclust.explain._surrogate import Rule, SurrogateTree, surrogate_tree

__all__ = [
    "CenterContrast",
    "CenterContrastDisplay",
    "FeatureInterval",
    "NearestMembers",
    "NearestMembersDisplay",
    "Rule",
    "SurrogateTree",
    "contrast_centers",
    "distinguishing_features",
    "nearest_members",
    "surrogate_tree",
]
