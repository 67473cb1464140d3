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

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "3", "CUDA_VISIBLE_DEVICES": "-1"}


class Worker:
    """A process that speaks :mod:`nnbehave.runner.protocol`. Use it in a ``with``: leaving it ends the process.

    The process is in a session of its own, so that Ctrl-C reaches the parent alone.

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
        Where it finds nnbehave; by default here.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        package: Path = Path(__file__).parent.parent,
    ) -> None:
        self.name = module
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        path = os.pathsep.join(filter(None, [str(package), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [python, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **_QUIET, "PYTHONPATH": path, **(environment or {})},
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
        return path

    def request(self, cmd: str, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Send a request and return its one answer. Raises as ``send`` and ``receive`` do."""
        self.send(cmd, **fields)
        return self.receive(timeout_s)

    def send(self, cmd: str, **fields: Any) -> None:
        """Send a request. Raises WorkerDied where nobody is there to read it."""
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

    def _died(self) -> WorkerDied:
        code = self._process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._stderr.seek(0)
        words = self._stderr.read().decode(errors="replace").strip().splitlines()
        return WorkerDied(f"the worker process died ({how})" + (f": {words[-1][:300]}" if words else ""))
