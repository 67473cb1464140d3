"""What TensorFlow Lite's ``benchmark_model`` says: one run of a model, its mean latency, and its operators' times."""

from __future__ import annotations

import re
from typing import List, NamedTuple

from nnbehave.runner.kernels import Kernel

_OPERATORS = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_RUNS = re.compile(r"count=(\d+) .*?avg=([\d.e+]+)")
_ROW = re.compile(r"\s*(\S.*?)\s+((?:[\d.]+%?\s+)+)(\S.*)")
_COLUMN = re.compile(r"\[([^\]]+)\]")
# XNNPACK writes what it computes in into its kernels' names: F32, F16; QS8, QC8, QU8 and the like; QD8 with float ends.
_PRECISIONS = (("QD8", "dynamic_int8"), ("F32", "fp32"), ("F16", "fp16"), ("QU8", "uint8"), ("Q", "int8"))


class Operator(NamedTuple):
    """A line of the profile.

    Attributes
    ----------
    kind : str
        ``CONV_2D``, or XNNPACK's name of a kernel.
    latency_us : float
        In one inference, of all its calls.
    delegated : bool
        Whether a delegate runs it.
    """

    kind: str
    latency_us: float
    delegated: bool


class Report(NamedTuple):
    """What one run of the tool found.

    Attributes
    ----------
    runs : int
    mean_us : float
        Of those inferences.
    operators : list of Operator
        In the order they run; empty where the tool was not asked for them.
    """

    runs: int
    mean_us: float
    operators: List[Operator]


def parse_report(text: str) -> Report:
    """Read what the tool printed. Raises ValueError where it came to no result."""
    found = _RUNS.findall(text.partition("Inference timings in us")[0])
    if "Inference timings in us" not in text or not found:
        raise ValueError("benchmark_model came to no result")
    runs, mean_us = found[-1]  # those before are of warming up
    return Report(int(runs), float(mean_us), _operators(text))


def _operators(text: str) -> list[Operator]:
    """Read the table in run order. Its columns differ from version to version, and their heads tell which is which."""
    lines = text.partition(_OPERATORS)[2].partition("Top by Computation Time")[0].splitlines()
    columns: list[str] = []
    operators = []
    for line in lines:
        if "[node type]" in line:
            columns = _COLUMN.findall(line)[1:-1]  # between the node's type and its name
            continue
        match = _ROW.fullmatch(line.rstrip())
        numbers = match[2].split() if match else []
        if match and columns and len(numbers) == len(columns):
            row = dict(zip(columns, (float(number.rstrip("%")) for number in numbers)))
            # The mean is of one call; some operators are called more than once in an inference.
            latency_us = 1e3 * row["avg ms"] * row["times called"]
            operators.append(Operator(match[1], latency_us, match[3].startswith("Delegate/") or "Delegate" in match[1]))
    return operators


def kernel(operator: Operator, xnnpack: bool) -> Kernel:
    """Return an operator as a kernel, named as LiteRT's backend does; ``xnnpack``: whether that is meant to run it."""
    if not operator.delegated:
        return Kernel(f"builtin:{operator.kind}", "", not xnnpack)
    types = re.findall(r"\(([^)]*)\)", operator.kind)
    precision = next((name for mark, name in _PRECISIONS for each in types if mark in each), "")
    return Kernel(f"xnnpack:{operator.kind}", precision)
