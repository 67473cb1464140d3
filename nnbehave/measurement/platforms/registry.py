"""The list of built-in platforms, and functions that find a platform by name.

To add a built-in platform: write its class in a module of this folder, and add the class to ``PLATFORMS``.
A plug-in registers its class under the entry point group ``nnbehave.platforms`` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnbehave.errors import MissingExtraError, UnknownPlatformError
from nnbehave.measurement.platforms._base import Platform, parse_name
from nnbehave.measurement.platforms.arm64 import Arm64
from nnbehave.measurement.platforms.edgetpu import EdgeTPU
from nnbehave.measurement.platforms.ethos_u import EthosU
from nnbehave.measurement.platforms.k210 import K210
from nnbehave.measurement.platforms.litert_gpu import LiteRTGPU
from nnbehave.measurement.platforms.onnxruntime import OnnxRuntime
from nnbehave.measurement.platforms.openvino import OpenVINO
from nnbehave.measurement.platforms.rknn import RKNN
from nnbehave.measurement.platforms.simulated import Simulated
from nnbehave.measurement.platforms.tensorflow import TensorFlow
from nnbehave.measurement.platforms.tflite import TFLite
from nnbehave.measurement.platforms.tflite_runtime import TFLiteRuntime
from nnbehave.registry import Registry, subclass_of

if TYPE_CHECKING:
    import pandas as pd


def _accept(loaded: object) -> type[Platform]:
    """Return the class that a plug-in's entry point names. Raise if it is not a usable platform."""
    cls = subclass_of(Platform)(loaded)
    if missing := [attribute for attribute in ("name", "converter", "backend") if not hasattr(cls, attribute)]:
        raise TypeError(f"class {cls.__name__} lacks {', '.join(missing)}")
    cls(next(iter(cls.variants)))  # a broken constructor fails here, not in the middle of a sweep
    return cls


PLATFORMS: Registry[type[Platform]] = Registry(
    "platform",
    "nnbehave.platforms",
    [
        TFLite,
        TFLiteRuntime,
        LiteRTGPU,
        OpenVINO,
        OnnxRuntime,
        TensorFlow,
        Arm64,
        EthosU,
        RKNN,
        K210,
        EdgeTPU,
        Simulated,
    ],
    _accept,
    error=UnknownPlatformError,
)


def registered_platforms() -> dict[str, type[Platform]]:
    """Return every platform class by name, built-in ones first. A plug-in that cannot be used warns once."""
    return PLATFORMS.all()


def get_platform(name: str) -> Platform:
    """Return the platform with a name of the form ``name[:variant][?key=value&…]``.

    Raises
    ------
    UnknownPlatformError
        No platform has this name. The message lists the near names.
    InvalidInputError
        The platform has no such variant or option.

    Examples
    --------
    >>> get_platform("openvino?threads=2").threads
    2
    """
    plain, variant, options = parse_name(name)
    return PLATFORMS.get(plain)(variant, options)


def platform_class(name: str) -> type[Platform]:
    """Return the class of the platform in ``name``, which may leave out the variant. Raises UnknownPlatformError."""
    return PLATFORMS.get(parse_name(name)[0])


def available_platforms() -> list[str]:
    """Return the names of the platforms that give latencies on this machine.

    A platform is named once: by its plain name, or with its first variant if it has no plain name. ``simulated`` is
    left out, because its latencies are invented.
    """
    found = []
    for cls in registered_platforms().values():
        try:
            cls.version()
        except MissingExtraError:
            continue
        if cls is not Simulated and cls.methods != ("none",):
            found.append(str(cls(next(iter(cls.variants)))))
    return found


def platforms() -> pd.DataFrame:
    """Return a table of every platform and variant, which says whether each can be used here.

    Returns
    -------
    pandas.DataFrame
        One row a variant. Columns: ``name``, ``available`` (bool), ``version``, ``why_not`` (empty if available),
        ``methods``, ``precisions``, ``options``.
    """
    import pandas as pd

    return pd.DataFrame([row for cls in registered_platforms().values() for row in _rows(cls)])


def _rows(cls: type[Platform]) -> list[dict[str, object]]:
    """Return one row of the table of platforms for each variant of a platform."""
    try:
        available, version, why_not = True, cls.version(), ""
    except MissingExtraError as error:
        available, version, why_not = False, "", str(error)
    return [
        {
            "name": f"{cls.name}:{variant}" if variant else cls.name,
            "available": available,
            "version": version,
            "why_not": why_not,
            "methods": ", ".join(cls.methods),
            "precisions": ", ".join(cls.precisions),
            "options": "&".join(f"{key}={value}" for key, value in cls.options.items()),
        }
        for variant in cls.variants
    ]
