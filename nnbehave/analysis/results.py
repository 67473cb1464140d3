"""Results: the measurements of a sweep, with the questions a user asks of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from nnbehave.analysis.steps import Lost, Origin, StepMap, detect_steps
from nnbehave.analysis.support import support_matrix
from nnbehave.design.layer import LAYER_FIELDS
from nnbehave.errors import InvalidInputError
from nnbehave.records import FEWEST_COMMON_POINTS, Curve, Measurements, Status

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_OF_CURVE = ("space", "slot", "dimension", "platform", "environment", "method", "context")
_OF_STEP_MAP = ("kind", "width", "phase", "outer_width", "step_share", "confidence", "low", "high")
_WHOLE = ("width", "phase", "outer_width", "low", "high", "measured", "kept")


class Results(Measurements):
    """The measurements of a sweep: records, their ``frame``, and the questions one asks of them.

    Iterate over it for the records (:class:`~nnbehave.records.Measurement`); ``frame`` has them as a DataFrame with the
    columns :data:`~nnbehave.records.COLUMNS`. Latencies are NaN where there is none, and ``reason`` says why.

    Examples
    --------
    >>> import nnbehave as nb
    >>> results = nb.sweep("quickstart", platforms="simulated", progress=False)
    >>> results.step_map(slot="conv").kind  # doctest: +SKIP
    'staircase'
    """

    def of_platforms(self, platforms: str | Sequence[str]) -> Results:
        """Return the results of one platform, or of several.

        Raises
        ------
        InvalidInputError
            There are no results of one of them.
        """
        names = [platforms] if isinstance(platforms, str) else list(platforms)
        there = sorted({one.platform for one in self})
        if foreign := [name for name in names if name not in there]:
            raise InvalidInputError(f"no results of {foreign[0]!r}; these are of {', '.join(there)}")
        return self.select(platform=names)

    # ------------------------------------------------------------------ steps

    def steps(self, tolerance: float = 0.0) -> pd.DataFrame:
        """Find the steps of every curve over a numeric dimension.

        Parameters
        ----------
        tolerance : float
            As in :meth:`StepMap.best_channels`.

        Returns
        -------
        pandas.DataFrame
            One row a curve: ``space slot dimension platform environment method context kind width phase outer_width
            step_share confidence low high measured candidates kept keep note``. ``keep`` lists the values worth
            keeping among those that the space has between ``low`` and ``high``, measured or not. ``candidates`` is
            how many values the space has; in results from a CSV file, how many were measured.
        """
        import pandas as pd

        rows = [self._steps_of(curve, tolerance) for curve in self.curves() if _is_numeric(curve)]
        columns = [*_OF_CURVE, *_OF_STEP_MAP, "measured", "candidates", "kept", "keep", "note"]
        return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(_WHOLE, "Int64"))

    def _steps_of(self, curve: Curve, tolerance: float) -> dict[str, object]:
        """Return the row of a curve in the table of steps."""
        row: dict[str, object] = {name: getattr(curve, name) for name in _OF_CURVE}
        row |= {"kind": "unexplained", "candidates": len(curve.choices), "note": ""}
        try:
            found = step_map_of(curve)
        except InvalidInputError as error:
            return row | {"note": str(error)}
        keep = found.best_of(_choices(curve, found), tolerance)
        lost = {value for value, one in zip(curve.values, curve.measurements, strict=True) if one.latency is None}
        notes = [found.reason, f"{len(lost)} without a latency left out" if lost else ""]
        row |= {name: getattr(found, name) for name in _OF_STEP_MAP}
        row |= {"measured": len(found.measured), "kept": len(keep), "keep": keep}
        return row | {"note": "; ".join(filter(None, notes))}

    def step_map(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        space: str | None = None,
        environment: str | None = None,
        method: str | None = None,
        context: str | None = None,
    ) -> StepMap:
        """Return the step map of the one curve that the arguments leave.

        Of a curve that was measured in several environments or contexts, or by several methods, the newest is taken.

        Raises
        ------
        InvalidInputError
            The arguments leave no curve or several, or the curve cannot be analysed.
        """
        curves = self._newest(platform, slot, dimension, space, environment, method, context)
        if len(curves) != 1:
            there = "; ".join(dict.fromkeys(curve.name for curve in curves or self.curves()))
            raise InvalidInputError(f"{len(curves)} curves match; name one of: {there or 'none at all'}")
        return _with_origin(step_map_of(curves[0]), curves[0])

    def step_maps(self) -> list[StepMap]:
        """Return the step map of every curve that can be analysed, of each curve the newest."""
        found = []
        for curve in self._newest():
            if _is_numeric(curve):
                with suppress(InvalidInputError):
                    found.append(_with_origin(step_map_of(curve), curve))
        return found

    def _newest(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        space: str | None = None,
        environment: str | None = None,
        method: str | None = None,
        context: str | None = None,
    ) -> list[Curve]:
        """Return the curves that the arguments leave; of one curve under several conditions the newest."""
        asked = (space, slot, dimension, platform, environment, method, context)
        wanted = dict(zip(_OF_CURVE, asked, strict=True))
        newest: dict[tuple[str, str, str, str], Curve] = {}
        for curve in self.curves():
            if all(value in (None, getattr(curve, name)) for name, value in wanted.items()):
                key = (curve.space, curve.slot, curve.dimension, curve.platform)
                if key not in newest or newest[key].newest_session < curve.newest_session:
                    newest[key] = curve
        return list(newest.values())

    # ------------------------------------------------------------------ other questions

    def support(self) -> pd.DataFrame:
        """Return how far each operator is supported at each precision on each platform, and the reason.

        Returns
        -------
        pandas.DataFrame
            As :func:`nnbehave.analysis.support.support_matrix`.
        """
        return support_matrix(self.frame)

    def plot(
        self,
        platform: str | None = None,
        slot: str | None = None,
        dimension: str | None = None,
        space: str | None = None,
        environment: str | None = None,
        method: str | None = None,
        context: str | None = None,
        *,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the curves that the arguments leave, with their steps; return the matplotlib Axes.

        Raises
        ------
        InvalidInputError
            The arguments leave no curve, or curves over more than one dimension.
        MissingExtraError
            There is no matplotlib.
        """
        from nnbehave.analysis import plots

        curves = self._newest(platform, slot, dimension, space, environment, method, context)
        dimensions = sorted({curve.dimension for curve in curves})
        if len(dimensions) != 1:
            raise InvalidInputError(f"a plot takes curves over one dimension; these are over {dimensions or 'none'}")
        ax = plots.new_axes() if ax is None else ax
        several_slots = len({(curve.space, curve.slot) for curve in curves}) > 1
        for curve in curves:
            step_map: StepMap | None = None
            with suppress(InvalidInputError):  # the points are drawn all the same
                step_map = step_map_of(curve)
            label = f"{curve.platform} {curve.space} {curve.slot}" if several_slots else curve.platform
            label += f": {step_map.kind} {step_map.width or ''}".rstrip() if step_map else ""
            colour = plots.plot_points(Measurements(curve.measurements).frame, curve.dimension, label, ax=ax)
            if step_map:
                plots.plot_law(*step_map.outline(_choices(curve, step_map)), colour, ax=ax)
        axes: Axes = plots.label_axes(ax, dimensions[0])
        return axes


