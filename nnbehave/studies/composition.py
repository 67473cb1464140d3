"""Does a network cost what its layers cost? The proof of how single layers are isolated."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nnbehave.design.graph import Graph
from nnbehave.design.networks import NETWORKS, load_network
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.isolation import own_kernels
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.targets import LocalTarget
from nnbehave.studies._together import measure_together

_LOG = logging.getLogger("nnbehave")


@dataclass(frozen=True)
class Composition:
    """What networks cost whole, and as the sum of their separately measured layers.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a network: ``platform network layers whole_ms sum_ms error error_low error_high warm_error explained``.
        ``error`` is sum / whole - 1 with its 95 % interval; ``warm_error`` the same for layers that were run alone
        over and over (method ``whole``): what is between the two is the warmth of the caches, and the runtime's edges.
    layers : pandas.DataFrame
        One row a distinct layer of a network: ``platform network layer op count latency_ms std_error_ms warm_ms share
        kernels``. ``share`` is of the network's latency, all its occurrences together.
    """

    frame: pd.DataFrame
    layers: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for row in self.frame.to_dict("records"):
            lines.append(
                f"{row['network']} on {row['platform']}: whole {row['whole_ms']:.3f} ms, sum of {row['layers']} layers "
                f"{row['sum_ms']:.3f} ms: {row['error']:+.1%} ({row['error_low']:+.1%} to {row['error_high']:+.1%})"
            )
            lines += [f"  {line}" for line in row["explained"]]
        return "\n".join(lines)


def check_composition(
    networks: Sequence[str | Graph] | Mapping[str, Graph] | None = None,
    platforms: str | Sequence[str] = ("tflite",),
    *,
    rounds: int = 12,
    seed: int = 0,
    progress: bool = True,
) -> Composition:
    """Measure networks whole and as the sum of their separately measured layers.

    Each layer is measured ``stacked``, and the network itself runs before every call of a stack: a layer finds the
    caches as its network leaves them, and the two are measured within milliseconds of one another.

    Parameters
    ----------
    networks : sequence of str or Graph, or mapping of str to Graph, optional
        Names (:data:`nnbehave.design.networks.NETWORKS`) or graphs; by default all that have a name.
    platforms : str or sequence of str
    rounds : int
        Of three calls of each stack, spread over three processes.
    seed : int
        Of weights, inputs and the order of rounds.
    progress : bool

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError
        The arguments cannot be used here.
    ConversionError, WorkerError
        A layer or a network cannot be converted or run.
    """
    chosen = _networks(networks)
    settings = Settings(min_rounds=rounds, max_rounds=rounds, passes=3, seed=seed)
    names = [platforms] if isinstance(platforms, str) else list(platforms)
    found = [get_platform(name) for name in names]
    if not found or not chosen:
        raise InvalidInputError("nothing to check: give at least one platform and one network")
    for platform in found:
        platform.version()
        if "stacked" not in platform.methods:
            raise InvalidInputError(
                f"platform {str(platform)!r} cannot be measured stacked, so nothing is to be added up"
            )
    rows, layers = [], []
    with LocalTarget().exclusive(_LOG.warning) if any(platform.wall_clock for platform in found) else nullcontext():
        for platform in found:
            for name, network in chosen.items():
                row, of_layers = _check(name, network, platform, settings, progress)
                rows.append({"platform": str(platform), **row})
                layers += [{"platform": str(platform), "network": name, **each} for each in of_layers]
    return Composition(pd.DataFrame(rows), pd.DataFrame(layers))


def _networks(networks: Sequence[str | Graph] | Mapping[str, Graph] | None) -> dict[str, Graph]:
    if networks is None:
        networks = list(NETWORKS)
    if isinstance(networks, Mapping):
        return dict(networks)
    if isinstance(networks, str | Graph):
        networks = [networks]
    return {str(n): load_network(n) if isinstance(n, str) else n for n in networks}


def _check(
    name: str, network: Graph, platform: Platform, settings: Settings, progress: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the network's row and those of its layers."""
    counts = Counter(Graph([layer]) for layer in network.layers)
    title = f"{platform} {name}"
    cold = measure_together(list(counts), platform, "stacked", settings, title, progress, behind=network)
    warm = measure_together([*counts, network], platform, "whole", settings, f"{title}, warm", progress)

    total = cold.estimates[network.id]
    parts = [(graph, count, cold.estimates[graph.id]) for graph, count in counts.items()]
    summed = sum(count * one.latency_ms for _, count, one in parts)
    error = summed / total.latency_ms - 1
    spread = sum((count * one.std_error_ms) ** 2 for _, count, one in parts) ** 0.5
    margin = 1.96 * (1 + error) * float(np.hypot(spread / summed, total.std_error_ms / total.latency_ms))
    warm_sum = sum(count * warm.estimates[graph.id].latency_ms for graph, count in counts.items())
    row = {
        "network": name,
        "layers": network.depth,
        "whole_ms": total.latency_ms,
        "sum_ms": summed,
        "error": error,
        "error_low": error - margin,
        "error_high": error + margin,
        "warm_error": warm_sum / warm.estimates[network.id].latency_ms - 1,
    }
    layers = [
        {
            "layer": graph.id,
            "op": graph.layers[0].op,
            "count": count,
            "latency_ms": one.latency_ms,
            "std_error_ms": one.std_error_ms,
            "warm_ms": warm.estimates[graph.id].latency_ms,
            "share": count * one.latency_ms / total.latency_ms,
            "kernels": [kernel.name for kernel in own_kernels(cold.kernels, cold.terms[graph.id])],
        }
        for graph, count, one in parts
    ]
    return row | {"explained": _explain(row, layers, [kernel.name for kernel in cold.kernels[network.id]])}, layers


def _explain(row: dict[str, Any], layers: list[dict[str, Any]], in_network: list[str]) -> list[str]:
    """Say in words what the sum is made of, what runs otherwise in the network, and what warm caches would hide."""
    by_op: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for layer in layers:
        by_op[layer["op"]] += layer["count"] * layer["latency_ms"]
        for kernel in layer["kernels"]:
            alone[kernel] += layer["count"]
    shares = ", ".join(f"{op} {ms / row['whole_ms']:.1%}" for op, ms in by_op.most_common())
    lines = [f"of the network's latency: {shares}"]
    missing, further = alone - Counter(in_network), Counter(in_network) - alone
    for text, kernels in (("only in the layers alone", missing), ("only in the network", further)):
        if kernels:
            lines.append(f"{text}: " + ", ".join(f"{count} × {name}" for name, count in sorted(kernels.items())))
    gone = [layer for layer in layers if layer["kernels"] and set(layer["kernels"]) <= set(missing)]
    if gone and all(alone[name] == missing[name] for layer in gone for name in layer["kernels"]):
        saved = sum(layer["count"] * layer["latency_ms"] for layer in gone)
        ops = ", ".join(sorted({layer["op"] for layer in gone}))
        without = (row["sum_ms"] - saved) / row["whole_ms"] - 1
        lines.append(f"the network folds {ops} into other kernels; without them the sum is {without:+.1%} off")
    lines.append(
        f"layers alone, over and over, with warm caches, add up to {row['warm_error']:+.1%}: the rest is what weights "
        "and activations take to come from further away"
    )
    return lines
