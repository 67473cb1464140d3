"""A worker process seen from the parent: requests in, answers out, with time limits, and a reason when it dies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from nnbehave.errors import WorkerDied, WorkerError, WorkerTimeout

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "3", "CUDA_VISIBLE_DEVICES": "-1"}


class Worker:
    """A process that speaks :mod:`nnbehave.runner.protocol`. Use it in a ``with``: leaving it ends the process.

    The process is in a session of its own, so that Ctrl-C reaches the parent alone.

    Parameters
    ----------
    name : str
        What messages call it.
    command : sequence of str
    environment : mapping of str to str, optional
        Added to the parent's.
    folder : path, optional
        In which it runs; by default the parent's.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._buffer = b""

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def put(self, path: str) -> str:
        """Return where the process finds an artifact, with the files beside it, of this machine's ``path``."""
        return os.path.abspath(path)

    def request(self, cmd: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Send a request and return its one answer. Raises as ``send`` and ``receive`` do."""
        self.send(cmd, **fields)
        return self.receive(timeout_s)

    def send(self, cmd: str, **fields: Any) -> None:
        """Send a request. Raises WorkerDied or ConnectionLost where nobody is there to read it."""
        try:
            self._to.write((json.dumps({"cmd": cmd, **fields}) + "\n").encode())
            self._to.flush()
        except (BrokenPipeError, ValueError):
            raise self._died() from None

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the next answer.

        Raises
        ------
        WorkerDied
            The process ended; the message has its exit and its last words.
        ConnectionLost
            It is on another host, and the connection broke.
        WorkerTimeout
            No answer in time; the process has been killed.
        WorkerError
            It said something that is not the protocol; it has been killed.
        """
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.kill()
                raise WorkerTimeout(f"no answer within {timeout_s:g} s")
            chunk = os.read(self._from.fileno(), 1 << 16)
            if not chunk:
                raise self._died()
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            self.kill()
            raise WorkerError(f"{self.name} said {line[:200]!r}, which is not an answer") from None
        return answer

    def kill(self) -> None:
        """End the process at once, and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End the process: it goes by itself when its input ends, and is killed where it does not."""
        try:
            self._to.close()
        except BrokenPipeError:  # it has gone already, which is what was wanted
            self._process.poll()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self.kill()
        self._from.close()
        self._stderr.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _died(self) -> WorkerError:
        code = self._process.wait()
        return WorkerDied(f"the worker process died ({_exit(code)})" + self._last_words())

    def _last_words(self) -> str:
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f": {words[-1][:300]}" if words else ""


def _exit(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class PythonWorker(Worker):
    """A worker that is a Python module on this machine.

    Parameters
    ----------
    module : str
        Run as ``python -m module``.
    arguments : sequence of str
    environment : mapping of str to str, optional
        Added to the parent's.
    python : str, optional
        The interpreter; by default this one.
    package : path, optional
        A file from which another interpreter takes nnbehave; by default it is where this one has it.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        package: Path | None = None,
    ) -> None:
        path = [str(package or Path(__file__).parent.parent.parent), os.environ.get("PYTHONPATH", "")]
        variables = {**QUIET, "PYTHONPATH": os.pathsep.join(filter(None, path)), **(environment or {})}
        # Python looks into its working directory first, where another nnbehave may lie.
        super().__init__(module, [python, "-m", module, *arguments], variables, package and package.parent)
