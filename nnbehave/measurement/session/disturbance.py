"""Whether the machine disturbed a sample, by what was witnessed meanwhile."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping
from enum import Enum
from typing import Any

STOLEN_SHARE = 0.02  # of the wall time of a sample; steal comes in ticks of 10 ms, and one is too much in 0.5 s
THROTTLED = 1.5  # times the usual time of the clock proxy; a shared core varies by a third without any throttling
FEWEST_PROXIES = 20  # samples, before "usual" is known
MOST_PROXIES = 200  # samples that "usual" is the median of, so that it follows a machine that warms up


class Disturbance(str, Enum):
    """How the machine disturbed a sample.

    ``PREEMPTED``: the system gave the core to another process in more than half of the spans. ``STOLEN``: the
    hypervisor took the core away. ``THROTTLED``: the clock ran slower than usual.
    """

    PREEMPTED = "preempted"
    STOLEN = "stolen"
    THROTTLED = "throttled"

    def __str__(self) -> str:
        return self.value


class DisturbanceJudge:
    """Says of each sample of a session, in turn, how the machine disturbed it.

    It keeps the clock proxies of the last samples, the time of a loop whose number of cycles is fixed: a sample whose
    proxy is far above their median was throttled. A witness that a machine does not have accuses no sample.

    Examples
    --------
    >>> judge = DisturbanceJudge()
    >>> judge({"preempted": False, "steal_ms": 10.0, "wall_ns": 2_000_000})
    <Disturbance.STOLEN: 'stolen'>
    """

    def __init__(self) -> None:
        self._proxies: deque[float] = deque(maxlen=MOST_PROXIES)

    def __call__(self, witnesses: Mapping[str, Any]) -> Disturbance | None:
        """Return how a sample was disturbed; None if it can be used.

        Parameters
        ----------
        witnesses : mapping of str to value
            As :meth:`nnbehave.runner.witnesses.Witnesses.around` gives them, with ``preempted``.
        """
        if witnesses.get("preempted"):
            return Disturbance.PREEMPTED
        if (steal_ms := witnesses.get("steal_ms")) and steal_ms * 1e6 > STOLEN_SHARE * witnesses["wall_ns"]:
            return Disturbance.STOLEN
        if proxy := witnesses.get("clock_proxy_ns"):
            self._proxies.append(proxy)
            if len(self._proxies) >= FEWEST_PROXIES and proxy > THROTTLED * statistics.median(self._proxies):
                return Disturbance.THROTTLED
        return None
