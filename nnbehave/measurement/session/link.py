"""How a session asks its runner for the first things."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any

from nnbehave.errors import ConnectionLost, WorkerDied, WorkerError, WorkerTimeout
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.events import Checked, Hello, Loaded, Outcome
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.targets import Target
from nnbehave.measurement.worker import Worker
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import PROTOCOL_VERSION

_LOG = logging.getLogger("nnbehave")
_START_LIMIT_S = 120.0
_WAITS_S = (0.5, 1, 2, 4, 8, 16, 32)  # between attempts to reach a target again
MOST_DROPS = 3  # of the connection while one part is loaded or measured, before that part is what it dies of


def start_runner(target: Target, platform: Platform, number: int) -> tuple[Worker, Hello]:
    """Start the ``number``-th runner of a session; return it and its ``hello``.

    Where the connection to the target breaks, it is tried again, after longer and longer waits.

    Raises
    ------
    WorkerError
        It does not start, its runtime does not load, or it is another version's.
    """
    for wait_s in _WAITS_S:
        try:
            return _start_once(target, platform, number)
        except ConnectionLost as error:
            _LOG.warning("%s; trying again in %g s", error, wait_s)
            time.sleep(wait_s)
    return _start_once(target, platform, number)


def _start_once(target: Target, platform: Platform, number: int) -> tuple[Worker, Hello]:
    worker = target.start(platform, number)
    try:
        answer = worker.request("hello", _START_LIMIT_S)
        if not answer.pop("ok"):
            raise WorkerError(f"the runner of {platform} does not start: {answer['error']}")
        if (spoken := answer["protocol"]) != PROTOCOL_VERSION:
            raise WorkerError(f"the runner of {platform} speaks protocol {spoken}, not {PROTOCOL_VERSION}")
        hello = Hello(**{**answer, "cpus": tuple(answer["cpus"])})
    except BaseException:
        worker.close()
        raise
    return worker, hello


def ask_to_load(worker: Worker, name: str, part: Part, settings: Settings) -> dict[str, Any] | Outcome:
    """Load an artifact into a runner.

    The runner calls each part once here, since where calls are taken in turn a failure does not tell whose it is.

    Raises
    ------
    WorkerError
        The runner has gone.
    """
    path = worker.put(part.artifact.path)
    fields = {"handle": name, "path": path, "precision": part.precision, "seed": settings.seed}
    answer = worker.request("load", settings.time_limit_s, **fields)
    return answer if answer.pop("ok") else Outcome(name, answer["kind"], answer["error"])


def loaded_events(part: str, answer: dict[str, Any]) -> Iterator[Loaded | Checked]:
    """Yield what a runner said of a part that it loaded."""
    yield Loaded(part, answer["load_s"], tuple(Kernel(*each) for each in answer["kernels"]))
    if answer["fidelity"] is not None:
        yield Checked(part, *answer["fidelity"])


def outcome_of(subject: str, error: WorkerError, during: str) -> Outcome:
    """Return what became of a subject whose runner has gone."""
    status = "timeout" if isinstance(error, WorkerTimeout) else "failed"
    known = isinstance(error, WorkerTimeout | WorkerDied | ConnectionLost)
    return Outcome(subject, status, f"{error} ({during})" if known else str(error))
