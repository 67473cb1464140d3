"""Findings 2 and 7: which operators are fused, bound by memory, and supported."""

from __future__ import annotations

from nnbehave.analysis.card.card import Verdict
from nnbehave.analysis.card.claims import Claim, Judged, listed
from nnbehave.analysis.fusion import FUSED, NOT_FUSED, detect_fusion
from nnbehave.analysis.results import Results
from nnbehave.analysis.roofline import Roofline, fit_roofline
from nnbehave.analysis.support import support_matrix
from nnbehave.errors import InvalidInputError

_MOST_PAIRS = 12  # in the figure and the advice


def judge_fusion(claim: Claim, results: Results) -> Judged:
    """Judge whether some operators are not fused into a convolution. Raises InvalidInputError without pairs."""
    found = detect_fusion(results)
    pairs = found.frame.assign(pair=found.frame["first_op"] + " + " + found.frame["second_op"])
    fused, apart = (pairs.loc[pairs["verdict"] == verdict, "pair"] for verdict in (FUSED, NOT_FUSED))
    unknown = len(pairs) - len(fused) - len(apart)
    figure = f"of {len(pairs)} pairs {len(fused)} are fused, {len(apart)} not, {unknown} cannot be told"
    advice = ""
    if len(apart):
        figure += f"; not fused: {listed(apart, _MOST_PAIRS)}"
        advice = "prefer what is fused" + (f": {listed(fused, _MOST_PAIRS)}" if len(fused) else "")
    verdict = Verdict.of(len(apart) > 0, len(fused) > 0)
    return Judged((claim.stated(verdict, figure, advice),), {"fusion": found})


def judge_roofline(claim: Claim, results: Results) -> Judged:
    """Judge whether some layers are bound by memory. Raises InvalidInputError where no ridge is known."""
    every = fit_roofline(results)
    found = _furthest(every)
    roof = found.roofs.to_dict("records")[0]
    placed = sum(roof[bound] for bound in ("compute", "memory", "overhead"))
    values = {
        f"{name}{unit}": (roof[f"{name}{unit}"], roof[f"{name}_low"], roof[f"{name}_high"])
        for name, unit in (("peak", "_gops"), ("bandwidth", "_gbs"), ("ridge", ""))
    }
    peak, bandwidth, ridge = (f"{value:.3g} ({low:.3g} to {high:.3g})" for value, low, high in values.values())
    figure = (
        f"peak {peak} G multiply-adds/s, bandwidth {bandwidth} GB/s, ridge {ridge} OPs per byte; {roof['memory']} of "
        f"{placed} layers measured are bound by memory, {roof['overhead']} by their overhead"
    )
    advice = "below the ridge, save bytes, not operations" if roof["memory"] + roof["overhead"] else ""
    verdict = Verdict.of(roof["memory"] > 0, placed > 0)
    return Judged((claim.stated(verdict, figure, advice, values),), {"roofline": found})


def _furthest(found: Roofline) -> Roofline:
    """Return the roofs of the precision and method whose working sets reach furthest beyond the caches."""
    known = found.roofs[found.roofs["ridge"] > 0]
    if known.empty:
        raise InvalidInputError(listed(found.roofs["reason"]))
    group = ["environment", "method", "context", "precision"]
    reach = found.levels.groupby(group, as_index=False)["up_to_bytes"].max()
    known = known.merge(reach, on=group).sort_values(["up_to_bytes", "layers"], ascending=False).head(1)
    return Roofline(*(table.merge(known[group]) for table in (found.frame, found.roofs, found.levels)))


def judge_support(claim: Claim, results: Results) -> Judged:
    """Judge whether every operator runs in fp32. Raises InvalidInputError without single layers."""
    cells = support_matrix(results.select(arrangement="single"))
    if cells.empty:
        raise InvalidInputError("no single layers were tried")
    counts = [
        f"{precision}: {(rows['support'] == 'full').sum()} of {len(rows)}"
        for precision, rows in cells.groupby("precision", sort=False)
    ]
    base = cells[cells["precision"] == "fp32"] if (cells["precision"] == "fp32").any() else cells
    short = base.loc[base["support"] != "full", "op"]
    figure = "; ".join([f"{counts[0]} operators run as they are meant to", *counts[1:]])
    advice = f"leave out {listed(short)}, or take another platform for them" if len(short) else ""
    return Judged((claim.stated(Verdict.HOLDS if short.empty else Verdict.FAILS, figure, advice),))
