"""Statements on a card, from measurements whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.analysis import Accuracy, Card, Finding, Results, Scored, Statement, fill_card
from nnbehave.analysis.card import Verdict
from nnbehave.errors import InvalidInputError
from nnbehave.records import Environment, Measurement
from tests.rows import lost, row

FACTS = Environment({"cpu": "a processor"}, {"a-runtime": "1.0"})
DWCONV = nb.Layer(op="dwconv", height=28, in_channels=96, kernel=3)
BLOCK = nb.Layer(op="mobilenet_v1", height=28, in_channels=96, kernel=3)
HOLDS, FAILS, UNKNOWN = Verdict.HOLDS, Verdict.FAILS, Verdict.UNKNOWN

Told = dict[tuple[int, str], Statement]


def card_of(rows: Iterable[Measurement], accuracy: Accuracy | None = None) -> Card:
    return fill_card(Results(rows), "some", FACTS, accuracy)


def told_by(rows: Iterable[Measurement], accuracy: Accuracy | None = None) -> Told:
    return {(each.finding, each.about): each for each in card_of(rows, accuracy).statements}


def curve(op: str, law: Callable[[int], float]) -> Iterator[Measurement]:
    dimension = "out_channels" if op == "conv" else "in_channels"
    fields = {"height": 14, "in_channels": 8, "kernel": 3} | ({"out_channels": 8} if op == "conv" else {})
    rng = np.random.default_rng(0)
    for n in range(1, 129):
        ms = float(law(n) * np.exp(0.005 * rng.standard_normal()))
        yield row(nb.Layer(**{"op": op, **fields, dimension: n}), ms, slot=op, dimension=dimension)


def steps_of(width: int) -> Callable[[int], float]:
    return lambda n: float(0.02 + 0.01 * width * np.ceil(n / width))


def activations(costs: dict[str, float]) -> Iterator[Measurement]:
    for name, cost in {None: 1.0, **costs}.items():
        yield row(DWCONV.replace(activation=name), cost)


def blocks(times: dict[str, float], height: int = 28) -> Iterator[Measurement]:
    for op, ms in times.items():
        yield row(BLOCK.replace(op=op, height=height), ms, dimension="op", slot="block")


def test_without_measurements_nothing_is_judged() -> None:
    told = told_by([row(nb.Layer(op="add", height=14, in_channels=8), 1.0)])
    assert {finding for finding, _ in told} == set(range(1, 10))
    assert {each.verdict for key, each in told.items() if key != (7, "support")} == {UNKNOWN}
    assert all(each.figure for each in told.values())
    assert told[6, "accuracy"].figure == "no model to score: give one's accuracy_by_precision"


@pytest.mark.parametrize(("finding", "op"), [(1, "conv"), (8, "dwconv")])
def test_steps_and_lines_over_channels(finding: int, op: str) -> None:
    told = told_by(curve(op, steps_of(16)))[finding, op]
    assert (told.verdict, told.values) == (HOLDS, {"width": (16, 16, 16)})
    assert told.advice.startswith("keep 8 of 128: 16, 32, 48")
    assert told.figure.startswith("staircase of width 16, confidence")
    told = told_by(curve(op, lambda n: 0.02 + 0.01 * n))[finding, op]
    assert (told.verdict, told.values) == (FAILS, {})
    assert told.figure.startswith("linear, confidence")


@pytest.mark.parametrize(
    ("costs", "verdict", "advice"),
    [
        ({"relu": 1.0, "relu6": 1.01, "swish": 2.0}, HOLDS, "drop swish"),
        ({"relu": 1.0, "relu6": 1.01, "swish": 1.02}, FAILS, "all measured may stay"),
        ({"relu": 1.5, "relu6": 1.0, "swish": 2.0}, FAILS, "drop relu, swish"),
        ({"swish": 2.0}, UNKNOWN, "drop swish"),
    ],
)
def test_activations(costs: dict[str, float], verdict: Verdict, advice: str) -> None:
    told = told_by(activations(costs))[3, "activation"]
    assert (told.verdict, told.advice) == (verdict, advice)
    assert told.values["dwconv swish"][0] == pytest.approx(costs["swish"])


@pytest.mark.parametrize(("exponent", "verdict"), [(0.4, HOLDS), (1.0, FAILS)])
def test_kernels(exponent: float, verdict: Verdict) -> None:
    layers = [DWCONV.replace(kernel=kernel) for kernel in (3, 5, 7)]
    told = told_by(row(layer, (layer.ops / 1e6) ** exponent, 0.002) for layer in layers)[4, "dwconv"]
    assert told.verdict == verdict
    assert told.values["against_ops"][0] == pytest.approx(exponent, abs=0.01)


def test_precisions_that_lose_somewhere() -> None:
    add = nb.Layer(op="add", height=28, in_channels=96)
    rows = [row(DWCONV, 1.0), row(DWCONV.replace(precision="int8"), 0.5), row(DWCONV.replace(precision="fp16"), 0.5)]
    rows += [row(add, 1.0), row(add.replace(precision="int8"), 4.0), row(add.replace(precision="fp16"), 0.9)]
    told = told_by(rows)
    assert (told[5, "int8"].verdict, told[5, "int8"].advice) == (HOLDS, "in int8, leave add in fp32")
    assert told[5, "fp16"].verdict == FAILS
    assert told[5, "int8"].values.keys() == {"dwconv", "add"}


def test_fused_and_unfused_pairs() -> None:
    """After a conv of 1 ms, ReLU adds nothing and swish all of the 0.2 ms that it takes alone."""
    conv = nb.Layer(op="conv", height=28, in_channels=8, out_channels=96, kernel=3)
    relu, swish = (nb.Layer(op=op, height=28, in_channels=96) for op in ("relu", "swish"))
    alone = [row(conv, 1.0, 0.001), row(relu, 0.2, 0.001), row(swish, 0.2, 0.001)]
    fused, apart = (nb.Graph([conv, second], "pair") for second in (relu, swish))
    told = told_by([*alone, row(fused, 1.0, 0.001), row(apart, 1.2, 0.001)])[2, "fusion"]
    assert told.verdict == HOLDS
    assert told.figure == "of 2 pairs 1 are fused, 1 not, 0 cannot be told; not fused: conv + swish"
    assert told.advice == "prefer what is fused: conv + relu"
    told = told_by([*alone, row(fused, 1.0, 0.001)])[2, "fusion"]
    assert (told.verdict, told.advice) == (FAILS, "")


def test_layers_bound_by_memory() -> None:
    """Layers at 60 G multiply-adds/s and 12 GB/s."""
    layers = [nb.Layer(op="add", height=8 * 2**i, in_channels=16) for i in range(6)]
    layers += [nb.Layer(op="conv", height=14, in_channels=c, out_channels=c, kernel=3) for c in (64, 128, 256, 384)]
    told = told_by(row(each, max(each.ops / 60e6, each.mac_bytes / 12e6)) for each in layers)[2, "roofline"]
    assert told.verdict == HOLDS
    assert told.values["peak_gops"][0] == pytest.approx(60, rel=0.02)
    assert told.values["ridge"][0] == pytest.approx(5, rel=0.03)
    assert "6 of 10 layers measured are bound by memory" in told.figure


def test_blocks_and_their_stages() -> None:
    plain = {"mobilenet_v1": 1.0, "mobilenet_v2": 2.0, "mobilenet_v2_se": 3.0}
    told = told_by(blocks(plain))
    assert told[2, "blocks"].verdict == HOLDS
    assert told[2, "blocks"].values["SE"][0] == pytest.approx(1.5)
    assert told[9, "stages"].verdict == UNKNOWN  # of one stage
    other = {"mobilenet_v1": 2.0, "mobilenet_v2": 1.0, "mobilenet_v2_se": 1.05}
    told = told_by([*blocks(plain), *blocks(other, 14)])
    assert told[9, "stages"].verdict == HOLDS
    assert "28x28x96 mobilenet_v1, 14x14x96 mobilenet_v2" in told[9, "stages"].figure
    told = told_by([*blocks(plain), *blocks(plain, 14)])
    assert told[9, "stages"].verdict == FAILS
    told = told_by(blocks(other))
    assert (told[2, "blocks"].verdict, told[2, "blocks"].advice) == (FAILS, "SE may stay")


def test_operators_that_do_not_run_are_listed() -> None:
    int8 = lost(row(DWCONV.replace(precision="int8"), 1.0))
    told = told_by([row(DWCONV, 1.0), int8])[7, "support"]
    assert (told.verdict, told.figure) == (HOLDS, "fp32: 1 of 1 operators run as they are meant to; int8: 0 of 1")
    told = told_by([lost(row(DWCONV, 1.0))])[7, "support"]
    assert (told.verdict, told.advice) == (FAILS, "leave out dwconv, or take another platform for them")


def test_layers_that_were_only_tried_count_for_support_alone() -> None:
    told = told_by(row(DWCONV.replace(kernel=kernel), float(kernel), method="none") for kernel in (3, 5, 7))
    assert told[7, "support"].verdict == HOLDS
    assert told[4, "kernel"].verdict == UNKNOWN


@pytest.mark.parametrize(("wrong", "verdict"), [(60, HOLDS), (0, FAILS), (11, UNKNOWN)])
def test_accuracy_is_judged_by_a_model(wrong: int, verdict: Verdict) -> None:
    lower = np.where(np.arange(1000) < wrong, 0.0, 1.0)
    scored = [Scored("some", "int8", lower, "int8"), Scored("some", "fp16", np.zeros(1000), "fp16")]
    told = told_by([row(DWCONV, 1.0)], nb.judge_accuracy(np.ones(1000), scored))[6, "accuracy"]
    assert told.verdict == verdict
    assert told.advice == ("score each candidate at int8" if verdict is HOLDS else "")


def test_a_card_is_saved_and_compared(tmp_path: Path) -> None:
    def card(width: int, swish: float) -> Card:
        return card_of([*curve("conv", steps_of(width)), *activations({"relu": 1.0, "relu6": 1.0, "swish": swish})])

    one, other = card(16, 2.0), card(8, 1.0)
    one.save(tmp_path / "card.json")
    kept = nb.load_card(tmp_path / "card.json")
    assert kept == one != other
    assert "some on a processor, a-runtime 1.0" in repr(kept)
    table = nb.compare_cards(kept, other).set_index(["finding", "about"])
    assert table.loc[(1, "conv"), "changed"] == "width"
    assert table.loc[(3, "activation"), "changed"] == "verdict, dwconv swish"
    assert (nb.compare_cards(one, kept)["changed"] == "").all()
    fewer = replace(one, statements=one.statements[1:])
    assert nb.compare_cards(fewer, one)["figure"][0] == "not on this card"


def test_a_card_is_a_finding() -> None:
    card = card_of(activations({"relu": 1.0, "swish": 2.0}))
    assert isinstance(card, Finding)
    assert card.frame["verdict"].tolist() == [each.verdict for each in card.statements]
    assert "<details>" in card._repr_html_()
    assert all(isinstance(found, Finding) and len(found.frame) for found in card.evidence.values())


def test_a_card_is_drawn_from_its_evidence() -> None:
    card = card_of([*curve("conv", steps_of(16)), *activations({"relu": 1.0, "swish": 2.0})])
    figure = card.plot()
    assert [axes.get_title() for axes in figure.axes if axes.axison] == list(card.evidence)
    assert list(card.evidence) == ["conv channels", "roofline", "activations"]
    assert repr(card.evidence["conv channels"]).startswith("staircase of width 16")
    with pytest.raises(InvalidInputError, match="ax: a card takes a figure of its own"):
        card.plot(figure.axes[0])
    with pytest.raises(InvalidInputError, match="no measurements to draw"):
        replace(card, evidence={}).plot()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a saved card"),
        ("{}", "not a saved card"),
        ('{"format": "nnbehave.card", "version": 99}', "version 99"),
    ],
)
def test_other_files_are_no_cards(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        nb.load_card(tmp_path / "card.json")
