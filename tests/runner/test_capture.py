from __future__ import annotations

import ctypes
import os
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from nnbehave.runner.capture import captured_stdout


def test_what_python_c_and_the_system_write_is_caught_in_order() -> None:
    with captured_stdout() as said:
        os.write(1, b"system\n")
        ctypes.CDLL(None).puts(b"from C")
        os.system("echo a child")
    assert said[0].split("\n")[0] == "system"
    assert {"from C", "a child"} <= set(said[0].split("\n"))


def test_what_is_written_before_and_after_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    libc = ctypes.CDLL(None)
    libc.puts(b"before")
    said = _fails_after(libc.puts, b"within")
    libc.puts(b"after")
    libc.fflush(None)
    assert said == ["within\n"]
    assert capfd.readouterr().out.split() == ["before", "after"]


def _fails_after(write: Any, text: bytes) -> list[str]:
    """Return what is caught of something that raises."""
    with ExitStack() as stack, suppress(ValueError):
        said = stack.enter_context(captured_stdout())
        write(text)
        raise ValueError
    return said
