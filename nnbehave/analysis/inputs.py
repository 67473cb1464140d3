"""The input of every analyser: measurements, or the frame of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.design.layer import Layer
from nnbehave.errors import InvalidInputError
from nnbehave.records import Measurement, Measurements

if TYPE_CHECKING:
    import pandas as pd


def measurements_of(results: Measurements | pd.DataFrame) -> Measurements:
    """Return the measurements of results or of their frame.

    Raises
    ------
    InvalidInputError
        The input is neither of the two, or a frame without the columns that every measurement has.
    """
    if isinstance(results, Measurements):
        return results
    import pandas as pd

    if not isinstance(results, pd.DataFrame):
        raise InvalidInputError(f"results: expected Results or their frame, got {type(results).__name__}")
    return Measurements.from_frame(results)


def single_layers(results: Measurements | pd.DataFrame) -> list[Measurement]:
    """Return the measurements whose subject is one layer. Raises InvalidInputError as :func:`measurements_of`."""
    return [one for one in measurements_of(results) if one.subject.layer is not None]


def layer_of(one: Measurement) -> Layer:
    """Return the layer of a measurement that :func:`single_layers` gave."""
    return one.subject.layers[0]
