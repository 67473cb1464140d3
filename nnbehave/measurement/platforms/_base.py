"""What every platform says of itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from nnbehave.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from nnbehave.design.graph import Graph
    from nnbehave.measurement.platforms.preparation import Preparation

Option = bool | int | float | str


class Platform:
    """An inference framework on a processor, with a variant and options: ``name[:variant][?key=value&…]``.

    A subclass says what its framework is; an instance adds the variant and the options. A plug-in registers its
    subclass under the entry point group ``nnbehave.platforms``.

    Attributes
    ----------
    name : str
    variants : dict of str to dict
        Variant to the backend options that it stands for; ``""`` is the platform's plain name.
    options : dict of str to value
        What a user may set, with defaults; the type of the default is the type of the option.
    choices : dict of str to tuple
        Options that take only some values.
    converter : str
        What makes its artifacts (:data:`nnbehave.measurement.converters.CONVERTERS`).
    converters : dict of str to str
        Precisions whose artifacts another one makes.
    backend : str
        ``module:class`` that the runner loads.
    package, extra : str
        The distribution that holds the runtime and the extra of nnbehave that brings it; empty where none is needed.
    methods, precisions : tuple of str
        How it can be measured, the default first, and what it can be asked for.
    substitutes : dict of str to str
        Precisions that it has not, and what it runs a layer of them at instead, as putting a model there quantises it.
    complete : bool
        Whether its totals cover every operator. Where False, each row tells what its own leaves out.
    wall_clock : bool
        Whether its latencies are spans of this machine's time, so that two sweeps must not measure at once.
    """

    name: ClassVar[str]
    variants: ClassVar[dict[str, dict[str, Option]]] = {"": {}}
    options: ClassVar[dict[str, Option]] = {}
    choices: ClassVar[dict[str, tuple[Option, ...]]] = {}
    converter: ClassVar[str]
    converters: ClassVar[dict[str, str]] = {}
    backend: ClassVar[str]
    package: ClassVar[str] = ""
    extra: ClassVar[str] = ""
    methods: ClassVar[tuple[str, ...]] = ("whole",)
    precisions: ClassVar[tuple[str, ...]] = ("fp32",)
    substitutes: ClassVar[dict[str, str]] = {}
    complete: ClassVar[bool] = True
    wall_clock: ClassVar[bool] = True

    def __init__(self, variant: str = "", options: Mapping[str, str] | None = None) -> None:
        if variant not in self.variants:
            names = ", ".join(f"{self.name}:{known}" for known in self.variants if known) or "none"
            raise InvalidInputError(f"platform {self.name!r} has no variant {variant!r}; it has {names}")
        self.variant = variant
        self.settings = {**self.options}
        for key, text in (options or {}).items():
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                raise InvalidInputError(f"platform {self.name!r} has no option {key!r}; it has {known}")
            self.settings[key] = self._parse(key, text)

    def _parse(self, key: str, text: str) -> Option:
        kind = type(self.options[key])
        allowed = self.choices.get(key)
        try:
            value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
        except (ValueError, KeyError):
            raise InvalidInputError(
                f"platform {self.name!r}: option {key!r} takes a value like {self.options[key]!r}, got {text!r}"
            ) from None
        if allowed and value not in allowed:
            names = ", ".join(map(str, allowed))
            raise InvalidInputError(f"platform {self.name!r}: option {key!r} is one of {names}, got {text!r}")
        if key == "threads" and not 1 <= int(value) <= 1024:
            raise InvalidInputError(f"platform {self.name!r}: threads must be 1 or more, got {text!r}")
        return value

    def __str__(self) -> str:
        """Return the canonical name: the variant, and the options that are not at their default, in order."""
        changed = {key: value for key, value in sorted(self.settings.items()) if value != self.options[key]}
        query = "&".join(f"{key}={value}" for key, value in changed.items())
        return self.name + (f":{self.variant}" if self.variant else "") + (f"?{query}" if query else "")

    def runs_at(self, precision: str) -> str:
        """Return the precision that a layer of ``precision`` is converted to."""
        return self.substitutes.get(precision, precision)

    def converter_for(self, precision: str) -> str:
        """Return what makes the artifacts of a precision."""
        return self.converters.get(precision, self.converter)

    @classmethod
    def preparation(cls) -> Preparation | None:
        """Return what ``nnbehave setup`` makes for it; None where its packages are all."""
        return None

    @property
    def threads(self) -> int:
        """Number of cores that an inference uses."""
        return int(self.settings.get("threads", 1))

    def refuses(self, graph: Graph) -> str:
        """Return why a graph cannot be had here, as far as that is known before it is converted; empty where not.

        A plug-in adds what its framework documents, by operator; what it does not know of, the framework is asked.
        """
        if graph.precision in (*self.precisions, *self.substitutes):
            return ""
        return f"{self.name} has no {graph.precision}, only {', '.join(self.precisions)}"

    def interpreter(self) -> str:
        """Return the Python that the runner runs in: this one, but for a runtime that needs one of its own.

        Raises
        ------
        MissingExtraError
            It has not been set up; the message says how.
        """
        return sys.executable

    def backend_options(self) -> dict[str, Any]:
        """Return what the runner gives the backend."""
        return {**self.settings, **self.variants[self.variant]}

    @classmethod
    def version(cls) -> str:
        """Return the runtime's version without importing it.

        Raises
        ------
        MissingExtraError
            It is not installed.
        """
        from importlib.metadata import PackageNotFoundError, version  # slow to import

        if prepared := cls.preparation():
            prepared.check()  # its package is of a Python of its own
        if prepared or not cls.package:
            return ""
        try:
            return version(cls.package)
        except PackageNotFoundError:
            raise MissingExtraError(
                f"platform {cls.name!r} needs {cls.package}: pip install 'nnbehave[{cls.extra}]'"
            ) from None


def parse_name(text: str) -> tuple[str, str, dict[str, str]]:
    """Split ``name[:variant][?key=value&…]``. Raises InvalidInputError."""
    match = re.fullmatch(r"([\w.-]+)(?::([\w.-]+))?(?:\?(.*))?", text)
    pairs = [part.partition("=") for part in (match[3] or "").split("&") if part] if match else []
    if match is None or not all(equals and value for _, equals, value in pairs):
        raise InvalidInputError(f"platform {text!r} is not of the form name[:variant][?key=value&key=value]")
    return match[1], match[2] or "", {key: value for key, _, value in pairs}
