"""Platforms: an inference runtime on a processor, with options. ``get_platform("openvino?threads=2")`` finds one.

:mod:`nnbehave.measurement.platforms.registry` lists the built-in platforms, one module each.
"""

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms.registry import (
    PLATFORMS,
    available_platforms,
    get_platform,
    platform_class,
    platforms,
    registered_platforms,
)

__all__ = [
    "PLATFORMS",
    "Platform",
    "available_platforms",
    "get_platform",
    "platform_class",
    "platforms",
    "registered_platforms",
]
