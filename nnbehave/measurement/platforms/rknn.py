"""Rockchip NPUs, by the cycles that their compiler estimates."""

from __future__ import annotations

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Download, Preparation, environment_python, python_environment

_VERSION = "2.5.0"
_BOTH = ("rk3562", "rk3566", "rk3568", "rk3576", "rk3588", "rv1126b", "rk2118")
_INT8_ONLY = ("rv1103", "rv1103b", "rv1106", "rv1106b")


class RKNN(Platform):
    """``rknn:rk3588`` and so on, by RKNN-Toolkit2. Cycles are estimates, of no device.

    Floats run in fp16, or in int8 on a target that has only that. The compiler gives no clock: ``clock_ghz`` is a round
    number near that of an RK3588's NPU, so that latencies of a target can be compared with one another, and not with
    those of another platform, before the clock of one's own board is given.

    Of many operators (Add, Mul, pooling, Softmax, Reshape, and all on the CPU) it gives no cycles. A row with one is
    not ``complete``, and unsupported where it has no others.

    ``nnbehave setup rknn`` makes a Python of its own. PyTorch 1.12 is chosen for its size: it takes 2 GB, and what
    newer ones bring for CUDA, 5.
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
            Download(f"RKNN-Toolkit2 {_VERSION} of Rockchip, from PyPI", "none is stated there", 110),
            Download("PyTorch 1.12.1 and other packages that it needs, from PyPI", "BSD-3-Clause and the like", 2300),
        ]
        packages = [f"rknn-toolkit2=={_VERSION}", "torch==1.12.1", "setuptools<81"]
        return python_environment(cls.name, downloads, (10, 10), packages)

    def interpreter(self) -> str:
        return environment_python(self.preparation())
