"""How noisy is a machine? Which witnesses does it have, how small a step can be seen on it, and what would help?"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbehave.analysis.reuse_curve import ReuseCurve
from nnbehave.design.graph import Graph, as_graph
from nnbehave.design.layer import Layer
from nnbehave.measurement.derive import observations_of
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.isolation import call_alone
from nnbehave.measurement.options import Options
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.statistics import Observation, normalise, process_share
from nnbehave.measurement.store import SampleRecord, SessionRecord
from nnbehave.studies.reuse_curve import measure_reuse_curve

Fact = str | int | float | None
_PROCESSES, _ROUNDS = 3, 600  # more rounds than the seconds allow
# A step between two layers is seen if it is at least four standard errors of their difference. Of equal layers, about
# one pair in ten thousand differs by so much.
_SIGMAS = 4.0


@dataclass(frozen=True)
class Diagnosis:
    """How noisy a machine is, and how small a difference can be measured on it.

    Attributes
    ----------
    facts : dict of str to value
        As shares of the latency: ``spread_raw`` and ``spread_normalised`` (standard deviation between rounds, median
        over layers and processes), ``process_share`` (standard deviation between processes), ``half_width`` (half of a
        95 % interval after sixty rounds in three processes) and ``smallest_step`` (between neighbours on an axis).
        ``smallest_saving`` is the smallest saving by fusing two equal operators that can be seen, as a share of one
        operator's latency. ``steal_share`` is a share of the time (None if unknown), ``interrupted_share`` of the timed
        spans. ``clock_spread`` is the 90 % quantile of the clock's proxy over its 10 % quantile, minus 1;
        ``clock_states`` is the number of speeds that the clock keeps to, 1 or 2. Also ``platform``, ``layers``,
        ``rounds``, ``processes`` and ``seconds``.
    witnesses : dict of str to bool
        By name: True if the witness can be read on the machine (:mod:`nnbehave.runner.witnesses`).
    advice : list of str
        What to change for less noise.
    curve : ReuseCurve or None
        What weights cost by how long ago they were used; None on a platform without caches.
    """

    facts: dict[str, Fact]
    witnesses: dict[str, bool]
    advice: list[str]
    curve: ReuseCurve | None = None

    def __repr__(self) -> str:
        f = self.facts
        seen = ", ".join(name for name, there in self.witnesses.items() if there)
        unseen = ", ".join(name for name, there in self.witnesses.items() if not there) or "nothing"
        lines = [
            f"{f['platform']}, {f['layers']} layers, {f['rounds']} rounds in {f['processes']} processes, "
            f"{f['seconds']:.0f} s",
            f"spread between rounds   {f['spread_raw']:.1%} raw, {f['spread_normalised']:.1%} with the machine's state "
            f"taken out, {f['process_share']:.1%} between processes",
            f"clock                   varies by {f['clock_spread']:.0%}"
            + (", in two states" if f["clock_states"] == 2 else ""),
            f"taken by others         {_share(f['steal_share'])} stolen by the hypervisor, "
            f"{f['interrupted_share']:.1%} of spans interrupted",
            f"can be witnessed        {seen}",
            f"cannot be witnessed     {unseen}",
            f"interval of a layer     ±{f['half_width']:.1%} after sixty rounds",
            f"smallest step           {f['smallest_step']:.1%} of the latency",
            f"smallest fusion saving  {f['smallest_saving']:.0%} of the latency of one of two equal operators",
            *([f"caches                  {self.curve}"] if self.curve else []),
        ]
        return "\n".join([*lines, *(f"advice: {text}" for text in self.advice)])


def diagnose(
    platform: str = "tflite",
    *,
    seconds: float = 30.0,
    store: str | Path | None = None,
    progress: bool = True,
    target: str = "local",
) -> Diagnosis:
    """Measure a few layers for a minute; return how noisy the machine is, what its caches give, and what would help.

    Parameters
    ----------
    platform : str
    seconds : float
        Seconds of measuring the noise; starting, converting and half a minute for the caches come on top.
    store : str or path, optional
        A database URL, or the path of a SQLite file, for the latencies of the caches. By default nothing is kept.
    progress : bool
    target : str
        The machine to diagnose, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Diagnosis

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, TargetError
        The arguments cannot be used here.
    WorkerError
        A layer cannot be converted or run.
    """
    layers = [Layer(op="conv", height=14, in_channels=64, out_channels=n, kernel=3) for n in range(16, 129, 16)]
    layers += [Layer(op="dwconv", height=56, in_channels=n, kernel=3) for n in (32, 64, 96, 128)]
    layers += [Layer(op="add", height=112, in_channels=n) for n in (16, 32, 64)]
    settings = Settings(
        min_rounds=_ROUNDS, max_rounds=_ROUNDS, processes=1, interval=1e-6, time_limit_s=max(60.0, seconds)
    )
    runs: list[SessionRecord] = []
    for seed in range(_PROCESSES):  # one session after another, so that each process gets its share of the time
        of_run = settings.model_copy(update={"seed": seed})
        options = Options(
            of_run,
            "whole",
            target=target,
            progress=progress,
            with_references=False,
            seconds=seconds / _PROCESSES,
            shard_bytes=math.inf,
        )
        with Engine(platform, options) as engine:
            engine.measure([layers])
            runs += engine.sessions()
            (found,) = engine.platforms
    graphs = {graph.id: graph for graph in [call_alone(), *map(as_graph, layers)]}
    facts = _facts(runs, graphs) | {"platform": str(found), "layers": len(layers), "seconds": seconds}
    witnesses = dict(runs[0].processes[0].witnesses)
    advice = _advice(facts, witnesses) + (_advice_of_this_machine() if target == "local" else [])
    has_caches = found.wall_clock and found.has_contexts
    curve = measure_reuse_curve(platform, store, progress=progress, target=target) if has_caches else None
    return Diagnosis(facts, witnesses, advice or ["nothing to change: this machine is quiet"], curve)


def _facts(runs: list[SessionRecord], graphs: Mapping[str, Graph]) -> dict[str, Fact]:
    samples = [sample for run in runs for sample in run.samples]
    observations = [
        each._replace(process=number, round=each.round + 1000 * number)
        for number, run in enumerate(runs)
        for each in observations_of(run, graphs)
    ]
    values = normalise(observations).values
    raw, flat = _spread([each.ms for each in observations], observations), _spread(values, observations)
    groups: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each, value in zip(observations, values, strict=True):
        groups[each.part][each.process].append(value)
    between = process_share(list(groups.values()))
    half = 1.96 * ((1.25 * flat) ** 2 / 60 + between**2 / 3) ** 0.5  # a median's error is 1.25 of a mean's
    error = half / 1.96
    return {
        "rounds": len({(each.process, each.round) for each in observations}),
        "processes": len(runs),
        "spread_raw": raw,
        "spread_normalised": flat,
        "process_share": between,
        "half_width": half,
        "smallest_step": _SIGMAS * 2**0.5 * error,
        # Two operators and the two together, each with its own error; the saving is a share of one of them.
        "smallest_saving": 1.96 * (1 + 1 + 4) ** 0.5 * error,
        **_witnessed(samples),
    }


def _witnessed(samples: list[SampleRecord]) -> dict[str, Fact]:
    """Return the facts that follow from the witnesses of samples."""
    seen: list[Mapping[str, Any]] = [sample.witnesses for sample in samples if "wall_ns" in sample.witnesses]
    wall_ms = sum(each["wall_ns"] for each in seen) / 1e6
    steal = [each["steal_ms"] for each in seen if each["steal_ms"] is not None]
    proxies = np.array([each["clock_proxy_ns"] for each in seen] or [1.0])
    interrupted = sum(each["interrupted_spans"] for each in seen)
    # The spans of a preempted sample are all there, those that were interrupted too.
    left_out = sum(each["interrupted_spans"] for each in seen if not each["preempted"])
    spans = left_out + sum(len(sample.spans_ns) for sample in samples)
    return {
        "steal_share": sum(steal) / wall_ms if steal else None,
        "interrupted_share": interrupted / spans,
        "clock_spread": float(np.quantile(proxies, 0.9) / np.quantile(proxies, 0.1) - 1),
        "clock_states": _states(proxies),
    }


def _spread(values: list[float], samples: list[Observation]) -> float:
    """Return the spread between samples: their standard deviation as a share, the median over layers and processes."""
    groups: dict[tuple[str, int], list[float]] = defaultdict(list)
    for sample, value in zip(samples, values, strict=True):
        groups[sample.part, sample.process].append(value)
    deviations = [np.std(np.log(np.maximum(each, 1e-9)), ddof=1) for each in groups.values() if len(each) > 2]
    return float(np.median(deviations)) if deviations else float("nan")


def _states(proxies: npt.NDArray[np.float64]) -> int:
    """Return 2 if the clock keeps to two speeds (a split in two explains most of the proxy's variance), otherwise 1."""
    ordered = np.sort(np.log(proxies))
    if len(ordered) < 20 or np.var(ordered) == 0 or np.quantile(ordered, 0.9) - np.quantile(ordered, 0.1) < 0.05:
        return 1
    within = [
        (np.var(ordered[:i]) * i + np.var(ordered[i:]) * (len(ordered) - i)) / len(ordered)
        for i in range(len(ordered) // 10, len(ordered) - len(ordered) // 10)
    ]
    return 2 if min(within) < 0.2 * np.var(ordered) else 1


def _share(value: Fact) -> str:
    return f"{value:.1%}" if isinstance(value, float) else "unknown"


def _advice(facts: Mapping[str, Any], witnesses: Mapping[str, bool]) -> list[str]:
    """Return the advice that follows from the measured facts."""
    advice = []
    if facts["steal_share"] and facts["steal_share"] > 0.01:
        advice.append("the hypervisor gives this core to others: measure at another hour, or on a dedicated host")
    if facts["interrupted_share"] > 0.02:
        advice.append("other programs run on the measuring core: stop them, or leave it to nnbehave (isolcpus=, cset)")
    if facts["clock_states"] == 2:
        advice.append(
            "the clock keeps to two speeds, perhaps as a core's other thread is busy: use whole cores, or turn SMT off"
        )
    if facts["spread_normalised"] > 0.03:
        advice.append(
            "rounds differ much even with the machine's state taken out: expect many rounds, or allow wider intervals "
            "by --interval 0.05"
        )
    if facts["process_share"] > 0.01:
        advice.append("fresh processes differ: more processes help more than more rounds")
    if not witnesses.get("frequency_mhz") and not witnesses.get("temperature_c"):
        advice.append("frequency and temperature cannot be read (a virtual machine?): a timed loop shows the clock")
    return advice


def _advice_of_this_machine() -> list[str]:
    """Return the advice that follows from the load, the cores and the settings of this machine."""
    advice = []
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if hasattr(os, "getloadavg") and os.getloadavg()[1] > max(1.0, cores - 0.5):
        advice.append(f"the load is {os.getloadavg()[1]:.1f} on {cores} cores: stop what else is running")
    if cores < 2:
        advice.append("there is a single core, which all programs share: use two or more")
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor and governor != "performance":
        advice.append(f"the frequency governor is {governor!r}: sudo cpupower frequency-set -g performance")
    no_turbo, boost = "/sys/devices/system/cpu/intel_pstate/no_turbo", "/sys/devices/system/cpu/cpufreq/boost"
    if _read(no_turbo) == "0" or _read(boost) == "1":
        advice.append("the clock may boost: switch turbo off for repeatable latencies")
    return advice


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
