"""Inference platforms: a runtime on a processor, with options. ``get_platform("openvino?threads=2")`` finds one."""

from nnbehave.measurement.platforms._base import Platform
from nnbehave.measurement.platforms._registry import (
    available_platforms,
    get_platform,
    platform_class,
    platforms,
    registered_platforms,
)

__all__ = ["Platform", "available_platforms", "get_platform", "platform_class", "platforms", "registered_platforms"]
