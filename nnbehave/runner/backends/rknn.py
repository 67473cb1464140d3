"""The backend for Rockchip NPUs: their compiler RKNN-Toolkit2 estimates cycles, and nothing is run."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Union

import numpy as np

from nnbehave.runner.backends.base import Backend, Cost, Model
from nnbehave.runner.capture import captured_output
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.reference import random_inputs

# A row of the compiler's table of layers. The columns between the cycles and the KB differ by target.
_ROW = re.compile(
    r"\] \d+ +(?P<type>\w+) +(?P<dtype>\w+) +(?P<target>\w+) .* "
    r"(?P<ddr>\d+)/(?P<npu>\d+)/(?P<total>\d+) +(?:\S+ +)?(?P<kb>\d+) +\S+ *$",
    re.MULTILINE,
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ERROR = re.compile(r"^E (?:RKNN: \[[\d:.]+\] )?(.+)$", re.MULTILINE)
_EDGES = ("InputOperator", "OutputOperator")
_MOVES = ("Reshape", "Transpose", "Concat", "Split", "Slice")
_PRECISIONS = {"FLOAT16": "fp16", "INT8": "int8", "INT16": "int16", "FLOAT": "fp32"}


class Operator(NamedTuple):
    """A row of the compiler's table of layers.

    Attributes
    ----------
    type, dtype, target : str
        Kind of operator, type that it computes in, and processor that runs it.
    ddr_cycles, npu_cycles, cycles : int
        Cycles of its DDR accesses, cycles of the NPU, and the compiler's total.
    moved_kb : int
        Data that it moves, in KB.
    """

    type: str
    dtype: str
    target: str
    ddr_cycles: int
    npu_cycles: int
    cycles: int
    moved_kb: int


class RKNNModel(Model):
    """An ONNX model that RKNN-Toolkit2 has compiled.

    Attributes
    ----------
    operators : list of Operator
    """

    def __init__(self, operators: List[Operator]) -> None:
        self.operators = operators
        self.kernels = [_kernel(operator) for operator in operators]


class RKNNBackend(Backend):
    """Options: ``target`` (``rk3588``); ``clock_ghz``, the clock of the NPU, by which cycles become time."""

    def __init__(self, target: str, clock_ghz: float) -> None:
        self._target, self._clock_ghz = target, clock_ghz

    def versions(self) -> Dict[str, str]:
        return {"rknn-toolkit2": version("rknn-toolkit2")}

    def load(self, path: str, precision: str) -> RKNNModel:
        path = os.path.abspath(path)
        with _in_a_folder(), captured_output(1, 2) as printed:
            done = _build(path, self._target, precision == "int8")
        text = _COLOUR.sub("", printed[0])
        operators = read_table(text)
        if not done or not operators:
            raise Unsupported(f"RKNN-Toolkit2: {'; '.join(_ERROR.findall(text)) or 'it prints no table of layers'}")
        return RKNNModel(operators)

    def estimate(self, models: List[Any]) -> Iterator[Union[Cost, Unsupported]]:
        for model in models:
            yield cost(model.operators, self._clock_ghz)


@contextmanager
def _in_a_folder() -> Iterator[None]:
    """Work in a temporary folder, because the compiler writes files into the working directory."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def _build(path: str, target: str, quantised: bool) -> bool:
    """Compile a model, so that the compiler prints its table of layers. Return True if that succeeds."""
    from rknn.api import RKNN

    compiler = RKNN(verbose=True)
    try:
        if compiler.config(target_platform=target) or compiler.load_onnx(path):
            return False
        samples = _write_samples(path) if quantised else None
        return not compiler.build(do_quantization=quantised, dataset=samples)
    finally:
        compiler.release()


def _write_samples(path: str) -> str:
    """Write random inputs, from which ranges are found, into the working directory. Return the file that lists them."""
    import onnx

    inputs = onnx.load(path).graph.input
    shapes = [[dimension.dim_value for dimension in each.type.tensor_type.shape.dim] for each in inputs]
    names = [f"input{i}.npy" for i in range(len(shapes))]
    for name, array in zip(names, random_inputs(shapes, 1)):
        np.save(name, array)
    Path("samples.txt").write_text(" ".join(names) + "\n")
    return "samples.txt"


def read_table(printed: str) -> List[Operator]:
    """Return the rows of the compiler's table of layers, without those of the model's inputs and outputs."""
    numbers = ("ddr", "npu", "total", "kb")
    return [
        Operator(row["type"], row["dtype"], row["target"], *(int(row[name]) for name in numbers))
        for row in _ROW.finditer(printed)
        if row["type"] not in _EDGES
    ]


def _kernel(operator: Operator) -> Kernel:
    """Return an operator as a kernel."""
    moves = operator.type in _MOVES
    precision = "" if moves else _PRECISIONS.get(operator.dtype, operator.dtype.lower())
    return Kernel(operator.type, precision, operator.target == "NPU")


def cost(operators: List[Operator], clock_ghz: float) -> Union[Cost, Unsupported]:
    """Return the cost of all operators. Many, even on the NPU, have no cycles and are left out of the total."""
    left_out = [operator.type for operator in operators if not operator.cycles]
    if len(left_out) == len(operators):
        return Unsupported(f"RKNN-Toolkit2 gives no cycles for {', '.join(dict.fromkeys(left_out))}")
    cycles = sum(operator.cycles for operator in operators)
    counts = {
        "cycles": cycles,
        "cycles_ddr": sum(operator.ddr_cycles for operator in operators),
        "cycles_npu": sum(operator.npu_cycles for operator in operators),
        "moved_kb": sum(operator.moved_kb for operator in operators),
    }
    return Cost(cycles / clock_ghz, {name: float(count) for name, count in counts.items()}, left_out)
