"""The measurements of one session: estimates, what really ran, and the judgement of both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from nnbehave.design.graph import Graph
from nnbehave.measurement.derive.noisy import why_disturbed
from nnbehave.measurement.derive.samples import bound_of, observations_of, raw_samples_of
from nnbehave.measurement.isolation import EXACT, own_kernels
from nnbehave.measurement.session.events import DISTANCE
from nnbehave.measurement.statistics import (
    ESTIMATOR,
    Estimate,
    Observation,
    Statistic,
    agree,
    estimate_plainly,
    estimate_session,
    exact,
    response_share,
    stands_alone,
)
from nnbehave.measurement.store import SessionRecord
from nnbehave.measurement.store.session_record import Parts
from nnbehave.records import (
    Execution,
    Fidelity,
    Interval,
    Latency,
    Measurement,
    Provenance,
    Status,
    Subject,
)
from nnbehave.runner.kernels import Kernel, executed_precision, placement

_MOST_ERROR = 1e-3  # of an fp32 output from TensorFlow's; runtimes that compute the same differ by some 1e-6
_ROUNDING_FACTOR = 10  # times the effect of rounding on TensorFlow's own output, where that is more
_MOST_ERROR_OTHERWISE = 1.0  # at another precision: an output of zeros is no further off
_Z_95 = 1.96


@dataclass(frozen=True)
class _Verdict:
    """An estimate as it is reported: its status, the reason, and what a first measurement gave."""

    estimate: Estimate
    status: Status = Status.OK
    reason: str = ""
    first_latency_ms: float = math.nan


@dataclass(frozen=True)
class _Reference:
    """The scale of relative latencies: the references' geometric mean in ms, and its 95 % half-width as a share.

    ``response_shares`` adds, for each class of layers, how far they may be off where the machine is in another state.
    """

    mean_ms: float
    share: float
    response_shares: Mapping[str, float]


def measurements_of(
    session: SessionRecord, graphs: Mapping[str, Graph], statistic: Statistic | None = None
) -> dict[str, Measurement]:
    """Return the measurement of each subject that was asked of a session and that it has something to say of."""
    verdicts = _exact_verdicts(session) if session.method in EXACT else _verdicts(session, graphs, statistic)
    reference = _reference(session, graphs, verdicts)
    loaded = [s for s, parts in session.terms.items() if session.method == "none" and parts[0][0] in session.loads]
    there = dict.fromkeys([*session.outcomes, *verdicts, *session.counts, *loaded])
    asked = session.asked | (session.outcomes.keys() - session.references)
    own = _OwnSamples.of(session)
    return {
        subject: _measurement(session, graphs, subject, verdicts.get(subject), reference, own, statistic)
        for subject in there
        if subject in asked
    }


# ---------------------------------------------------------------------- latencies


def _exact_verdicts(session: SessionRecord) -> dict[str, _Verdict]:
    """Return the latencies of a session in which nothing was timed; a subject of no cost has none."""
    verdicts = {}
    for subject, count in session.counts.items():
        if count.ms > 0:
            left_out = ", ".join(dict.fromkeys(count.counts.left_out))
            reason = f"its total leaves out {left_out}" if left_out else ""
            verdicts[subject] = _Verdict(exact(count.ms), reason=reason)
    return verdicts


def _verdicts(session: SessionRecord, graphs: Mapping[str, Graph], statistic: Statistic | None) -> dict[str, _Verdict]:
    """Return the latencies of a session that timed its parts."""
    if statistic:
        plain = estimate_plainly(raw_samples_of(session), session.terms, statistic)
        return {subject: _Verdict(found) for subject, found in plain.items() if _is_enough(session, subject, found)}
    observations = observations_of(session, graphs)
    found = estimate_session(observations, session.terms)
    known = {subject: one for subject, one in found.items() if _is_enough(session, subject, one)}
    return {subject: _Verdict(found) for subject, found in known.items()} | _retested(session, observations, known)


def _is_enough(session: SessionRecord, subject: str, found: Estimate) -> bool:
    return found.rounds >= session.settings.min_rounds and subject not in session.outcomes


def _retested(
    session: SessionRecord, observations: list[Observation], known: Mapping[str, Estimate]
) -> dict[str, _Verdict]:
    """Judge each subject that was measured again beside its neighbours.

    Where both measurements agree, the subject is as it is. Where the second no longer stands alone, it replaces the
    first. Otherwise the subject is unstable.
    """
    retests = {subject: retest for subject, retest in session.retests.items() if subject in known}
    if not retests:
        return {}
    last = {retest.process for retest in retests.values()}
    earlier = {each.process for each in observations} - last
    before = estimate_session(observations, session.terms, dict.fromkeys(session.terms, earlier))
    after = estimate_session(observations, session.terms, dict.fromkeys(session.terms, last))
    verdicts = {}
    for subject, retest in retests.items():
        first, again = before.get(subject), after.get(subject)
        if first is None or again is None or again.rounds < session.settings.min_rounds:
            continue
        both = f"first {first.latency_ms:.4g} ms, measured again beside its neighbours {again.latency_ms:.4g} ms"
        near = [after[name].latency_ms for name in retest.neighbours if name in after]
        middle = len(near) // 2
        if agree(first, again):
            verdicts[subject] = _Verdict(known[subject], first_latency_ms=first.latency_ms)
        elif not stands_alone(again.latency_ms, again.std_error_ms, near[:middle], near[middle:]):
            verdicts[subject] = _Verdict(again, Status.OK, f"replaced: {both}", first.latency_ms)
        else:
            verdicts[subject] = _Verdict(known[subject], Status.UNSTABLE, f"unstable: {both}", first.latency_ms)
    return verdicts


def _reference(session: SessionRecord, graphs: Mapping[str, Graph], verdicts: Mapping[str, _Verdict]) -> _Reference:
    """Return the scale of relative latencies; that of exact methods is 1 ms."""
    if session.method in EXACT:
        return _Reference(1.0, 0.0, {})
    observations = observations_of(session, graphs)
    responses = response_share(observations) if observations else {}
    found = [
        verdicts[subject].estimate
        for subject in session.terms
        if subject in session.references and subject in verdicts and bound_of(subject, graphs) == "compute"
    ]
    if not found or min(one.latency_ms for one in found) <= 0:
        return _Reference(math.nan, math.nan, responses)
    mean = math.exp(sum(math.log(one.latency_ms) for one in found) / len(found))
    return _Reference(mean, math.sqrt(sum(one.interval**2 for one in found)) / len(found), responses)


def _latency(found: Estimate, reference: _Reference, bound: str) -> Latency:
    """Return an estimate as a latency, with its relative latency and an interval of it that holds between sessions."""
    share = math.hypot(reference.share, _Z_95 * reference.response_shares.get(bound, 0.0))
    ms, mean = found.latency_ms, reference.mean_ms
    low = ms - np.hypot(ms - found.low_ms, share * ms)
    high = ms + np.hypot(found.high_ms - ms, share * ms)
    relative = Interval(float(low / mean), float(high / mean))
    return Latency(ms, Interval(found.low_ms, found.high_ms), found.std_error_ms, ms / mean, relative)


# ---------------------------------------------------------------------- one measurement


@dataclass(frozen=True)
class _OwnSamples:
    """How many samples each part has, how many of them were discarded, and by what the others were disturbed."""

    taken: Counter[str]
    discarded: Counter[str]
    disturbed: Mapping[str, list[str]]
    distances: Mapping[str, list[float]]

    @classmethod
    def of(cls, session: SessionRecord) -> _OwnSamples:
        disturbed: dict[str, list[str]] = {}
        distances: dict[str, list[float]] = {}
        for sample in session.samples:
            if sample.disturbance:
                disturbed.setdefault(sample.part, []).append(sample.disturbance)
            if isinstance(distance := sample.witnesses.get(DISTANCE), int):
                distances.setdefault(sample.part, []).append(distance)
        discarded = Counter(sample.part for sample in session.samples if sample.is_discarded)
        return cls(Counter(sample.part for sample in session.samples), discarded, disturbed, distances)

    def distance_bytes(self, part: str) -> float:
        """Return the median of what was touched between two uses of a part's weights; NaN where it is not known."""
        return float(np.median(self.distances[part])) if part in self.distances else math.nan


