"""The platforms ``rknn:rk3588`` and others: Rockchip NPUs, by the cycles that their compiler estimates."""

from __future__ import annotations

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Download, Preparation, environment_python, python_environment

_VERSION = "2.5.0"
_BOTH = ("rk3562", "rk3566", "rk3568", "rk3576", "rk3588", "rv1126b", "rk2118")
_INT8_ONLY = ("rv1103", "rv1103b", "rv1106", "rv1106b")


class RKNN(Platform):
    """``rknn:rk3588`` and others: latencies that RKNN-Toolkit2 estimates. No device is needed.

    fp32 layers run in fp16, or in int8 on processors that have only int8.

    The compiler estimates cycles and gives no clock. The default of ``clock_ghz`` is a round number near the clock of
    an RK3588's NPU. With it, latencies of one processor can be compared with one another. To compare them with other
    platforms, give the clock of your board.

    The compiler gives no cycles for many operators: Add, Mul, pooling, Softmax, Reshape, and all that run on the CPU. A
    row with such an operator is not ``complete``; if it has no other operators, it is ``unsupported``.

    ``nnbehave setup rknn`` makes a Python for the toolkit. It installs PyTorch 1.12, which takes 2 GB; newer releases
    take 5 GB with their CUDA packages.
    """

    name = "rknn"
    variants = {target: {"target": target} for target in (*_BOTH, *_INT8_ONLY)}
    options = {"clock_ghz": 1.0}
    methods = ("estimated",)
    precisions = ("fp16", "int8")
    substitutes = {"fp32": "fp16"}
    converter = "onnx"
    backend = "nnbehave.runner.backends.rknn:RKNNBackend"
    complete = False
    wall_clock = False

    def runs_at(self, precision: str) -> str:
        return "int8" if precision == "fp32" and self.variant in _INT8_ONLY else super().runs_at(precision)

    @classmethod
    def preparation(cls) -> Preparation:
        downloads = [
            Download(f"RKNN-Toolkit2 {_VERSION} of Rockchip, from PyPI", "not stated there", 110),
            Download("PyTorch 1.12.1 and other packages that it needs, from PyPI", "BSD-3-Clause and the like", 2300),
        ]
        packages = [f"rknn-toolkit2=={_VERSION}", "torch==1.12.1", "setuptools<81"]
        return python_environment(cls.name, downloads, (10, 10), packages)

    def interpreter(self) -> str:
        return environment_python(self.preparation())
