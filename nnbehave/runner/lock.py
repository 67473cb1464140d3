"""A machine measures for one sweep at a time: two at once would measure each other."""

from __future__ import annotations

import os
import tempfile
from typing import Optional

try:
    import fcntl
except ImportError:  # not on Windows; there, two sweeps at once are the user's to avoid
    fcntl = None  # type: ignore[assignment]


class MeasuringLock:
    """Held by a process while it measures; the system releases it when the process ends."""

    def __init__(self) -> None:
        self._descriptor: Optional[int] = None

    def take(self) -> bool:
        """Take the lock where nobody else has it; return whether it is held now."""
        if fcntl is None or self._descriptor is not None:
            return True
        path = os.path.join(tempfile.gettempdir(), "nnbehave-measuring.lock")
        # Made only where there is none: a system may refuse to open another user's file in this folder for making.
        making = 0 if os.path.exists(path) else os.O_CREAT
        descriptor = os.open(path, os.O_RDONLY | making, 0o644)  # reading is enough for the lock
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let others measure."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
