"""Where runners execute."""

from __future__ import annotations

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.targets._base import Target
from nnbehave.measurement.targets.android import AndroidTarget
from nnbehave.measurement.targets.local import LocalTarget, PythonTarget
from nnbehave.measurement.targets.ssh import SSHTarget

__all__ = ["AndroidTarget", "LocalTarget", "PythonTarget", "SSHTarget", "Target", "get_target"]


def get_target(text: str) -> Target:
    """Return the target that a text names.

    Parameters
    ----------
    text : str
        ``local``; ``python:/path/to/python``, another Python on this machine; ``ssh://[user@]host[:port]``, with
        ``?python=/path`` for a Python there other than ``python3``; ``adb://serial?benchmark_model=/path``, an Android
        device, with TensorFlow Lite's tool for it.

    Raises
    ------
    InvalidInputError
        It is none of these.
    """
    if text == "local":
        return LocalTarget()
    if isinstance(text, str) and text.startswith("python:"):
        return PythonTarget(text.removeprefix("python:"))
    if isinstance(text, str) and text.startswith("ssh://"):
        return SSHTarget(text)
    if isinstance(text, str) and text.startswith("adb://"):
        return AndroidTarget(text)
    raise InvalidInputError(
        f"target {text!r}: expected local, python:/path/to/python, ssh://[user@]host[:port][?python=/path] or "
        "adb://serial?benchmark_model=/path"
    )
