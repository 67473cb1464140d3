"""The base class of platforms, and the parser of platform names."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from nnbehave.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from nnbehave.design.graph import Graph
    from nnbehave.measurement.platforms.preparation import Preparation

Option = bool | int | float | str

_MOST_THREADS = 1024


class Platform:
    """An inference runtime on a processor, with a variant and options: ``name[:variant][?key=value&…]``.

    A subclass describes the runtime; an instance adds the variant and the options. Built-in platforms are listed in
    :mod:`nnbehave.measurement.platforms.registry`. A plug-in registers its subclass under the entry point group
    ``nnbehave.platforms``.

    Parameters
    ----------
    variant : str
        One of ``variants``.
    options : mapping of str to str, optional
        Values of ``options`` as text. Options that are not given keep their default.

    Raises
    ------
    InvalidInputError
        The platform has no such variant or option, or the option does not take the value.

    Attributes
    ----------
    name : str
        The plain name, without variant and options.
    variants : dict of str to dict
        Maps each variant to the options of the backend that it sets. ``""`` is the variant of the plain name.
    options : dict of str to value
        The options that a user may set, with their defaults. An option has the type of its default.
    choices : dict of str to tuple
        The values that an option may take, for options that take only some values.
    converter : str
        The converter that makes the artifacts: a name of :data:`nnbehave.measurement.converters.CONVERTERS`.
    converters : dict of str to str
        Precisions that need another converter than ``converter``.
    backend : str
        ``module:class`` of the backend, which the runner loads.
    package, extra : str
        The distribution of the runtime, and the extra of nnbehave that installs it. Empty if none is needed.
    methods : tuple of str
        The methods by which the platform can be measured. The first is the default.
    precisions : tuple of str
        The precisions that the platform has.
    substitutes : dict of str to str
        Maps precisions that the platform lacks to the precision at which it runs such layers instead, as when a model
        is quantised to be put there.
    complete : bool
        True if its latencies cover every operator of a graph. If False, each row names the operators that its latency
        leaves out.
    wall_clock : bool
        True if its latencies are times of this machine, so that two sweeps must not measure at once.
    has_contexts : bool
        True if what is touched between two calls can be chosen (:mod:`nnbehave.measurement.context`): the runner makes
        the calls, and shares its caches with them. A device that times itself, or has memory of its own, is ``warm``.
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
    has_contexts: ClassVar[bool] = True

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
        """Return the value of an option that is given as text."""
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
        if key == "threads" and not 1 <= int(value) <= _MOST_THREADS:
            raise InvalidInputError(f"platform {self.name!r}: threads must be 1 to {_MOST_THREADS}, got {text!r}")
        return value

    def __str__(self) -> str:
        """Return the canonical name: with the variant, and the options that differ from their default, sorted."""
        changed = {key: value for key, value in sorted(self.settings.items()) if value != self.options[key]}
        query = "&".join(f"{key}={value}" for key, value in changed.items())
        return self.name + (f":{self.variant}" if self.variant else "") + (f"?{query}" if query else "")

    def runs_at(self, precision: str) -> str:
        """Return the precision to which layers of ``precision`` are converted for this platform."""
        return self.substitutes.get(precision, precision)

    def converter_for(self, precision: str) -> str:
        """Return the name of the converter that makes artifacts of a precision."""
        return self.converters.get(precision, self.converter)

    @classmethod
    def preparation(cls) -> Preparation | None:
        """Return what ``nnbehave setup`` makes for the platform; None if it needs nothing but packages."""
        return None

    @property
    def threads(self) -> int:
        """The number of cores that an inference uses."""
        return int(self.settings.get("threads", 1))

    def refuses(self, graph: Graph) -> str:
        """Return why the platform cannot run a graph, if that is known before conversion; otherwise an empty string.

        A plug-in may add the limits that its runtime documents. What is not refused here is converted and loaded, and
        the converter or the runtime may still refuse it.
        """
        if graph.precision in (*self.precisions, *self.substitutes):
            return ""
        return f"{self.name} has no {graph.precision}, only {', '.join(self.precisions)}"

    def interpreter(self) -> str:
        """Return the path of the Python in which the runner runs: this one, unless the runtime needs its own.

        Raises
        ------
        MissingExtraError
            That Python has not been set up. The message says how to do it.
        """
        return sys.executable

    def backend_options(self) -> dict[str, object]:
        """Return the keyword arguments of the backend, which must be values that JSON can hold."""
        return {**self.settings, **self.variants[self.variant]}

    @classmethod
    def version(cls) -> str:
        """Return the version of the runtime without importing it; empty if it has none.

        Raises
        ------
        MissingExtraError
            The runtime is not installed.
        """
        from importlib.metadata import PackageNotFoundError, version  # slow to import

        if prepared := cls.preparation():
            prepared.check()  # the package is in a Python of its own, not in this one
        if prepared or not cls.package:
            return ""
        try:
            return version(cls.package)
        except PackageNotFoundError:
            raise MissingExtraError(
                f"platform {cls.name!r} needs {cls.package}: pip install 'nnbehave[{cls.extra}]'"
            ) from None


def parse_name(text: str) -> tuple[str, str, dict[str, str]]:
    """Split ``name[:variant][?key=value&…]`` into name, variant and options.

    Raises
    ------
    InvalidInputError
        The text does not have this form.
    """
    match = re.fullmatch(r"([\w.-]+)(?::([\w.-]+))?(?:\?(.*))?", text)
    pairs = [part.partition("=") for part in (match[3] or "").split("&") if part] if match else []
    if match is None or not all(equals and value for _, equals, value in pairs):
        raise InvalidInputError(f"platform {text!r} is not of the form name[:variant][?key=value&key=value]")
    return match[1], match[2] or "", {key: value for key, _, value in pairs}
