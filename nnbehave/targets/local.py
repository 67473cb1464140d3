"""This machine: the runner as a worker process, pinned to cores of its own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nnbehave.platforms import Platform
from nnbehave.targets.archive import runner_archive
from nnbehave.worker import Worker

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class LocalTarget:
    """Starts runners on this machine."""

    name = "local"

    def start(self, platform: Platform, number: int = 0) -> Worker:
        """Start a runner for ``platform``, the ``number``-th of a session, pinned where the system allows.

        It takes the last cores that this process may use: interrupts and other programs tend to the first.
        """
        cpus: list[int] = []
        if platform.wall_clock and hasattr(os, "sched_getaffinity"):
            allowed = sorted(os.sched_getaffinity(0))
            cpus = allowed[-platform.threads :]
        options = platform.backend_options()
        if "seed" in options:  # a platform that simulates gets a new machine with each process, as real ones do
            options["seed"] += number
        arguments = ["--backend", platform.backend, "--options", json.dumps(options)]
        arguments += ["--cpus", ",".join(map(str, cpus))]
        threads = {name: str(platform.threads) for name in _THREAD_VARIABLES}
        python = platform.interpreter()
        if python == sys.executable:
            return Worker("nnbehave.runner", arguments, threads)
        return Worker("nnbehave.runner", arguments, threads, python, runner_archive())

    @contextmanager
    def exclusive(self, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the machine for measuring: two sweeps that measure at once would measure each other.

        Parameters
        ----------
        waiting : callable
            Called once, with a message, where another sweep holds it.
        """
        try:
            import fcntl
        except ImportError:  # not on Windows; there, two sweeps at once are the user's to avoid
            yield
            return
        path = Path(tempfile.gettempdir()) / "nnbehave-measuring.lock"
        if not path.exists():
            path.touch(mode=0o644)
        descriptor = os.open(path, os.O_RDONLY)  # enough for the lock, and allowed where another user made the file
        try:
            told = False
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not told:
                        waiting("another sweep is measuring on this machine; waiting for it")
                        told = True
                    time.sleep(0.2)
            yield
        finally:
            os.close(descriptor)
