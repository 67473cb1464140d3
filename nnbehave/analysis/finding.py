"""The protocol of findings: what every analyser returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_ROWS = 60  # of a table in a notebook; the frame has all


class Finding(ABC):
    """What an analyser concludes, with its evidence.

    An analyser is a function: parameters and :class:`~nnbehave.records.Measurements` in, a finding out. A finding is a
    frozen dataclass that inherits from this class.

    Attributes
    ----------
    frame : pandas.DataFrame
        The evidence, one row a statement; each finding documents its columns.
    """

    if TYPE_CHECKING:  # a field of most findings, a property of others

        @property
        def frame(self) -> pd.DataFrame: ...

    @abstractmethod
    def __repr__(self) -> str:
        """Return the finding in a few lines of words."""

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Axes | Figure:
        """Draw the finding on the given axes, or on those of a new figure.

        Returns
        -------
        matplotlib.axes.Axes or matplotlib.figure.Figure
            The axes; a figure where the finding takes several pictures (:class:`~nnbehave.analysis.Card`).

        Raises
        ------
        MissingExtraError
            There is no matplotlib.
        """

    def _repr_html_(self) -> str:
        """Return the finding for a notebook: its words, and its table to unfold."""
        table = self.frame.head(_MOST_ROWS).to_html(index=False, border=0, float_format="{:.4g}".format)
        more = f"<p>{len(self.frame) - _MOST_ROWS} more rows in .frame</p>" if len(self.frame) > _MOST_ROWS else ""
        summary = f"{type(self).__name__}: {len(self.frame)} rows"
        return f"<pre>{escape(repr(self))}</pre><details><summary>{summary}</summary>{table}{more}</details>"
