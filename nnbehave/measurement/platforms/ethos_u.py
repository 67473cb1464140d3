"""The platforms ``ethos-u:u55-128`` and others: Arm NPUs, by the cycles that their compiler Vela estimates."""

from __future__ import annotations

from collections.abc import Mapping

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.platforms._base import Platform

# The system configurations of each processor in Vela's own file. Vela's default comes first.
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
    """``ethos-u:u55-128`` and others: latencies that Vela estimates. No device is needed.

    The variant names the processor and its multiply-adds per cycle.

    The option ``system`` is a system configuration of the file ``vela.ini`` that comes with Vela: it sets the clock, by
    which cycles become time, and the memories. An empty value stands for Vela's default for the processor. The option
    ``memory`` is a memory mode of that file. With ``Shared_Sram`` and ``Sram_Only`` a layer's inputs and outputs are in
    SRAM. With the dedicated modes they are in DRAM, and the latency of a single layer is then the time of its DRAM
    accesses.

    fp32 layers are quantised to int8, as the device requires. Vela gives no cycles for operators that it leaves to the
    CPU. A row with such an operator is not ``complete``; if nothing runs on the NPU, it is ``unsupported``.
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

    def backend_options(self) -> dict[str, object]:
        return {
            "accelerator": f"ethos-{self.variant}",
            "system": self._system,
            "memory": self.settings["memory"],
        }
