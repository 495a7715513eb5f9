"""All scenarios by name."""

from __future__ import annotations

from same import (
    callbacks,
    classics,
    clusterers,
    details,
    embedder,
    functions,
    going_on,
    graphs,
    interface,
    kept,
    losses,
    meta,
    misfits,
    parsimonious,
    ranks,
    refusals,
    signatures,
    tagnet,
    zero_shot,
)
from same.small import Scenario

WINGS = (
    signatures,
    clusterers,
    classics,
    tagnet,
    parsimonious,
    embedder,
    zero_shot,
    meta,
    graphs,
    going_on,
    callbacks,
    interface,
    refusals,
    misfits,
    kept,
    details,
    losses,
    functions,
    ranks,
)
SCENARIOS: dict[str, Scenario] = {
    name: scenario for wing in WINGS for name, scenario in wing.SCENARIOS.items()
}
