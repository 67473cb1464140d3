"""The nine findings of the paper (Tang et al., MLSys 2021), stated for one platform from its measurements.

Each statement says whether its finding holds here, by which figures, and what that means for a search space. A finding
that the results cannot judge is ``cannot tell``, with what is missing.
"""

from __future__ import annotations

from collections.abc import Callable

from nnbehave.analysis.accuracy import Accuracy
from nnbehave.analysis.card.blocks import judge_squeeze_and_excite, judge_stages
from nnbehave.analysis.card.card import Card, Statement
from nnbehave.analysis.card.channels import judge_channels
from nnbehave.analysis.card.choices import (
    judge_accuracy_loss,
    judge_activations,
    judge_kernels,
    judge_precisions,
)
from nnbehave.analysis.card.claims import Claim, Judged
from nnbehave.analysis.card.operators import judge_fusion, judge_roofline, judge_support
from nnbehave.analysis.finding import Finding
from nnbehave.analysis.results import Results
from nnbehave.errors import InvalidInputError
from nnbehave.records import Environment

_CONV = Claim(1, "conv", "The latency of conv rises in steps with its out channels")
_BLOCKS = Claim(2, "blocks", "Non-convolution operators cost more than their operations say")
_FUSION = Claim(2, "fusion", "Some operators are not fused into the convolution before them")
_ROOFLINE = Claim(2, "roofline", "Some layers are bound by memory, not by computing")
_ACTIVATIONS = Claim(3, "activation", "Only ReLU and ReLU6 are negligible")
_KERNELS = Claim(4, "kernel", "Latency grows much less with the kernel than operations")
_PRECISIONS = Claim(5, "precision", "A narrower precision slows some operators down")
_ACCURACY = Claim(6, "accuracy", "Integer precision can cost accuracy")
_SUPPORT = Claim(7, "support", "Every operator runs in fp32, and as it is meant to")
_DWCONV = Claim(8, "dwconv", "The latency of dwconv rises in steps with its in channels")
_STAGES = Claim(9, "stages", "No one block is the fastest at every stage")


def fill_card(results: Results, platform: str, facts: Environment, accuracy: Accuracy | None = None) -> Card:
    """State the nine findings from what was measured on one platform.

    Parameters
    ----------
    results : Results
        Of this platform in one environment: curves over channels, and layers of the study of each question.
    platform : str
    facts : Environment
        The machine and the versions.
    accuracy : Accuracy, optional
        What a model of yours loses by precision (:func:`nnbehave.accuracy_by_precision`). Without it finding 6 cannot
        be judged.
    """
    timed = results.select(method=sorted({one.method for one in results} - {"none"}))
    steps = results.steps()
    judged = [
        judge_channels(_CONV, results, steps, "conv", "out_channels"),
        _judged(judge_squeeze_and_excite, _BLOCKS, timed),
        _judged(judge_fusion, _FUSION, timed),
        _judged(judge_roofline, _ROOFLINE, timed),
        _judged(judge_activations, _ACTIVATIONS, timed),
        _judged(judge_kernels, _KERNELS, timed),
        _judged(judge_precisions, _PRECISIONS, timed),
        judge_accuracy_loss(_ACCURACY, accuracy),
        _judged(judge_support, _SUPPORT, results),
        judge_channels(_DWCONV, results, steps, "dwconv", "in_channels"),
        _judged(judge_stages, _STAGES, timed),
    ]
    statements: list[Statement] = []
    evidence: dict[str, Finding] = {}
    for each in judged:
        statements += each.statements
        evidence |= each.evidence
    return Card(platform, facts, tuple(statements), evidence)


def _judged(judge: Callable[[Claim, Results], Judged], claim: Claim, results: Results) -> Judged:
    """Return what a judge says; where the results do not suffice, that it cannot be told, and why."""
    try:
        return judge(claim, results)
    except InvalidInputError as error:
        return Judged((claim.unknown(str(error)),))
