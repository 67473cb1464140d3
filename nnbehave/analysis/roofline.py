"""Roofline: whether a layer is bound by computing, by memory, or by the overhead of running a layer at all.

After Williams, Waterman and Patterson, "Roofline" (CACM 2009). The latency of a layer has a lower bound::

    latency >= overhead + max(OPs / peak, bytes / bandwidth(working set))

:mod:`nnbehave.analysis.roofline_fit` finds the roofs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import layer_of, single_layers
from nnbehave.analysis.latencies import Z95, by_conditions, by_error, shown_ms
from nnbehave.analysis.roofline_fit import CLEAR, Fit, Floats, Roof, fit_roofs
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes

Bound = Literal["compute", "memory", "overhead"]

_BOUNDS: tuple[Bound, ...] = get_args(Bound)
_GROUP = ["platform", "environment", "method", "context", "precision"]
_ATTAINED = ["attained_gops", "attained_low", "attained_high"]
_COLUMNS = [
    *(*_GROUP, "layers", "op", "ops", "mac_bytes", "intensity", "latency_ms"),
    *(*_ATTAINED, "roof_gops", "bound", "utilisation", "status", "reason"),
]
_ROOFS = [
    *(*_GROUP, "peak_gops", "peak_low", "peak_high", "bandwidth_gbs", "bandwidth_low", "bandwidth_high"),
    *("ridge", "ridge_low", "ridge_high", "overhead_ms", "overhead_low", "overhead_high"),
    *("layers", *_BOUNDS, "reason"),
]
_LEVELS = [*_GROUP, "up_to_bytes", "bandwidth_gbs", "bandwidth_low", "bandwidth_high", "layers"]
_GIGA = 1e6  # a millisecond in units of 10⁹ a second


@dataclass(frozen=True, repr=False)
class Roofline(Finding):
    """The roofs of a platform, and the place of each layer beneath them. OPs are multiply-adds.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer. ``intensity`` is in OPs per byte. ``attained_gops`` is OPs / latency in G multiply-adds/s, with
        the 95 % interval of the latency. ``roof_gops`` is the most that is possible at this intensity and working set.
        ``bound`` says which takes longest by the roofs: ``compute``, ``memory`` or ``overhead``. ``utilisation`` is
        attained over roof.
    roofs : pandas.DataFrame
        One row a platform, environment, method and precision, with 95 % intervals. ``peak_gops`` is in G
        multiply-adds/s. ``bandwidth_gbs`` is that of the largest working sets, in GB/s. ``ridge`` is peak over
        bandwidth, in OPs per byte. ``overhead_ms`` is the time that small layers take whatever their size; where it is
        0, none can be seen, and its interval says how much there can be. ``compute``, ``memory`` and ``overhead`` count
        the layers of each bound. ``reason`` says why a roof is NaN.
    levels : pandas.DataFrame
        One row a level of memory, caches first. ``bandwidth_gbs`` is what layers attain whose working set (inputs,
        output and weights) is above that of the level before and at most ``up_to_bytes``. The last level is that of
        ``roofs``. No layer with a larger working set than its ``up_to_bytes`` came near to its bandwidth: such layers
        are slow for another reason, or less can be attained with so many bytes.
    """

    frame: pd.DataFrame
    roofs: pd.DataFrame
    levels: pd.DataFrame

    def __repr__(self) -> str:
        return "\n".join(line for i in range(len(self.roofs)) for line in self._in_words(i))

    def _in_words(self, place: int) -> Iterator[str]:
        """Yield the lines about one of the roofs."""
        roof = self.roofs.iloc[place]
        rows, levels = (some[(some[_GROUP] == roof[_GROUP]).all(axis=1)] for some in (self.frame, self.levels))
        yield f"{roof['platform']}, {roof['precision']}, {roof['method']}: {roof['layers']} layers"
        yield from [f"  {reason}" for reason in roof["reason"].split("; ") if reason]
        if roof["peak_gops"] > 0:
            yield f"  peak {_with_interval(roof, 'peak', '_gops')} G multiply-adds/s"
        for _, level in levels.iterrows():
            size = level["up_to_bytes"] // 1024
            yield f"  bandwidth {_with_interval(level, 'bandwidth', '_gbs')} GB/s up to a working set of {size} KiB"
        if roof["overhead_ms"] > 0:
            yield f"  overhead {_with_interval(roof, 'overhead', '_ms')} ms a layer, whatever its size"
        if roof["ridge"] > 0:
            yield f"  ridge {_with_interval(roof, 'ridge')} OPs per byte"
            yield f"  bound by compute {roof['compute']}, memory {roof['memory']}, overhead {roof['overhead']}"
            shares = rows[rows["bound"] != "overhead"].groupby("op")["utilisation"].median().sort_values().head(3)
            yield "  least utilised: " + ", ".join(f"{op} {share:.0%}" for op, share in shares.items())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw roofs and layers, attained OPs over intensity, both in logs; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        return plots.plot_roofs(self.frame, self.roofs, self.levels, ax=ax)


def _with_interval(row: pd.Series[float], name: str, unit: str = "") -> str:
    return f"{row[name + unit]:.3g} ({row[f'{name}_low']:.3g} to {row[f'{name}_high']:.3g})"


def fit_roofline(results: Measurements | pd.DataFrame) -> Roofline:
    """Find the roofs of each platform and precision, and place every layer beneath them.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        With single layers. A roof takes at least three layers that come near to it, such as ``add`` from 16 KiB to
        64 MiB and ``conv`` of many channels. Noisy measurements are weighed by their standard errors.

    Returns
    -------
    Roofline
        Where too few layers have a low or a high intensity, the roof is NaN, with the reason.

    Raises
    ------
    InvalidInputError
        There are no single layers.
    """
    import pandas as pd

    measured = single_layers(results)
    if not measured:
        raise InvalidInputError("no single layers among these results: measure add of rising size, and conv, alone")
    frames: list[pd.DataFrame] = []
    roofs: list[dict[str, object]] = []
    levels: list[dict[str, object]] = []
    for (conditions, precision), some in by_conditions(measured).items():
        about = {**conditions._asdict(), "precision": precision}
        placed, roof, of_memory = _placed(_one_of_each_layer(some))
        frames.append(placed.assign(**about))
        roofs.append(about | roof)
        levels += [about | level for level in of_memory]
    return Roofline(
        pd.concat(frames, ignore_index=True)[_COLUMNS],
        pd.DataFrame(roofs, columns=_ROOFS),
        pd.DataFrame(levels, columns=_LEVELS),
    )


def _one_of_each_layer(measured: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurement of each layer with the smallest error, in the order in which they came."""
    best: dict[str, int] = {}
    for i in sorted(range(len(measured)), key=lambda i: by_error(measured[i])):
        best.setdefault(measured[i].subject.id, i)
    return [measured[i] for i in sorted(best.values())]


