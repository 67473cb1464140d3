"""Does a network cost what its layers cost? The proof of how single layers are isolated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pandas as pd

from nnbehave.design.graph import Graph
from nnbehave.design.networks import NETWORKS, load_network
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.settings import Settings
from nnbehave.records import Latency, Measurement
from nnbehave.studies.failures import raise_failures

_CALLS_A_SAMPLE = 3  # a network runs before each, which takes long


@dataclass(frozen=True)
class Composition:
    """What networks cost whole, and as the sum of their separately measured layers.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a network: ``platform network layers whole_ms sum_ms error error_low error_high warm_error explained``.
        ``error`` is sum / whole − 1, with its 95 % interval. ``warm_error`` is the same for layers that were run alone
        over and over (method ``whole``): the two differ by the warmth of the caches and by the work at a graph's edges.
    layers : pandas.DataFrame
        One row a distinct layer of a network: ``platform network layer op count latency_ms std_error_ms warm_ms share
        kernels``. ``share`` is of the network's latency, all occurrences of the layer together.
    """

    frame: pd.DataFrame
    layers: pd.DataFrame

    def __repr__(self) -> str:
        rows = [
            _Whole(*row) for row in self.frame[list(_Whole.__dataclass_fields__)].itertuples(index=False, name=None)
        ]
        return "\n".join(line for row in rows for line in row.lines())


@dataclass(frozen=True)
class _Whole:
    """A network's row of :attr:`Composition.frame`."""

    platform: str
    network: str
    layers: int
    whole_ms: float
    sum_ms: float
    error: float
    error_low: float
    error_high: float
    warm_error: float
    explained: list[str]

    def lines(self) -> list[str]:
        """Return the row in words."""
        first = (
            f"{self.network} on {self.platform}: whole {self.whole_ms:.3f} ms, sum of {self.layers} layers "
            f"{self.sum_ms:.3f} ms: {self.error:+.1%} ({self.error_low:+.1%} to {self.error_high:+.1%})"
        )
        return [first, *(f"  {line}" for line in self.explained)]


@dataclass(frozen=True)
class _Layer:
    """A layer's row of :attr:`Composition.layers`."""

    platform: str
    network: str
    layer: str
    op: str
    count: int
    latency_ms: float
    std_error_ms: float
    warm_ms: float
    share: float
    kernels: list[str]


def check_composition(
    networks: Sequence[str | Graph] | Mapping[str, Graph] | None = None,
    platforms: str | Sequence[str] = ("tflite",),
    *,
    rounds: int = 12,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
) -> Composition:
    """Measure networks whole and as the sum of their separately measured layers.

    Each layer is measured ``stacked``, and the network itself runs before every call of a stack. So a layer finds the
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
    target : str
        Where it is measured, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Composition

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, TargetError
        The arguments cannot be used here.
    WorkerError
        A layer or a network cannot be converted or run; the message says why.
    """
    chosen = _networks(networks)
    settings = Settings(min_rounds=rounds, max_rounds=rounds, passes=_CALLS_A_SAMPLE, seed=seed)
    options = Options(settings, target=target, progress=progress, with_references=False, shard_bytes=math.inf)
    found = [get_platform(name) for name in ([platforms] if isinstance(platforms, str) else platforms)]
    if not found or not chosen:
        raise InvalidInputError("nothing to check: give at least one platform and one network")
    for platform in found:
        if "stacked" not in platform.methods:
            raise InvalidInputError(f"platform {str(platform)!r} cannot be measured stacked: nothing can be added up")
    rows: list[_Whole] = []
    layers: list[_Layer] = []
    for platform in found:
        for name, network in chosen.items():
            row, of_layers = _check(name, network, platform, options)
            rows.append(row)
            layers += of_layers
    return Composition(pd.DataFrame(list(map(asdict, rows))), pd.DataFrame(list(map(asdict, layers))))


