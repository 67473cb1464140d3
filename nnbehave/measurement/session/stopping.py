"""When the measuring of a subject stops, and by which rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate
from nnbehave.records import StopRule

# Stands for an interval without end, whose square would not be a number of rounds.
MOST_EXCESS = 1e3
# Times max_rounds. A layer that the runtime folds away takes no time, so no interval is a small share of its latency.
OUT_OF_REACH = 10
# Rounds, and the share of its width that an interval must lose in them. nvbench has a similar exit: it stops once its
# noise changes by less than 5 % over many samples.
NO_PROGRESS_ROUNDS = 12
NO_PROGRESS_SHARE = 0.05


@dataclass
class Progress:
    """How far the measuring of one subject has come.

    Attributes
    ----------
    rounds : int
        Rounds that its estimate rests on.
    excess : float
        How far its 95 % interval reaches from its latency, over how far it may reach (``Settings.interval``).
    narrowest : list of float
        For each round the least excess until then.
    """

    rounds: int = 0
    excess: float = math.inf
    narrowest: list[float] = field(default_factory=list)

    def update(self, estimate: Estimate, interval: float) -> None:
        """Take the estimate as it stands now.

        Parameters
        ----------
        estimate : Estimate
        interval : float
            The half-width that is asked for, as a share of the latency.
        """
        self.excess = min(MOST_EXCESS, estimate.interval / interval)
        if estimate.rounds > self.rounds:
            least = min([self.excess, *self.narrowest[-1:]])
            self.narrowest += [least] * (estimate.rounds - self.rounds)
            self.rounds = estimate.rounds


class StoppingRule:
    """The rule that ends the measuring of a subject.

    A subject gets at least ``min_rounds`` rounds. After that, the first of these conditions that holds stops it:

    1. ``INTERVAL``: the 95 % interval reaches no further from the latency than ``interval`` allows, as a share of it.
    2. ``MAX_ROUNDS``: the subject has had ``max_rounds`` rounds.
    3. ``TIME_LIMIT``: its timed spans add up to more than ``time_limit_s``.
    4. ``OUT_OF_REACH``: an interval shrinks with the square root of the rounds. By that law the interval asked for
       takes more than ten times ``max_rounds``. This is believed after twice ``min_rounds``; until then, nothing but
       the conditions above stops the subject.
    5. ``NO_PROGRESS``: there were more than 24 rounds, and the last 12 made the interval less than 5 % narrower.

    The answer holds for the moment: a later round can widen an interval, and the subject is then measured further.

    Parameters
    ----------
    settings : Settings
        ``interval``, ``min_rounds``, ``max_rounds`` and ``time_limit_s``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, progress: Progress, spent_s: float) -> StopRule | None:
        """Return the rule that stops a subject, or None if it is to be measured further.

        Parameters
        ----------
        progress : Progress
        spent_s : float
            Sum of the timed spans of its parts, in seconds.
        """
        settings = self._settings
        if progress.rounds < settings.min_rounds:
            return None
        if progress.excess <= 1:
            return StopRule.INTERVAL
        if progress.rounds >= settings.max_rounds:
            return StopRule.MAX_ROUNDS
        if spent_s > settings.time_limit_s:
            return StopRule.TIME_LIMIT
        if self._rounds_needed(progress) > OUT_OF_REACH * settings.max_rounds:
            return StopRule.OUT_OF_REACH if progress.rounds >= 2 * settings.min_rounds else None
        narrowest = progress.narrowest
        if (
            len(narrowest) > 2 * NO_PROGRESS_ROUNDS
            and narrowest[-1] > (1 - NO_PROGRESS_SHARE) * narrowest[-1 - NO_PROGRESS_ROUNDS]
        ):
            return StopRule.NO_PROGRESS
        return None

    def rounds_ahead(self, progress: Progress) -> int:
        """Return how many more rounds a subject that is not stopped is likely to need, at least one."""
        settings = self._settings
        if progress.rounds < settings.min_rounds:
            return settings.min_rounds - progress.rounds
        return max(1, min(settings.max_rounds, round(self._rounds_needed(progress))) - progress.rounds)

    @staticmethod
    def _rounds_needed(progress: Progress) -> float:
        """Return the rounds in all after which the interval is narrow enough, by the law of the square root."""
        return progress.rounds * progress.excess**2
