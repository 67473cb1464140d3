"""Roofline: is a layer bound by computing, by memory, or by the cost of running a layer at all?

After Williams, Waterman and Patterson, "Roofline" (CACM 2009). A layer of some OPs and bytes takes no less than::

    latency >= overhead + max(OPs / peak, bytes / bandwidth(working set))

A roof is an upper envelope: no mean of what lies below, and not the largest of some noisy values either, which lies
above the truth. A layer's rate, in logs, is taken as the roof, less a shortfall, and noise of a known error; the
shortfall is 0 with some probability, else exponential (normal-exponential frontiers: Aigner, Lovell and Schmidt 1977).
The roof is the median, and its interval the middle 95 %, of what then is likely, over all such probabilities and mean
shortfalls: layers that agree at the top are pooled, and those below hardly count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from nnbehave.analysis._frames import frame_of, separated, timed
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

_FEWEST = 3  # layers at a roof, or on a level of the caches
_CLEAR = 1.25  # by how much one time must exceed the other for a layer to tell of the first alone
_STEP, _FLAT = 1.2, 1.15  # a level is so much faster than all larger layers; the best three of these are so close
_LEAST_ERROR, _MOST_ERROR = 0.002, 0.2  # of latencies, as a share of them; beyond the second they tell nothing
_COMMON = 0.005  # error that a session's latencies share: it does not become less where many are pooled
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)  # of layers that are at the roof
_SHORTFALLS = (0.03, 0.1, 0.3, 1.0)  # mean of the others, in logs
_MOST = 100  # layers that a roof is found with: the highest
_ASTRAY = 0.003  # density of rates that nothing explains, so that no single layer decides

_BOUNDS = ("compute", "memory", "overhead")
_GROUP = ["platform", "environment", "method", "precision"]
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


@dataclass(frozen=True, repr=False)
class Roofline:
    """The roofs of a platform, and where layers lie beneath them. OPs are multiply-adds.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a layer. ``intensity`` is OPs per byte; ``attained_gops`` OPs / latency in G multiply-adds/s, with the
        latency's 95 % interval; ``roof_gops`` the most that is possible at this intensity and working set; ``bound``
        what by the roofs takes longest: ``compute``, ``memory`` or ``overhead``; ``utilisation`` attained over roof.
    roofs : pandas.DataFrame
        One row a platform, environment, method and precision, with 95 % intervals: ``peak_gops`` in G multiply-adds/s,
        ``bandwidth_gbs`` in GB/s, that of the largest working sets, ``ridge``, peak over bandwidth, in OPs per byte,
        and ``overhead_ms``, what small layers take whatever their size, 0 where none shows: its interval says how
        much there can be. ``compute``, ``memory`` and ``overhead`` count the layers of a bound. NaN has a ``reason``.
    levels : pandas.DataFrame
        One row a level of memory, caches first: the bandwidth that layers attain whose working set (inputs, output
        and weights) is above the level before and ``up_to_bytes``. The last is that of ``roofs``; nothing larger than
        its ``up_to_bytes`` came near to it, be it slow, or so large that less can be attained.
    """

    frame: pd.DataFrame
    roofs: pd.DataFrame
    levels: pd.DataFrame

    def __repr__(self) -> str:
        return "\n".join(line for _, roof in self.roofs.iterrows() for line in self._words(roof))

    def _words(self, roof: pd.Series[Any]) -> Iterator[str]:
        rows, levels = (some[(some[_GROUP] == roof[_GROUP]).all(axis=1)] for some in (self.frame, self.levels))
        yield f"{roof['platform']}, {roof['precision']}, {roof['method']}: {roof['layers']} layers"
        yield from [f"  {reason}" for reason in roof["reason"].split("; ") if reason]
        if roof["peak_gops"] > 0:
            yield f"  peak {_shown(roof, 'peak', '_gops')} G multiply-adds/s"
        for _, level in levels.iterrows():
            size = level["up_to_bytes"] // 1024
            yield f"  bandwidth {_shown(level, 'bandwidth', '_gbs')} GB/s up to a working set of {size} KiB"
        if roof["overhead_ms"] > 0:
            yield f"  overhead {_shown(roof, 'overhead', '_ms')} ms a layer, whatever its size"
        if roof["ridge"] > 0:
            yield f"  ridge {_shown(roof, 'ridge')} OPs per byte"
            yield f"  bound by compute {roof['compute']}, memory {roof['memory']}, overhead {roof['overhead']}"
            shares = rows[rows["bound"] != "overhead"].groupby("op")["utilisation"].median().sort_values().head(3)
            yield "  least utilised: " + ", ".join(f"{op} {share:.0%}" for op, share in shares.items())

    def plot(self, ax: Any = None) -> Any:
        """Draw roofs and layers, attained OPs over intensity, both in logs; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        return plots.plot_roofs(self.frame, self.roofs, self.levels, ax=ax)


