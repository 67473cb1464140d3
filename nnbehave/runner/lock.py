"""The lock that lets one sweep at a time measure on a machine, because two at once would slow each other down."""

from __future__ import annotations

import os
import tempfile
from typing import Optional

try:
    import fcntl
except ImportError:  # on Windows, where the user must not run two sweeps at once
    fcntl = None  # type: ignore[assignment]


class MeasuringLock:
    """A lock that a process holds while it measures. The system releases it when the process ends.

    Parameters
    ----------
    device : str, optional
        The device that is measured, if that is not this machine.
    """

    def __init__(self, device: str = "") -> None:
        name = f"nnbehave-measuring{device and '-'}{device}.lock"
        self._path = os.path.join(tempfile.gettempdir(), name)
        self._descriptor: Optional[int] = None

    def take(self) -> bool:
        """Take the lock if no other process holds it. Return True if this process holds it now."""
        if fcntl is None or self._descriptor is not None:
            return True
        # A system may refuse O_CREAT for an existing file of another user in this folder. To lock, reading is enough.
        making = 0 if os.path.exists(self._path) else os.O_CREAT
        descriptor = os.open(self._path, os.O_RDONLY | making, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Leave the lock to other processes."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
