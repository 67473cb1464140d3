"""Arm Ethos-U NPUs by Vela (``ethos-u-vela``), their compiler, which estimates cycles; nothing is run.

Vela is called as its command is, in this process: 5 ms a layer, where a new process takes a second. Its reports are
two CSV files: of the operators, and of the whole.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, List, Union

from ethosu.vela import vela
from ethosu.vela.errors import VelaError

from nnbehave.runner.backends.base import Backend, Cost, Model
from nnbehave.runner.capture import captured_stdout
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

_COUNTS = re.compile(r"cycles_.*|.*_total_bytes|nn_macs")
_ON_CPU = re.compile(r"operator: \w+, ofm: '(.*)'\nReason: (.*)")
_MOVES = ("MemoryCopy", "Transpose")  # which compute nothing


class EthosUModel(Model):
    """A ``.tflite`` that Vela has compiled.

    Attributes
    ----------
    cost : Cost or Unsupported
    """

    def __init__(self, kernels: List[Kernel], cost: Union[Cost, Unsupported]) -> None:
        self.kernels, self.cost = kernels, cost


class EthosUBackend(Backend):
    """Options: ``accelerator`` (``ethos-u55-128``), and of Vela's own configuration file ``system`` and ``memory``."""

    def __init__(self, accelerator: str, system: str, memory: str) -> None:
        self._arguments = ["--accelerator-config", accelerator, "--config", "Arm/vela.ini", "--system-config", system]
        self._arguments += ["--memory-mode", memory, "--verbose-performance", "--show-cpu-operations"]

    def versions(self) -> Dict[str, Any]:
        return {"ethos-u-vela": version("ethos-u-vela")}

    def load(self, path: str, precision: str) -> EthosUModel:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with captured_stdout() as said:
                    vela.main([path, *self._arguments, "--output-dir", folder])
            except (VelaError, RuntimeError, SystemExit) as error:
                words = said[0].strip().splitlines()[-1:]
                raise Unsupported("; ".join(map(str, [error, *words]))) from None
            operators, (total,) = (_table(folder, name) for name in ("*_per-layer.csv", "*_summary_*.csv"))
        return _model(operators, total, said[0], precision)

    def estimate(self, models: List[Any]) -> Iterator[Union[Cost, Unsupported]]:
        for model in models:
            yield model.cost


def _table(folder: str, pattern: str) -> List[Dict[str, str]]:
    (file,) = Path(folder).glob(pattern)
    with file.open(newline="") as rows:
        return list(csv.DictReader(rows))


def _model(operators: List[Dict[str, str]], total: Dict[str, str], said: str, precision: str) -> EthosUModel:
    """Return what Vela's tables tell.

    An operator of the NPU without cycles is done by the one before, as an activation is; one of the CPU has no cycles
    in any case, since Vela knows no CPU's.
    """
    on_cpu = [each for each in operators if each["Target"] != "NPU"]
    on_npu = [each for each in operators if each["Target"] == "NPU" and float(each["Op Cycles"])]
    why = _why_on_cpu(said)
    kernels = [_kernel(each, precision, why) for each in operators if each in on_cpu or each in on_npu]
    if on_cpu and not on_npu:
        reasons = ", ".join(f"{kernel.name} ({kernel.reason})" for kernel in kernels)
        return EthosUModel(kernels, Unsupported(f"all of it is left to the CPU: {reasons}"))
    counts = {name: float(value) for name, value in total.items() if _COUNTS.fullmatch(name)}
    cycles = counts.pop("cycles_total")
    latency_ns = cycles / float(total["core_clock"]) * 1e9
    left_out = [each["Original Operator"] for each in on_cpu]
    return EthosUModel(kernels, Cost(latency_ns, {"cycles": cycles, **counts}, left_out))


def _kernel(operator: Dict[str, str], precision: str, why_on_cpu: Dict[str, str]) -> Kernel:
    """Return the kernel of an operator, by the operator's name and, where it is one of several or another, its own."""
    name, own = operator["Original Operator"], operator["NNG Operator"]
    if operator["Target"] != "NPU":
        return Kernel(name, "", False, why_on_cpu.get(operator["Name"], ""))
    return Kernel(name if own == name else f"{name}:{own}", "" if own in _MOVES else precision)


def _why_on_cpu(said: str) -> Dict[str, str]:
    """Return why Vela leaves operators to the CPU, by the names of their outputs."""
    return dict(_ON_CPU.findall(said))
