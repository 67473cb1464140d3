"""A worker process as its parent sees it: requests in, answers out within time limits, and a reason if it dies."""

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
_CLOSE_S = 2.0  # for a process to end by itself when its input ends


class Worker:
    """A process that speaks :mod:`nnbehave.runner.protocol`. Use it in a ``with``, which ends the process.

    The process has a process group of its own, so Ctrl-C reaches the parent alone.

    Parameters
    ----------
    name : str
        The name that messages use.
    command : sequence of str
    environment : mapping of str to str, optional
        Variables to add to those of the parent.
    folder : path, optional
        Working directory; by default that of the parent.
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
        """Make the artifact at ``path``, and the files beside it, readable to the process; return its path there."""
        return os.path.abspath(path)

    def request(self, cmd: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Send a request and return its one answer.

        Raises
        ------
        WorkerError
            As of :meth:`send` and :meth:`receive`.
        """
        self.send(cmd, **fields)
        return self.receive(timeout_s)

    def send(self, cmd: str, **fields: Any) -> None:
        """Send a request.

        Raises
        ------
        WorkerDied
            The process has ended.
        ConnectionLost
            The process is on another host, and the connection broke.
        """
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
            The process ended. The message has its exit code and the last line of its standard error.
        ConnectionLost
            The process is on another host, and the connection broke.
        WorkerTimeout
            No answer came in time. The process has been killed.
        WorkerError
            The answer is not JSON. The process has been killed.
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
        """End the process and all processes that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End the process: close its input, give it two seconds to end by itself, then kill it."""
        try:
            self._to.close()
        except BrokenPipeError:  # it has ended already
            self._process.poll()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_CLOSE_S)
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
        The module to run, as ``python -m module``.
    arguments : sequence of str
    environment : mapping of str to str, optional
        Variables to add to those of the parent.
    python : str, optional
        The interpreter; by default this one.
    package : path, optional
        An archive from which the interpreter imports nnbehave; by default the folder of this copy.
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
        # Python imports from its working directory first, and another nnbehave may lie there.
        super().__init__(module, [python, "-m", module, *arguments], variables, package and package.parent)