class _Placed(NamedTuple):
    """The layers of one platform and precision with their places, the roofs, and the levels of memory."""

    frame: pd.DataFrame
    roof: dict[str, object]
    levels: list[dict[str, object]]


def _placed(measured: Sequence[Measurement]) -> _Placed:
    """Place the layers of one platform and precision beneath their roofs."""
    frame = _table(measured)
    usable = [one.usable for one in measured]
    known = np.array([latency is not None for latency in usable])
    roof: dict[str, object] = {"layers": int(known.sum()), "reason": "", **dict.fromkeys(_BOUNDS, 0)}
    if not known.any():
        reasons = Counter(one.reason for one in measured if one.reason).most_common(1)
        return _Placed(
            frame, roof | {"reason": ": ".join(["no layer has a latency", *(why for why, _ in reasons)])}, []
        )
    ms = np.array([latency.ms for latency in usable if latency])
    error = np.nan_to_num([latency.std_error_ms for latency in usable if latency]) / ms
    ops, size = (frame[name].to_numpy(float)[known] for name in ("ops", "mac_bytes"))
    frame.loc[known, _ATTAINED] = (ops / ms / _GIGA)[:, None] * np.exp(Z95 * error[:, None] * [0, -1, 1])
    fit = fit_roofs(ms, error, ops, size)
    bandwidth = fit.levels[-1].bandwidth if fit.levels else Roof()
    ridge = fit.peak.over(bandwidth)
    roof |= fit.peak.named("peak", "_gops", _GIGA) | bandwidth.named("bandwidth", "_gbs", _GIGA)
    roof |= ridge.named("ridge") | fit.overhead.named("overhead", "_ms") | {"reason": _reason(fit, ops / size)}
    if ridge.value > 0:
        least, bounds = np.maximum(fit.compute_ms, fit.memory_ms), _bounds(fit)
        frame.loc[known, ["roof_gops", "utilisation"]] = np.column_stack([ops / least / _GIGA, least / ms])
        frame.loc[known, "bound"] = bounds
        roof |= {bound: int((bounds == bound).sum()) for bound in _BOUNDS}
    levels: list[dict[str, object]] = [
        {
            **level.bandwidth.named("bandwidth", "_gbs", _GIGA),
            "up_to_bytes": int(level.up_to_bytes),
            "layers": level.layers,
        }
        for level in fit.levels
    ]
    return _Placed(frame, roof, levels)


def _table(measured: Sequence[Measurement]) -> pd.DataFrame:
    """Return the table of some layers that have no places yet."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            "layers": [layer_of(one).id for one in measured],
            "op": [layer_of(one).op for one in measured],
            "ops": [one.subject.ops for one in measured],
            "mac_bytes": [one.subject.mac_bytes for one in measured],
            "latency_ms": [shown_ms(one) for one in measured],
            "status": [one.status.value for one in measured],
            "reason": [one.reason for one in measured],
        }
    )
    frame = frame.assign(intensity=frame["ops"] / frame["mac_bytes"], bound="")
    frame[[*_ATTAINED, "roof_gops", "utilisation"]] = np.nan
    return frame


def _bounds(fit: Fit) -> npt.NDArray[np.str_]:
    """Return which of compute, memory and overhead takes longest by the roofs, for each layer."""
    by_overhead = fit.overhead.value > np.maximum(fit.compute_ms, fit.memory_ms)
    return np.select([by_overhead, fit.compute_ms > fit.memory_ms], ["overhead", "compute"], "memory")


def _reason(fit: Fit, intensity: Floats) -> str:
    """Return what layers of these intensities do not tell, and what to measure for it."""
    lacking = []
    if not fit.peak.value > 0:
        lacking.append("no peak, as fewer than three layers are bound by computing: measure conv of many channels")
    elif np.ptp(np.log(intensity[fit.by_compute])) < np.log(CLEAR):
        lacking.append("the peak is that of one intensity, as of one slow operator: measure conv of other channels too")
    if not fit.levels:
        lacking.append("no bandwidth, as fewer than three are bound by memory: measure add or relu of growing size")
    return "; ".join(lacking)
