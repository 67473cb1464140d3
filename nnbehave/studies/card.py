"""Which of the paper's findings hold on this platform? What is missing is measured, within a budget of minutes."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

from nnbehave.analysis import Accuracy, Card, fill_card
from nnbehave.analysis.results import Results
from nnbehave.design.space import Space, Stage, load_space
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.store.store import Store
from nnbehave.studies.fusion import FOLLOWERS, check_fusion
from nnbehave.studies.roofline import measure_roofline
from nnbehave.sweep import sweep

_LOG = logging.getLogger("nnbehave")
_SHAPE = (28, 96)  # of pairs, as that of the paper's Fig. 7
_MOST_VALUES = 200  # of a curve over channels

Step = Callable[[], object]


def make_card(
    platform: str = "tflite",
    store: str | Path | None = None,
    *,
    minutes: float = 12.0,
    accuracy: Accuracy | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Card:
    """Measure what a platform's behaviour card needs and the store lacks, and fill the card.

    Activations, blocks and kernels first, then channels, of which few n are measured, precisions, roofs, fusion and
    support. Once the minutes are spent nothing more is begun, and what was not measured cannot be told.

    Parameters
    ----------
    platform : str
    store : str or path, optional
        As in :func:`nnbehave.sweep`. What it holds is not measured again.
    minutes : float
        What measuring may take; what is under way is finished, a minute or two. 0 measures nothing.
    accuracy : Accuracy, optional
        As in :func:`nnbehave.analysis.fill_card`.
    seed : int
    progress : bool

    Returns
    -------
    Card

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError
        The arguments cannot be used here, or there is nothing to fill a card from.
    """
    if not minutes >= 0:
        raise InvalidInputError(f"minutes: must be 0 or more, got {minutes!r}")
    deadline = time.monotonic() + 60 * minutes
    name = str(get_platform(platform))
    with ExitStack() as scratch:
        if store is None:
            if not minutes:
                raise InvalidInputError(f"nothing was measured on {name}: give it some minutes, or a store")
            store = Path(scratch.enter_context(tempfile.TemporaryDirectory(prefix="nnbehave-"))) / "card.db"
        for i, (title, step) in enumerate(_steps(name, store, seed, progress) if minutes else ()):
            if i and time.monotonic() >= deadline:
                _LOG.warning("the card's %g minutes are spent before: %s", minutes, title)
                break
            try:
                step()
            except InvalidInputError as error:  # such as no pair that can be judged; the other findings can do without
                _LOG.info("%s: %s", title, error)
        return _filled(name, store, accuracy)


def _steps(platform: str, store: str | Path, seed: int, progress: bool) -> Iterator[tuple[str, Step]]:
    """Yield what is to be measured, by title, what tells most first."""
    space = load_space("card")

    def swept(*dimensions: str, sampling: str = "exhaustive") -> None:
        budget = _MOST_VALUES if sampling == "adaptive" else None
        part = _over(space, dimensions)
        sweep(part, platforms=platform, store=store, sampling=sampling, budget=budget, seed=seed, progress=progress)

    def fused() -> None:
        pairs = [(first, second) for first in ("conv", "dwconv") for second in FOLLOWERS]
        check_fusion(pairs, platform, store, shapes=[_SHAPE], seed=seed, progress=progress)

    def supported() -> None:
        sweep("support", platforms=platform, store=store, method="none", seed=seed, progress=progress)

    yield "activations, blocks and kernels", lambda: swept("activation", "op", "kernel")
    yield "channels", lambda: swept("out_channels", "in_channels", sampling="adaptive")
    yield "precisions", lambda: swept("precision")
    yield "roofs", lambda: measure_roofline(platform, store, seed=seed, progress=progress)
    yield "fusion", fused
    yield "support", supported


def _over(space: Space, dimensions: Collection[str]) -> Space:
    """Return the slots of a space that have a choice over some dimensions, as a space of its name."""
    slots = tuple(slot for slot in space.slots if not slot.choices.keys().isdisjoint(dimensions))
    return Space(space.name, (Stage(space.name, slots),), space.source)


def _filled(platform: str, where: str | Path, accuracy: Accuracy | None) -> Card:
    with Store(where, must_exist=True) as store:
        results = Results.from_store(store, platforms=[platform])
        if results.frame.empty:
            raise InvalidInputError(f"nothing was measured on {platform}: give it some minutes, or another store")
        newest = str(results.frame.sort_values("session")["environment"].iloc[-1])
        return fill_card(
            Results.from_store(store, platforms=[platform], environments=[newest]),
            platform,
            store.environments()[newest],
            accuracy,
        )
