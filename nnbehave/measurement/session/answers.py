"""The runner's answers as typed values: the one place that knows their keys (:mod:`nnbehave.runner.protocol`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnbehave.measurement.session.events import Checked, Counted, Hello, Loaded, Witnesses
from nnbehave.runner.kernels import Kernel

Answer = Mapping[str, Any]  # one line of JSON


@dataclass(frozen=True)
class Timed:
    """The timed spans of one part.

    Attributes
    ----------
    part : str
    calls_per_span : int
    spans_ns : tuple of int
    witnesses : dict
        See :class:`~nnbehave.measurement.session.events.Sample`.
    """

    part: str
    calls_per_span: int
    spans_ns: tuple[int, ...]
    witnesses: Witnesses


@dataclass(frozen=True)
class Lost:
    """A part cannot be run here.

    Attributes
    ----------
    part : str
    status : {"unsupported", "failed", "timeout"}
    reason : str
    """

    part: str
    status: str
    reason: str


def read_hello(answer: Answer) -> Hello:
    """Return what a runner says of itself."""
    return Hello(
        protocol=answer["protocol"],
        machine=answer["machine"],
        versions=answer["versions"],
        cpus=tuple(answer["cpus"]),
        state=answer["state"],
        witnesses=answer["witnesses"],
        last_cache_bytes=answer["last_cache_bytes"],
    )


def read_loaded(part: str, answer: Answer) -> tuple[Loaded, Checked | None]:
    """Return the load of a part, and the check of its output where there is something to compare it with."""
    loaded = Loaded(part, answer["load_s"], tuple(Kernel(*each) for each in answer["kernels"]))
    return loaded, None if answer["fidelity"] is None else Checked(part, *answer["fidelity"])


def read_timed(part: str, answer: Answer) -> Timed:
    """Return the timed spans of a part."""
    return Timed(part, answer["calls_per_span"], tuple(answer["spans_ns"]), answer["witnesses"])


def read_cost(part: str, answer: Answer) -> Counted | Lost:
    """Return the exact cost of a part, or that the runner refuses it."""
    if "refused" in answer:
        return Lost(part, "unsupported", answer["refused"])
    return Counted(part, answer["latency_ns"] / 1e6, answer["counts"], tuple(answer["left_out"]))
