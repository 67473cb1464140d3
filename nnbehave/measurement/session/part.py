"""A part: a graph that a session runs to find out about a subject."""

from __future__ import annotations

from dataclasses import dataclass

from nnbehave.measurement.converters import Artifact


@dataclass(frozen=True)
class Part:
    """A graph as a runner takes it.

    Attributes
    ----------
    artifact : Artifact
        The file that the runner loads.
    precision : str
        The precision to run it in.
    bound : str
        Its class: ``compute`` or ``memory`` (:func:`nnbehave.measurement.isolation.bound`).
    touched_bytes : int
        Bytes that a call touches (:func:`nnbehave.design.working_set.working_set_bytes`).
    weight_bytes : int
        Bytes of the weights of one copy of the subject.
    distance_bytes : int
        Bytes that others are to touch between two uses of those weights; 0 where calls follow one another at once
        (:func:`nnbehave.measurement.context.distance_bytes`).
    """

    artifact: Artifact
    precision: str
    bound: str
    touched_bytes: int = 0
    weight_bytes: int = 0
    distance_bytes: int = 0
