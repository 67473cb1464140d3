"""The backend for Arm Ethos-U NPUs: their compiler Vela (``ethos-u-vela``) estimates cycles, and nothing is run.

Vela's command-line function is called in this process, where a small layer takes 5 ms; a process of its own would take
half a second. Vela writes its estimates into two CSV files, one with a row for each operator and one for the whole
model. It prints why it leaves an operator to the CPU.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, List, Union

from nnbehave.runner.backends.base import Backend, Cost, Model
from nnbehave.runner.capture import captured_output
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

_COUNTS = re.compile(r"cycles_.*|.*_total_bytes|nn_macs")
_LEFT_TO_CPU = re.compile(r"operator: \w+, ofm: '(.*)'\nReason: (.*)")
_MOVES = ("MemoryCopy", "Transpose")  # operators that compute nothing

Table = List[Dict[str, str]]


class EthosUModel(Model):
    """A ``.tflite`` file that Vela has compiled.

    Attributes
    ----------
    cost : Cost or Unsupported
    """

    def __init__(self, kernels: List[Kernel], cost: Union[Cost, Unsupported]) -> None:
        self.kernels, self.cost = kernels, cost


class EthosUBackend(Backend):
    """Options: ``accelerator`` (``ethos-u55-128``), ``system`` and ``memory`` (their names in Vela's ``vela.ini``)."""

    def __init__(self, accelerator: str, system: str, memory: str) -> None:
        self._arguments = ["--accelerator-config", accelerator, "--config", "Arm/vela.ini", "--system-config", system]
        self._arguments += ["--memory-mode", memory, "--verbose-performance", "--show-cpu-operations"]

    def versions(self) -> Dict[str, str]:
        return {"ethos-u-vela": version("ethos-u-vela")}

    def load(self, path: str, precision: str) -> EthosUModel:
        from ethosu.vela import vela
        from ethosu.vela.errors import VelaError

        with tempfile.TemporaryDirectory() as folder:
            try:
                with captured_output(1) as printed:
                    vela.main([path, *self._arguments, "--output-dir", folder])
            except (VelaError, RuntimeError) as error:
                raise Unsupported(str(error)) from None
            operators, (total,) = (_table(folder, name) for name in ("*_per-layer.csv", "*_summary_*.csv"))
        return read_report(operators, total, printed[0], precision)

    def estimate(self, models: List[Any]) -> Iterator[Union[Cost, Unsupported]]:
        for model in models:
            yield model.cost


def _table(folder: str, pattern: str) -> Table:
    """Return the rows of the one CSV file whose name matches a pattern."""
    (file,) = Path(folder).glob(pattern)
    with file.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def read_report(operators: Table, total: Dict[str, str], printed: str, precision: str) -> EthosUModel:
    """Return a model from what Vela has written and printed about it.

    An operator on the NPU has no cycles if it is fused into the operator before it, as activations are. Operators on
    the CPU have no cycles, because Vela does not model the CPU.

    Parameters
    ----------
    operators : list of dict
        Rows of the CSV file of operators.
    total : dict
        The row of the CSV file of the whole model.
    printed : str
        What Vela printed.
    precision : str
        Precision of the model.
    """
    kernels, left_out = [], []
    why = dict(_LEFT_TO_CPU.findall(printed))
    for each in operators:
        name, own = each["Original Operator"], each["NNG Operator"]
        if each["Target"] != "NPU":
            kernels.append(Kernel(name, "", False, why.get(each["Name"], "")))
            left_out.append(name)
        elif float(each["Op Cycles"]):
            kernels.append(Kernel(name if own == name else f"{name}:{own}", "" if own in _MOVES else precision))
    if left_out and len(left_out) == len(kernels):
        reasons = ", ".join(dict.fromkeys(f"{kernel.name} ({kernel.reason})" for kernel in kernels))
        return EthosUModel(kernels, Unsupported(f"Vela leaves all of it to the CPU: {reasons}"))
    counts = {name: float(value) for name, value in total.items() if _COUNTS.fullmatch(name)}
    cycles = counts.pop("cycles_total")
    return EthosUModel(kernels, Cost(cycles / float(total["core_clock"]) * 1e9, {"cycles": cycles, **counts}, left_out))
