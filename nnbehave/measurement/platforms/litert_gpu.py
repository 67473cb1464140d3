"""The platform ``litert-gpu``: LiteRT's GPU accelerator."""

from __future__ import annotations

import json
import subprocess
import sys

from nnbehave.errors import MissingExtraError
from nnbehave.measurement.platforms._base import Platform
from nnbehave.runner import vulkan


class LiteRTGPU(Platform):
    """``litert-gpu``: WebGPU over Vulkan, on the device that LiteRT chooses.

    A graph that cannot run there as a whole is refused.

    LiteRT is told to compute fp32 layers in fp32, because it would otherwise compute them in fp16. Every call reads the
    output back, because a call would otherwise return before anything is computed.

    A software device such as Mesa's llvmpipe runs the same code on the processor. The versions of the session then have
    ``(software)`` after its name. Its threads share the one core to which the runner is pinned and preempt one another,
    so its rows tend to be ``noisy``.
    """

    name = "litert-gpu"
    methods = ("stacked", "whole")
    precisions = ("fp32", "fp16")
    converter = "tflite"
    backend = "nnbehave.runner.backends.litert_gpu:LiteRTGPUBackend"
    package = "ai-edge-litert"
    extra = "litert"

    @classmethod
    def version(cls) -> str:
        found = super().version()
        if not _vulkan_devices():
            raise MissingExtraError(
                f"platform {cls.name!r} finds no Vulkan device: install Vulkan's loader (libvulkan1) and the driver of "
                "a GPU, or Mesa 25 or newer (mesa-vulkan-drivers), which has a software device"
            )
        return found


def _vulkan_devices() -> list[str]:
    """Return the names of Vulkan's devices. Another process asks for them, so that no driver is loaded here."""
    if not vulkan.has_loader():
        return []
    done = subprocess.run([sys.executable, "-I", vulkan.__file__], capture_output=True, text=True, check=False)
    names: list[str] = json.loads(done.stdout) if done.returncode == 0 else []
    return names
