"""Ray Tune: a dictionary of lists, and the same as its search-space API has it."""

from __future__ import annotations

from typing import Any

from nnbehave.errors import MissingExtraError
from nnbehave.pruning._pruned import PrunedSpace
from nnbehave.pruning.exporters._base import Exporter, parameters


class RayExporter(Exporter):
    """Name to list of values; the file is Python that defines ``param_space``, since Ray reads no other format.

    Every choice stays a list: ``tune.qrandint`` rounds to multiples of its step, wherever the values begin.
    """

    name = "ray"
    suffixes = (".py",)

    def convert(self, pruned: PrunedSpace) -> dict[str, list[Any]]:
        return parameters(pruned)

    def text(self, data: dict[str, list[Any]]) -> str:
        lines = [f"    {name!r}: tune.choice({values!r})," for name, values in data.items()]
        return "\n".join(["from ray import tune", "", "param_space = {", *lines, "}", ""])


def to_ray(pruned: PrunedSpace) -> dict[str, Any]:
    """Return the ``param_space`` of a ``ray.tune.Tuner``: name to ``tune.choice``.

    Raises
    ------
    MissingExtraError
        Ray Tune is not installed.
    """
    try:
        from ray import tune
    except ImportError:
        raise MissingExtraError("to_ray needs Ray Tune: pip install 'ray[tune]'") from None
    return {name: tune.choice(values) for name, values in parameters(pruned).items()}