def step_map_of(curve: Curve) -> StepMap:
    """Return the step map of one curve, from its usable measurements weighed by their standard errors.

    Raises
    ------
    InvalidInputError
        It has no latencies, its sessions cannot be joined, or its dimension has no whole numbers.
    """
    points = [(n, one) for n, one in zip(curve.values, curve.measurements, strict=True) if one.is_usable]
    if not points:
        statuses = [one.status for one in curve.measurements]
        counts = ", ".join(f"{statuses.count(status)} {status}" for status in Status if status in statuses)
        raise InvalidInputError(f"no latencies in this curve ({counts})")
    if any(one.provenance.join_factor != one.provenance.join_factor for _, one in points):
        raise InvalidInputError(
            f"this curve was measured in sessions that fewer than {FEWEST_COMMON_POINTS} common points link; "
            "measure it again"
        )
    numbers = []
    for n, _ in points:
        if isinstance(n, bool) or not isinstance(n, int | float):
            raise InvalidInputError(f"{curve.dimension} has no numbers to find steps over")
        if n % 1:
            raise InvalidInputError(
                f"{curve.dimension} has values that are not whole numbers, over which there are no steps"
            )
        numbers.append(int(n))
    latencies = [one.latency for _, one in points if one.latency]
    return detect_steps(numbers, [each.ms for each in latencies], [each.std_error_ms for each in latencies])


def _is_numeric(curve: Curve) -> bool:
    """True if the values of the swept dimension are numbers."""
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in curve.values)


def _choices(curve: Curve, found: StepMap) -> list[int]:
    """Return the values to choose among: all that the space has in the measured range, less those without a latency."""
    lost = {value for value, one in zip(curve.values, curve.measurements, strict=True) if one.latency is None}
    return [
        int(value)
        for value in curve.choices
        if isinstance(value, int | float) and value not in lost and found.low <= value <= found.high
    ]


def _with_origin(found: StepMap, curve: Curve) -> StepMap:
    """Return a step map that says where it was measured, and the layer fields that all points share."""
    layer = {}
    for name in LAYER_FIELDS:
        values = {one.subject.shared(name) for one in curve.measurements}
        if name != curve.dimension and len(values) == 1:
            layer[name] = values.pop()
    lost = tuple(
        Lost(int(n), one.status.value, one.reason)
        for n, one in zip(curve.values, curve.measurements, strict=True)
        if not one.is_usable and isinstance(n, int | float)
    )
    origin = Origin(
        curve.platform, curve.environment, curve.method, curve.dimension, layer=layer, lost=lost, context=curve.context
    )
    return replace(found, origin=origin)
