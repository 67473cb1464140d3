"""Sessions on the simulated platform: a failure of one layer must not touch the others."""

from __future__ import annotations

import os
import signal

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.errors import ConnectionLost, WorkerError
from nnbehave.measurement.converters import Artifact, ArtifactCache, get_converter
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.platforms.simulated import Simulated
from nnbehave.measurement.session.events import Counted, Event, Loaded, Outcome, Process, Retest, Sample, Stopped
from nnbehave.measurement.session.exact import ExactSession
from nnbehave.measurement.session.link import Link
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.session.session import Session
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker

pytestmark = pytest.mark.process


@pytest.fixture
def artifacts(base: nb.Layer) -> dict[str, Artifact]:
    cache = ArtifactCache()
    graphs = [Graph([base.replace(out_channels=n)]) for n in range(1, 13)]
    return {graph.id: cache.make(get_converter("layer_spec"), graph, 0) for graph in graphs}


def session(name: str, artifacts: dict[str, Artifact], **settings: float) -> Session:
    """A session in which each artifact is a subject by itself."""
    parts = {subject: Part(artifact, "fp32", "compute") for subject, artifact in artifacts.items()}
    terms = {subject: [(subject, 1.0)] for subject in artifacts}
    return Session(get_platform(name), LocalTarget(), parts, terms, Settings(**settings))  # type: ignore[arg-type]


def run(name: str, artifacts: dict[str, Artifact], **settings: float) -> list[Event]:
    return list(session(name, artifacts, **settings))


def of(events: list[Event], kind: type) -> list[str]:
    return [getattr(event, "part", None) or event.subject for event in events if isinstance(event, kind)]


def test_every_round_holds_every_layer_once_in_an_order_of_its_own(artifacts: dict[str, Artifact]) -> None:
    events = run("simulated", artifacts)
    rounds: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, Sample):
            rounds.setdefault(event.round, []).append(event.part)
    assert all(sorted(order) == sorted(artifacts) for order in list(rounds.values())[:6])
    assert len({tuple(order) for order in rounds.values()}) == len(rounds)


def test_the_same_seed_gives_the_same_order_and_another_seed_another(artifacts: dict[str, Artifact]) -> None:
    orders = [of(run("simulated", artifacts, seed=seed), Sample)[:36] for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2]


def test_a_layer_that_kills_its_worker_fails_alone(artifacts: dict[str, Artifact]) -> None:
    events = run("simulated?crash_at=5&noise=0.001", artifacts)
    (outcome,) = [event for event in events if isinstance(event, Outcome)]
    assert (outcome.status, "cout5_" in outcome.subject) == ("failed", True)
    assert "died (exit code 42)" in outcome.reason
    assert set(of(events, Sample)) == set(artifacts) - {outcome.subject}
    assert max(event.process for event in events if isinstance(event, Sample)) == 2  # three, one of which died


def test_a_layer_that_hangs_times_out_alone(artifacts: dict[str, Artifact]) -> None:
    events = run("simulated?hang_at=5", artifacts, time_limit_s=5)
    (outcome,) = [event for event in events if isinstance(event, Outcome)]
    assert outcome.status == "timeout"
    assert "no answer within 5 s" in outcome.reason
    assert set(of(events, Sample)) == set(artifacts) - {outcome.subject}


def test_a_layer_that_the_runtime_refuses_is_unsupported(artifacts: dict[str, Artifact]) -> None:
    events = run("simulated?fail_at=5", artifacts)
    (outcome,) = [event for event in events if isinstance(event, Outcome)]
    assert (outcome.status, outcome.reason) == ("unsupported", "the simulated platform takes no out_channels of 5")


def test_a_worker_that_is_killed_from_outside_costs_one_layer(artifacts: dict[str, Artifact]) -> None:
    running = session("simulated?noise=0.2", artifacts)
    killed, outcomes, after = False, [], 0
    for event in running:
        if isinstance(event, Sample) and event.round == 7 and not killed:
            os.kill(running._link.pid or 0, signal.SIGKILL)
            killed = True
        elif isinstance(event, Outcome):
            outcomes.append(event)
        elif outcomes:
            after += 1
    assert [outcome.status for outcome in outcomes] == ["failed"]
    assert "SIGKILL" in outcomes[0].reason
    assert after > 6 * (len(artifacts) - 1)


