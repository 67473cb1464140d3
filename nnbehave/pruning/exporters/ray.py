"""Ray Tune: lists of values, and the same as a ``param_space``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.errors import MissingExtraError
from nnbehave.pruning.exporters.base import Exporter
from nnbehave.pruning.exporters.choices import parameters
from nnbehave.records import Scalar

if TYPE_CHECKING:
    from nnbehave.pruning.pruned_space import PrunedSpace


class RayExporter(Exporter):
    """Name to list of values. The file is Python that defines ``param_space``, because Ray reads no other format.

    Every choice stays a list, because ``tune.qrandint`` rounds to multiples of its step, wherever the values begin.
    """

    name = "ray"
    suffixes = (".py",)

    def convert(self, pruned: PrunedSpace) -> dict[str, list[Scalar]]:
        return parameters(pruned)

    def text(self, data: dict[str, list[Scalar]]) -> str:
        lines = [f"    {name!r}: tune.choice({values!r})," for name, values in data.items()]
        return "\n".join(["from ray import tune", "", "param_space = {", *lines, "}", ""])


def to_ray(pruned: PrunedSpace) -> dict[str, object]:
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
