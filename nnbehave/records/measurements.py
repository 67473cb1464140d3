"""Many measurements: as records, as a DataFrame, as curves, as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nnbehave.design.layer import LAYER_FIELDS
from nnbehave.errors import InvalidInputError
from nnbehave.records.columns import column_values, from_frame, to_frame, with_columns
from nnbehave.records.measurement import Environment, Measurement, Point, Scalar

if TYPE_CHECKING:
    import pandas as pd

_SELECTABLE = (
    *("space", "slot", "dimension", "platform", "target", "environment", "method", "context", "session"),
    *("subject", "arrangement", "status", *LAYER_FIELDS),
)
Self = TypeVar("Self", bound="Measurements")


@dataclass(frozen=True)
class Curve:
    """The measurements of one sweep: one dimension of one slot, on one platform, in one environment, by one method,
    in one context.

    Attributes
    ----------
    space, slot, dimension, platform, environment, method, context : str
    measurements : tuple of Measurement
        In the order of the sweep.
    choices : tuple
        All values of the dimension that the space has, measured or not, as far as they are known.
    """

    space: str
    slot: str
    dimension: str
    platform: str
    environment: str
    method: str
    context: str
    measurements: tuple[Measurement, ...]
    choices: tuple[Scalar, ...]

    @property
    def values(self) -> tuple[Scalar, ...]:
        """The value of the dimension of each measurement."""
        return tuple(one.subject.shared(self.dimension) for one in self.measurements)

    @property
    def usable(self) -> tuple[Measurement, ...]:
        """The measurements that have a latency to go by."""
        return tuple(one for one in self.measurements if one.is_usable)

    @property
    def newest_session(self) -> int:
        """The last session that a measurement of it comes from."""
        return max(one.session for one in self.measurements)

    @property
    def name(self) -> str:
        """The curve in words, for messages."""
        parts = ("space", "slot", "dimension", "platform")
        return ", ".join(f"{part}={getattr(self, part)!r}" for part in parts)


class Measurements(Sequence[Measurement]):
    """Many measurements.

    Parameters
    ----------
    measurements : iterable of Measurement
    environments : mapping of str to Environment, optional
        The facts of each environment by its id.
    choices : mapping of Point to sequence, optional
        For each swept dimension all values that its space has, where more than were measured.

    Attributes
    ----------
    environments : dict of str to Environment
    choices : dict of Point to tuple
    """

    def __init__(
        self,
        measurements: Iterable[Measurement] = (),
        environments: Mapping[str, Environment] | None = None,
        choices: Mapping[Point, Sequence[Scalar]] | None = None,
    ) -> None:
        self._given: pd.DataFrame | None = None
        self._records: tuple[Measurement, ...] | None = tuple(measurements)
        self.environments = dict(environments or {})
        self.choices = {point: tuple(values) for point, values in (choices or {}).items()}

    @classmethod
    def of(cls: type[Self], measurements: Measurements) -> Self:
        """Return the same measurements as this class."""
        made = cls((), measurements.environments, measurements.choices)
        made._given, made._records = measurements._given, measurements._records
        return made

    @classmethod
    def joined(cls: type[Self], several: Iterable[Measurements]) -> Self:
        """Return the measurements of several objects as one, such as those of several contexts."""
        records: list[Measurement] = []
        environments: dict[str, Environment] = {}
        choices: dict[Point, Sequence[Scalar]] = {}
        for each in several:
            records += each.records
            environments |= each.environments
            choices |= each.choices
        return cls(records, environments, choices)

    # ------------------------------------------------------------------ a sequence of records

    @property
    def records(self) -> tuple[Measurement, ...]:
        """The measurements."""
        if self._records is None:
            assert self._given is not None
            self._records = tuple(from_frame(self._given))
        return self._records

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        """Return the measurement at an index, or those of a slice."""
        return self.records[place]

    def __iter__(self) -> Iterator[Measurement]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records if self._given is None else self._given)

    # ------------------------------------------------------------------ a frame

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The measurements as a DataFrame: one row a measurement, the columns :data:`nnbehave.records.COLUMNS`."""
        return to_frame(self.records) if self._given is None else self._given

    @classmethod
    def from_frame(
        cls: type[Self],
        frame: pd.DataFrame,
        environments: Mapping[str, Environment] | None = None,
        choices: Mapping[Point, Sequence[Scalar]] | None = None,
    ) -> Self:
        """Return the measurements of a frame's rows.

        Raises
        ------
        InvalidInputError
            It is no frame, or lacks columns.
        """
        import pandas as pd

        if not isinstance(frame, pd.DataFrame):
            raise InvalidInputError(f"frame: expected a DataFrame, got {type(frame).__name__}")
        made = cls((), environments, choices)
        made._given, made._records = with_columns(frame), None
        return made

    # ------------------------------------------------------------------ choosing

    def select(self: Self, **wanted: Scalar | Sequence[Scalar]) -> Self:
        """Return the measurements that have the wanted values.

        Parameters
        ----------
        **wanted
            For columns of the frame one value, or several of which any will do: ``platform="tflite"``,
            ``status=["ok", "noisy"]``, ``op="conv"``, ``kernel=[3, 5]``, ``dimension=None``.

        Raises
        ------
        InvalidInputError
            There is no such column to select by.

        Examples
        --------
        >>> Measurements().select(platform="tflite", kernel=[3, 5])
        Measurements(empty)
        """
        for name in wanted:
            if name not in _SELECTABLE:
                raise InvalidInputError(f"select: expected one of {', '.join(_SELECTABLE)}, got {name!r}")
        if not len(self):
            return self
        keep = self.frame["platform"].notna()
        for name, values in wanted.items():
            plain = values.value if isinstance(values, Enum) else values
            keep &= column_values(self.frame, name, plain)
        if self._records is None:
            return type(self).from_frame(self.frame[keep], self.environments, self.choices)
        chosen = [one for one, kept in zip(self._records, keep, strict=True) if kept]
        return type(self)(chosen, self.environments, self.choices)

    def usable(self: Self) -> Self:
        """Return the measurements that have a latency to go by (:attr:`Measurement.usable`)."""
        return type(self)([one for one in self if one.is_usable], self.environments, self.choices)

    def curves(self) -> list[Curve]:
        """Return every curve: the measurements of each sweep, platform, environment, method and context."""
        groups: dict[tuple[Point, str, str, str, str], list[Measurement]] = {}
        for one in self:
            if one.point is not None and one.point.dimension is not None:
                key = (one.point, one.platform, one.environment, one.method, one.context)
                groups.setdefault(key, []).append(one)
        curves = []
        for (point, platform, environment, method, context), some in groups.items():
            measured = tuple(one.subject.shared(point.dimension or "") for one in some)
            choices = self.choices.get(point) or measured
            at = (point.space, point.slot, point.dimension or "", platform, environment, method, context)
            curves.append(Curve(*at, tuple(some), choices))
        return curves

    # ------------------------------------------------------------------ files

    def save(self, path: str | Path) -> None:
        """Write the measurements as ``.csv`` or ``.json``.

        Raises
        ------
        InvalidInputError
            Another suffix.
        """
        from nnbehave.records.files import save

        save(self, path)

    @classmethod
    def load(cls: type[Self], path: str | Path) -> Self:
        """Read what ``save`` wrote, this version or an earlier one.

        Raises
        ------
        InvalidInputError
            It cannot be read, or was written by a newer version.
        """
        from nnbehave.records.files import load

        return load(cls, path)

    def __repr__(self) -> str:
        counts: dict[str, dict[str, int]] = {}
        for one in self:
            of_platform = counts.setdefault(one.platform, {})
            of_platform[one.status.value] = of_platform.get(one.status.value, 0) + 1
        parts = [f"{name}: {count} {status}" for name, of in counts.items() for status, count in of.items()]
        return f"{type(self).__name__}({'; '.join(parts) or 'empty'})"
