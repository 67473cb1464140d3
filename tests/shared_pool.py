"""One pool of converting processes for many tests, since a process takes seconds to load TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import ClassVar

from nnbehave.errors import ConversionError
from nnbehave.measurement.converters import Artifact, ArtifactCache, ConversionPool
from nnbehave.measurement.converters.pool import Job

_KEPT = 2  # pools at a time; each process holds half a gigabyte


class SharedPool:
    """Stands for the pool of an engine: its processes stay for the next engine of the same seed and environment."""

    _pools: ClassVar[dict[tuple[object, ...], ConversionPool]] = {}

    def __init__(self, seed: int, cache: ArtifactCache) -> None:
        variables = frozenset((key, value) for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST")
        self._key = (seed, cache.root, variables)
        self._seed, self._cache = seed, cache

    def convert(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Artifact | ConversionError]]:
        pool = self._pools.pop(self._key, None)
        if pool is None or any(process.closed for process in pool._processes):
            pool = ConversionPool(self._seed, self._cache)
        self._pools[self._key] = pool  # the last used is the last to go
        self.end(_KEPT)
        yield from pool.convert(jobs)

    def __enter__(self) -> SharedPool:
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave the processes to the next engine."""

    @classmethod
    def end(cls, kept: int = 0) -> None:
        """End all pools but those used last."""
        while len(cls._pools) > kept:
            cls._pools.pop(next(iter(cls._pools))).close()
