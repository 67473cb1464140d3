"""Converting many graphs at once, in worker processes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence

from nnbehave.converters._base import Converter
from nnbehave.converters.cache import Artifact, ArtifactCache
from nnbehave.errors import ConversionError, WorkerError
from nnbehave.graph import Graph
from nnbehave.worker import Worker

Job = tuple[Converter, Graph]

_GRAPHS_PER_PROCESS = 32  # below that, starting TensorFlow once more costs more than it saves


def convert_all(
    jobs: Sequence[Job], seed: int, cache: ArtifactCache, time_limit_s: float = 120.0
) -> Iterator[tuple[Job, Artifact | ConversionError]]:
    """Yield each job, a converter and a graph, with its artifact or with why it has none; cached ones come first.

    The others are converted in as many processes as there are cores, each of which imports TensorFlow once. A
    process that dies or hangs costs the graph it was on, and is replaced.

    Raises
    ------
    MissingExtraError
        A package that a converter needs is not installed.
    """
    missing = []
    for converter, graph in jobs:
        artifact = cache.get(converter, graph, seed)
        if artifact is None:
            missing.append((converter, graph))
        else:
            yield (converter, graph), artifact
    if not missing:
        return
    todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Job, Artifact | ConversionError]] = queue.SimpleQueue()
    for job in missing:
        todo.put(job)
    processes = min(os.cpu_count() or 1, -(-len(missing) // _GRAPHS_PER_PROCESS))
    crew = [_Crew(seed, cache, time_limit_s, todo, done) for _ in range(processes)]
    for member in crew:
        member.start()
    try:
        for _ in missing:
            yield done.get()
    finally:
        for member in crew:
            member.stop()


class _Crew(threading.Thread):
    """A thread that takes graphs from a queue and has them converted by a process of its own."""

    def __init__(
        self,
        seed: int,
        cache: ArtifactCache,
        time_limit_s: float,
        todo: queue.SimpleQueue[Job],
        done: queue.SimpleQueue[tuple[Job, Artifact | ConversionError]],
    ) -> None:
        super().__init__(daemon=True)
        self._seed, self._cache, self._time_limit_s = seed, cache, time_limit_s
        self._todo, self._done = todo, done
        self._worker: Worker | None = None
        self._stopped = False

    def run(self) -> None:
        while not self._stopped:
            try:
                job = self._todo.get_nowait()
            except queue.Empty:
                break
            try:
                result = self._convert(*job)
            except Exception as error:  # whatever it is, the one who waits for this job must hear of it
                result = ConversionError(f"{type(error).__name__}: {error}")
            self._done.put((job, result))
        if self._worker is not None:
            self._worker.close()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._stopped = True
        if self._worker is not None and self.is_alive():
            self._worker.kill()
        self.join()

    def _convert(self, converter: Converter, graph: Graph) -> Artifact | ConversionError:
        try:
            if self._worker is None:
                self._worker = Worker("nnbehave.converters")
            answer = self._worker.request(
                "convert",
                self._time_limit_s,
                converter=converter.name,
                graph=graph.to_dict(),
                seed=self._seed,
                cache=str(self._cache.root),
            )
        except WorkerError as error:
            if self._worker is not None:
                self._worker.close()
            self._worker = None
            return ConversionError(str(error))
        if not answer.pop("ok"):
            return ConversionError(answer["error"])
        return Artifact(**answer)
