"""Measuring some graphs together in one session of their own, without a store: what every study here starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tqdm.auto import tqdm

from nnbehave.design.graph import Graph
from nnbehave.errors import ConversionError, WorkerError
from nnbehave.measurement.converters import Artifact, ArtifactCache, convert_all, get_converter
from nnbehave.measurement.isolation import bound, terms
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.events import Loaded, Outcome, Process, Sample
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate, Observation
from nnbehave.measurement.targets import LocalTarget
from nnbehave.runner.kernels import Kernel

Parts = list[tuple[str, float]]


@dataclass
class Together:
    """What a session gave.

    Attributes
    ----------
    terms : dict of str to list of (str, float)
        For each subject the parts that make its latency, and what each counts for.
    estimates : dict of str to Estimate
    kernels : dict of str to list of Kernel
        By part.
    samples : list of Sample
        All, those taken again included.
    observations : list of Observation
        Those that count.
    processes : list of Process
    """

    terms: dict[str, Parts]
    estimates: dict[str, Estimate] = field(default_factory=dict)
    kernels: dict[str, list[Kernel]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)


def measure_together(
    subjects: Sequence[Graph],
    platform: Platform,
    method: str,
    settings: Settings,
    title: str,
    progress: bool,
    behind: Graph | None = None,
    until: Callable[[Together], bool] | None = None,
) -> Together:
    """Convert and measure some subjects in one session; ``behind`` runs before every call, and is measured too.

    Parameters
    ----------
    until : callable, optional
        Asked after every sample; the session ends when it says so.

    Raises
    ------
    ConversionError, WorkerError
        One of them cannot be converted or run.
    """
    runs = {graph.id: terms(graph, method) for graph in subjects}
    graphs = {term.graph.id: term.graph for each in runs.values() for term in each}
    found = Together({subject: [(term.graph.id, term.weight) for term in each] for subject, each in runs.items()})
    if behind is not None:
        graphs[behind.id] = behind
        found.terms[behind.id] = [(behind.id, 1.0)]
    artifacts = convert(list(graphs.values()), platform, settings.seed, f"convert {title}", progress)
    parts = {name: Part(artifacts[name], graph.precision, bound(graph)) for name, graph in graphs.items()}
    session = Session(
        platform, LocalTarget(), parts, found.terms, settings, method, evictor=behind.id if behind else None
    )
    with tqdm(desc=f"measure {title}", unit="sample", disable=not progress, leave=False) as bar:
        for event in session:
            if isinstance(event, Outcome):
                raise WorkerError(f"{event.subject}: {event.status}: {event.reason}")
            if isinstance(event, Loaded):
                found.kernels[event.part] = list(event.kernels)
            elif isinstance(event, Process):
                found.processes.append(event)
            elif isinstance(event, Sample):
                found.samples.append(event)
                if not event.discarded:
                    found.observations.append(event.observation(parts[event.part].bound))
                bar.total = session.expected_samples
                bar.update()
                if until is not None and until(found):
                    break
    found.estimates = session.estimates
    return found


def convert(
    graphs: Sequence[Graph], platform: Platform, seed: int, title: str, progress: bool
) -> Mapping[str, Artifact]:
    """Return the artifact of each graph by its id."""
    jobs = [(get_converter(platform.converter_for(graph.precision)), graph) for graph in graphs]
    artifacts = {}
    finished = convert_all(jobs, seed, ArtifactCache())
    for (_, graph), result in tqdm(finished, title, len(jobs), unit="graph", disable=not progress, leave=False):
        if isinstance(result, ConversionError):
            raise ConversionError(f"{graph}: {result}")
        artifacts[graph.id] = result
    return artifacts
