"""Fusion: whether a runtime saves the time of an operator that follows another, and whether it says that it does.

``saved`` is the time that the second operator B takes apart from the first, A, less the time that it adds to A::

    added = T(A, B) − T(A)        saved share = 1 − added / apart

``apart`` is T(B) of B alone. Where there are graphs A, X, B and A, X with another operator X between the two, it is
T(A, X, B) − T(A, X). The second form also holds for operators that run in another layout than their inputs come in.
Alone, such an operator is charged for changing the layout twice, which ``T(A) + T(B) − T(A, B)`` takes for time that
fusion saves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nnbehave.analysis.finding import Finding
from nnbehave.analysis.inputs import measurements_of
from nnbehave.analysis.latencies import CANNOT_TELL, Z95, by_conditions, on_one_scale, why_no_latency
from nnbehave.analysis.layer_names import operators_of
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FUSED, NOT_FUSED = "fused", "not fused"
_CHAINS = ("pair", "chain")
_HALF = 0.5  # the share of an operator's time above which it is fused, below which it is not
_SURE = 2.58  # standard errors on each side of a 99 % interval: the standard normal's 99.5 % quantile
_CHEAP = 0.05  # of the first operator's time: an operator that adds less is not worth fusing
_MOVES = ("Reorder", "Convert")  # beginnings of the names of kernels that belong to no operator
_COLUMNS = [
    *(
        "platform",
        "environment",
        "method",
        "context",
        "precision",
        "first",
        "second",
        "first_op",
        "second_op",
        "between",
    ),
    *("first_ms", "together_ms", "apart_ms", "saved_ms", "saved_share", "saved_low", "saved_high"),
    *("verdict", "told", "words"),
]


@dataclass(frozen=True, repr=False)
class Fusion(Finding):
    """The operators that are fused on a platform.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a pair on a platform. ``first`` and ``second`` are the ids of the layers, ``first_op`` and ``second_op``
        their operators; of a longer chain, ``second`` has all layers after the first. ``between`` is the operator that
        stood between the two for ``apart_ms``, empty where the second was measured alone. ``saved_share`` is the share
        of ``apart_ms`` that is saved, with its 95 % interval. ``verdict`` follows from latencies alone: ``fused`` if a
        99 % interval of the share lies above one half, ``not fused`` if it lies below, otherwise ``cannot tell``.
        ``told`` is what the runtime itself reports: ``folded`` if the pair runs no more kernels than its first operator
        alone, ``separate`` if it runs more, empty if the runtime names no kernels. ``words`` puts the two together.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for platform, rows in self.frame.groupby("platform", sort=False):
            counts = rows["verdict"].value_counts()
            verdicts = [verdict for verdict in (FUSED, NOT_FUSED, CANNOT_TELL) if verdict in counts]
            text = ", ".join(f"{counts[verdict]} {verdict}" for verdict in verdicts)
            lines.append(f"{platform}: {len(rows)} pairs: {text}")
            for (first, second), some in rows.groupby(["first_op", "second_op"], sort=False):
                lines.append(f"  {first} + {second}: " + "; ".join(dict.fromkeys(some["words"])))
        return "\n".join(lines) or "no pairs"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the saved share of each pair with its interval; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        return plots.plot_shares(self.frame, ax=plots.new_axes() if ax is None else ax)


def detect_fusion(results: Measurements | pd.DataFrame) -> Fusion:
    """Judge for each pair of operators whether the second's time is saved where it follows the first.

    Parameters
    ----------
    results : Measurements or pandas.DataFrame
        With chains of two or more layers, and with what each chain is compared with: its first layer alone, and one of
        two further measurements. Either the other layers alone; or a chain with one more operator between the first
        layer and the others, and the first two layers of that chain. Measurements of one session are compared directly.
        Those of several sessions are compared by latencies relative to the sessions' references, whose intervals are
        wider. Noisy measurements are weighed by their standard errors.

    Returns
    -------
    Fusion
        A pair is ``cannot tell`` where a measurement has no latency, with the reason in ``words``.

    Raises
    ------
    InvalidInputError
        There are no pairs, or nothing to compare them with.
    """
    import pandas as pd

    measured = [one for one in measurements_of(results) if one.subject.arrangement in ("single", *_CHAINS)]
    if all(one.subject.arrangement == "single" for one in measured):
        raise InvalidInputError("no pairs among these results: measure Graph([first, second]), and its layers alone")
    rows = []
    for (conditions, precision), some in by_conditions(measured).items():
        for pair in _pairs(some):
            told = _told(pair.together, pair.first)
            rows.append(
                {**conditions._asdict(), "precision": precision, **pair.named(), "told": told, **_judge(pair, told)}
            )
    if not rows:
        raise InvalidInputError(
            "nothing to compare these chains with: measure the first layer alone, and the second alone or with another "
            "operator between the two"
        )
    return Fusion(pd.DataFrame(rows, columns=_COLUMNS))


