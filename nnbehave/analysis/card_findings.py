"""The nine findings of the paper (Tang et al., MLSys 2021), stated for one platform from what was measured on it.

Each statement says whether its finding holds here, by which figure, and what that means for a search space. What the
results do not tell is ``cannot tell``, with what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnbehave.analysis._frames import records, shape_of
from nnbehave.analysis.accuracy import Accuracy
from nnbehave.analysis.activations import rank_activations
from nnbehave.analysis.blocks import compare_blocks
from nnbehave.analysis.card import FAILS, HOLDS, UNKNOWN, Card, Statement
from nnbehave.analysis.fusion import detect_fusion
from nnbehave.analysis.precision import compare_precisions
from nnbehave.analysis.roofline import Roofline, fit_roofline
from nnbehave.analysis.scaling import Scaling, fit_scaling
from nnbehave.analysis.support import support_matrix
from nnbehave.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_SURE = 0.9  # confidence of a step map
_STEPPED, _SMOOTH = ("staircase", "sloped-staircase", "zigzag", "irregular"), ("flat", "linear", "quadratic")
_MUCH_LESS = 0.8  # exponent of latency over operations, below which it grows much less than they do
_MORE = 1.1  # times what operations say, above which a block's latency is more than they say
_NEGLIGIBLE = ("relu", "relu6")
_SWITCHED = ("mobilenet_v2_se", "mobilenet_v2")  # with SE and without


def fill_card(results: Any, platform: str, facts: Mapping[str, Any], accuracy: Accuracy | None = None) -> Card:
    """State the nine findings from what was measured on one platform.

    Parameters
    ----------
    results : Results
        Of this platform in one environment; curves over channels, and layers of each question's study.
    platform : str
    facts : mapping
        Of the machine and the versions.
    accuracy : Accuracy, optional
        What a model of yours loses by precision (:func:`nnbehave.accuracy_by_precision`): without it, finding 6 cannot
        be told.
    """
    evidence: dict[str, Any] = {}
    timed = type(results)(results.frame[results.frame["method"] != "none"])
    statements = [
        *_steps(results, evidence, 1, "conv", "out_channels"),
        *_told(2, "blocks", "Non-convolution operators cost more than their operations say", _non_conv, timed),
        *_told(2, "fusion", "Some operators are not fused into the convolution before them", _fused, timed, evidence),
        *_told(2, "roofline", "Some layers are bound by memory, not by computing", _bound, timed, evidence),
        *_told(3, "activation", "Only ReLU and ReLU6 are negligible", _activations, timed, evidence),
        *_told(4, "kernel", "Latency grows much less with the kernel than operations", _scaling, timed, evidence),
        *_told(5, "precision", "A narrower precision slows some operators down", _precisions, timed, evidence),
        *_accuracies(accuracy, evidence),
        *_told(7, "support", "Every operator runs in fp32, and as it is meant to", _support, results),
        *_steps(results, evidence, 8, "dwconv", "in_channels"),
        *_told(9, "stages", "No one block is the fastest at every stage", _stages, timed, evidence),
    ]
    return Card(platform, dict(facts), tuple(statements), evidence)


def _told(
    finding: int, about: str, claim: str, judge: Callable[..., Iterator[dict[str, Any]]], *arguments: Any
) -> Iterator[Statement]:
    """Yield what a judge says; where it refuses, that it cannot be told, and why."""
    try:
        for said in judge(*arguments):
            yield Statement(**{"finding": finding, "about": about, "claim": claim, **said})
    except InvalidInputError as error:
        yield Statement(finding, about, claim, UNKNOWN, str(error))


def _verdict(holds: bool, fails: bool) -> str:
    return HOLDS if holds else FAILS if fails else UNKNOWN


def _listed(names: Any, most: int = 6) -> str:
    names = list(dict.fromkeys(map(str, names)))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


# ---------------------------------------------------------------------- the findings


def _steps(results: Any, evidence: dict[str, Any], finding: int, op: str, dimension: str) -> Iterator[Statement]:
    """State findings 1 and 8: how latency follows the channels."""
    import pandas as pd

    claim = f"The latency of {op} rises in steps with its {dimension.replace('_', ' ')}"
    table = results.steps()
    ops = results.frame.groupby("slot")["op"].first()
    rows = records(table[(table["dimension"] == dimension) & (table["slot"].map(ops) == op)])
    if not rows:
        why = f"no sweep of {op} over {dimension}"
        yield Statement(finding, op, claim, UNKNOWN, why)
        return
    row = max(rows, key=lambda each: each["candidates"])
    kind, sure = row["kind"], bool(row["confidence"] >= _SURE)
    verdict = _verdict(sure and kind in _STEPPED, sure and kind in _SMOOTH)
    width = None if pd.isna(row["width"]) else int(row["width"])
    figure = f"{kind}" + (f" of width {width}" if width else "")
    if not pd.isna(row["low"]):
        figure += f", confidence {row['confidence']:.2f}, from {row['measured']} of {row['low']} to {row['high']}"
    figure += f"; {row['note']}" if row["note"] else ""
    advice = ""
    if verdict == HOLDS:
        advice = f"keep {row['kept']} of {row['candidates']}: {_listed(row['keep'], 8)}"
    elif verdict == FAILS:
        advice = "channel counts are worth what they cost: keep all"
    what = {key: row[key] for key in ("space", "slot", "dimension", "environment", "method")}
    evidence[f"{op} channels"] = _Curve(results, what)
    values = {"width": (float(width),) * 3} if width else {}
    yield Statement(finding, op, claim, verdict, figure, advice, values)


@dataclass(frozen=True)
class _Curve:
    """A curve of some results, to be drawn."""

    results: Any
    what: dict[str, Any]

    def plot(self, ax: Any = None) -> Any:
        return self.results.plot(**self.what, ax=ax)


def _non_conv(results: Any) -> Iterator[dict[str, Any]]:
    with_se, without = _SWITCHED
    blocks = compare_blocks(_blocks(results), base=without)
    rows = records(blocks.frame[(blocks.frame["op"] == with_se) & (blocks.frame["base"] == without)])
    if not rows:
        raise InvalidInputError(f"{with_se} and {without} have no latency at one shape")
    more = sum(row["relative_low"] > _MORE * row["relative_ops"] for row in rows)
    as_said = sum(row["relative_high"] < _MORE * row["relative_ops"] for row in rows)
    verdict = _verdict(more >= len(rows) / 2, as_said > len(rows) / 2)
    worst = max(rows, key=lambda row: row["relative"])
    pairs = int(blocks.stages["pairs"].sum())
    wrong = float((blocks.stages["ops_wrong"] * blocks.stages["pairs"]).sum()) / max(1, pairs)
    said = f"{worst['relative']:.2f}x ({worst['relative_low']:.2f} to {worst['relative_high']:.2f})"
    yield {
        "verdict": verdict,
        "figure": f"SE makes a MobileNetV2 block take up to {said}, at {shape_of(worst)}, for "
        f"{worst['relative_ops']:.2f}x of the operations; a tenth more than these say at {more} of {len(rows)} shapes "
        f"for certain, less at {as_said}. Operations order {wrong:.0%} of {pairs} pairs of blocks wrongly",
        "advice": {HOLDS: "price SE by its latency, or leave it out", FAILS: "SE may stay"}.get(verdict, ""),
        "values": {"SE": (worst["relative"], worst["relative_low"], worst["relative_high"])},
    }


def _blocks(results: Any) -> pd.DataFrame:
    """Return the rows of sweeps over the operator, which are of blocks."""
    rows: pd.DataFrame = results.frame
    return rows[rows["dimension"] == "op"]


def _fused(results: Any, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = evidence["fusion"] = detect_fusion(results)
    pairs = found.frame.assign(pair=found.frame["first_op"] + " + " + found.frame["second_op"])
    fused, apart = (pairs.loc[pairs["verdict"] == verdict, "pair"] for verdict in ("fused", "not fused"))
    figure = f"of {len(pairs)} pairs {len(fused)} are fused, {len(apart)} not, {len(pairs) - len(fused) - len(apart)} "
    figure += "cannot be told"
    figure += f"; not fused: {_listed(apart, 12)}" if len(apart) else ""
    advice = "prefer what is fused" if len(apart) else ""
    yield {
        "verdict": _verdict(len(apart) > 0, len(fused) > 0),
        "figure": figure,
        "advice": advice + (f": {_listed(fused, 12)}" if advice and len(fused) else ""),
    }


def _bound(results: Any, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = fit_roofline(results)
    known = found.roofs[found.roofs["ridge"] > 0]
    if known.empty:
        raise InvalidInputError(_listed(found.roofs["reason"]))
    # The roofs of the precision and method whose working sets reach furthest, beyond the caches.
    group = ["environment", "method", "precision"]
    reach = found.levels.groupby(group, as_index=False)["up_to_bytes"].max()
    known = known.merge(reach, on=group).sort_values(["up_to_bytes", "layers"], ascending=False).head(1)
    (roof,) = records(known)
    evidence["roofline"] = Roofline(*(table.merge(known[group]) for table in (found.frame, found.roofs, found.levels)))
    placed = sum(roof[bound] for bound in ("compute", "memory", "overhead"))
    slow = roof["memory"] + roof["overhead"]
    values = {
        "peak_gops": (roof["peak_gops"], roof["peak_low"], roof["peak_high"]),
        "bandwidth_gbs": (roof["bandwidth_gbs"], roof["bandwidth_low"], roof["bandwidth_high"]),
        "ridge": (roof["ridge"], roof["ridge_low"], roof["ridge_high"]),
    }
    peak, bandwidth, ridge = (f"{v:.3g} ({low:.3g} to {high:.3g})" for v, low, high in values.values())
    yield {
        "verdict": _verdict(roof["memory"] > 0, placed > 0),
        "figure": f"peak {peak} G multiply-adds/s, bandwidth {bandwidth} GB/s, ridge {ridge} OPs per byte; "
        f"{roof['memory']} of {placed} layers measured are bound by memory, {roof['overhead']} by their overhead",
        "advice": "below the ridge, save bytes, not operations" if slow else "",
        "values": values,
    }


def _activations(results: Any, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = evidence["activations"] = rank_activations(results)
    verdicts = found.frame.groupby("activation", sort=False)["verdict"].agg(lambda some: ",".join(sorted(set(some))))
    common, new = (
        [verdicts.get(name, UNKNOWN) for name in _NEGLIGIBLE],
        verdicts.drop(list(_NEGLIGIBLE), errors="ignore"),
    )
    drop = list(verdicts.index[verdicts == "drop"])
    ratios = found.frame.groupby("activation")["ratio"].median().dropna().sort_values()
    rows = records(found.frame.dropna(subset=["ratio"]))
    yield {
        "verdict": _verdict(
            set(common) == {"keep"} and "drop" in set(new), "drop" in common or (len(new) > 0 and set(new) == {"keep"})
        ),
        "figure": "times the latency without: " + _listed((f"{k} {v:.2f}" for k, v in ratios.items()), 12),
        "advice": f"drop {_listed(drop)}" if drop else "all measured may stay" if set(verdicts) == {"keep"} else "",
        "values": {
            f"{row['op']} {row['activation']}": (row["ratio"], row["ratio_low"], row["ratio_high"]) for row in rows
        },
    }


def _scaling(results: Any, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    every = fit_scaling(results)
    found = Scaling(*(table[table["dimension"] == "kernel"] for table in (every.frame, every.points)))
    widest = found.frame[found.frame["ops_exponent"] > 0].sort_values("values", ascending=False).drop_duplicates("op")
    if widest.empty:
        raise InvalidInputError("no sweep over kernel")
    evidence["kernel"] = found
    for sweep in records(widest):
        same = (found.points[["layer", "method"]] == [sweep["layer"], sweep["method"]]).all(axis=1)
        row = records(found.points[same & (found.points["value"] == sweep["largest"])])[0]
        op = sweep["op"]
        power, low, high = (math.log(row[f"ratio{end}"]) / math.log(row["ops_ratio"]) for end in ("", "_low", "_high"))
        verdict = _verdict(high < _MUCH_LESS, low > _MUCH_LESS)
        advice = {HOLDS: "offer larger kernels", FAILS: "a larger kernel costs nearly what its operations say, or more"}
        yield {
            "about": op,
            "verdict": verdict,
            "figure": f"{row['words']}: operations to the power of {power:.2f} ({low:.2f} to {high:.2f})",
            "advice": advice.get(verdict, ""),
            "values": {"against_ops": (power, low, high)},
        }


def _precisions(results: Any, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = evidence["precision"] = compare_precisions(results)
    for precision, rows in found.frame.groupby("precision", sort=False):
        known = rows.dropna(subset=["speedup"])
        if known.empty:
            reason = _listed(filter(None, rows["reason"]), 2)
            yield {"about": precision, "verdict": UNKNOWN, "figure": f"{precision}: nothing runs ({reason})"}
            continue
        slower, faster = (known.loc[known["verdict"] == verdict, "op"] for verdict in ("slower", "faster"))
        middle = math.exp(known["speedup"].map(math.log).mean())
        figure = f"{precision}: {middle:.2f}x the speed of {len(known)} layers on the average"
        for word, some in (("faster", faster), ("slower", slower)):
            figure += f"; {word}: {_listed(some)}" if len(some) else ""
        yield {
            "about": precision,
            "verdict": _verdict(len(slower) > 0, len(faster) == len(known)),
            "figure": figure,
            "advice": f"in {precision}, leave {_listed(slower)} in fp32" if len(slower) else "",
            "values": {
                row["op"] if (known["op"] == row["op"]).sum() == 1 else row["base"]: (
                    row["speedup"],
                    row["speedup_low"],
                    row["speedup_high"],
                )
                for row in records(known)
            },
        }


def _accuracies(accuracy: Accuracy | None, evidence: dict[str, Any]) -> Iterator[Statement]:
    claim = "Integer precision can cost accuracy"
    if accuracy is None:
        why = "no model to score: give one's accuracy_by_precision"
        yield Statement(6, "accuracy", claim, UNKNOWN, why)
        return
    evidence["accuracy"] = accuracy
    rows = accuracy.frame[accuracy.frame["precision"].str.contains("int")]
    verdicts = set(rows["verdict"])
    figure = _listed((f"{row['precision']} {row['verdict']}" for row in records(rows)), 12)
    loses = rows.loc[rows["verdict"] == "loses", "precision"]
    advice = f"score each candidate at {_listed(loses)}" if len(loses) else ""
    yield Statement(6, "accuracy", claim, _verdict("loses" in verdicts, verdicts == {"keeps"}), figure, advice)


def _support(results: Any) -> Iterator[dict[str, Any]]:
    cells = support_matrix(results.frame[results.frame["arrangement"] == "single"])
    if cells.empty:
        raise InvalidInputError("no single layers were tried")
    counts = [
        f"{precision}: {(rows['support'] == 'full').sum()} of {len(rows)}"
        for precision, rows in cells.groupby("precision", sort=False)
    ]
    base = cells[cells["precision"] == "fp32"] if (cells["precision"] == "fp32").any() else cells
    short = base.loc[base["support"] != "full", "op"]
    yield {
        "verdict": HOLDS if short.empty else FAILS,
        "figure": "; ".join([f"{counts[0]} operators run as they are meant to", *counts[1:]]),
        "advice": f"leave out {_listed(short)}, or take another platform for them" if len(short) else "",
    }


def _stages(results: Any, evidence: dict[str, Any]) -> Iterator[dict[str, Any]]:
    evidence["blocks"] = compare_blocks(_blocks(results))
    stages = evidence["blocks"].stages
    stages = stages[stages["precision"] == "fp32"] if (stages["precision"] == "fp32").any() else stages
    sure, every = stages[stages["sure"]], stages["fastest"]
    at = [f"{shape_of(row)} {row['fastest']}" for row in records(stages)]
    yield {
        "verdict": _verdict(sure["fastest"].nunique() > 1, len(sure) == len(stages) > 1 and every.nunique() == 1),
        "figure": f"the fastest: {_listed(at, 8)}; for certain at {len(sure)} of {len(stages)}",
        "advice": "choose the block of each stage by its latency there" if sure["fastest"].nunique() > 1 else "",
    }