def _networks(networks: Sequence[str | Graph] | Mapping[str, Graph] | None) -> dict[str, Graph]:
    """Return the networks to check by name."""
    if networks is None:
        networks = list(NETWORKS)
    if isinstance(networks, Mapping):
        return dict(networks)
    if isinstance(networks, str | Graph):
        networks = [networks]
    return {str(n): load_network(n) if isinstance(n, str) else n for n in networks}


def _check(name: str, network: Graph, platform: Platform, options: Options) -> tuple[_Whole, list[_Layer]]:
    """Return the row of a network and those of its layers."""
    counts = Counter(Graph([layer]) for layer in network.layers)
    cold = _measured([*counts], platform, replace(options, method="stacked", evictor=network))
    warm = _measured([*counts, network], platform, replace(options, method="whole"))
    total = _latency(cold[network.id])
    layers = []
    for graph, count in counts.items():
        latency, kernels = _latency(cold[graph.id]), list(cold[graph.id].execution.kernels)
        share = count * latency.ms / total.ms
        where = (str(platform), name, graph.id, graph.layers[0].op, count)
        layers.append(_Layer(*where, latency.ms, latency.std_error_ms, _latency(warm[graph.id]).ms, share, kernels))
    summed = sum(layer.count * layer.latency_ms for layer in layers)
    error = summed / total.ms - 1
    spread = math.sqrt(sum((layer.count * layer.std_error_ms) ** 2 for layer in layers))
    margin = 1.96 * (1 + error) * math.hypot(spread / summed, total.std_error_ms / total.ms)
    warm_error = sum(layer.count * layer.warm_ms for layer in layers) / _latency(warm[network.id]).ms - 1
    errors = (error, error - margin, error + margin, warm_error)
    row = _Whole(str(platform), name, network.depth, total.ms, summed, *errors, [])
    return replace(row, explained=_explain(row, layers, cold[network.id].execution.kernels)), layers


def _measured(graphs: list[Graph], platform: Platform, options: Options) -> dict[str, Measurement]:
    """Measure some graphs in one session; return their measurements by id."""
    with Engine(str(platform), options) as engine:
        measurements = engine.measure([graphs])
    raise_failures(measurements)
    return {one.subject.id: one for one in measurements}


def _latency(one: Measurement) -> Latency:
    assert one.latency is not None
    return one.latency


def _explain(row: _Whole, layers: Sequence[_Layer], in_network: Sequence[str]) -> list[str]:
    """Return in words what the sum is made of, which kernels differ in the network, and what warm caches would hide."""
    by_op: dict[str, float] = {}
    alone: Counter[str] = Counter()
    for layer in layers:
        by_op[layer.op] = by_op.get(layer.op, 0.0) + layer.count * layer.latency_ms
        for kernel in layer.kernels:
            alone[kernel] += layer.count
    shares = ", ".join(f"{op} {ms / row.whole_ms:.1%}" for op, ms in sorted(by_op.items(), key=lambda item: -item[1]))
    lines = [f"of the network's latency: {shares}"]
    missing, further = alone - Counter(in_network), Counter(in_network) - alone
    for text, kernels in (("only in the layers alone", missing), ("only in the network", further)):
        if kernels:
            lines.append(f"{text}: " + ", ".join(f"{count} × {name}" for name, count in sorted(kernels.items())))
    gone = [layer for layer in layers if layer.kernels and set(layer.kernels) <= set(missing)]
    if gone and all(alone[name] == missing[name] for layer in gone for name in layer.kernels):
        saved = sum(layer.count * layer.latency_ms for layer in gone)
        ops = ", ".join(sorted({layer.op for layer in gone}))
        without = (row.sum_ms - saved) / row.whole_ms - 1
        lines.append(f"the network folds {ops} into other kernels; without them the sum is {without:+.1%} off")
    lines.append(
        f"layers that run alone, over and over, with warm caches, add up to {row.warm_error:+.1%}: the rest is the "
        "time that weights and activations take to come from further away"
    )
    return lines