# ---------------------------------------------------------------------- what is compared with what


class _Pair(NamedTuple):
    """The measurements that tell whether the layers after the first are fused into it."""

    together: Measurement
    first: Measurement
    apart: tuple[Measurement, ...]  # the others alone; or a chain with one operator between, and its first two layers

    def named(self) -> dict[str, str]:
        """Return the columns that say which operators they are."""
        first, *others = self.together.subject.layers
        return {
            "first": first.id,
            "second": ";".join(layer.id for layer in others),
            "first_op": first.op,
            "second_op": operators_of(others),
            "between": self.apart[0].subject.layers[1].id if len(self.apart) > 1 else "",
        }


def _pairs(measured: Sequence[Measurement]) -> Iterator[_Pair]:
    """Yield each chain of one platform that can be compared with something."""
    known = {tuple(layer.id for layer in one.subject.layers): one for one in measured}
    between: dict[tuple[str, ...], tuple[str, ...]] = {}  # of each chain the one with one more operator after the first
    for chain in known:
        without = (chain[0], *chain[2:])
        if len(chain) > 2 and without in known and chain[:2] in known:
            between[without] = chain
    serving = {part for chain in between.values() for part in (chain, chain[:2])}
    for layers, together in known.items():
        first, others, longer = layers[:1], layers[1:], between.get(layers)
        if not others or layers in serving or first not in known:
            continue
        if longer:
            yield _Pair(together, known[first], (known[longer], known[longer[:2]]))
        elif others in known:
            yield _Pair(together, known[first], (known[others],))


def _told(pair: Measurement, first: Measurement) -> str:
    """Return what the runtime reports: whether the pair runs more kernels than its first operator alone."""
    if not pair.execution.kernels or not first.execution.kernels:
        return ""
    of_pair, of_first = (
        sum(not kernel.startswith(_MOVES) for kernel in one.execution.kernels) for one in (pair, first)
    )
    return "separate" if of_pair > of_first else "folded"


# ---------------------------------------------------------------------- verdicts


class _Time(NamedTuple):
    """A latency in ms with the square of its standard error."""

    ms: float
    square: float

    def __sub__(self, other: _Time) -> _Time:
        return _Time(self.ms - other.ms, self.square + other.square)


def _judge(pair: _Pair, told: str) -> dict[str, object]:
    """Return times, share, verdict and words of a pair; ``told`` is what the runtime reports."""
    needed = (pair.together, pair.first, *pair.apart)
    for one in needed:
        if not one.is_usable:
            layers = ";".join(layer.id for layer in one.subject.layers)
            return {"verdict": CANNOT_TELL, "words": f"{layers}: {why_no_latency(one)}"}
    together, first, *rest = _times(needed)
    apart = rest[0] - rest[1] if len(rest) == 2 else rest[0]
    added = together - first
    times = {"first_ms": first.ms, "together_ms": together.ms, "apart_ms": apart.ms, "saved_ms": apart.ms - added.ms}
    if apart.ms <= _SURE * math.sqrt(apart.square):
        return times | {"verdict": CANNOT_TELL, "words": "the second operator takes no time that can be measured"}
    ratio = added.ms / apart.ms
    half = Z95 * math.sqrt(added.square + ratio**2 * apart.square) / apart.ms
    share = {"saved_share": 1 - ratio, "saved_low": 1 - ratio - half, "saved_high": 1 - ratio + half}
    # The interval of the share is skewed where the second takes little; this difference has the sign of share − 1/2.
    ahead = (1 - _HALF) * apart.ms - added.ms
    error = math.sqrt(added.square + (1 - _HALF) ** 2 * apart.square)
    verdict = (FUSED if ahead > 0 else NOT_FUSED) if abs(ahead) > _SURE * error else CANNOT_TELL
    words = _words(verdict, told, ratio, cheap=added.ms < _CHEAP * first.ms)
    return {**times, **share, "verdict": verdict, "words": words}


def _times(measured: Sequence[Measurement]) -> list[_Time]:
    """Return latencies on one scale, in ms of the first."""
    estimates = on_one_scale(measured)
    latency = measured[0].usable
    scale = latency.ms / estimates[0].value if latency else math.nan
    return [_Time(scale * value, (scale * error) ** 2) for value, error in estimates]


def _words(verdict: str, told: str, ratio: float, cheap: bool) -> str:
    """Put the verdict and the runtime's report together; ``ratio`` is the time added over the time taken apart."""
    costs = f"adds {max(0.0, ratio):.0%} of what it takes apart"
    if verdict == CANNOT_TELL:
        return "folded, but whether that saves its time cannot be told" if told == "folded" else CANNOT_TELL
    if verdict == FUSED:
        return f"not folded, yet nearly free: {costs}" if told == "separate" else f"fused: {costs}"
    if told == "folded":
        return f"fused but costly: folded into the kernel before, and {costs}"
    return f"not fused, but cheap: {costs}" if cheap else f"not fused: {costs}"
