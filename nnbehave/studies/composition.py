"""Does a network take as long as its layers together? This tests the method by which single layers are isolated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import pandas as pd

from nnbehave.design.graph import Graph
from nnbehave.design.networks import NETWORKS, load_network
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.derive import observations_of
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.options import Options
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.settings import Settings
from nnbehave.records import Latency, Measurement
from nnbehave.studies.comparison import Comparison, ratio
from nnbehave.studies.failures import raise_failures

_PROCESSES = 5  # with three, half of a 95 % interval would be 4.3 standard errors (Student's t)


@dataclass(frozen=True)
class Composition:
    """The latencies of networks, whole and as the sum of their separately measured layers.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a network: ``platform network layers whole_ms sum_ms error error_low error_high warm_error explained``.
        ``error`` is sum / whole − 1, the median over the rounds, with its 95 % interval. The latencies exclude the call
        of the runtime itself. ``warm_error`` is the error if each layer is run alone over and over (method ``whole``).
        It differs from ``error`` because the caches are warm then, and because of work at the edges of a graph.
        ``explained`` puts into words the shares of the operators, the kernels that differ, and the warm error.
    layers : pandas.DataFrame
        One row a distinct layer of a network: ``platform network layer op count latency_ms std_error_ms warm_ms share
        kernels``. ``share`` is the share of the network's latency that all ``count`` occurrences of the layer take.
        ``warm_ms`` is the latency by the method ``whole``.
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
    rounds: int = 15,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
    context: str = "loop",
) -> Composition:
    """Compare the latencies of networks with the sums of their separately measured layers.

    Each layer is measured ``stacked``, in the rounds of one session with the network. Between two uses of its weights
    as many bytes are touched as in the network (:mod:`nnbehave.measurement.context`).

    Parameters
    ----------
    networks : sequence of str or Graph, or mapping of str to Graph, optional
        Names (:data:`nnbehave.design.networks.NETWORKS`) or graphs; by default all that have a name.
    platforms : str or sequence of str
    rounds : int
        Rounds of each layer and of the network, spread over five processes.
    seed : int
        Seed of weights, inputs and the order of rounds.
    progress : bool
    target : str
        Where to measure, as in :func:`nnbehave.sweep`.
    context : {"loop", "cold"}
        ``loop``: the network is called over and over. ``cold``: the caches are emptied before each call.

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
    settings = Settings(min_rounds=rounds, max_rounds=rounds, processes=_PROCESSES, seed=seed)
    options = Options(
        settings, "stacked", context, target, progress=progress, with_references=False, shard_bytes=math.inf
    )
    if context not in ("loop", "cold"):
        raise InvalidInputError(f"context: expected 'loop' or 'cold', got {context!r}")
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
    """Return the networks to check, by their names."""
    if networks is None:
        networks = list(NETWORKS)
    if isinstance(networks, Mapping):
        return dict(networks)
    if isinstance(networks, str | Graph):
        networks = [networks]
    return {str(n): load_network(n) if isinstance(n, str) else n for n in networks}


def _check(name: str, network: Graph, platform: Platform, options: Options) -> tuple[_Whole, list[_Layer]]:
    """Measure a network and its layers; return the row of the network and the rows of its layers."""
    counts = Counter(Graph([layer]) for layer in network.layers)
    found, error = _measured(counts, network, platform, replace(options, inside=network))
    warm, warm_error = _measured(counts, network, platform, replace(options, method="whole", context=None))
    total = _latency(found[network.id])
    layers = []
    for graph, count in counts.items():
        latency, kernels = _latency(found[graph.id]), list(found[graph.id].execution.kernels)
        share = count * latency.ms / total.ms
        where = (str(platform), name, graph.id, graph.layers[0].op, count)
        layers.append(_Layer(*where, latency.ms, latency.std_error_ms, _latency(warm[graph.id]).ms, share, kernels))
    summed = sum(layer.count * layer.latency_ms for layer in layers)
    errors = (error.ratio - 1, error.low - 1, error.high - 1, warm_error.ratio - 1)
    row = _Whole(str(platform), name, network.depth, total.ms, summed, *errors, [])
    return replace(row, explained=_explain(row, layers, found[network.id].execution.kernels)), layers


def _measured(
    counts: Mapping[Graph, int], network: Graph, platform: Platform, options: Options
) -> tuple[dict[str, Measurement], Comparison]:
    """Return the measurements of a network and its layers from one session, and their comparison.

    Returns
    -------
    measurements : dict of str to Measurement
        By the id of the layer or the network.
    comparison : Comparison
        The sum of the layers, each as often as it occurs, over the network. Each round gives a ratio: if the machine is
        slower for some rounds, it is slower for both sides.
    """
    with Engine(str(platform), options) as engine:
        measurements = engine.measure([[*counts, network]])
        raise_failures(measurements)
        (session,) = engine.sessions()
    layers = [(part, count * weight) for graph, count in counts.items() for part, weight in session.terms[graph.id]]
    compared = ratio(observations_of(session, {}), layers, session.terms[network.id])
    return {one.subject.id: one for one in measurements}, compared


def _latency(one: Measurement) -> Latency:
    assert one.latency is not None
    return one.latency


def _explain(row: _Whole, layers: Sequence[_Layer], in_network: Sequence[str]) -> list[str]:
    """Return in words the shares of the operators, the kernels that differ in the network, and the warm error."""
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
        f"with each layer alone, over and over, in warm caches, the sum is {row.warm_error:+.1%} off: in the network, "
        "weights and activations come from further away"
    )
    return lines
