"""Findings 2 and 9: whether blocks cost more than their operations say, and which is the fastest at each stage."""

from __future__ import annotations

from nnbehave.analysis.blocks import Blocks, compare_blocks
from nnbehave.analysis.card.card import Verdict
from nnbehave.analysis.card.claims import Claim, Judged, listed
from nnbehave.analysis.layer_names import shape_of
from nnbehave.analysis.results import Results
from nnbehave.errors import InvalidInputError

_WITH_SE, _WITHOUT_SE = "mobilenet_v2_se", "mobilenet_v2"
_MORE = 1.1  # times what operations say, above which a block's latency is more than they say
_MOST_LISTED = 8  # stages in the figure


def judge_squeeze_and_excite(claim: Claim, results: Results) -> Judged:
    """Judge whether squeeze-and-excite costs more than its operations say. Raises InvalidInputError without blocks."""
    blocks = compare_blocks(_blocks(results), base=_WITHOUT_SE)
    frame = blocks.frame
    rows = frame[(frame["op"] == _WITH_SE) & (frame["base"] == _WITHOUT_SE)].to_dict("records")
    if not rows:
        raise InvalidInputError(f"{_WITH_SE} and {_WITHOUT_SE} have no latency at one shape")
    more = sum(row["relative_low"] > _MORE * row["relative_ops"] for row in rows)
    as_said = sum(row["relative_high"] < _MORE * row["relative_ops"] for row in rows)
    verdict = Verdict.of(more >= len(rows) / 2, as_said > len(rows) / 2)
    worst = max(rows, key=lambda row: row["relative"])
    relative = (worst["relative"], worst["relative_low"], worst["relative_high"])
    wrong, pairs = _wrong_order(blocks)
    figure = (
        f"SE makes a MobileNetV2 block take up to {relative[0]:.2f}x ({relative[1]:.2f} to {relative[2]:.2f}), at "
        f"{shape_of(worst)}, for {worst['relative_ops']:.2f}x of the operations; a tenth more than these say at {more} "
        f"of {len(rows)} shapes for certain, less at {as_said}. Operations order {wrong:.0%} of {pairs} pairs of "
        "blocks wrongly"
    )
    advice = {Verdict.HOLDS: "price SE by its latency, or leave it out", Verdict.FAILS: "SE may stay"}
    return Judged((claim.stated(verdict, figure, advice.get(verdict, ""), {"SE": relative}),))


def judge_stages(claim: Claim, results: Results) -> Judged:
    """Judge whether the fastest block differs from stage to stage. Raises InvalidInputError without blocks."""
    blocks = compare_blocks(_blocks(results))
    stages = blocks.stages
    stages = stages[stages["precision"] == "fp32"] if (stages["precision"] == "fp32").any() else stages
    sure, every = stages[stages["sure"]], stages["fastest"]
    at = [f"{shape_of(row)} {row['fastest']}" for row in stages.to_dict("records")]
    differs = sure["fastest"].nunique() > 1
    figure = f"the fastest: {listed(at, _MOST_LISTED)}; for certain at {len(sure)} of {len(stages)}"
    advice = "choose the block of each stage by its latency there" if differs else ""
    verdict = Verdict.of(differs, len(sure) == len(stages) > 1 and every.nunique() == 1)
    return Judged((claim.stated(verdict, figure, advice),), {"blocks": blocks})


def _blocks(results: Results) -> Results:
    """Return the measurements of sweeps over the operator, which are of blocks."""
    return results.select(dimension="op")


def _wrong_order(blocks: Blocks) -> tuple[float, int]:
    """Return the share of pairs of blocks that OPs put in the wrong order, and the number of pairs."""
    pairs = int(blocks.stages["pairs"].sum())
    return float((blocks.stages["ops_wrong"] * blocks.stages["pairs"]).sum()) / max(1, pairs), pairs
