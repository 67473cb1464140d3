"""The report of TensorFlow Lite's tool ``benchmark_model``: the mean latency of a model, the times of its operators."""

from __future__ import annotations

import re
from typing import List, NamedTuple

from nnbehave.runner.kernels import Kernel

_OPERATORS = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_RUNS = re.compile(r"count=(\d+) .*?avg=([\d.e+]+)")
_ROW = re.compile(r"\s*(\S.*?)\s+((?:[\d.]+%?\s+)+)(\S.*)")
_COLUMN = re.compile(r"\[([^\]]+)\]")
# The names of XNNPACK's kernels contain the type that they compute in: F32, F16; QS8, QC8, QU8 and others for integers;
# QD8 for integers between float inputs and outputs. The first match counts.
_PRECISIONS = (("QD8", "dynamic_int8"), ("F32", "fp32"), ("F16", "fp16"), ("QU8", "uint8"), ("Q", "int8"))


class Operator(NamedTuple):
    """An operator of the profile.

    Attributes
    ----------
    kind : str
        ``CONV_2D``, or XNNPACK's name of the kernel.
    latency_us : float
        Time of all its calls in one inference, in µs.
    delegated : bool
        True if a delegate runs it.
    """

    kind: str
    latency_us: float
    delegated: bool


class Report(NamedTuple):
    """The report of one run of the tool.

    Attributes
    ----------
    runs : int
        Number of timed inferences.
    mean_us : float
        Mean latency of those inferences, in µs.
    operators : list of Operator
        The operators in the order in which they run. Empty if the tool was not asked to profile them.
    """

    runs: int
    mean_us: float
    operators: List[Operator]


def parse_report(text: str) -> Report:
    """Return the report that the tool has printed. Raises ValueError if the tool printed no result."""
    found = _RUNS.findall(text.partition("Inference timings in us")[0])
    if "Inference timings in us" not in text or not found:
        raise ValueError("benchmark_model came to no result")
    runs, mean_us = found[-1]  # the lines before it are about warm-up runs
    return Report(int(runs), float(mean_us), _operators(text))


def _operators(text: str) -> list[Operator]:
    """Return the operators of the table in run order. The table's header names its columns, which vary by version."""
    lines = text.partition(_OPERATORS)[2].partition("Top by Computation Time")[0].splitlines()
    columns: list[str] = []
    operators = []
    for line in lines:
        if "[node type]" in line:
            columns = _COLUMN.findall(line)[1:-1]  # without the first, the type of the node, and the last, its name
            continue
        match = _ROW.fullmatch(line.rstrip())
        numbers = match[2].split() if match else []
        if match and columns and len(numbers) == len(columns):
            row = dict(zip(columns, (float(number.rstrip("%")) for number in numbers)))
            # "avg ms" is the time of one call, and an inference may call an operator several times.
            latency_us = 1e3 * row["avg ms"] * row["times called"]
            operators.append(Operator(match[1], latency_us, match[3].startswith("Delegate/") or "Delegate" in match[1]))
    return operators


def kernel(operator: Operator, xnnpack: bool) -> Kernel:
    """Return an operator as a kernel, with the name that LiteRT's backend would give it.

    Parameters
    ----------
    operator : Operator
    xnnpack : bool
        True if XNNPACK is meant to run it.
    """
    if not operator.delegated:
        return Kernel(f"builtin:{operator.kind}", "", not xnnpack)
    types = re.findall(r"\(([^)]*)\)", operator.kind)
    precision = next((name for mark, name in _PRECISIONS for each in types if mark in each), "")
    return Kernel(f"xnnpack:{operator.kind}", precision)
