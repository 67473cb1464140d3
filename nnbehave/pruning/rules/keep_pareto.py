"""Sizes that a larger one is as fast as."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nnbehave.analysis import StepMap
from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot
from nnbehave.errors import InvalidInputError, InvalidLayerError
from nnbehave.pruning.rules._base import Judgement, Removal, Rule, check_threshold

SIZES = ("in_channels", "out_channels", "height", "width")  # of which a larger one can do more
_MUST_MATCH = ("op", "height", "width", "kernel", "stride", "precision", "batch", "groups", "dilation", "expansion")

Prices = list[dict[int, float]]  # of each map, what a size takes in ms


@dataclass(frozen=True)
class KeepPareto(Rule):
    """Keep the channels and resolutions for which no larger one is as fast: the Pareto set among a slot's own.

    A step map speaks of layers like the one it was measured on. Where a slot may hold others too (it has a choice of
    kernels, say) there must be a map of each, as sweeping ``space.unrolled()`` gives, and they must agree; so must
    several maps of one layer, from other environments or by other methods. What does not run at all goes; what failed
    to be measured stays, and nothing goes because of it.

    Parameters
    ----------
    tolerance : float
        A larger one also counts as fast when it takes up to this share more time.
    min_confidence : float
        Of a step map, below which nothing is removed.
    transfer : bool
        Let a map speak of every slot with that dimension, not only of those like the layer it was measured on.
    extrapolate : bool
        Price sizes past the measured range too, where the law goes on (:meth:`nnbehave.StepMap.latency`).
    keep_smallest : bool
        Keep the smallest that runs too: the layer that reads these channels is fastest with it, which a map of this one
        does not show, and without it the fastest networks are lost (:func:`nnbehave.what_was_lost`).

    Raises
    ------
    InvalidInputError
        A threshold is no number, or negative.
    """

    findings = (StepMap,)
    tolerance: float = 0.0
    min_confidence: float = 0.5
    transfer: bool = False
    extrapolate: bool = False
    keep_smallest: bool = False

    def __post_init__(self) -> None:
        check_threshold("tolerance", self.tolerance)
        check_threshold("min_confidence", self.min_confidence)

    def judge(self, slot: Slot, dimension: str, findings: Sequence[StepMap]) -> Judgement | None:
        if dimension not in SIZES:
            return None
        over = [found for found in findings if found.origin and found.origin.dimension == dimension]
        maps = self._nearest(slot.base, over)
        if not maps:
            return None
        for layer in _variants(slot, dimension):
            nearest = self._nearest(layer, over)
            if not nearest:
                why = f"no step map of {layer.id}, which it may hold: sweep space.unrolled(), or allow transfer=True"
                return Judgement(cannot_tell=why)
            maps += [found for found in nearest if not any(found is other for other in maps)]
        for found in maps:
            if found.kind == "unexplained" or found.confidence < self.min_confidence:
                return Judgement(cannot_tell=f"{_named(found)} says too little")
        return self._removed(slot, dimension, maps)

    def _nearest(self, layer: Layer, maps: Sequence[StepMap]) -> list[StepMap]:
        """Return the maps that say most of a layer: of that very one, else of one like it, else those it may use."""

        def distance(found: StepMap) -> tuple[bool, int]:
            measured = found.origin.layer if found.origin else {}
            return not is_like(layer, found), sum(getattr(layer, key) != measured[key] for key in measured)

        allowed = [(distance(found), found) for found in maps if self.transfer or is_like(layer, found)]
        least = min((far for far, _ in allowed), default=None)
        return [found for far, found in allowed if far == least]

    def _removed(self, slot: Slot, dimension: str, maps: Sequence[StepMap]) -> Judgement:
        candidates = slot.choices[dimension]
        lost = {each.n: (each, found) for found in maps if found.origin for each in found.origin.lost}
        prices = [self._priced(found, [n for n in candidates if n not in lost]) for found in maps]
        known = sorted(set.intersection(*map(set, prices)))
        removed = {
            n: Removal("it does not run", f"{_where(found)}{each.reason}")
            for n, (each, found) in lost.items()
            if n in candidates and each.status == "unsupported" and is_like(slot.base, found)
        }
        for n, better in _outdone(known, prices, self.tolerance).items():
            removed[n] = Removal(
                f"{better} is as fast", "; ".join(self._told(slot, found, n, better) for found in maps)
            )
        if self.keep_smallest and (run := [n for n in candidates if n not in lost]):
            removed.pop(min(run), None)
        unpriced = [n for n in candidates if n not in known and n not in removed]
        told = f"{len(unpriced)} of its values lie outside what was measured" if unpriced else ""
        return Judgement(removed, told)

    def _priced(self, found: StepMap, candidates: Sequence[int]) -> dict[int, float]:
        prices = {}
        for n in candidates:
            try:
                prices[n] = found.latency(n, self.extrapolate)
            except InvalidInputError:  # outside what was measured
                continue
        return prices

    def _told(self, slot: Slot, found: StepMap, n: int, better: int) -> str:
        latencies = f"{found.latency(n, True):.4g} ms at {n}, {found.latency(better, True):.4g} ms at {better}"
        beyond = f", extrapolated past {found.high}" if better > found.high else ""
        return f"{_named(found)}: {latencies}{beyond}" + ("" if is_like(slot.base, found) else _moved(found))


def is_like(layer: Layer, found: StepMap) -> bool:
    """Whether a map was measured on a layer of the same operator, size, kernel, stride and precision.

    Of batch, groups, dilation and expansion too; the other channels and the activation may be others.
    """
    measured = found.origin.layer if found.origin else {}
    return all(getattr(layer, key) == measured[key] for key in _MUST_MATCH if key in measured)


def _variants(slot: Slot, dimension: str) -> Iterator[Layer]:
    """Yield every layer of a slot that step maps over a dimension tell apart."""
    apart = {name: slot.choices[name] for name in slot.choices if name in _MUST_MATCH and name != dimension}
    for values in itertools.product(*apart.values()):
        with suppress(InvalidLayerError):  # which no network can have
            yield slot.base.replace(**dict(zip(apart, values, strict=True)))


def _outdone(sizes: Sequence[int], prices: Prices, tolerance: float) -> dict[int, int]:
    """Return each size that a larger one which stays is as fast as by every map, and that one.

    It is compared with what stays alone, so that what goes is never far from it.
    """
    stay: list[int] = []
    outdone = {}
    for n in sorted(sizes, reverse=True):
        for better in stay:
            if all(of[better] <= of[n] * (1 + tolerance) for of in prices):
                outdone[n] = better
                break
        else:
            stay.append(n)
    return outdone


def _named(found: StepMap) -> str:
    width = f" of width {found.width}" if found.width else ""
    return f"{_where(found)}{found.kind}{width} (confidence {found.confidence:.2f})"


def _where(found: StepMap) -> str:
    return f"{found.origin.platform}, " if found.origin and found.origin.platform else ""


def _moved(found: StepMap) -> str:
    layer = found.origin.layer if found.origin else {}
    shape = f"{layer.get('height')}x{layer.get('width')} K {layer.get('kernel')} S {layer.get('stride')}"
    return f"; measured on {layer.get('op')} {shape}, transferred"
