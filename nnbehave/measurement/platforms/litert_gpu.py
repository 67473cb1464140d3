"""LiteRT's GPU accelerator."""

from __future__ import annotations

import json
import subprocess
import sys

from nnbehave.errors import MissingExtraError
from nnbehave.measurement.platforms._base import Platform
from nnbehave.runner import vulkan


class LiteRTGPU(Platform):
    """``litert-gpu``: WebGPU over Vulkan, on the device that it takes by itself; all on it, or refused.

    Its precision is the layer's: for fp32 it is told so, without which it computes in fp16. The output is read back in
    every call, since without that a call returns before anything is computed. A software device, such as Mesa's
    llvmpipe, runs the same code on the processor: ``versions`` say ``(software)`` of it. Its threads share the one core
    that the runner is pinned to, so that its rows tend to be ``noisy``, preempted by one another.
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
    """Return what Vulkan offers, asked in a process of its own, whose drivers are not this one's."""
    if not vulkan.has_loader():
        return []
    said = subprocess.run([sys.executable, "-I", vulkan.__file__], capture_output=True, text=True, check=False)
    names: list[str] = json.loads(said.stdout) if said.returncode == 0 else []
    return names
