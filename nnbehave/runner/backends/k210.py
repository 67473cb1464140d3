"""Kendryte K210 by its compiler, nncase 1, which tells what the KPU runs and what the CPU; nothing is run or timed."""

from __future__ import annotations

import re
import tempfile
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any, Dict, List, Sequence

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported
from nnbehave.runner.reference import random_inputs

_OPERATOR = re.compile(r"^\[(\w+)\] (.*)$", re.MULTILINE)
_MOVES = ("Quantize", "Dequantize", "Transpose", "Copy", "Pad", "KPUUpload", "KPUDownload")
_ON_BYTES = ("KPUConv2D", "TableLookup1D")


class K210Model(Model):
    """A ``.tflite`` that nncase has compiled."""

    def __init__(self, kernels: List[Kernel]) -> None:
        self.kernels = kernels


class K210Backend(Backend):
    """No options. Models are quantised here, by nncase, with inputs drawn at random: quantised ones it takes badly."""

    def versions(self) -> Dict[str, Any]:
        return {"nncase": version("nncase")}

    def load(self, path: str, precision: str) -> K210Model:
        content = Path(path).read_bytes()
        if content[4:8] != b"TFL3":  # nncase would crash
            raise Unsupported("it is no TensorFlow Lite model")
        with tempfile.TemporaryDirectory() as folder:
            try:
                _compile(content, folder)
            except RuntimeError as error:
                raise Unsupported(f"nncase: {' '.join(str(error).split())}") from None
            main = (Path(folder) / "stackvm/main/runtime_ops.txt").read_text(encoding="utf-8")
            calls = {
                file.parent.name: file.read_text(encoding="utf-8")
                for file in Path(folder).glob("k210/*/runtime_ops.txt")
            }
        return K210Model(read_operators(main, calls))


def _compile(content: bytes, dump: str) -> None:
    """Compile a ``.tflite`` of floats, leaving in a folder what of it runs where."""
    import nncase

    options = nncase.CompileOptions()
    options.target = "k210"
    options.quant_type = options.w_quant_type = "uint8"
    options.dump_asm, options.dump_dir = True, dump
    compiler = nncase.Compiler(options)
    compiler.import_tflite(content, nncase.ImportOptions())
    samples = nncase.PTQTensorOptions()
    samples.samples_count = 1
    inputs = random_inputs(_input_shapes(compiler), 1)
    samples.set_tensor_data(b"".join(array.tobytes() for array in inputs))
    compiler.use_ptq(samples)
    compiler.compile()
    compiler.gencode_tobytes()


def _input_shapes(compiler: Any) -> List[Sequence[int]]:
    evaluator = compiler.create_evaluator(0)
    shapes: List[Sequence[int]] = []
    for i in count():
        try:
            shapes.append(evaluator.get_input_tensor(i).to_numpy().shape)
        except IndexError:  # it does not tell how many there are
            return shapes
    return shapes


def read_operators(main: str, calls: Dict[str, str]) -> List[Kernel]:
    """Return the kernels of what nncase dumps as ``runtime_ops.txt``.

    What only moves or converts data around the KPU's calls is on the CPU by design. What computes there has fallen back
    to it, and so has all of a model that never calls the KPU.

    Parameters
    ----------
    main : str
        Of the CPU, in the order that it runs them; a ``[Call]`` is of the KPU.
    calls : dict of str to str
        Of each call.
    """
    kernels = []
    for name, of in _OPERATOR.findall(main):
        if name == "Call":
            kernels += [_kernel(called, True) for called, _ in _OPERATOR.findall(calls[of])]
        else:
            kernels.append(_kernel(name, bool(calls) and name in _MOVES))
    return kernels


def _kernel(name: str, placed: bool) -> Kernel:
    """Return an operator's kernel. The KPU computes in bytes, the CPU in floats but for what it looks up."""
    precision = "" if name in _MOVES else "uint8" if name in _ON_BYTES else "fp32"
    return Kernel(name, precision, placed)
