"""The order in which a session measures: who is in a round, in which order, and in which process.

Nothing here runs, waits or reads a clock: names go in, lists of names come out, and the seed alone decides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nnbehave.measurement.settings import Settings

FEWEST_PER_ROUND = 8  # subjects, so that the last ones that need more rounds are still measured among others
FEWEST_AT_ONCE = 32  # samples between two looks at the estimates, so that looking takes little of the time
PARTS_PER_TURN = 32  # parts in one request; the method ``stacked`` goes round them call by call
MOST_RETAKES = 2  # of one disturbed sample
USE_PER_LOAD = 4  # a process is used for at least this many times the time that loading takes in the next one


@dataclass(frozen=True)
class Turn:
    """Parts to sample one after another: a round, or a piece of one.

    Attributes
    ----------
    round : int
        Number of the round, from 0.
    parts : tuple of str
        In the order to sample them.
    retakes : int
        How often a disturbed sample of this turn may still be taken again.
    """

    round: int
    parts: tuple[str, ...]
    retakes: int = MOST_RETAKES

    def again(self, parts: Sequence[str]) -> Turn:
        """Return the turn in which the disturbed samples of some of its parts are taken again."""
        return Turn(self.round, tuple(parts), self.retakes - 1)


class Schedule:
    """Plans the rounds of a session.

    Every round holds each of its parts once, in an order of its own. The first ``min_rounds`` rounds are dealt out
    evenly to ``processes`` fresh processes.

    Parameters
    ----------
    settings : Settings
        ``seed``, ``min_rounds``, ``processes`` and ``interval``.

    Attributes
    ----------
    round : int
        Number of rounds planned so far.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rng = np.random.default_rng(settings.seed)
        self.round = 0

    def choose(self, known: Sequence[str], done: Collection[str], companions: Collection[str]) -> list[str]:
        """Return the subjects of the next rounds.

        These are all that need more rounds, at most as many companions that are done, and other subjects that are
        done where there are fewer than eight without them. If none needs more rounds, the list may hold fillers alone.

        Parameters
        ----------
        known : sequence of str
            All subjects that can be measured now.
        done : collection of str
            Those that need no more rounds.
        companions : collection of str
            Those that go on being measured when they are done.
        """
        active = [subject for subject in known if subject not in done]
        idle = self._shuffled([subject for subject in known if subject in done])
        idle.sort(key=lambda subject: subject not in companions)
        fewest, most = FEWEST_PER_ROUND - len(active), len(active)
        return active + [s for i, s in enumerate(idle) if i < fewest or (i < most and s in companions)]

    def turns(self, parts: Sequence[str], process: int) -> list[Turn]:
        """Plan the next rounds of some parts: one round of many parts, or several of a few.

        Parameters
        ----------
        parts : sequence of str
        process : int
            Number of the process that they run in; the rounds do not reach past its share.
        """
        if not parts:
            return []
        rounds = min(self._rounds_left(process), -(-FEWEST_AT_ONCE // len(parts)))
        turns = []
        for number in range(self.round, self.round + rounds):
            order = self._shuffled(parts)
            turns += [
                Turn(number, tuple(order[start : start + PARTS_PER_TURN]))
                for start in range(0, len(order), PARTS_PER_TURN)
            ]
        self.round += rounds
        return turns

    def wants_fresh_process(self, process: int, process_share: float, used_s: float, load_s: float) -> bool:
        """Return True if the next rounds belong in a new process.

        The first rounds are dealt out evenly. Later rounds stay in the last process, unless most of the error that is
        left comes from differences between processes, and a new one costs less than the last one was used.

        Parameters
        ----------
        process : int
            Number of the present process.
        process_share : float
            Standard deviation between processes, as a share of a latency.
        used_s, load_s : float
            How long the present process has measured, and how long loading takes in a new one, in seconds.
        """
        settings = self._settings
        if process + 1 < settings.processes:
            return self.round >= self._last_round(process)
        half_width = 1.96 * process_share / (process + 1) ** 0.5
        return half_width > settings.interval / 2 and used_s > USE_PER_LOAD * load_s

    def may_start_fresh(self, process: int, used_s: float, load_s: float) -> bool:
        """Return True if added subjects get a fresh process: one was due anyway, or a new one costs little.

        Parameters as of :meth:`wants_fresh_process`.
        """
        return process + 1 < self._settings.processes or used_s > USE_PER_LOAD * load_s

    def _rounds_left(self, process: int) -> int:
        """Return how many rounds may follow in this process before the next look."""
        if process + 1 >= self._settings.processes:
            return self._settings.min_rounds
        return max(1, self._last_round(process) - self.round)

    def _last_round(self, process: int) -> int:
        """Return the number of first rounds that this process and those before it get."""
        return (process + 1) * self._settings.min_rounds // self._settings.processes

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        return [str(name) for name in self._rng.permutation(names)]
