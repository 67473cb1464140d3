"""Fusion: does a runtime save an operator's time where it follows another, and does it say that it does?

``saved`` is what an operator takes by itself, less what it adds to the one before::

    added = T(A, B) − T(A)        saved share = 1 − added / apart

``apart`` is T(B) of B alone or, where there are graphs A, X, B and A, X with another operator between the two,
T(A, X, B) − T(A, X). The second holds for operators that are run in another layout than their inputs come in: alone,
they are charged with changing it twice, which ``T(A) + T(B) − T(A, B)`` takes for time saved by fusion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nnbehave.analysis._frames import frame_of, records, separated
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_VERDICTS = ("fused", "not fused", "cannot tell")
_CHAINS = ("pair", "chain")
_HALF = 0.5  # the share of an operator's time that must be saved, or not, for a verdict
_SURE = 2.58  # standard errors, 99 %
_CHEAP = 0.05  # of the first operator's time: what is not worth fusing
_MOVES = ("Reorder", "Convert")  # kernels of no operator
_COLUMNS = [
    *("platform", "environment", "method", "precision", "first", "second", "first_op", "second_op", "between"),
    *("first_ms", "together_ms", "apart_ms", "saved_ms", "saved_share", "saved_low", "saved_high"),
    *("verdict", "told", "words"),
]


@dataclass(frozen=True, repr=False)
class Fusion:
    """Which operators are fused on a platform.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a pair on a platform. ``first`` and ``second`` are the ids of the layers, ``first_op`` and
        ``second_op`` their operators (of a chain of more, those after the first together), ``between`` the operator
        that stood between them for ``apart_ms``, empty where the second was measured alone. ``saved_share`` is of
        ``apart_ms``, with its 95 % interval. ``verdict`` is from latencies alone: ``fused`` where a 99 % interval of
        the share lies above one half, ``not fused`` where it lies below, else ``cannot tell``. ``told`` is the
        runtime's own word: ``folded`` where the pair runs no more kernels than its first operator alone, ``separate``
        where it does, empty where the runtime names none. ``words`` sets the two side by side.
    """

    frame: pd.DataFrame

    def __repr__(self) -> str:
        lines = []
        for platform, rows in self.frame.groupby("platform", sort=False):
            counts = rows["verdict"].value_counts()
            said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _VERDICTS if verdict in counts)
            lines.append(f"{platform}: {len(rows)} pairs: {said}")
            for (first, second), some in rows.groupby(["first_op", "second_op"], sort=False):
                lines.append(f"  {first} + {second}: " + "; ".join(dict.fromkeys(some["words"])))
        return "\n".join(lines) or "no pairs"

    def plot(self, ax: Any = None) -> Any:
        """Draw the saved share of each pair with its interval; return the matplotlib Axes."""
        from nnbehave.analysis import plots

        ax = plots.new_axes() if ax is None else ax
        return plots.plot_shares(self.frame, ax=ax)


class _Time(NamedTuple):
    """A latency in ms with the square of its standard error."""

    ms: float
    square: float

    def __sub__(self, other: _Time) -> _Time:
        return _Time(self.ms - other.ms, self.square + other.square)


def detect_fusion(results: Any) -> Fusion:
    """Say of each pair of operators whether the second's time is saved where it follows the first.

    Parameters
    ----------
    results : Results or pandas.DataFrame
        With chains of two or more layers, and of each what it is compared with: its first layer alone, and either a
        chain with one more operator between the first and the others, and that chain's beginning, or the others
        alone. What was measured in one session is compared directly, and else by latencies relative to the
        sessions' references, whose intervals are wider. Noisy rows count by their standard errors.

    Returns
    -------
    Fusion
        Pairs of which something has no latency are ``cannot tell``, with the reason in ``words``.

    Raises
    ------
    InvalidInputError
        There are no pairs, or nothing to compare them with.
    """
    import pandas as pd

    frame = frame_of(results, ("layers", "kernels", "session"))
    if not frame["arrangement"].isin(_CHAINS).any():
        raise InvalidInputError("no pairs among these results: measure Graph([first, second]), and its layers alone")
    rows = [row for what, some in separated(frame, ("precision",)) for row in _pairs(what, some)]
    if not rows:
        raise InvalidInputError(
            "nothing to compare these chains with: measure the first layer alone, and the second alone or with another "
            "operator between the two"
        )
    return Fusion(pd.DataFrame(rows, columns=_COLUMNS))


def _pairs(what: dict[str, Any], frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield a row for each chain of one platform that can be compared with something."""
    rows = frame[frame["arrangement"].isin(("single", *_CHAINS))]
    known = {tuple(row["layers"].split(";")): row for row in records(rows)}
    between: dict[tuple[str, ...], tuple[str, ...]] = {}  # of each chain the one with one more operator after the first
    for chain in known:
        without = (chain[0], *chain[2:])
        if len(chain) > 2 and without in known and chain[:2] in known:
            between[without] = chain
    serving = {part for chain in between.values() for part in (chain, chain[:2])}
    for layers, row in known.items():
        first, others, apart = layers[:1], layers[1:], between.get(layers)
        if not others or layers in serving or first not in known or not (apart or others in known):
            continue
        needed = [row, known[first], *((known[apart], known[apart[:2]]) if apart else (known[others],))]
        names = [re.split(r"_h\d", name)[0] for name in layers]
        told = _told(row, known[first])
        yield {
            **what,
            "first": layers[0],
            "second": ";".join(others),
            "first_op": names[0],
            "second_op": " + ".join(names[1:]),
            "between": apart[1] if apart else "",
            "told": told,
            **_judge(needed, told),
        }


