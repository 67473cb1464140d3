"""Where runners execute."""

from __future__ import annotations

from nnbehave.errors import InvalidInputError
from nnbehave.targets._base import Target
from nnbehave.targets.local import LocalTarget, PythonTarget
from nnbehave.targets.ssh import SSHTarget

__all__ = ["LocalTarget", "PythonTarget", "SSHTarget", "Target", "get_target"]


def get_target(text: str) -> Target:
    """Return the target that a text names.

    Parameters
    ----------
    text : str
        ``local``; ``python:/path/to/python``, another Python on this machine; ``ssh://[user@]host[:port]``, with
        ``?python=/path`` for a Python there other than ``python3``.

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
    raise InvalidInputError(
        f"target {text!r}: expected local, python:/path/to/python or ssh://[user@]host[:port][?python=/path]"
    )