def test_a_worker_that_dies_during_the_recovery_costs_one_more_layer(
    artifacts: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fifth layer kills the first worker; the test kills the second while it loads the others again."""
    loads = 0
    load = Link._try_to_load

    def sabotaged(self: Link, name: str, part: Part) -> object:
        nonlocal loads
        loads += 1
        if loads == len(artifacts) + 3:
            os.kill(self.pid or 0, signal.SIGKILL)
        return load(self, name, part)

    monkeypatch.setattr(Link, "_try_to_load", sabotaged)
    events = run("simulated?crash_at=5", artifacts)
    lost = set(of(events, Outcome))
    measured = of(events, Sample)
    assert len(lost) == 2
    assert all(measured.count(subject) >= 6 for subject in artifacts if subject not in lost)


def test_an_artifact_that_cannot_be_loaded_fails_alone(artifacts: dict[str, Artifact], tmp_path: object) -> None:
    broken = next(iter(artifacts))
    events = run("simulated", artifacts | {broken: Artifact("/nowhere", "", broken, "", "", 0, 0, 0, 0)})
    (outcome,) = [event for event in events if isinstance(event, Outcome)]
    assert (outcome.subject, outcome.status) == (broken, "failed")
    assert "FileNotFoundError" in outcome.reason
    assert set(of(events, Sample)) == set(artifacts) - {broken}


def test_a_runner_that_cannot_start_says_why(artifacts: dict[str, Artifact]) -> None:
    class Broken(Simulated):
        backend = "nnbehave.runner.nowhere:Backend"

    platform: Platform = Broken()
    with pytest.raises(WorkerError, match="nnbehave.runner.nowhere"):
        list(Session(platform, LocalTarget(), {}, {}, Settings()))


def test_estimates_hold_the_truth(artifacts: dict[str, Artifact]) -> None:
    from nnbehave.measurement.statistics import estimate, sample_ms

    rounds: dict[str, list[float]] = {}
    for event in run("simulated?law=flat&step_us=80&overhead_us=20&noise=0.01", artifacts):
        if isinstance(event, Sample):
            rounds.setdefault(event.part, []).append(sample_ms(event.spans_ns, event.calls_per_span))
    found = [estimate(values) for values in rounds.values()]
    assert all(abs(one.latency_ms - 0.1) < 0.002 for one in found)


def test_rounds_are_spread_over_fresh_processes(artifacts: dict[str, Artifact]) -> None:
    events = run("simulated?noise=0.001", artifacts)
    samples = [event for event in events if isinstance(event, Sample)]
    assert {(event.round, event.process) for event in samples if event.round < 6} == {(r, r // 2) for r in range(6)}
    assert [event.process for event in events if isinstance(event, Process)][:3] == [0, 1, 2]


def test_a_layer_whose_interval_is_out_of_reach_stops_early(artifacts: dict[str, Artifact]) -> None:
    events = run("simulated?noise=3.0", artifacts, interval=0.0001)
    rounds = {s: of(events, Sample).count(s) for s in artifacts}
    assert min(rounds.values()) >= 12
    assert max(rounds.values()) < 24


def test_a_layer_that_stands_alone_is_measured_again_beside_its_neighbours(artifacts: dict[str, Artifact]) -> None:
    """All twelve layers take the same time; the weight of its term makes the fifth look slow."""
    parts = {subject: Part(artifact, "fp32", "compute") for subject, artifact in artifacts.items()}
    terms = {subject: [(subject, 1.0)] for subject in artifacts}
    slow = list(artifacts)[4]
    terms[slow] = [(slow, 1.5)]
    running = Session(
        get_platform("simulated?noise=0.001"), LocalTarget(), parts, terms, Settings(), axes=[list(artifacts)]
    )
    events = list(running)
    (retest,) = [event for event in events if isinstance(event, Retest)]
    assert (retest.subject, len(retest.neighbours)) == (slow, 4)
    again = {event.part for event in events if isinstance(event, Sample) and event.process == retest.process}
    assert again == {slow, *retest.neighbours}


def test_a_subject_that_fails_its_check_has_no_latency(artifacts: dict[str, Artifact]) -> None:
    (good, *_, bad) = artifacts
    parts = {subject: Part(artifact, "fp32", "compute") for subject, artifact in artifacts.items()}
    missing = Artifact(**{**vars(artifacts[bad]), "path": "/nowhere/graph.json"})
    checks = {good: parts[good], bad: Part(missing, "fp32", "compute")}
    terms = {subject: [(subject, 1.0)] for subject in artifacts}
    session = Session(get_platform("simulated"), LocalTarget(), parts, terms, Settings(), checks=checks)
    events = list(session)
    assert [type(event) for event in events[:2]] == [Loaded, Outcome]
    assert events[0].part == good
    assert (events[1].subject, events[1].status) == (bad, "failed")
    assert bad not in session.estimates
    assert good in session.estimates


def test_subjects_can_be_added_to_a_session(artifacts: dict[str, Artifact]) -> None:
    """Of the earlier subjects only the anchor is loaded again; in the end all are done."""
    parts = {subject: Part(artifact, "fp32", "compute") for subject, artifact in artifacts.items()}
    terms = {subject: [(subject, 1.0)] for subject in artifacts}
    first, second, anchor = list(artifacts)[:6], list(artifacts)[6:], next(iter(artifacts))

    def some(of: dict, names: list[str]) -> dict:
        return {name: of[name] for name in names}

    growing = Session(
        get_platform("simulated?noise=0.001"), LocalTarget(), some(parts, first), some(terms, first), Settings()
    )
    begun = list(growing.begin(6))
    growing.add(some(parts, second), some(terms, second), companions=[anchor])
    went_on = list(growing.begin(8))
    finished = list(growing.finish())
    growing.close()
    assert set(of(begun, Loaded)) == set(of(begun, Sample)) == set(first)
    assert of(went_on, Loaded) == second
    counts = {subject: of(went_on, Sample).count(subject) for subject in artifacts}
    assert all(counts[subject] >= 8 for subject in second)
    assert counts[anchor] >= 8
    assert not any(counts[subject] for subject in first[1:])
    processes = [{event.process for event in events if isinstance(event, Sample)} for events in (begun, went_on)]
    assert processes[0] == {0, 1, 2}
    assert min(processes[1]) >= 2
    assert growing.done == set(artifacts)
    assert all(isinstance(event, Sample | Process | Stopped) for event in finished)


class Dropping(LocalTarget):
    """A target on which a runner that dies looks like a connection that breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.started = 0

    def start(self, platform: Platform, number: int = 0) -> Worker:
        self.started += 1
        worker = super().start(platform, number)
        worker._died = lambda: ConnectionLost("the connection was lost")  # type: ignore[method-assign]
        return worker


@pytest.mark.parametrize("method", ["whole", "estimated"])
def test_a_layer_that_breaks_the_connection_every_time_fails_alone(artifacts: dict[str, Artifact], method: str) -> None:
    """It is tried a few times, since the connection may break by chance; all others are measured."""
    parts = {subject: Part(artifact, "fp32", "compute") for subject, artifact in artifacts.items()}
    terms = {subject: [(subject, 1.0)] for subject in artifacts}
    target, platform = Dropping(), get_platform("simulated?crash_at=5&noise=0.001")
    if method == "estimated":
        running: ExactSession | Session = ExactSession(platform, target, Settings())
        running.add(parts, terms)
        events = list(running.begin(1))
    else:
        events = list(Session(platform, target, parts, terms, Settings(), method))
    (outcome,) = [event for event in events if isinstance(event, Outcome)]
    assert (outcome.status, "cout5_" in outcome.subject) == ("failed", True)
    assert "the connection was lost" in outcome.reason
    assert set(of(events, Counted if method == "estimated" else Sample)) == set(artifacts) - {outcome.subject}
    assert target.started >= 4


def test_a_target_that_cannot_be_reached_is_tried_again_after_growing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(LocalTarget):
        def start(self, platform: Platform, number: int = 0) -> Worker:
            raise ConnectionLost("no route to the board")

    waits: list[float] = []
    monkeypatch.setattr("nnbehave.measurement.session.start.time.sleep", waits.append)
    with pytest.raises(ConnectionLost, match="no route"):
        list(Session(get_platform("simulated"), Away(), {}, {}, Settings()))
    assert len(waits) >= 5
    assert waits == sorted(waits)
    assert 30 < sum(waits) < 120
