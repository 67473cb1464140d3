"""Behaviour cards of the simulated platform, whose laws are known."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nnbehave as nb
from nnbehave.cli import app
from nnbehave.errors import InvalidInputError
from nnbehave.studies.fusion import check_fusion

pytestmark = pytest.mark.process

STAIRS = "simulated?law=staircase&width=16&noise=0.01"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("card") / "card.db"


@pytest.fixture(scope="module")
def card(store: Path) -> nb.Card:
    """Return a card whose pairs of operators are measured in few rounds: the machine is simulated and quiet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnbehave.studies.card.check_fusion", partial(check_fusion, rounds=12))
        patch.setattr("nnbehave.studies.fusion._PROCESSES", 3)
        return nb.make_card(STAIRS, store, minutes=10, progress=False)


def test_every_finding_is_stated(card: nb.Card) -> None:
    told = {(each.finding, each.about): each for each in card.statements}
    assert {finding for finding, _ in told} == set(range(1, 10))
    assert told[1, "conv"].verdict == "holds"
    assert told[1, "conv"].values["width"] == (16, 16, 16)
    assert told[6, "accuracy"].verdict == "cannot tell"
    assert told[7, "support"].verdict == "holds"
    assert card.plot().axes


def test_what_is_in_the_store_is_not_measured_again(card: nb.Card, store: Path, tmp_path: Path) -> None:
    again = nb.make_card(STAIRS, store, minutes=0, progress=False)
    assert again == card
    files = tmp_path / "card.json", tmp_path / "card.png"
    options = ["--store", str(store), "--minutes", "0", "--json", str(files[0]), "--png", str(files[1])]
    ran = CliRunner().invoke(app, ["card", "--platform", STAIRS, *options])
    assert ran.exit_code == 0, ran.output
    assert "1. conv: The latency of conv rises in steps with its out channels — HOLDS" in ran.output
    assert nb.load_card(files[0]) == card
    assert files[1].stat().st_size > 50_000
    ran = CliRunner().invoke(app, ["compare-cards", str(files[0]), str(files[0])])
    assert ran.exit_code == 0
    assert "1. conv: holds / holds; no certain difference" in ran.output


def test_without_minutes_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing was measured on simulated: give it some minutes"):
        nb.make_card("simulated", minutes=0, progress=False)
    with pytest.raises(InvalidInputError, match="minutes: must be 0 or more"):
        nb.make_card("simulated", minutes=-1, progress=False)


def test_what_there_is_no_time_for_cannot_be_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="nnbehave"):
        card = nb.make_card("simulated", minutes=1e-6, progress=False)
    assert "minutes are spent before: " in caplog.text
    told = {(each.finding, each.about): each for each in card.statements}
    assert told[1, "conv"].verdict == "cannot tell"
    assert told[9, "stages"].figure
