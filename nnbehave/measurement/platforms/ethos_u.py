"""Arm Ethos-U55, U65 and U85, by the cycles that their compiler, Vela, estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.platforms._base import Platform

# Of each processor the system configurations in Vela's own file, the one that Vela takes by default first.
_SYSTEMS = {
    "u55": ("Ethos_U55_High_End_Embedded", "Ethos_U55_Deep_Embedded"),
    "u65": ("Ethos_U65_High_End", "Ethos_U65_Embedded", "Ethos_U65_Mid_End", "Ethos_U65_Client_Server"),
    "u85": (
        *("Ethos_U85_SYS_DRAM_Mid", "Ethos_U85_SYS_DRAM_Low", "Ethos_U85_SYS_DRAM_High"),
        *("Ethos_U85_SYS_Flash_Low", "Ethos_U85_SYS_Flash_High"),
    ),
}
_WITHOUT_DRAM = ("U55", "Ethos_U65_Embedded", "Flash")
_SIZES = {"u55": (32, 64, 128, 256), "u65": (256, 512), "u85": (128, 256, 512, 1024, 2048)}


class EthosU(Platform):
    """``ethos-u:u55-128`` and so on: a processor and its multiply-adds a cycle. Cycles are estimates, of no device.

    ``system`` is a system configuration in the ``vela.ini`` that comes with Vela: the clock that cycles become time
    with, and the memories; empty for the one that Vela takes for the processor by default. ``memory`` is one of its
    memory modes. With ``Shared_Sram``, and with ``Sram_Only``, what a layer reads and writes is in the SRAM. With the
    dedicated ones it is in DRAM, which then is all that the latency of a single layer shows.

    Floats are quantised, as they must be for the device. What Vela leaves to the CPU has no cycles in its estimate:
    such a row is not ``complete``, or is unsupported where nothing is left for the NPU.
    """

    name = "ethos-u"
    variants = {f"{family}-{size}": {} for family, sizes in _SIZES.items() for size in sizes}
    options = {"system": "", "memory": "Sram_Only"}
    choices = {
        "memory": (
            *("Sram_Only", "Shared_Sram", "Dedicated_Sram"),
            *("Dedicated_Sram_256KB", "Dedicated_Sram_384KB", "Dedicated_Sram_512KB"),
        )
    }
    methods = ("estimated",)
    precisions = ("int8", "int16x8")
    substitutes = {"fp32": "int8"}
    converter = "tflite"
    backend = "nnbehave.runner.backends.ethos_u:EthosUBackend"
    package = "ethos-u-vela"
    extra = "ethos-u"
    complete = False
    wall_clock = False

    def __init__(self, variant: str = "", options: Mapping[str, str] | None = None) -> None:
        super().__init__(variant, options)
        systems, memory = _SYSTEMS[variant.partition("-")[0]], str(self.settings["memory"])
        self._system = str(self.settings["system"] or systems[0])
        if self._system not in systems:
            raise InvalidInputError(f"{self}: option 'system' is one of {', '.join(systems)}, got {self._system!r}")
        if memory.startswith("Dedicated") and any(part in self._system for part in _WITHOUT_DRAM):
            raise InvalidInputError(f"{self}: memory mode {memory} needs DRAM, which {self._system} lacks")

    def backend_options(self) -> dict[str, Any]:
        return {
            "accelerator": f"ethos-{self.variant}",
            "system": self._system,
            "memory": self.settings["memory"],
        }
