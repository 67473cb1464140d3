"""Statements on a card: from results whose truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nnbehave as nb
from nnbehave.analysis.card import FAILS, HOLDS, UNKNOWN
from nnbehave.analysis.card_findings import fill_card
from nnbehave.analysis.results import Results
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.derive import COLUMNS
from tests.rows import row

FACTS = {"machine": {"cpu": "a processor"}, "versions": {"a-runtime": "1.0"}}
DWCONV = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3)
BLOCK = nb.Layer(op="mobilenet_v1", height=28, in_channels=96, kernel=3)


def card_of(rows: Iterable[dict[str, Any]], accuracy: nb.Accuracy | None = None) -> dict[tuple[int, str], nb.Statement]:
    frame = pd.DataFrame(list(rows)).reindex(columns=COLUMNS).assign(join_factor=1.0)
    card = fill_card(Results(frame), "some", FACTS, accuracy)
    assert all(each.verdict in (HOLDS, FAILS, UNKNOWN) for each in card.statements)
    return {(each.finding, each.about): each for each in card.statements}


def curve(op: str, law: Any) -> Iterable[dict[str, Any]]:
    dimension = "out_channels" if op == "conv" else "in_channels"
    fields = {"height": 14, "in_channels": 8, "kernel": 3} | ({"out_channels": 8} if op == "conv" else {})
    rng = np.random.default_rng(0)
    for n in range(1, 129):
        ms = float(law(n) * np.exp(0.005 * rng.standard_normal()))
        yield row(nb.Layer(**{"op": op, **fields, dimension: n}), ms, space="s", slot=op, dimension=dimension)


def activations(costs: dict[str, float]) -> Iterable[dict[str, Any]]:
    for name, cost in {None: 1.0, **costs}.items():
        yield row(DWCONV.replace(activation=name), cost)


def blocks(times: dict[str, float], height: int = 28) -> Iterable[dict[str, Any]]:
    for op, ms in times.items():
        yield row(BLOCK.replace(op=op, height=height), ms, dimension="op", space="s", slot="block")


def test_nothing_measured_is_nothing_told() -> None:
    told = card_of([row(nb.Layer(op="add", height=14, in_channels=8), 1.0)])
    assert {finding for finding, _ in told} == set(range(1, 10))
    assert {each.verdict for key, each in told.items() if key != (7, "support")} == {UNKNOWN}
    assert all(each.figure for each in told.values())
    assert told[6, "accuracy"].figure == "no model to score: give one's accuracy_by_precision"


@pytest.mark.parametrize(("finding", "op"), [(1, "conv"), (8, "dwconv")])
def test_steps_and_lines_over_channels(finding: int, op: str) -> None:
    told = card_of(curve(op, lambda n: 0.02 + 0.01 * 16 * np.ceil(n / 16)))[finding, op]
    assert (told.verdict, told.values) == (HOLDS, {"width": (16, 16, 16)})
    assert told.advice.startswith("keep 8 of 128: 16, 32, 48")
    told = card_of(curve(op, lambda n: 0.02 + 0.01 * n))[finding, op]
    assert (told.verdict, told.values) == (FAILS, {})
    assert told.figure.startswith("linear, confidence")


@pytest.mark.parametrize(
    ("costs", "says", "advice"),
    [
        ({"relu": 1.0, "relu6": 1.01, "swish": 2.0}, HOLDS, "drop swish"),
        ({"relu": 1.0, "relu6": 1.01, "swish": 1.02}, FAILS, "all measured may stay"),
        ({"relu": 1.5, "relu6": 1.0, "swish": 2.0}, FAILS, "drop relu, swish"),
        ({"swish": 2.0}, UNKNOWN, "drop swish"),
    ],
)
def test_activations(costs: dict[str, float], says: str, advice: str) -> None:
    told = card_of(activations(costs))[3, "activation"]
    assert (told.verdict, told.advice) == (says, advice)
    assert told.values["dwconv swish"][0] == pytest.approx(costs["swish"])


@pytest.mark.parametrize(("exponent", "says"), [(0.4, HOLDS), (1.0, FAILS)])
def test_kernels(exponent: float, says: str) -> None:
    layers = [DWCONV.replace(kernel=kernel) for kernel in (3, 5, 7)]
    told = card_of(row(layer, (layer.ops / 1e6) ** exponent, 0.002) for layer in layers)[4, "dwconv"]
    assert told.verdict == says
    assert told.values["against_ops"][0] == pytest.approx(exponent, abs=0.01)


def test_precisions_that_lose_somewhere() -> None:
    add = nb.Layer(op="add", height=28, in_channels=96)
    rows = [row(DWCONV, 1.0), row(DWCONV.replace(precision="int8"), 0.5), row(DWCONV.replace(precision="fp16"), 0.5)]
    rows += [row(add, 1.0), row(add.replace(precision="int8"), 4.0), row(add.replace(precision="fp16"), 0.9)]
    told = card_of(rows)
    assert (told[5, "int8"].verdict, told[5, "int8"].advice) == (HOLDS, "in int8, leave add in fp32")
    assert told[5, "fp16"].verdict == FAILS
    assert told[5, "int8"].values.keys() == {"dwconv", "add"}


def test_blocks_and_their_stages() -> None:
    plain = {"mobilenet_v1": 1.0, "mobilenet_v2": 2.0, "mobilenet_v2_se": 3.0}
    told = card_of(blocks(plain))
    assert told[2, "blocks"].verdict == HOLDS
    assert told[2, "blocks"].values["SE"][0] == pytest.approx(1.5)
    assert told[9, "stages"].verdict == UNKNOWN  # of one stage
    told = card_of([*blocks(plain), *blocks({"mobilenet_v1": 2.0, "mobilenet_v2": 1.0, "mobilenet_v2_se": 1.5}, 14)])
    assert told[9, "stages"].verdict == HOLDS
    assert "28x28x96 mobilenet_v1, 14x14x96 mobilenet_v2" in told[9, "stages"].figure
    told = card_of([*blocks(plain), *blocks(plain, 14)])
    assert told[9, "stages"].verdict == FAILS


def test_what_does_not_run_is_listed() -> None:
    refused = {"status": "unsupported", "reason": "no kernel", "placement": None}
    rows = [row(DWCONV, 1.0), row(DWCONV.replace(precision="int8"), np.nan, **refused)]
    told = card_of(rows)[7, "support"]
    assert (told.verdict, told.figure) == (HOLDS, "fp32: 1 of 1 operators run as they are meant to; int8: 0 of 1")
    told = card_of([row(DWCONV, np.nan, **refused)])[7, "support"]
    assert (told.verdict, told.advice) == (FAILS, "leave out dwconv, or take another platform for them")


def test_accuracy_is_told_by_a_model() -> None:
    base = np.ones(1000)
    lower = np.where(np.arange(1000) < 60, 0.0, 1.0)
    scored = [{"platform": "some", "precision": "int8", "executed_precision": "int8", "scores": lower}]
    told = card_of([row(DWCONV, 1.0)], nb.judge_accuracy(base, scored))[6, "accuracy"]
    assert (told.verdict, told.advice) == (HOLDS, "score each candidate at int8")


def test_a_card_is_kept_and_compared(tmp_path: Path) -> None:
    def card(width: int, swish: float) -> nb.Card:
        rows = [*curve("conv", lambda n: 0.02 + 0.01 * width * np.ceil(n / width))]
        rows += activations({"relu": 1.0, "relu6": 1.0, "swish": swish})
        frame = pd.DataFrame(rows).reindex(columns=COLUMNS).assign(join_factor=1.0)
        return fill_card(Results(frame), "some", FACTS)

    one, other = card(16, 2.0), card(8, 1.0)
    one.save(tmp_path / "card.json")
    kept = nb.load_card(tmp_path / "card.json")
    assert kept == one
    assert "some on a processor, a-runtime 1.0" in repr(kept)
    with pytest.raises(InvalidInputError, match="no measurements to draw"):
        kept.plot()
    assert len(one.plot().axes) >= 2
    table = nb.compare_cards(kept, other).set_index(["finding", "about"])
    assert table.loc[(1, "conv"), "changed"] == "width"
    assert table.loc[(3, "activation"), "changed"] == "verdict, dwconv swish"
    assert (nb.compare_cards(one, kept)["changed"] == "").all()
    fewer = replace(one, statements=one.statements[1:])
    assert nb.compare_cards(fewer, one)["figure"][0] == "not on this card"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a saved card"),
        ("{}", "not a saved card"),
        ('{"format": "nnbehave.card", "version": 99}', "version 99"),
    ],
)
def test_other_files_are_no_cards(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(InvalidInputError, match=says):
        nb.load_card(tmp_path / "card.json")
