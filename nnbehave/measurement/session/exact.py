"""A session of exact costs: each is counted in an emulator or estimated by a compiler, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.answers import Lost
from nnbehave.measurement.session.events import Checked, Counted, Event, Hello, Loaded, Outcome
from nnbehave.measurement.session.link import Link
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Estimate, Terms, exact
from nnbehave.measurement.targets import Target

AT_ONCE = 64  # graphs in one request: starting an emulator takes longer than most of them


class ExactSession:
    """Asks for the exact cost of each subject. It is used like :class:`nnbehave.measurement.session.session.Session`.

    A subject that kills its runner, hangs it or is refused by it becomes an :class:`Outcome`; the session goes on in a
    new runner.

    Parameters
    ----------
    platform : Platform
    target : Target
    settings : Settings
        ``time_limit_s`` and ``seed``.

    Attributes
    ----------
    done : set of str
        Subjects whose cost is known.
    estimates : dict of str to Estimate
        Their latencies.
    expected_samples : int
        How many costs the session will have in the end, if no subject is lost.
    """

    def __init__(self, platform: Platform, target: Target, settings: Settings) -> None:
        self._link = Link(platform, target, settings)
        self._waiting: dict[str, None] = {}
        self.done: set[str] = set()
        self.estimates: dict[str, Estimate] = {}
        self.expected_samples = 0

    @property
    def hello(self) -> Hello | None:
        """What the runner says of its machine and versions; None before :meth:`start`."""
        return self._link.hello

    def start(self) -> Hello:
        """Start a runner; return what it says of itself.

        Raises
        ------
        WorkerError
            The runner does not start, or its runtime does not load.
        """
        return self._link.start()

    def close(self) -> None:
        """End the runner."""
        self._link.close()

    def add(
        self,
        parts: Mapping[str, Part],
        terms: Terms,
        companions: Sequence[str] = (),
        axes: Sequence[Sequence[str]] = (),
        checks: Mapping[str, Part] | None = None,
    ) -> None:
        """Add subjects, each its own only part. The other parameters are for noise, and have no effect here."""
        self._link.parts |= parts
        self._waiting |= dict.fromkeys(subject for subject in terms if subject not in self.estimates)
        self.expected_samples = len(self.estimates) + len(self._waiting)

    def begin(self, rounds: int) -> Iterator[Event]:
        """Ask for the cost of all that was added; ``rounds`` has no effect, since one answer is exact."""
        while batch := list(self._waiting)[:AT_ONCE]:
            for subject in batch:
                yield from self._tell(self._link.load(subject))
            yield from self._tell(self._link.cost([subject for subject in batch if subject in self._waiting]))

    def finish(self) -> Iterator[Event]:
        """Yield nothing: there is no more to learn."""
        yield from ()

    def _tell(self, reports: Iterable[Loaded | Checked | Counted | Lost]) -> Iterator[Event]:
        """Turn the link's reports into events, and keep the costs."""
        for report in reports:
            if isinstance(report, Lost):
                del self._waiting[report.part]
                yield Outcome(report.part, report.status, report.reason)
                continue
            if isinstance(report, Counted):
                del self._waiting[report.part]
                self.estimates[report.part] = exact(report.latency_ms)
                self.done.add(report.part)
            yield report
