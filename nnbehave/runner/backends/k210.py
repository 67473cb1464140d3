"""The backend for the Kendryte K210: its compiler nncase 1 tells what the KPU and the CPU run. Nothing is run."""

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
    """A ``.tflite`` file that nncase has compiled."""

    def __init__(self, kernels: List[Kernel]) -> None:
        self.kernels = kernels


class K210Backend(Backend):
    """No options. nncase quantises fp32 models itself, with random inputs, because it reads quantised ones badly."""

    def versions(self) -> Dict[str, str]:
        return {"nncase": version("nncase")}

    def load(self, path: str, precision: str) -> K210Model:
        content = Path(path).read_bytes()
        if content[4:8] != b"TFL3":  # nncase crashes on other files
            raise Unsupported("the file is not a TensorFlow Lite model")
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
    """Compile an fp32 ``.tflite`` file. nncase writes into the folder ``dump`` where each operator runs."""
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
    """Return the shapes of the model's inputs."""
    evaluator = compiler.create_evaluator(0)
    shapes: List[Sequence[int]] = []
    for i in count():
        try:
            shapes.append(evaluator.get_input_tensor(i).to_numpy().shape)
        except IndexError:  # nncase does not tell how many inputs there are
            return shapes
    return shapes


def read_operators(main: str, calls: Dict[str, str]) -> List[Kernel]:
    """Return the kernels that nncase lists in its files ``runtime_ops.txt``.

    By design the CPU moves and converts data around the calls of the KPU. An operator that computes on the CPU has
    fallen back to it. If a model never calls the KPU, all its operators have fallen back.

    Parameters
    ----------
    main : str
        The file of the CPU, with its operators in order. ``[Call]`` calls the KPU.
    calls : dict of str to str
        The file of each call of the KPU.
    """
    kernels = []
    for name, of in _OPERATOR.findall(main):
        if name == "Call":
            kernels += [_kernel(called, True) for called, _ in _OPERATOR.findall(calls[of])]
        else:
            kernels.append(_kernel(name, bool(calls) and name in _MOVES))
    return kernels


def _kernel(name: str, placed: bool) -> Kernel:
    """Return the kernel of an operator. The KPU computes in uint8; the CPU in fp32, apart from table look-ups."""
    precision = "" if name in _MOVES else "uint8" if name in _ON_BYTES else "fp32"
    return Kernel(name, precision, placed)
