"""Platforms that only the tests have, registered as a plug-in's are."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from nnbehave.measurement.platforms.registry import PLATFORMS
from nnbehave.measurement.platforms.simulated import Simulated


class Broken(Simulated):
    """A platform whose runner does not start."""

    name = "broken"
    backend = "no_such_module:Backend"


class Stackable(Simulated):
    """The simulated platform, with layers isolated in stacks."""

    name = "stackable"
    methods: ClassVar[tuple[str, ...]] = ("stacked", "whole")


def register(monkeypatch: pytest.MonkeyPatch, *platforms: type[Simulated]) -> None:
    """Make platforms known by their names until the test ends."""
    entries = [EntryPoint(each.name, f"{__name__}:{each.__name__}", "nnbehave.platforms") for each in platforms]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries if "platforms" in group else [])
    monkeypatch.setattr(PLATFORMS, "_plug_ins", None)  # so that they are looked for again, and forgotten at the end
