"""The platform ``arm64``: LiteRT on an Arm core that QEMU emulates.

Instructions are counted, and the latency comes from a model of the core's pipeline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.platforms._arm64.cores import CORES
from nnbehave.measurement.platforms._arm64.setup import GUEST, Installed, preparation
from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.preparation import Preparation


class Arm64(Platform):
    """``arm64`` runs LiteRT's own kernels, with ruy for matrix products; ``arm64:xnnpack`` runs XNNPACK's.

    The instructions of one call on one thread are counted. The count is exact and always the same. The latency is the
    estimated number of cycles at ``clock_ghz``. The cycles of each basic block of instructions are those of LLVM's
    scheduling model of the core, which runs the block in a loop with its data in the first-level cache and with all
    branches predicted. The latency is therefore a lower bound for layers that are bound by memory.

    The defaults are the core and the clock of the MLSys 2021 behaviour study: a Cortex-A76 of a Snapdragon 855 at
    2.84 GHz. The study ran TensorFlow Lite 2.1, which uses ruy.
    """

    name = "arm64"
    variants = {"": {"xnnpack": False}, "xnnpack": {"xnnpack": True}}
    options = {"core": "cortex-a76", "clock_ghz": 2.84}
    choices = {"core": tuple(CORES)}
    methods = ("emulated",)
    precisions = ("fp32", "fp16", "dynamic_int8", "int8", "uint8", "int16x8")
    converter = "tflite"
    backend = "nnbehave.runner.backends.arm64:Arm64Backend"
    wall_clock = False

    def __init__(self, variant: str = "", options: Mapping[str, str] | None = None) -> None:
        super().__init__(variant, options)
        if not 0 < float(self.settings["clock_ghz"]) < math.inf:
            raise InvalidInputError(f"platform 'arm64': clock_ghz must be above 0, got {self.settings['clock_ghz']}")

    @classmethod
    def preparation(cls) -> Preparation:
        return preparation()

    @classmethod
    def version(cls) -> str:
        super().version()
        return Installed(preparation()).versions["ai-edge-litert"]

    def backend_options(self) -> dict[str, object]:
        made = preparation()
        made.check()
        installed, core = Installed(made), str(self.settings["core"])
        return {
            "emulator": {
                "qemu": installed.qemu(core),
                "counter": installed.counter,
                "program": [installed.python, str(GUEST)],
                "environment": installed.environment,
            },
            "cycle_model": {
                "llvm_mc": installed.tool("llvm-mc-19"),
                "llvm_mca": installed.tool("llvm-mca-19"),
                "scheduler": CORES[core].scheduler,
                "file": installed.costs_file,
            },
            "versions": installed.versions,
            "clock_ghz": self.settings["clock_ghz"],
            **self.variants[self.variant],
        }
