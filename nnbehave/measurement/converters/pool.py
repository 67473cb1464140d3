"""Conversion of many graphs at once, in worker processes."""

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

_GRAPHS_PER_PROCESS = 32  # for fewer graphs, starting TensorFlow in one more process costs more than it saves
# A process whose memory has ever been larger is replaced, because converters keep some memory of every graph.
_LARGEST_BYTES = 850 * 2**20


class ConversionPool:
    """Converts graphs in worker processes. Each imports TensorFlow once and waits between calls.

    Use it in a ``with`` statement, which ends the processes.

    Parameters
    ----------
    seed : int
        Weights and inputs are drawn from it.
    cache : ArtifactCache
        Artifacts are looked up here first, and kept here.
    time_limit_s : float
        Time for one graph in seconds.
    """

    def __init__(self, seed: int, cache: ArtifactCache, time_limit_s: float = 120.0) -> None:
        self._processes = [_Process(seed, cache, time_limit_s) for _ in range(_cores())]
        self._seed, self._cache = seed, cache

    def convert(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Artifact | ConversionError]]:
        """Yield each job with its artifact, or with the error that explains why it has none.

        Cached artifacts come first. A process that dies or hangs is replaced, and its graph gets an error.

        Parameters
        ----------
        jobs : sequence of (Converter, Graph)

        Raises
        ------
        MissingExtraError
            A package that a converter needs is not installed.
        WorkerError
            The pool has been closed.
        """
        if any(process.closed for process in self._processes):
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
        started = sum(process.started for process in self._processes)
        count = min(len(self._processes), max(started, -(-len(missing) // _GRAPHS_PER_PROCESS)))
        for job in missing:
            todo.put(job)
        threads = [
            threading.Thread(target=process.work, args=(todo, done), daemon=True) for process in self._processes[:count]
        ]
        for thread in threads:
            todo.put(None)
            thread.start()
        made_bytes = 0
        try:
            for _ in missing:
                job, result = done.get()
                made_bytes += result.size_bytes if isinstance(result, Artifact) else 0
                yield job, result
        except BaseException:  # the caller wants no more results
            self.close()
            raise
        finally:
            for thread in threads:
                thread.join()
            if made_bytes:
                self._cache.trim_where_due(made_bytes)

    def close(self) -> None:
        """End the processes at once, even in the middle of a conversion."""
        for process in self._processes:
            process.close()

    def __enter__(self) -> ConversionPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Process:
    """One converting process of a pool. It is started when it is first needed."""

    def __init__(self, seed: int, cache: ArtifactCache, time_limit_s: float) -> None:
        self._seed, self._cache, self._time_limit_s = seed, cache, time_limit_s
        self._worker: Worker | None = None
        self.closed = False

    @property
    def started(self) -> bool:
        """True if the process is running."""
        return self._worker is not None

    def work(
        self,
        todo: queue.SimpleQueue[Job | None],
        done: queue.SimpleQueue[tuple[Job, Artifact | ConversionError]],
    ) -> None:
        """Convert the jobs of a queue until a None comes."""
        while not self.closed and (job := todo.get()) is not None:
            try:
                result = self._convert(*job)
            except Exception as error:  # the pool waits for an answer to every job, whatever goes wrong
                result = ConversionError(f"{type(error).__name__}: {error}")
            done.put((job, result))

    def close(self) -> None:
        """End the process."""
        self.closed = True
        worker = self._worker  # a thread of the pool may set it to None in between
        if worker is not None:
            worker.kill()
            worker.close()

    def _convert(self, converter: Converter, graph: Graph) -> Artifact | ConversionError:
        """Have the process convert a graph; return the artifact, or the error."""
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
        """End the process. The next job starts another."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def convert_all(
    jobs: Sequence[Job], seed: int, cache: ArtifactCache, time_limit_s: float = 120.0
) -> Iterator[tuple[Job, Artifact | ConversionError]]:
    """Convert jobs in a :class:`ConversionPool` that is closed afterwards. See :meth:`ConversionPool.convert`."""
    with ConversionPool(seed, cache, time_limit_s) as pool:
        yield from pool.convert(jobs)
