"""Converting many graphs at once, in worker processes."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType

from nnbehave.design.graph import Graph
from nnbehave.errors import ConversionError, WorkerError, WorkerTimeout
from nnbehave.measurement.converters._base import Converter
from nnbehave.measurement.converters.cache import Artifact, ArtifactCache
from nnbehave.measurement.worker import PythonWorker, Worker

Job = tuple[Converter, Graph]

_GRAPHS_PER_PROCESS = 32  # below that, starting TensorFlow once more costs more than it saves
# A process that has ever been larger is replaced: what a converter keeps of a graph must not add up over thousands.
_LARGEST_BYTES = 850 * 2**20


class ConversionPool:
    """Converts graphs in processes of their own; each imports TensorFlow once and idles between calls.

    Use it in a ``with``: leaving it ends the processes.

    Parameters
    ----------
    seed : int
        Of weights and of inputs.
    cache : ArtifactCache
    time_limit_s : float
        For one graph.
    """

    def __init__(self, seed: int, cache: ArtifactCache, time_limit_s: float = 120.0) -> None:
        self._benches = [_Bench(seed, cache, time_limit_s) for _ in range(_cores())]
        self._seed, self._cache = seed, cache

    def convert(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Artifact | ConversionError]]:
        """Yield each job, a converter and a graph, with its artifact or with why it has none; cached ones come first.

        A process that dies or hangs costs the graph it was on, and is replaced.

        Raises
        ------
        MissingExtraError
            A package that a converter needs is not installed.
        """
        if any(bench.closed for bench in self._benches):
            raise WorkerError("this pool has been closed")
        missing = []
        for converter, graph in jobs:
            artifact = self._cache.get(converter, graph, self._seed)
            if artifact is None:
                missing.append((converter, graph))
            else:
                yield (converter, graph), artifact
        todo: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[Job, Artifact | ConversionError]] = queue.SimpleQueue()
        started = sum(bench.started for bench in self._benches)
        count = min(len(self._benches), max(started, -(-len(missing) // _GRAPHS_PER_PROCESS)))
        for job in missing:
            todo.put(job)
        threads = [
            threading.Thread(target=bench.work, args=(todo, done), daemon=True) for bench in self._benches[:count]
        ]
        for thread in threads:
            todo.put(None)
            thread.start()
        try:
            for _ in missing:
                yield done.get()
        except BaseException:  # nobody waits for the rest any more
            self.close()
            raise
        finally:
            for thread in threads:
                thread.join()

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        for bench in self._benches:
            bench.close()

    def __enter__(self) -> ConversionPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Bench:
    """A process that converts, started when it is first needed."""

    def __init__(self, seed: int, cache: ArtifactCache, time_limit_s: float) -> None:
        self._seed, self._cache, self._time_limit_s = seed, cache, time_limit_s
        self._worker: Worker | None = None
        self.closed = False

    @property
    def started(self) -> bool:
        """Whether there is a process."""
        return self._worker is not None

    def work(
        self,
        todo: queue.SimpleQueue[Job | None],
        done: queue.SimpleQueue[tuple[Job, Artifact | ConversionError]],
    ) -> None:
        """Convert jobs from a queue until there is a None."""
        while not self.closed and (job := todo.get()) is not None:
            try:
                result = self._convert(*job)
            except Exception as error:  # whatever it is, the one who waits for this job must hear of it
                result = ConversionError(f"{type(error).__name__}: {error}")
            done.put((job, result))

    def close(self) -> None:
        """End the process."""
        self.closed = True
        worker = self._worker  # the thread may drop it at this moment
        if worker is not None:
            worker.kill()
            worker.close()

    def _convert(self, converter: Converter, graph: Graph) -> Artifact | ConversionError:
        if graph.precision not in converter.precisions:
            known = ", ".join(converter.precisions)
            return ConversionError(f"{converter.name} has no {graph.precision}, only {known}", "unsupported")
        try:
            if self._worker is None:
                self._worker = PythonWorker("nnbehave.measurement.converters")
            answer = self._worker.request(
                "convert",
                self._time_limit_s,
                converter=converter.name,
                graph=graph.to_dict(),
                seed=self._seed,
                cache=str(self._cache.root),
            )
        except WorkerError as error:
            self._replace()
            return ConversionError(str(error), "timeout" if isinstance(error, WorkerTimeout) else "failed")
        if not answer.pop("ok"):
            return ConversionError(answer["error"], answer["kind"])
        if answer.pop("largest_bytes") > _LARGEST_BYTES:
            self._replace()
        return Artifact(**answer)

    def _replace(self) -> None:
        if self._worker is not None:
            self._worker.close()
        self._worker = None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def convert_all(
    jobs: Sequence[Job], seed: int, cache: ArtifactCache, time_limit_s: float = 120.0
) -> Iterator[tuple[Job, Artifact | ConversionError]]:
    """Convert in a :class:`ConversionPool` that lasts for these jobs alone."""
    with ConversionPool(seed, cache, time_limit_s) as pool:
        yield from pool.convert(jobs)
