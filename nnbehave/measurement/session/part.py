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
    """

    artifact: Artifact
    precision: str
    bound: str
