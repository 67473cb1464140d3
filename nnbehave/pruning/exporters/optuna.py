"""Optuna: distributions as its own JSON has them, and asking a trial for a network."""

from __future__ import annotations

from typing import Any

from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, parameters


class OptunaExporter(Exporter):
    """One distribution a choice: ``optuna.distributions.json_to_distribution(json.dumps(each))`` reads it.

    Evenly spaced integers are an ``IntDistribution``, which keeps their order for the sampler; its grid begins at
    ``low``, so that it holds these values and no others. All else is a ``CategoricalDistribution``.
    """

    name = "optuna"

    def convert(self, pruned: PrunedSpace) -> dict[str, dict[str, Any]]:
        return {name: _distribution(values) for name, values in parameters(pruned).items()}


def suggest(trial: Any, pruned: PrunedSpace) -> dict[str, dict[str, Any]]:
    """Let an Optuna trial choose a network; names and distributions are those that are exported.

    Parameters
    ----------
    trial : optuna.trial.BaseTrial
    pruned : PrunedSpace

    Returns
    -------
    dict of str to dict
        Of each slot that is in use, dimension to value. Where a stage's depth or a slot's own choice leaves a slot out,
        it is not there, and the trial is not asked for the rest of it.
    """
    values = parameters(pruned)

    def ask(name: str) -> Any:
        attributes = _distribution(values[name])["attributes"]
        if "choices" in attributes:
            return trial.suggest_categorical(name, attributes["choices"])
        return trial.suggest_int(name, **attributes)

    network: dict[str, dict[str, Any]] = {}
    for stage in pruned.space.stages:
        for slot in stage.slots[: ask(f"{stage.name}.depth") if stage.depth else None]:
            if not slot.optional or ask(f"{slot.name}.used"):
                network[slot.name] = {name: ask(f"{slot.name}.{name}") for name in (*slot.choices, *slot.unmeasured)}
    return network


def _distribution(values: list[Any]) -> dict[str, Any]:
    if len(values) > 1 and all(type(value) is int for value in values):
        step = values[1] - values[0]
        if step > 0 and values == list(range(values[0], values[-1] + 1, step)):
            attributes = {"log": False, "step": step, "low": values[0], "high": values[-1]}
            return {"name": "IntDistribution", "attributes": attributes}
    return {"name": "CategoricalDistribution", "attributes": {"choices": values}}
