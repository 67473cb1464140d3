"""Runners without a process: they answer at once, and fail where a test says so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from nnbehave.errors import ConnectionLost, WorkerDied, WorkerError, WorkerTimeout
from nnbehave.measurement.converters import Artifact
from nnbehave.measurement.platforms import Platform
from nnbehave.measurement.session.part import Part
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker
from nnbehave.runner.protocol import PROTOCOL_VERSION

DIED = WorkerDied("the worker process died (exit code 42)")
HUNG = WorkerTimeout("no answer within 60 s")
DROPPED = ConnectionLost("the connection was lost")

Fault = WorkerError | tuple[str, str]  # an error of the link, or the kind and the words of a refusal


def part_of(name: str, touched: int = 0, weights: int = 0, distance: int = 0) -> Part:
    """A part whose artifact no file has to exist for; of so many bytes."""
    artifact = Artifact(f"/artifacts/{name}", "", name, "", "", 0, 0, 0, 0)
    return Part(artifact, "fp32", "compute", touched, weights, distance)


def parts_of(names: Iterable[str], distance: int = 0) -> dict[str, Part]:
    return {name: part_of(name, distance=distance) for name in names}


class FakeTarget(LocalTarget):
    """Starts fake runners.

    Attributes
    ----------
    faults : dict of (str, str) to list of Fault
        For a command and a part the faults to come, one each time; the last one stays.
    spans_ns : callable
        From a part and how often it was timed so far to its spans, in ns.
    witnesses : callable
        From a part to what is witnessed.
    log : list of (int, str, tuple of str)
        Of each request the number of its runner, the command and its parts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[tuple[str, str], list[Fault | None]] = {}
        self.spans_ns: Callable[[str, int], list[int]] = lambda part, number: [1_000_000] * 3
        self.witnesses: Callable[[str], dict[str, Any]] = lambda part: {}
        self.protocol = PROTOCOL_VERSION
        self.log: list[tuple[int, str, tuple[str, ...]]] = []
        self.fields: list[dict[str, Any]] = []
        self.timed: dict[str, int] = {}
        self.runners: list[FakeRunner] = []

    def start(self, platform: Platform, number: int = 0) -> Worker:
        self.runners.append(FakeRunner(self, number))
        return self.runners[-1]

    def fault(self, command: str, part: str) -> Fault | None:
        """Return what goes wrong now."""
        faults = self.faults.get((command, part), [])
        return faults[0] if len(faults) == 1 else faults.pop(0) if faults else None

    def commands(self, *kinds: str) -> list[tuple[int, str, tuple[str, ...]]]:
        return [entry for entry in self.log if entry[1] in kinds]


class FakeRunner(Worker):
    """Holds names of parts, and answers as the runner does."""

    def __init__(self, target: FakeTarget, number: int) -> None:
        self.name = "a fake runner"
        self.target, self.number = target, number
        self.loaded: list[str] = []
        self.is_closed = False
        self._answers: deque[dict[str, Any] | WorkerError] = deque()

    @property
    def pid(self) -> int:
        return -1

    def close(self) -> None:
        self.is_closed = True

    def put(self, path: str) -> str:
        return path

    def send(self, cmd: str, **fields: Any) -> None:
        assert not self.is_closed, "a closed runner was asked"
        handles = tuple(fields.get("handles", [fields["handle"]] if "handle" in fields else []))
        self.target.log.append((self.number, cmd, handles))
        self.target.fields.append(fields)
        if cmd == "hello":
            facts = {"machine": {"host": "fake"}, "versions": {"fake": "1"}, "cpus": [3], "state": {}, "witnesses": {}}
            facts["last_cache_bytes"] = 0
            self._answers.append({"ok": True, "protocol": self.target.protocol, **facts})
            return
        if cmd == "rotate" and (fault := next(filter(None, (self.target.fault(cmd, part) for part in handles)), None)):
            self._fail(fault)
            return
        for part in handles:
            if fault := self.target.fault(cmd, part) if cmd != "rotate" else None:
                self._fail(fault)
                return
            if cmd != "load" and part not in self.loaded:
                self._fail(("failed", f"KeyError: {part!r}"))
                return
            self._answer(cmd, part)

    def receive(self, timeout_s: float) -> dict[str, Any]:
        answer = self._answers.popleft()
        if isinstance(answer, WorkerError):
            raise answer
        return answer

    def _fail(self, fault: Fault) -> None:
        if isinstance(fault, tuple):
            self._answers.append({"ok": False, "kind": fault[0], "error": fault[1]})
        else:
            self._answers.append(fault)

    def _answer(self, cmd: str, part: str) -> None:
        answer: dict[str, Any] = {"ok": True, "handle": part}
        if cmd == "load":
            self.loaded.append(part)
            answer |= {"load_s": 0.25, "kernels": [["kernel", "fp32"]], "fidelity": None}
        elif cmd == "unload":
            self.loaded.remove(part)
        elif cmd == "warm_up":
            answer |= {"spans": 20, "steady": True}
        elif cmd == "estimate":
            answer |= {"latency_ns": 1e6 * len(part), "counts": {"cycles": 7.0}, "left_out": ["relu"]}
        else:
            number = self.target.timed.get(part, 0)
            self.target.timed[part] = number + 1
            spans_ns, witnesses = self.target.spans_ns(part, number), self.target.witnesses(part)
            answer |= {"calls_per_span": 2, "spans_ns": spans_ns, "witnesses": witnesses}
        self._answers.append(answer)
