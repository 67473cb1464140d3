"""Kendryte K210 and its KPU: what its compiler places where."""

from __future__ import annotations

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Download, Preparation, environment_python, python_environment


class K210(Platform):
    """What runs on the KPU, and what falls back to the CPU, as nncase 1 places it. Nothing is timed.

    nncase quantises by itself, to uint8, so that it is given floats whatever is asked for. Its last release with this
    target needs a Python up to 3.10, which ``nnbehave setup k210`` makes an environment of.
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
