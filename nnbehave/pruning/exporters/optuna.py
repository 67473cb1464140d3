"""Optuna: distributions in the form of its own JSON, and a function that lets a trial choose a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import parameters
from nnbehave.records import Scalar

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

    from nnbehave.pruning.pruned_space import PrunedSpace


class OptunaExporter(Exporter):
    """One distribution for each choice; ``optuna.distributions.json_to_distribution(json.dumps(each))`` reads it.

    Evenly spaced integers become an ``IntDistribution``, which tells the sampler their order. Its grid begins at
    ``low``, so it holds exactly these values. All other choices become a ``CategoricalDistribution``.
    """

    name = "optuna"

    def convert(self, pruned: PrunedSpace) -> dict[str, dict[str, Any]]:
        return {name: _distribution(values) for name, values in parameters(pruned).items()}


def suggest(trial: BaseTrial, pruned: PrunedSpace) -> dict[str, dict[str, Scalar]]:
    """Return the network that an Optuna trial chooses, with the names and distributions of the export.

    Parameters
    ----------
    trial : optuna.trial.BaseTrial
    pruned : PrunedSpace

    Returns
    -------
    dict of str to dict
        Dimension to value for each slot of the network. A slot that the stage's depth or its own choice leaves out is
        missing, and the trial is not asked for its values.
    """
    values = parameters(pruned)

    def ask(name: str) -> Scalar:
        attributes = _distribution(values[name])["attributes"]
        if "choices" in attributes:
            choice: Scalar = trial.suggest_categorical(name, attributes["choices"])
            return choice
        return trial.suggest_int(name, **attributes)

    network: dict[str, dict[str, Scalar]] = {}
    for stage in pruned.space.stages:
        depth = cast(int, ask(f"{stage.name}.depth")) if stage.depth else None
        for slot in stage.slots[:depth]:
            if not slot.optional or ask(f"{slot.name}.used"):
                network[slot.name] = {name: ask(f"{slot.name}.{name}") for name in (*slot.choices, *slot.unmeasured)}
    return network


def _distribution(values: list[Scalar]) -> dict[str, Any]:
    """Return the distribution over values: a grid of integers if they are evenly spaced, otherwise a list."""
    numbers = [value for value in values if type(value) is int]
    if len(numbers) == len(values) > 1:
        step = numbers[1] - numbers[0]
        if step > 0 and numbers == list(range(numbers[0], numbers[-1] + 1, step)):
            attributes = {"log": False, "step": step, "low": numbers[0], "high": numbers[-1]}
            return {"name": "IntDistribution", "attributes": attributes}
    return {"name": "CategoricalDistribution", "attributes": {"choices": values}}
