"""What compilers print by C or C++, past Python's ``sys.stdout``."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import List


@contextmanager
def captured_stdout() -> Iterator[List[str]]:
    """Catch all that this process writes to its standard output; the list has the text after the ``with``."""
    caught: List[str] = []
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryFile() as file:
        _flush(libc)
        before = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield caught
        finally:
            _flush(libc)
            os.dup2(before, 1)
            os.close(before)
            file.seek(0)
            caught.append(file.read().decode("utf-8", "replace"))


def _flush(libc: ctypes.CDLL) -> None:
    sys.stdout.flush()
    libc.fflush(None)