def _told(pair: dict[str, Any], first: dict[str, Any]) -> str:
    """Return the runtime's word: whether the pair runs more kernels than its first operator alone."""
    if not isinstance(pair["kernels"], str) or not isinstance(first["kernels"], str):
        return ""
    counts = [
        sum(not kernel.startswith(_MOVES) for kernel in row["kernels"].split(";") if kernel) for row in (pair, first)
    ]
    return "separate" if counts[0] > counts[1] else "folded"


def _judge(needed: list[dict[str, Any]], told: str) -> dict[str, Any]:
    """Return times, share, verdict and words for a pair, its first, and what tells the second's own time."""
    if without := [row for row in needed if not _has_latency(row)]:
        return {"verdict": _VERDICTS[2], "words": f"{without[0]['layers']}: {without[0]['reason'] or 'no latency'}"}
    together, first, *rest = _times(needed)
    apart = rest[0] - rest[1] if len(rest) == 2 else rest[0]
    added = together - first
    found: dict[str, Any] = {"first_ms": first.ms, "together_ms": together.ms, "apart_ms": apart.ms}
    found["saved_ms"] = apart.ms - added.ms
    if apart.ms <= _SURE * math.sqrt(apart.square):
        return found | {"verdict": _VERDICTS[2], "words": "the second operator takes no time that can be measured"}
    ratio = added.ms / apart.ms
    half = 1.96 * math.sqrt(added.square + ratio**2 * apart.square) / apart.ms
    found |= {"saved_share": 1 - ratio, "saved_low": 1 - ratio - half, "saved_high": 1 - ratio + half}
    # The share's own interval is skewed where the second takes little; this difference has the sign of share − 1/2.
    ahead = (1 - _HALF) * apart.ms - added.ms
    error = math.sqrt(added.square + (1 - _HALF) ** 2 * apart.square)
    verdict = _VERDICTS[0 if ahead > 0 else 1] if abs(ahead) > _SURE * error else _VERDICTS[2]
    cheap = added.ms < _CHEAP * first.ms
    return found | {"verdict": verdict, "words": _words(verdict, told, ratio, cheap)}


def _has_latency(row: dict[str, Any]) -> bool:
    return row["status"] in ("ok", "noisy") and row["latency_ms"] > 0 and math.isfinite(row["std_error_ms"])


def _times(rows: list[dict[str, Any]]) -> list[_Time]:
    """Return latencies on one scale: as they are where they are of one session, else by the sessions' references."""
    if len({row["session"] for row in rows}) == 1:
        return [_Time(row["latency_ms"], row["std_error_ms"] ** 2) for row in rows]
    scale = rows[0]["latency_ms"] / rows[0]["relative_latency"]
    errors = [scale * (row["relative_high"] - row["relative_low"]) / 3.92 for row in rows]
    return [_Time(scale * row["relative_latency"], error**2) for row, error in zip(rows, errors, strict=True)]


def _words(verdict: str, told: str, ratio: float, cheap: bool) -> str:
    """Set the verdict from latencies beside the runtime's word; ``ratio`` is what is added over what it takes apart."""
    costs = f"adds {max(0.0, ratio):.0%} of what it takes apart"
    if verdict == "cannot tell":
        return {"folded": "folded, but whether that saves its time cannot be told"}.get(told, "cannot tell")
    if verdict == "fused":
        separate = f"not folded, yet nearly free: {costs}"
        return {"folded": f"fused: {costs}", "separate": separate}.get(told, f"fused: {costs}")
    if told == "folded":
        return f"fused but costly: folded into the kernel before, and {costs}"
    return f"not fused, but cheap: {costs}" if cheap else f"not fused: {costs}"