def _measurement(
    session: SessionRecord,
    graphs: Mapping[str, Graph],
    subject: str,
    verdict: _Verdict | None,
    reference: _Reference,
    samples: _OwnSamples,
    statistic: Statistic | None,
) -> Measurement:
    """Return the measurement of one subject."""
    graph, parts = graphs[subject], session.terms.get(subject, [])
    execution, remarks = _execution(session, graph, parts)
    names = dict(parts)
    discarded = sum(samples.discarded[part] for part in names)
    disturbances = [why for part in names for why in samples.disturbed.get(part, ())]
    status, reasons, latency = Status.OK, [remarks], None
    if wrong := _wrong_output(execution.fidelity, graph.precision):
        status, reasons, verdict = Status.FAILED, [wrong], None
    if verdict is None:
        outcome = session.outcomes.get(graph.id)
        if outcome is not None:
            status, reasons = outcome.status, [outcome.reason]
    else:
        latency = _latency(verdict.estimate, reference, bound_of(parts[0][0] if parts else subject, graphs))
        status, reasons = verdict.status, [verdict.reason, remarks]
        kept = sum(samples.taken[part] for part in names) - discarded
        if status is Status.OK and (why := why_disturbed(disturbances, kept)):
            status = Status.NOISY
            reasons.insert(0, why)
    count = session.counts.get(graph.id)
    is_loop = graph.arrangement == "network" and session.context == "warm"
    return Measurement(
        subject=Subject.of(graph),
        platform=session.platform,
        target=session.target,
        method=session.method,
        environment=session.environment,
        session=session.id,
        status=status,
        reason="; ".join(filter(None, reasons)),
        latency=latency,
        execution=execution,
        counts=count.counts if count else None,
        context="loop" if is_loop else session.context,
        distance_bytes=samples.distance_bytes(parts[0][0]) if parts and verdict else math.nan,
        provenance=Provenance(
            rounds=verdict.estimate.rounds if verdict else 0,
            processes=verdict.estimate.processes if verdict else 0,
            discarded_samples=discarded,
            disturbed_samples=len(disturbances),
            first_latency_ms=verdict.first_latency_ms if verdict else math.nan,
            interval_asked=session.settings.interval,
            stopped_by=session.stops[subject].rule if subject in session.stops else None,
            session_finished=session.is_finished,
            seed=session.settings.seed,
            estimator=f"{statistic.name} of spans" if statistic else ESTIMATOR,
        ),
    )


