"""The rule that drops a size if a larger one is as fast."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nnbehave.analysis.steps import StepMap
from nnbehave.design.layer import Layer
from nnbehave.design.space import Slot
from nnbehave.errors import InvalidInputError, InvalidLayerError
from nnbehave.pruning.rules.base import Judgement, Removal, Rule, check_threshold
from nnbehave.pruning.rules.thresholds import MIN_CONFIDENCE
from nnbehave.records import Scalar, Status

SIZES = ("in_channels", "out_channels", "height", "width")  # dimensions of which a larger value can do more
_MUST_MATCH = ("op", "height", "width", "kernel", "stride", "precision", "batch", "groups", "dilation", "expansion")

_Prices = dict[int, float]  # the latency of each size in ms, by one step map


@dataclass(frozen=True)
class KeepPareto(Rule[StepMap]):
    """Keep the channels and resolutions for which no larger one is as fast: the Pareto set among the slot's values.

    A step map applies to layers like the measured one: of the same operator, size, kernel, stride, precision, batch,
    groups, dilation and expansion. If the slot may hold other layers too (it has a choice of kernels, say), there must
    be a step map of each of them, as a sweep of ``space.unrolled()`` gives. A value is removed only if all these step
    maps agree, and all step maps of one layer from several environments or methods. A value that the platform cannot
    run is removed. A value whose measurement failed stays, and no other value is removed because of it.

    Parameters
    ----------
    tolerance : float
        The share by which a larger size may be slower and still count as equally fast.
    min_confidence : float
        The least confidence of a step map that may remove values.
    transfer : bool
        Apply a step map to every slot with a choice of its dimension, not only to layers like the measured one.
    extrapolate : bool
        Price sizes above the measured range too, if the law of the step map goes on (:meth:`nnbehave.StepMap.latency`).
    keep_smallest : bool
        Also keep the smallest size that runs. The layer that reads these channels is fastest with it, which a step map
        of this layer does not show. Without it the fastest networks are lost (:func:`nnbehave.what_was_lost`).

    Raises
    ------
    InvalidInputError
        A threshold is not a number of 0 or more.
    """

    findings = (StepMap,)
    tolerance: float = 0.0
    min_confidence: float = MIN_CONFIDENCE
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
                why = f"the slot may also hold {layer.id}, which has no step map"
                return Judgement(undecided=f"{why}: sweep space.unrolled(), or allow transfer=True")
            maps += [found for found in nearest if not any(found is other for other in maps)]
        for found in maps:
            if found.kind == "unexplained" or found.confidence < self.min_confidence:
                return Judgement(undecided=f"the step map is too uncertain: {_named(found)}")
        return self._removed(slot, dimension, maps)

    def _nearest(self, layer: Layer, maps: Sequence[StepMap]) -> list[StepMap]:
        """Return the step maps measured on the layer itself, otherwise on the layers most like it that may be used."""

        def distance(found: StepMap) -> tuple[bool, int]:
            measured = found.origin.layer if found.origin else {}
            return not _is_like(layer, found), sum(getattr(layer, key) != measured[key] for key in measured)

        allowed = [(distance(found), found) for found in maps if self.transfer or _is_like(layer, found)]
        least = min((far for far, _ in allowed), default=None)
        return [found for far, found in allowed if far == least]

    def _removed(self, slot: Slot, dimension: str, maps: Sequence[StepMap]) -> Judgement:
        """Return the removal of each size that does not run, or that a larger size replaces by every step map."""
        candidates = slot.choices[dimension]
        lost = {each.n: (each, found) for found in maps if found.origin for each in found.origin.lost}
        prices = [self._priced(found, [n for n in candidates if n not in lost]) for found in maps]
        known = sorted(set.intersection(*map(set, prices)))
        removed: dict[Scalar, Removal] = {
            n: Removal("the platform cannot run it", f"{_where(found)}{each.reason}")
            for n, (each, found) in lost.items()
            if n in candidates and each.status == Status.UNSUPPORTED and _is_like(slot.base, found)
        }
        for n, better in _outdone(known, prices, self.tolerance).items():
            evidence = "; ".join(_compared(slot, found, n, better) for found in maps)
            removed[n] = Removal(f"{better} is as fast", evidence)
        if self.keep_smallest and (run := [n for n in candidates if n not in lost]):
            removed.pop(min(run), None)
        unpriced = [n for n in candidates if n not in known and n not in removed]
        return Judgement(removed, f"{len(unpriced)} values lie outside the measured range" if unpriced else "")

    def _priced(self, found: StepMap, candidates: Sequence[int]) -> _Prices:
        """Return the latency of each candidate that lies in the range of a step map."""
        prices = {}
        for n in candidates:
            with suppress(InvalidInputError):  # outside the range
                prices[n] = found.latency(n, self.extrapolate)
        return prices


def _is_like(layer: Layer, found: StepMap) -> bool:
    """True if a step map applies to a layer without transfer; the channels and the activation may differ."""
    measured = found.origin.layer if found.origin else {}
    return all(getattr(layer, key) == measured[key] for key in _MUST_MATCH if key in measured)


def _variants(slot: Slot, dimension: str) -> Iterator[Layer]:
    """Yield a layer for each combination of choices that needs a step map of its own over a dimension."""
    apart = {name: slot.choices[name] for name in slot.choices if name in _MUST_MATCH and name != dimension}
    for values in itertools.product(*apart.values()):
        with suppress(InvalidLayerError):  # a combination that no network can have
            yield slot.base.replace(**dict(zip(apart, values, strict=True)))


def _outdone(sizes: Sequence[int], prices: Sequence[_Prices], tolerance: float) -> dict[int, int]:
    """Return each size to remove, with the larger size that stays and is as fast by every step map.

    Sizes are compared only with sizes that stay. So no removed size is more than one tolerance from one that stays.
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


# ---------------------------------------------------------------------- evidence, in words


def _compared(slot: Slot, found: StepMap, n: int, better: int) -> str:
    """Return the latencies of two sizes by a step map."""
    latencies = f"{found.latency(n, True):.4g} ms at {n}, {found.latency(better, True):.4g} ms at {better}"
    beyond = f", extrapolated past {found.high}" if better > found.high else ""
    return f"{_named(found)}: {latencies}{beyond}" + ("" if _is_like(slot.base, found) else _transferred(found))


def _named(found: StepMap) -> str:
    width = f" of width {found.width}" if found.width else ""
    return f"{_where(found)}{found.kind}{width} (confidence {found.confidence:.2f})"


def _where(found: StepMap) -> str:
    return f"{found.origin.platform}, " if found.origin and found.origin.platform else ""


def _transferred(found: StepMap) -> str:
    layer = found.origin.layer if found.origin else {}
    shape = f"{layer.get('height')}x{layer.get('width')} K {layer.get('kernel')} S {layer.get('stride')}"
    return f"; measured on {layer.get('op')} {shape}, transferred"
