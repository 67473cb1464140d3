"""Addresses of SSH targets: ``ssh://[user@]host[:port][?python=/path]``."""

from __future__ import annotations

import re
from typing import NamedTuple

from nnbehave.errors import InvalidInputError

FORM = "ssh://[user@]host[:port][?python=/path]"
# User and host must not begin with a dash, because ssh would read them as options.
_ADDRESS = re.compile(r"ssh://(?:([\w.+][\w.+-]*)@)?(\[[\w:.%]+\]|[\w.][\w.-]*)(?::(\d+))?/?(?:\?(.*))?")
_DEFAULT_PYTHON = "python3"


class Address(NamedTuple):
    """A host and the Python to use there.

    Attributes
    ----------
    user, port : str
        Empty to use those of the user's SSH configuration.
    host : str
    python : str
        Path of the Python on the host, or a command there.
    """

    user: str
    host: str
    port: str
    python: str

    @property
    def place(self) -> str:
        """The address without the Python: what messages call the host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")

    @property
    def name(self) -> str:
        """The canonical text of the address, which leaves out the default Python."""
        return f"ssh://{self.place}" + (f"?python={self.python}" if self.python != _DEFAULT_PYTHON else "")

    @property
    def arguments(self) -> list[str]:
        """The arguments of ``ssh`` that name the host."""
        options = [*(["-p", self.port] if self.port else []), *(["-l", self.user] if self.user else [])]
        return [*options, self.host]


def parse_address(text: str) -> Address:
    """Return the address that a text of the form above gives. Raises InvalidInputError for other texts."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 1 <= int(match[3] or 1) <= 65535:
        raise InvalidInputError(f"target {text!r} is not of the form {FORM}")
    options = dict(part.partition("=")[::2] for part in (match[4] or "").split("&") if part)
    if unknown := options.keys() - {"python"}:
        raise InvalidInputError(f"target {text!r} has no option {unknown.pop()!r}; it has python")
    if options.get("python") == "":
        raise InvalidInputError(f"target {text!r}: python is empty")
    return Address(match[1] or "", match[2].strip("[]"), match[3] or "", options.get("python", _DEFAULT_PYTHON))