def _wrong_output(fidelity: Fidelity, precision: str) -> str:
    """Return why an output is wrong; empty where it is right or was not compared."""
    most = _MOST_ERROR_OTHERWISE
    if precision == "fp32":
        most = float(np.fmax(_MOST_ERROR, _ROUNDING_FACTOR * fidelity.rounding_error))
    wrong = fidelity.output_error > most
    return f"its output is {fidelity.output_error:.2g} off TensorFlow's" if wrong else ""


# ---------------------------------------------------------------------- what really ran


def _execution(session: SessionRecord, graph: Graph, parts: Parts) -> tuple[Execution, str]:
    """Return what really ran, and what of it was otherwise than it was asked for."""
    alone = graph.id if graph.id in session.loads else parts[0][0] if parts else ""  # the subject, or its first part
    load = session.loads.get(alone)
    kernels = own_kernels({part: each.kernels for part, each in session.loads.items()}, parts) if parts else []
    of_alone = (load.kernels if load else []) if alone == graph.id else kernels
    precision, placed = (load.executed_precision, load.placement) if load else (None, None)
    if load and any(kernel.precision for kernel in load.kernels):
        precision, placed = executed_precision(of_alone), placement(of_alone)
    remarks = _remarks(graph.precision, precision, of_alone, is_folded=bool(of_alone and not kernels))
    fidelity = session.fidelities.get(alone, Fidelity())
    return Execution(precision, placed, tuple(kernel.name for kernel in kernels), fidelity), remarks


def _remarks(asked: str, executed: str | None, kernels: Collection[Kernel], is_folded: bool) -> str:
    """Return what ran otherwise than it was asked for."""
    remarks = ["no kernel of its own: folded into what is around it"] if is_folded else []
    if executed not in (asked, "unknown", None):
        remarks.append(f"asked for {asked}, ran {executed}")
    if astray := sorted({_with_reason(kernel) for kernel in kernels if not kernel.placed}):
        remarks.append(f"{placement(kernels)}: " + ", ".join(astray))
    return "; ".join(remarks)


def _with_reason(kernel: Kernel) -> str:
    return f"{kernel.name} ({kernel.reason})" if kernel.reason else kernel.name
