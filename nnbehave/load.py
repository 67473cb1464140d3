"""Reading saved results: a file, or a store by its path or URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nnbehave.analysis.results import Results
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_FILES = (".csv", ".json")


def load_results(path_or_url: str | Path, statistic: str | None = None) -> Results:
    """Read results: a ``.csv`` or ``.json`` that ``Results.save`` wrote, or a store by its path or URL.

    Parameters
    ----------
    path_or_url : str or path
    statistic : {"mean", "median", "p1", ..., "p99"}, optional
        As in :func:`nnbehave.sweep`; of a store, whose spans are all there.

    Raises
    ------
    InvalidInputError, StoreError
        It is neither, or a file has no spans for a ``statistic``.
    """
    if statistic is not None and Path(str(path_or_url)).suffix in _FILES:
        raise InvalidInputError(f"statistic: {path_or_url} has no spans, only a store has them")
    if Path(str(path_or_url)).suffix in _FILES:
        return Results.load(path_or_url)
    from nnbehave.measurement.derive import Derivation
    from nnbehave.measurement.statistics import Statistic
    from nnbehave.measurement.store import Store

    with Store(path_or_url, must_exist=True) as store:
        return Results.of(Derivation(store, Statistic(statistic) if statistic else None).measurements())


def load_samples(path_or_url: str | Path) -> pd.DataFrame:
    """Return every sample of a store, raw and normalised, with references and discarded samples.

    Returns
    -------
    pandas.DataFrame
        Columns ``session platform method part round process taken_at raw_ms normalised_ms exponent bound
        is_reference`` and the witnesses (:func:`nnbehave.measurement.derive.samples.derive_samples`).

    Raises
    ------
    InvalidInputError, StoreError
        It is no store.
    """
    import pandas as pd

    from nnbehave.measurement.derive import derive_samples
    from nnbehave.measurement.store import Store

    with Store(path_or_url, must_exist=True) as store:
        return pd.DataFrame(list(derive_samples(store)))
