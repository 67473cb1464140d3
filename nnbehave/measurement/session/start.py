"""Starting a runner on a target."""

from __future__ import annotations

import logging
import time

from nnbehave.errors import ConnectionLost, WorkerError
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.answers import read_hello
from nnbehave.measurement.session.events import Hello
from nnbehave.measurement.targets import Target
from nnbehave.measurement.worker import Worker
from nnbehave.runner.protocol import PROTOCOL_VERSION

_LOG = logging.getLogger("nnbehave")
START_LIMIT_S = 120.0  # for a runner to load its runtime and say hello
WAITS_S = (0.5, 1, 2, 4, 8, 16, 32)  # between attempts to reach a target again: about a minute in all


def start_runner(target: Target, platform: Platform, number: int) -> tuple[Worker, Hello]:
    """Start the ``number``-th runner of a session; return it and its hello.

    If the connection to the target breaks, this tries again, after longer and longer waits.

    Raises
    ------
    WorkerError
        The runner does not start, its runtime does not load, or it speaks another version of the protocol.
    ConnectionLost
        The target could not be reached for about a minute.
    """
    for wait_s in WAITS_S:
        try:
            return _start_once(target, platform, number)
        except ConnectionLost as error:
            _LOG.warning("%s; trying again in %g s", error, wait_s)
            time.sleep(wait_s)
    return _start_once(target, platform, number)


def _start_once(target: Target, platform: Platform, number: int) -> tuple[Worker, Hello]:
    worker = target.start(platform, number)
    try:
        answer = worker.request("hello", START_LIMIT_S)
        if not answer["ok"]:
            raise WorkerError(f"the runner of {platform} does not start: {answer['error']}")
        if (spoken := answer["protocol"]) != PROTOCOL_VERSION:
            raise WorkerError(f"the runner of {platform} speaks protocol {spoken}, not {PROTOCOL_VERSION}")
    except BaseException:
        worker.close()
        raise
    return worker, read_hello(answer)
