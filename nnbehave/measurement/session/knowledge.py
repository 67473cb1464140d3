"""What a session knows of its subjects while it measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from nnbehave.measurement.session.events import Sample, Stopped
from nnbehave.measurement.session.stopping import Progress, StoppingRule
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate, Observation, Terms, estimate_session
from nnbehave.records import StopRule


class Knowledge:
    """The samples that a session has taken, and the conclusions from them.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    estimates : dict of str to Estimate
        Of each subject, as of the last :meth:`update`.
    done : set of str
        Subjects that need no more rounds, as of the last :meth:`update`.
    expected_samples : int
        How many samples the whole session is likely to take, as of the last :meth:`update`.
    """

    def __init__(self, settings: Settings) -> None:
        self._interval = settings.interval
        self._rule = StoppingRule(settings)
        self._observations: list[Observation] = []
        self._spent_ns: Counter[str] = Counter()
        self._progress: dict[str, Progress] = {}
        self._rules: dict[str, StopRule] = {}  # that held last
        self._told: dict[str, Stopped] = {}
        self.estimates: dict[str, Estimate] = {}
        self.done: set[str] = set()
        self.expected_samples = 0

    @property
    def process_share(self) -> float:
        """Standard deviation between processes as a share of a latency, pooled over the subjects; 0 if unknown."""
        return next((estimate.process_share for estimate in self.estimates.values()), 0.0)

    def rounds(self, subject: str) -> int:
        """Return how many rounds the estimate of a subject rests on."""
        return self._progress[subject].rounds if subject in self._progress else 0

    def is_new(self, subject: str) -> bool:
        """Return True if no :meth:`update` has looked at a subject yet."""
        return subject not in self._progress

    def take(self, sample: Sample, bound: str) -> None:
        """Take a sample of a part of this class; a discarded one only counts as time spent."""
        self._spent_ns[sample.part] += sum(sample.spans_ns)
        if not sample.discarded:
            self._observations.append(sample.observation(bound))

    def update(self, terms: Terms) -> bool:
        """Estimate subjects and apply the stopping rule to each; return True if none needs more rounds.

        Parameters
        ----------
        terms : mapping of str to sequence of (str, float)
            For each subject the parts that make its latency, and the weight of each.
        """
        self.estimates = estimate_session(self._observations, terms) if self._observations else {}
        self.done = set()
        rounds_ahead: Counter[str] = Counter()
        for subject, parts in terms.items():
            progress = self._progress.setdefault(subject, Progress())
            if subject in self.estimates:
                progress.update(self.estimates[subject], self._interval)
            spent_s = sum(self._spent_ns[part] for part, _ in parts) / 1e9
            if rule := self._rule(progress, spent_s):
                self.done.add(subject)
                self._rules[subject] = rule
            ahead = 0 if rule else self._rule.rounds_ahead(progress)
            for part, _ in parts:
                rounds_ahead[part] = max(rounds_ahead[part], ahead)
        self.expected_samples = len(self._observations) + sum(rounds_ahead.values())
        return len(self.done) == len(terms)

    def stopped(self, subjects: Iterable[str]) -> Iterator[Stopped]:
        """Yield the rule that stopped each of some subjects, unless the same was yielded before.

        A subject that a retest has made less certain again is stopped by the rule that held before the retest.
        """
        for subject in subjects:
            progress = self._progress[subject]
            half_width = progress.excess * self._interval
            stopped = Stopped(subject, self._rules[subject], progress.rounds, half_width)
            if self._told.get(subject) != stopped:
                self._told[subject] = stopped
                yield stopped
