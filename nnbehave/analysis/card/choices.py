"""Findings 3 to 6: the cost of the choices of a layer: activation, kernel, precision, and what precision loses."""

from __future__ import annotations

import math

from nnbehave.analysis.accuracy import Accuracy
from nnbehave.analysis.activations import rank_activations
from nnbehave.analysis.card.card import Statement, Verdict
from nnbehave.analysis.card.claims import Claim, Judged, listed
from nnbehave.analysis.precision import compare_precisions, mean_speedup
from nnbehave.analysis.results import Results
from nnbehave.analysis.scaling import Scaling, fit_scaling
from nnbehave.errors import InvalidInputError

_NEGLIGIBLE = ("relu", "relu6")  # by the paper
_MUCH_LESS = 0.8  # exponent of latency over operations, below which it grows much less than they do
_MOST_LISTED = 12  # activations, or verdicts on precisions


def judge_activations(claim: Claim, results: Results) -> Judged:
    """Judge whether only ReLU and ReLU6 are negligible. Raises InvalidInputError without activations."""
    found = rank_activations(results)
    verdicts: dict[str, set[str]] = {}
    for row in found.frame.to_dict("records"):
        verdicts.setdefault(row["activation"], set()).add(row["verdict"])
    common = [verdicts.get(name, set()) for name in _NEGLIGIBLE]
    new = [some for name, some in verdicts.items() if name not in _NEGLIGIBLE]
    drop = [name for name, some in verdicts.items() if some == {"drop"}]
    ratios = found.frame.groupby("activation")["ratio"].median().dropna().sort_values()
    verdict = Verdict.of(
        all(some == {"keep"} for some in common) and {"drop"} in new,
        {"drop"} in common or (len(new) > 0 and all(some == {"keep"} for some in new)),
    )
    keep_all = all(some == {"keep"} for some in verdicts.values())
    advice = f"drop {listed(drop)}" if drop else "all measured may stay" if keep_all else ""
    figure = "times the latency without: " + listed((f"{k} {v:.2f}" for k, v in ratios.items()), _MOST_LISTED)
    values = {
        f"{row['op']} {row['activation']}": (row["ratio"], row["ratio_low"], row["ratio_high"])
        for row in found.frame.dropna(subset=["ratio"]).to_dict("records")
    }
    return Judged((claim.stated(verdict, figure, advice, values),), {"activations": found})


def judge_kernels(claim: Claim, results: Results) -> Judged:
    """Judge whether latency grows less with the kernel than operations do. Raises InvalidInputError without sweeps."""
    every = fit_scaling(results)
    found = Scaling(*(table[table["dimension"] == "kernel"] for table in (every.frame, every.points)))
    widest = found.frame[found.frame["ops_exponent"] > 0].sort_values("values", ascending=False).drop_duplicates("op")
    if widest.empty:
        raise InvalidInputError("no sweep over kernel")
    advice = {
        Verdict.HOLDS: "offer larger kernels",
        Verdict.FAILS: "a larger kernel costs nearly what its operations say, or more",
    }
    statements = []
    for sweep in widest.to_dict("records"):
        how = ["layer", "method", "context"]
        same = (found.points[how] == [sweep[name] for name in how]).all(axis=1)
        row = found.points[same & (found.points["value"] == sweep["largest"])].to_dict("records")[0]
        power, low, high = (math.log(row[f"ratio{end}"]) / math.log(row["ops_ratio"]) for end in ("", "_low", "_high"))
        verdict = Verdict.of(high < _MUCH_LESS, low > _MUCH_LESS)
        figure = f"{row['words']}: operations to the power of {power:.2f} ({low:.2f} to {high:.2f})"
        values = {"against_ops": (power, low, high)}
        statements.append(claim.stated(verdict, figure, advice.get(verdict, ""), values, about=sweep["op"]))
    return Judged(tuple(statements), {"kernel": found})


def judge_precisions(claim: Claim, results: Results) -> Judged:
    """Judge whether a narrower precision slows some operators down. Raises InvalidInputError without precisions."""
    found = compare_precisions(results)
    statements: list[Statement] = []
    for precision, rows in found.frame.groupby("precision", sort=False):
        known = rows.dropna(subset=["speedup"])
        if known.empty:
            figure = f"{precision}: nothing runs ({listed(filter(None, rows['reason']), 2)})"
            statements.append(claim.stated(Verdict.UNKNOWN, figure, about=str(precision)))
            continue
        slower, faster = (known.loc[known["verdict"] == verdict, "op"] for verdict in ("slower", "faster"))
        figure = f"{precision}: {mean_speedup(known):.2f}x the speed of {len(known)} layers on the average"
        for word, some in (("faster", faster), ("slower", slower)):
            figure += f"; {word}: {listed(some)}" if len(some) else ""
        verdict = Verdict.of(len(slower) > 0, len(faster) == len(known))
        advice = f"in {precision}, leave {listed(slower)} in fp32" if len(slower) else ""
        values = {
            row["op"] if (known["op"] == row["op"]).sum() == 1 else row["base"]: (
                row["speedup"],
                row["speedup_low"],
                row["speedup_high"],
            )
            for row in known.to_dict("records")
        }
        statements.append(claim.stated(verdict, figure, advice, values, about=str(precision)))
    return Judged(tuple(statements), {"precision": found})


def judge_accuracy_loss(claim: Claim, accuracy: Accuracy | None) -> Judged:
    """Judge whether integer precision costs accuracy, by the scores of a model; None: no model was scored."""
    if accuracy is None:
        return Judged((claim.unknown("no model to score: give one's accuracy_by_precision"),))
    rows = accuracy.frame[accuracy.frame["precision"].str.contains("int")]
    verdicts = set(rows["verdict"])
    figure = listed(rows["precision"] + " " + rows["verdict"], _MOST_LISTED)
    loses = rows.loc[rows["verdict"] == "loses", "precision"]
    advice = f"score each candidate at {listed(loses)}" if len(loses) else ""
    verdict = Verdict.of("loses" in verdicts, verdicts == {"keeps"})
    return Judged((claim.stated(verdict, figure, advice),), {"accuracy": accuracy})
