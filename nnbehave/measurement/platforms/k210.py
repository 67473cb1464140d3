"""The platform ``k210``: where the compiler of the Kendryte K210 places each operator."""

from __future__ import annotations

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Download, Preparation, environment_python, python_environment


class K210(Platform):
    """``k210``: which operators nncase 1 places on the KPU, and which fall back to the CPU. Nothing is timed.

    nncase quantises to uint8 by itself, so it always gets fp32 models. Its last release for the K210 needs Python 3.8
    to 3.10, for which ``nnbehave setup k210`` makes an environment.
    """

    name = "k210"
    methods = ("none",)
    precisions = ("fp32",)
    substitutes = {"uint8": "fp32"}
    converter = "tflite"
    backend = "nnbehave.runner.backends.k210:K210Backend"
    wall_clock = False

    @classmethod
    def preparation(cls) -> Preparation:
        packages = ["nncase==1.9.0.20230322", "numpy<1.24"]
        downloads = [Download("nncase 1.9.0 and NumPy, as Python packages", "Apache-2.0 and BSD-3-Clause", 120)]
        return python_environment(cls.name, downloads, (8, 10), packages)

    def interpreter(self) -> str:
        return environment_python(self.preparation())
