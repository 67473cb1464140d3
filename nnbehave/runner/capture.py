"""Capture of what compilers print from C or C++, which does not go through Python's own streams."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import List


@contextmanager
def captured_output(*descriptors: int) -> Iterator[List[str]]:
    """Capture what this process writes to standard output (1) or error (2).

    The yielded list gets the text, as its only element, when the ``with`` body ends. If the process dies in the body,
    the text is lost.
    """
    caught: List[str] = []
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryFile() as file:
        _flush(libc)
        before = {descriptor: os.dup(descriptor) for descriptor in descriptors}
        for descriptor in descriptors:
            os.dup2(file.fileno(), descriptor)
        try:
            yield caught
        finally:
            _flush(libc)
            for descriptor, kept in before.items():
                os.dup2(kept, descriptor)
                os.close(kept)
            file.seek(0)
            caught.append(file.read().decode("utf-8", "replace"))


def _flush(libc: ctypes.CDLL) -> None:
    """Write out what Python and C have buffered."""
    sys.stdout.flush()
    sys.stderr.flush()
    libc.fflush(None)
