"""All scenarios by name."""

from __future__ import annotations

from same import (
    callbacks,
    clusterers,
    embedder,
    functions,
    going_on,
    graphs,
    interface,
    losses,
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
    tagnet,
    parsimonious,
    embedder,
    zero_shot,
    graphs,
    going_on,
    callbacks,
    interface,
    refusals,
    misfits,
    losses,
    functions,
    ranks,
)
SCENARIOS: dict[str, Scenario] = {
    name: scenario for wing in WINGS for name, scenario in wing.SCENARIOS.items()
}
