from __future__ import annotations

import ctypes
import os
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from nnbehave.runner.capture import captured_output


@pytest.mark.process
def test_output_of_python_c_and_the_system_is_captured_in_order() -> None:
    with captured_output(1) as said:
        os.write(1, b"system\n")
        ctypes.CDLL(None).puts(b"from C")
        os.system("echo a child")
    assert said[0].split("\n")[0] == "system"
    assert {"from C", "a child"} <= set(said[0].split("\n"))


def test_output_before_and_after_is_not_captured(capfd: pytest.CaptureFixture[str]) -> None:
    libc = ctypes.CDLL(None)
    libc.puts(b"before")
    said = _fails_after(libc.puts, b"within")
    libc.puts(b"after")
    libc.fflush(None)
    assert said == ["within\n"]
    assert capfd.readouterr().out.split() == ["before", "after"]


def test_both_streams_are_captured_as_one(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_output(1, 2) as said:
        os.write(2, b"error, ")
        os.write(1, b"output")
    assert said == ["error, output"]
    assert capfd.readouterr() == ("", "")


def _fails_after(write: Any, text: bytes) -> list[str]:
    """Return the captured output of a body that raises."""
    with ExitStack() as stack, suppress(ValueError):
        said = stack.enter_context(captured_output(1))
        write(text)
        raise ValueError
    return said
