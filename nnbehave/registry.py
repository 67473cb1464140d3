"""The registry of everything that a plug-in can add to nnbehave: platforms, converters, exporters and targets.

Each kind has one :class:`Registry`: a list of the built-in entries and an entry point group for plug-ins.

==============  ============================  ================================================
kind            entry point group             built-in entries
==============  ============================  ================================================
platform        ``nnbehave.platforms``        :mod:`nnbehave.measurement.platforms.registry`
converter       ``nnbehave.converters``       :mod:`nnbehave.measurement.converters.registry`
target          ``nnbehave.targets``          :mod:`nnbehave.measurement.targets.registry`
exporter        ``nnbehave.exporters``        :mod:`nnbehave.pruning.exporters.registry`
table exporter  ``nnbehave.table_exporters``  :mod:`nnbehave.pruning.exporters.registry`
==============  ============================  ================================================
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Generic, TypeVar

from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """Finds the entries of one kind by name: the built-in ones and those of plug-ins.

    Plug-ins are loaded once in a process, when a name is asked for that is not built in, or when all names are. A
    plug-in that cannot be loaded, has the wrong type or has a name that is taken is left out with one warning.

    Parameters
    ----------
    kind : str
        What messages call an entry: ``"platform"``.
    group : str
        The entry point group of the plug-ins: ``"nnbehave.platforms"``.
    built_in : iterable
        The built-in entries, in the order in which they are listed.
    accept : callable
        Turns the object that an entry point names into an entry. It raises any exception to refuse the object.
        :func:`subclass_of` and :func:`instance_of` make such functions.
    name_of : callable, optional
        Returns the name of an entry. The default is its attribute ``name``.
    error : type of InvalidInputError, optional
        Raised for an unknown name.

    Examples
    --------
    >>> class Shape:
    ...     name = "circle"
    >>> shapes = Registry("shape", "example.shapes", [Shape], subclass_of(Shape))
    >>> shapes.get("circle") is Shape
    True
    >>> shapes.get("circel")
    Traceback (most recent call last):
    nnbehave.errors.InvalidInputError: unknown shape 'circel'; did you mean circle?
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Iterable[T],
        accept: Callable[[object], T],
        name_of: Callable[[T], str] = attrgetter("name"),
        error: type[InvalidInputError] = InvalidInputError,
    ) -> None:
        self.kind = kind
        self.group = group
        self._accept = accept
        self._name_of = name_of
        self._error = error
        self._built_in = {name_of(entry): entry for entry in built_in}
        self._plug_ins: dict[str, T] | None = None

    def get(self, name: str) -> T:
        """Return the entry of a name.

        Raises
        ------
        InvalidInputError
            The name is unknown. The message lists the nearest names, or all names if none is near.
        """
        if name in self._built_in:
            return self._built_in[name]
        known = self.all()
        if name not in known:
            near = difflib.get_close_matches(str(name), known) or known
            raise self._error(f"unknown {self.kind} {name!r}; did you mean {' or '.join(near)}?")
        return known[name]

    def all(self) -> dict[str, T]:
        """Return every entry by name: the built-in ones first, then those of plug-ins."""
        if self._plug_ins is None:
            self._plug_ins = self._load_plug_ins()
        return {**self._built_in, **self._plug_ins}

    def forget_plug_ins(self) -> None:
        """Load the plug-ins again at the next look-up, for plug-ins that were installed in a running process."""
        self._plug_ins = None

    def _load_plug_ins(self) -> dict[str, T]:
        """Load all plug-ins, and warn of those that are left out."""
        from importlib.metadata import entry_points  # slow to import

        found: dict[str, T] = {}
        for entry_point in entry_points(group=self.group):
            try:
                name, entry = self._load(entry_point)
                if name in found or name in self._built_in:
                    raise ValueError(f"the name {name!r} is taken")
            except Exception as error:  # one broken plug-in must not stop the others, whatever is wrong with it
                why = str(error) or type(error).__name__
                warnings.warn(
                    f"{self.kind} plug-in {entry_point.name!r} ({entry_point.value}) is left out: {why}", stacklevel=4
                )
            else:
                found[name] = entry
        return found

    def _load(self, entry_point: EntryPoint) -> tuple[str, T]:
        """Load one plug-in. Return its name and its entry."""
        entry = self._accept(entry_point.load())
        return self._name_of(entry), entry


def subclass_of(base: type[T]) -> Callable[[object], type[T]]:
    """Return the ``accept`` of a registry of classes: it takes a subclass of ``base`` and returns it."""

    def accept(loaded: object) -> type[T]:
        if not (isinstance(loaded, type) and issubclass(loaded, base)):
            raise TypeError(f"{loaded!r} is not a subclass of {base.__module__}.{base.__qualname__}")
        return loaded

    return accept


def instance_of(base: type[T]) -> Callable[[object], T]:
    """Return the ``accept`` of a registry of instances: it takes a subclass of ``base`` and returns an instance."""
    accept_class = subclass_of(base)
    return lambda loaded: accept_class(loaded)()
