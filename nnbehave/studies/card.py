"""Which of the paper's findings hold on a platform? The study measures what the store lacks, for some minutes."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnbehave.analysis import Accuracy, Card, fill_card
from nnbehave.analysis.results import Results
from nnbehave.design.space import Space, Stage, load_space
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.derive import Derivation, Wanted
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.store import Store
from nnbehave.studies.fusion import FOLLOWERS, check_fusion
from nnbehave.studies.roofline import measure_roofline
from nnbehave.sweep import sweep

_LOG = logging.getLogger("nnbehave")
_SHAPE = (28, 96)  # height and channels between the operators of a pair, as in the paper's Fig. 7
_MOST_VALUES = 200  # measured values of a curve over channels


def make_card(
    platform: str = "tflite",
    store: str | Path | None = None,
    *,
    minutes: float = 12.0,
    accuracy: Accuracy | None = None,
    seed: int = 0,
    progress: bool = True,
    target: str = "local",
) -> Card:
    """Return a platform's behaviour card; measure first what the card needs and the store lacks.

    Activations, blocks and kernels come first, then channels (few values of them), precisions, roofs, fusion and
    support. No part is begun after the minutes are spent. The verdict of a finding that lacks measurements is ``cannot
    tell``. Layers are measured in the default context of sweeps. Pairs and the layers for the roofs are measured
    ``warm``, for the reasons in :func:`nnbehave.check_fusion` and :func:`nnbehave.measure_roofline`.

    Parameters
    ----------
    platform : str
    store : str or path, optional
        As in :func:`nnbehave.sweep`. What it holds is not measured again.
    minutes : float
        Minutes for measuring. A part that has begun is finished, which takes a minute or two more. 0 measures nothing.
    accuracy : Accuracy, optional
        As in :func:`nnbehave.analysis.fill_card`.
    seed : int
    progress : bool
    target : str
        Where to measure, as in :func:`nnbehave.sweep`.

    Returns
    -------
    Card

    Raises
    ------
    InvalidInputError, UnknownPlatformError, MissingExtraError, StoreError, TargetError
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
        asked = {"store": store, "seed": seed, "progress": progress, "target": target}
        for i, part in enumerate(_parts(name, asked) if minutes else ()):
            if i and time.monotonic() >= deadline:
                _LOG.warning("the card's %g minutes are spent before: %s", minutes, part.title)
                break
            try:
                part.measure()
            except InvalidInputError as error:  # such as no pair to judge: the other findings need none
                _LOG.info("%s: %s", part.title, error)
        return _filled(name, store, accuracy)


@dataclass(frozen=True)
class _Part:
    """A part of the measurements of a card: its title, and the function that makes it."""

    title: str
    measure: Callable[[], object]


def _parts(platform: str, asked: dict[str, Any]) -> Iterator[_Part]:
    """Yield the parts of a card, the most informative first. All of them get the arguments in ``asked``."""
    space = load_space("card")

    def swept(*dimensions: str, sampling: str = "exhaustive") -> None:
        budget = _MOST_VALUES if sampling == "adaptive" else None
        sweep(_over(space, dimensions), platforms=platform, sampling=sampling, budget=budget, **asked)

    def fused() -> None:
        pairs = [(first, second) for first in ("conv", "dwconv") for second in FOLLOWERS]
        check_fusion(pairs, platform, shapes=[_SHAPE], **asked)

    yield _Part("activations, blocks and kernels", lambda: swept("activation", "op", "kernel"))
    yield _Part("channels", lambda: swept("out_channels", "in_channels", sampling="adaptive"))
    yield _Part("precisions", lambda: swept("precision"))
    yield _Part("roofs", lambda: measure_roofline(platform, **asked))
    yield _Part("fusion", fused)
    yield _Part("support", lambda: sweep("support", platforms=platform, method="none", **asked))


def _over(space: Space, dimensions: Collection[str]) -> Space:
    """Return a space of the same name, with only the slots that have choices of one of these dimensions."""
    slots = tuple(slot for slot in space.slots if not slot.choices.keys().isdisjoint(dimensions))
    return Space(space.name, (Stage(space.name, slots),), space.source)


def _filled(platform: str, where: str | Path, accuracy: Accuracy | None) -> Card:
    """Return the card of a platform, from the measurements of its newest environment in a store."""
    with Store(where, must_exist=True) as store:
        found = Derivation(store).measurements(Wanted(platforms=[platform]))
    if not found:
        raise InvalidInputError(f"nothing was measured on {platform}: give it some minutes, or another store")
    newest = max(found, key=lambda one: one.session).environment
    results = Results.of(found.select(environment=newest))
    return fill_card(results, platform, found.environments[newest], accuracy)
