"""The prices of layers by how far away their weights are: at the distances measured, and between them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from nnbehave.analysis.reuse_curve import MIB, ReuseCurve
from nnbehave.design.graph import Graph
from nnbehave.design.layer import Layer
from nnbehave.design.working_set import weight_bytes, working_set_bytes
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement

_LEAST_SPREAD = 0.1  # of the highest cost: latencies whose costs lie nearer together tell no slope


class Placed(NamedTuple):
    """The latency of a layer and its standard error in ms, at one distance.

    The distance is what is touched between two uses of the layer's weights (:mod:`nnbehave.measurement.context`).
    """

    distance_bytes: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    latency_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    std_error_ms: Annotated[float, Field(ge=0, allow_inf_nan=False)]


def places_of(measurements: Iterable[Measurement]) -> dict[str, tuple[Placed, ...]]:
    """Return the latencies of each layer at each distance, the newest of each context."""
    newest: dict[str, dict[str, Placed]] = {}
    for one in measurements:
        if (latency := one.usable) and not math.isnan(one.distance_bytes):
            place = Placed(one.distance_bytes, latency.ms, latency.std_error_ms)
            newest.setdefault(one.subject.id, {})[one.context] = place
    return {name: tuple(sorted(places.values())) for name, places in newest.items()}


def distances_in(network: Graph | Iterable[Layer], layers: Sequence[Layer], context: str | int) -> list[float]:
    """Return the distance of each layer of a network in a context; infinity where it is cold.

    Raises
    ------
    InvalidInputError
        It is no context that a network can be priced in.
    """
    if isinstance(context, int) and not isinstance(context, bool) and context > 0:
        return [float(context)] * len(layers)
    if context == "cold":
        return [math.inf] * len(layers)
    if context != "loop":
        raise InvalidInputError(f"context: expected 'loop', 'cold' or a number of bytes, got {context!r}")
    graphs = [Graph([layer]) for layer in layers]
    weights = [weight_bytes(graph) for graph in graphs]
    if isinstance(network, Graph):
        total = working_set_bytes(network)
    else:  # of layers in no known order: the largest layer's activations
        alive = [working_set_bytes(graph) - own for graph, own in zip(graphs, weights, strict=True)]
        total = sum(weights) + max(alive, default=0)
    return [float(max(0, total - own)) for own in weights]


def price_at(layer: Layer, places: Sequence[Placed], distance_bytes: float, curve: ReuseCurve | None = None) -> float:
    """Return the latency of a layer in ms at a distance.

    With the machine's curve the latency follows the cost of weights: it is the line through the latencies measured,
    over that cost at their distances. Where they tell no slope, each MiB of weights costs what the curve says. Without
    a curve the latency is interpolated over the logarithm of the distance.

    Raises
    ------
    InvalidInputError
        It was measured at no distance; or there is no curve, and it has weights and was measured at one distance only.
    """
    if not places:
        raise InvalidInputError(f"{layer.id} was not measured at any known distance: measure it in two contexts")
    if curve is not None:
        weights = weight_bytes(Graph([layer]))
        costs = np.array([curve.cost(place.distance_bytes + weights) for place in places])
        latencies = np.array([place.latency_ms for place in places])
        spread = costs - costs.mean()
        slope = weights / MIB / 1e3  # ms for a µs of cost
        if np.ptp(costs) > _LEAST_SPREAD * curve.cost_us_per_mib[-1]:
            slope = max(0.0, float(spread @ latencies / (spread @ spread)))
        return float(latencies.mean() + slope * (curve.cost(distance_bytes + weights) - costs.mean()))
    if len(places) == 1 and layer.operator.has_weights:
        raise InvalidInputError(f"{layer.id} was measured at one distance only: measure it in a second context")
    at = np.log2([max(1.0, place.distance_bytes) for place in places])
    wanted = math.log2(max(1.0, min(distance_bytes, 2.0**60)))
    return float(np.interp(wanted, at, [place.latency_ms for place in places]))


def ends_of(places: Sequence[Placed]) -> tuple[float, float]:
    """Return the nearest and the furthest distance that a layer was measured at, in bytes."""
    return places[0].distance_bytes, places[-1].distance_bytes