def _shown(row: pd.Series[Any], name: str, unit: str = "") -> str:
    return f"{row[name + unit]:.3g} ({row[f'{name}_low']:.3g} to {row[f'{name}_high']:.3g})"


class _Roof(NamedTuple):
    """A roof with its 95 % interval; NaN where it is not known."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan


class _Fit(NamedTuple):
    """What layers tell: OPs or bytes a millisecond, a millisecond; of levels the largest working set too."""

    peak: _Roof
    levels: list[tuple[float, int, _Roof]]
    overhead: _Roof
    compute_ms: Floats
    memory_ms: Floats
    by_compute: npt.NDArray[np.bool_]  # the layers that tell of the peak


def fit_roofline(results: Any) -> Roofline:
    """Find the roofs of each platform and precision, and place every layer beneath them.

    Parameters
    ----------
    results : Results or pandas.DataFrame
        With single layers: for each roof at least three that come near to it, such as ``add`` from 16 KiB to 64 MiB
        and ``conv`` of many channels. Noisy rows count by their standard errors.

    Returns
    -------
    Roofline
        Where too few layers have a low or a high intensity, that roof is NaN, with the reason.

    Raises
    ------
    InvalidInputError
        There are no single layers.
    """
    import pandas as pd

    frame = frame_of(results, ("layers", "op", "ops", "mac_bytes", "reason"))
    frame = frame[frame["arrangement"] == "single"].reset_index(drop=True)
    if frame.empty:
        raise InvalidInputError("no single layers among these results: measure add of rising size, and conv, alone")
    layers, roofs, levels = zip(*(_group(*group) for group in separated(frame, ("precision",))), strict=True)
    return Roofline(
        pd.concat(layers, ignore_index=True)[_COLUMNS],
        pd.DataFrame(roofs, columns=_ROOFS),
        pd.DataFrame([level for some in levels for level in some], columns=_LEVELS),
    )


def _group(what: dict[str, Any], rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any], list[dict[str, Any]]]:
    """Return the layers of one platform with their places, its roofs, and its levels."""
    rows = rows.sort_values(["std_error_ms", "latency_ms"]).drop_duplicates(["layers", "ops", "mac_bytes"]).sort_index()
    rows = rows.assign(intensity=rows["ops"] / rows["mac_bytes"], bound="")
    rows[[*_ATTAINED, "roof_gops", "utilisation"]] = np.nan
    known = timed(rows)
    roof = what | {"layers": len(known), "reason": ""} | dict.fromkeys(_BOUNDS, 0)
    if known.empty:
        reasons = rows["reason"].replace("", np.nan).dropna().value_counts().index[:1]
        return rows, roof | {"reason": "no layer has a latency" + "".join(f": {why}" for why in reasons)}, []
    ms, ops, size = (known[name].to_numpy(float) for name in ("latency_ms", "ops", "mac_bytes"))
    error = known["std_error_ms"].fillna(0).to_numpy(float) / ms
    rows.loc[known.index, _ATTAINED] = (ops / ms / 1e6)[:, None] * np.exp(1.96 * error[:, None] * [0, -1, 1])
    fit = _fit(ms, np.maximum(error, _LEAST_ERROR), ops, size)
    bandwidth = fit.levels[-1][2] if fit.levels else _Roof()
    ridge = _ratio(fit.peak, bandwidth)
    roof |= _named("peak", "_gops", fit.peak, 1e6) | _named("bandwidth", "_gbs", bandwidth, 1e6)
    roof |= _named("ridge", "", ridge) | _named("overhead", "_ms", fit.overhead) | {"reason": _reason(fit, ops / size)}
    if ridge.value > 0:
        least = np.maximum(fit.compute_ms, fit.memory_ms)
        longest = [fit.overhead.value > least, fit.compute_ms > fit.memory_ms]
        bounds = np.select(longest, ["overhead", "compute"], "memory")
        rows.loc[known.index, ["roof_gops", "utilisation"]] = np.column_stack([ops / least / 1e6, least / ms])
        rows.loc[known.index, "bound"] = bounds
        roof |= {bound: int((bounds == bound).sum()) for bound in _BOUNDS}
    levels = [(_named("bandwidth", "_gbs", level, 1e6), up_to, count) for up_to, count, level in fit.levels]
    return rows, roof, [what | level | {"up_to_bytes": int(up_to), "layers": count} for level, up_to, count in levels]


def _named(name: str, unit: str, roof: _Roof, scale: float = 1.0) -> dict[str, float]:
    return {f"{name}{unit}": roof.value / scale, f"{name}_low": roof.low / scale, f"{name}_high": roof.high / scale}


def _ratio(a: _Roof, b: _Roof) -> _Roof:
    """Return a / b, whose errors are taken as independent."""
    (a0, a_low, a_high), (b0, b_low, b_high) = np.log(a), np.log(b)
    down, up = np.hypot(a0 - a_low, b_high - b0), np.hypot(a_high - a0, b0 - b_low)
    return _Roof(*np.exp([a0 - b0, a0 - b0 - down, a0 - b0 + up]).tolist())


def _fit(ms: Floats, error: Floats, ops: Floats, size: Floats) -> _Fit:
    """Return the roofs over layers: which tell of which follows from the roofs, so that it takes a few passes."""
    compute_ms, memory_ms = ops / _third(ops / ms), size / _third(size / ms)
    for _ in range(4):
        overhead = _overhead(ms, error, np.maximum(compute_ms, memory_ms))
        left = np.maximum(ms - overhead.value, ms / 1e3)
        doubt = np.hypot(error * ms, (overhead.high - overhead.low) / 3.92 if overhead.value else 0.0) / left
        tell = (left > ms / 2) & (doubt < _MOST_ERROR)
        by_compute, by_memory = tell & (compute_ms > _CLEAR * memory_ms), tell & (memory_ms > _CLEAR * compute_ms)
        peak, levels = _Roof(), []
        if by_compute.sum() >= _FEWEST:
            peak = _envelope(ops[by_compute] / left[by_compute], doubt[by_compute])
            compute_ms = ops / peak.value
        if by_memory.sum() >= _FEWEST:
            levels = _levels(size[by_memory], left[by_memory], doubt[by_memory])
            place = np.searchsorted([up_to for up_to, _, _ in levels[:-1]], size)
            memory_ms = size / np.array([level.value for _, _, level in levels])[place]
    overhead = overhead if levels or peak.value > 0 else _Roof()
    return _Fit(peak, levels, overhead, compute_ms, memory_ms, by_compute)


def _reason(fit: _Fit, intensity: Floats) -> str:
    """Say what layers of these intensities do not tell."""
    lacking = []
    if not fit.peak.value > 0:
        lacking.append("no peak, as fewer than three layers are bound by computing: measure conv of many channels")
    elif np.ptp(np.log(intensity[fit.by_compute])) < np.log(_CLEAR):
        lacking.append("the peak is that of one intensity, as of one slow operator: measure conv of other channels too")
    if not fit.levels:
        lacking.append("no bandwidth, as fewer than three are bound by memory: measure add or relu of growing size")
    return "; ".join(lacking)


def _third(rates: Floats) -> float:
    """Return the third highest, so that neither one nor two astray decide; infinity where there is none above 0."""
    return float(next(iter(np.sort(rates[rates > 0])[-_FEWEST:]), np.inf))


def _overhead(ms: Floats, error: Floats, least: Floats) -> _Roof:
    """Return what layers take beyond what the roofs say, where three that differ in size agree on it, else 0."""
    left = ms - least
    most = _Roof(0.0, 0.0, max(0.0, float(np.min(ms * np.exp(1.96 * error) - least))))
    small = left > ms / 2
    if small.sum() < _FEWEST:
        return most
    calls = _envelope(1 / left[small], error[small] * ms[small] / left[small])
    found = _Roof(1 / calls.value, 1 / calls.high, 1 / calls.low)
    agree = small & (left < _CLEAR * found.value)
    differ = agree.sum() >= _FEWEST and least[agree].max() > _CLEAR * least[agree].min()
    # Nothing takes less; but what the roofs say of layers smaller than those that told of them may be too much.
    room = np.where(small, ms, left) + (3 * error + 0.1) * ms
    return found if differ and found.value < room.min() else most


def _levels(size: Floats, ms: Floats, error: Floats) -> list[tuple[float, int, _Roof]]:
    """Return, for each level of memory, the largest working set, the number of layers, and the bandwidth."""
    order = np.argsort(size, kind="stable")
    size, rates, error = size[order], (size / ms)[order], error[order]
    edges = [0, *_edges(size, rates), len(size)]
    levels = [(size[j - 1], j - i, _envelope(rates[i:j], error[i:j])) for i, j in pairwise(edges)]
    _, count, last = levels.pop()
    size, rates = size[-count:], rates[-count:]
    return [*levels, (size[rates * _STEP >= _third(rates)][-1], count, last)]


def _edges(size: Floats, rates: Floats) -> Iterator[int]:
    """Yield where levels begin: three layers before attain more than any after, of which the best three agree."""
    start = 0
    for j in range(_FEWEST, len(size) - _FEWEST + 1):
        best = rates[j:].max()
        falls = j >= start + _FEWEST and size[j] > size[j - 1] and _third(rates[start:j]) >= _STEP * best
        if falls and _third(rates[j:]) * _FLAT >= best:
            yield (start := j)


def _envelope(rates: Floats, errors: Floats) -> _Roof:
    """Return the roof over some rates, of given standard errors as shares of them."""
    highest = np.argsort(rates)[-_MOST:]
    rates, errors = rates[highest], errors[highest]
    logs = np.log(rates)
    step = float(np.median(errors))
    lowest, beyond = np.log(_third(rates)) - 5 * step, logs.max() + 4 * step
    grid = np.concatenate([np.linspace(lowest, beyond, 240), beyond + np.geomspace(step / 4, 2.0, 40)])
    short = grid[:, None] - logs
    z = short / errors
    at = np.exp(-(z**2) / 2) / (errors * np.sqrt(2 * np.pi))
    likely = []
    for mean in _SHORTFALLS:
        ratio = errors / mean
        below = np.exp(ratio**2 / 2 - short / mean + log_ndtr(z - ratio)) / mean
        likely += [np.log(share * at + (1 - share) * below + _ASTRAY).sum(axis=1) for share in _SHARES]
    weight = np.exp(np.array(likely) - np.max(likely)).sum(axis=0) * np.gradient(grid)
    mass = np.cumsum(weight) - weight / 2
    low, middle, high = np.interp(np.array([0.025, 0.5, 0.975]) * weight.sum(), mass, grid)
    down, up = np.hypot([middle - low, high - middle], 1.96 * _COMMON)
    return _Roof(*np.exp([middle, middle - down, middle + up]).tolist())
