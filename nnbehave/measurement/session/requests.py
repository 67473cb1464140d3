"""The requests for samples and costs that a session makes of its runner (:mod:`nnbehave.runner.protocol`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nnbehave.measurement.session.part import Part
from nnbehave.measurement.settings import Settings

_LENGTHS_PER_OCTAVE = 8  # passes within 9 % of one another count as equally long


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
class Group:
    """Parts that are called in turn, or called over and over one after another.

    Attributes
    ----------
    parts : dict of str to Part
    in_turn : bool
    """

    parts: Mapping[str, Part]
    in_turn: bool

    @property
    def evict_bytes(self) -> int:
        """Bytes to read before each turn, so that the parts get the distances that they want, on the average."""
        wanted = sum(map(_pass_bytes, self.parts.values())) / len(self.parts)
        return max(0, round(wanted) - self._touched_bytes) if self.in_turn else 0

    def distance_bytes(self, part: str) -> int:
        """Bytes that are touched between two uses of the weights of one copy of a part's subject."""
        if not self.in_turn:
            return 0
        return self._touched_bytes + self.evict_bytes - self.parts[part].weight_bytes

    @property
    def _touched_bytes(self) -> int:
        return sum(part.touched_bytes for part in self.parts.values())


@dataclass(frozen=True)
class TimingMethod:
    """How a runner times parts.

    Attributes
    ----------
    name : {"whole", "stacked", "profiled"}
    settings : Settings
    wall_clock : bool
        True if caches matter to the platform: a simulated one has none to empty.
    """

    name: str
    settings: Settings
    wall_clock: bool

    def groups(self, parts: Mapping[str, Part]) -> list[Group]:
        """Deal parts out to groups in which each finds the distance that it wants, as near as can be.

        In turn are called, in this order, parts that want passes of about the same length, until they touch as much.
        """
        far = {name: part for name, part in parts.items() if part.distance_bytes and self.name != "profiled"}
        near = {name: part for name, part in parts.items() if name not in far}
        groups = [Group(near, in_turn=False)] if near else []
        if not self.wall_clock:
            return groups + ([Group(far, in_turn=True)] if far else [])
        by_length: dict[int, dict[str, Part]] = {}
        for name, part in far.items():
            length = round(_LENGTHS_PER_OCTAVE * math.log2(_pass_bytes(part)))
            group = by_length.setdefault(length, {})
            if group and sum(each.touched_bytes for each in [*group.values(), part]) > _pass_bytes(part):
                groups.append(Group(group, in_turn=True))
                group = by_length[length] = {}
            group[name] = part
        return groups + [Group(group, in_turn=True) for group in by_length.values()]

    def request(self, group: Group, round_number: int) -> Request:
        """Return the request for one sample of each part of a group."""
        settings, handles = self.settings, tuple(group.parts)
        fields: dict[str, object] = {"handles": list(handles)}
        sample_ns = int(settings.sample_ms * 1e6)
        during = f"round {round_number + 1}"
        if self.name == "profiled":
            return Request("profile", fields | {"sample_ns": sample_ns}, handles, settings.time_limit_s, during)
        if not group.in_turn:
            fields |= {"span_ns": int(settings.span_ms * 1e6), "sample_ns": sample_ns}
            return Request("time", fields, handles, settings.time_limit_s, during)
        fields |= {"passes": settings.passes, "evict_bytes": group.evict_bytes if self.wall_clock else 0}
        limit_s = settings.time_limit_s * len(handles)  # calls in turn are answered all at once
        return Request("rotate", fields, handles, limit_s, f"one of {len(handles)} layers in turn", one_by_one=False)


def _pass_bytes(part: Part) -> int:
    """Return how many bytes are to be touched from one use of a part's weights to the end of the next."""
    return part.distance_bytes + part.weight_bytes


def cost_request(parts: Mapping[str, Part], settings: Settings) -> Request:
    """Return the request for the exact cost of each part."""
    handles = tuple(parts)
    fields: dict[str, object] = {"handles": list(handles)}
    return Request("estimate", fields, handles, settings.time_limit_s, "estimating", can_be_refused=True)
