"""The archive of the runner."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nnbehave.measurement.targets.archive import runner_archive


def test_the_archive_is_the_same_until_the_runner_changes() -> None:
    one = runner_archive()
    written = one.stat().st_mtime_ns
    assert runner_archive() == one
    assert one.stat().st_mtime_ns == written


@pytest.mark.process
def test_the_archive_runs_without_nnbehave(tmp_path: Path) -> None:
    code = (
        "import sys, runpy; sys.argv = ['runner', '--backend', 'nnbehave.runner.backends.simulated:SimulatedBackend']\n"
    )
    code += "runpy.run_module('nnbehave.runner', run_name='__main__')"
    asked = json.dumps({"cmd": "hello"}) + "\n"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(runner_archive())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(asked)
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        process.stdin.close()
    assert answer["ok"]
    assert answer["versions"] == {"simulated": "1"}
