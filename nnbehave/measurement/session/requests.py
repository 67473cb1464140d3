"""The requests for samples and costs that a session makes of its runner (:mod:`nnbehave.runner.protocol`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nnbehave.measurement.session.part import Part
from nnbehave.measurement.settings import Settings


@dataclass(frozen=True)
class Request:
    """A request about some parts, which has an answer for each.

    Attributes
    ----------
    command : str
    fields : dict of str to JSON value
    parts : tuple of str
        The part of each answer, in the order of the answers.
    limit_s : float
        Time limit for each answer, in seconds.
    during : str
        What the runner was doing, for messages about a failure.
    one_by_one : bool
        True if the runner answers for one part before it runs the next. Then a failure is the fault of the part whose
        answer is due. Otherwise nothing tells whose fault it is.
    can_be_refused : bool
        True if the runner can find out only now that a part is unsupported. A part that is timed was called before,
        when it was loaded, so an error is a failure then.
    """

    command: str
    fields: dict[str, object]
    parts: tuple[str, ...]
    limit_s: float
    during: str
    one_by_one: bool = True
    can_be_refused: bool = False


@dataclass(frozen=True)
class TimingMethod:
    """How a runner times parts.

    Attributes
    ----------
    name : {"whole", "stacked", "profiled"}
    settings : Settings
    evictor : str or None
        By ``stacked``: a part that runs before every call of the others. Without one, the calls of all parts take
        turns, and a buffer is read before each turn.
    wall_clock : bool
        True if caches matter to the platform: a simulated one has none to empty.
    """

    name: str
    settings: Settings
    evictor: str | None
    wall_clock: bool

    def request(self, parts: Mapping[str, Part], round_number: int) -> Request:
        """Return the request for one sample of each part."""
        settings, handles = self.settings, tuple(parts)
        fields: dict[str, object] = {"handles": list(handles)}
        sample_ns = int(settings.sample_ms * 1e6)
        during = f"round {round_number + 1}"
        if self.name == "whole":
            fields |= {"span_ns": int(settings.span_ms * 1e6), "sample_ns": sample_ns}
            return Request("time", fields, handles, settings.time_limit_s, during)
        if self.name == "profiled":
            return Request("profile", fields | {"sample_ns": sample_ns}, handles, settings.time_limit_s, during)
        fields["passes"] = settings.passes
        limit_s = settings.time_limit_s * len(parts)  # calls in turn are answered all at once
        during = f"one of {len(parts)} layers in turn"
        if self.evictor is not None:
            answered = tuple(name for part in handles for name in (part, self.evictor))
            return Request("alternate", fields | {"evictor": self.evictor}, answered, limit_s, during, one_by_one=False)
        fields["evict_bytes"] = self._evicted_bytes(parts) if self.wall_clock else 0
        return Request("rotate", fields, handles, limit_s, during, one_by_one=False)

    def _evicted_bytes(self, parts: Mapping[str, Part]) -> int:
        """Return the part of the footprint that the other parts do not fill."""
        held = sum(part.artifact.size_bytes for part in parts.values())
        return max(0, round(self.settings.footprint_mib * 2**20) - held)


def cost_request(parts: Mapping[str, Part], settings: Settings) -> Request:
    """Return the request for the exact cost of each part."""
    handles = tuple(parts)
    fields: dict[str, object] = {"handles": list(handles)}
    return Request("estimate", fields, handles, settings.time_limit_s, "estimating", can_be_refused=True)
