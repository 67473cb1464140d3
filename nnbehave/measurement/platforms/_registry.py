"""Finding platforms by name: the built-in ones and those of plug-ins."""

from __future__ import annotations

import difflib
import warnings
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

if TYPE_CHECKING:
    import pandas as pd

_BUILT_IN: tuple[type[Platform], ...] = (
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
)


def registered_platforms() -> dict[str, type[Platform]]:
    """Return every platform class by name; a plug-in that cannot be loaded warns and is left out."""
    from importlib.metadata import entry_points  # slow to import

    found = {cls.name: cls for cls in _BUILT_IN}
    for entry in entry_points(group="nnbehave.platforms"):
        try:
            cls = entry.load()
            if not (isinstance(cls, type) and issubclass(cls, Platform)):
                raise TypeError(f"{cls!r} is no subclass of nnbehave.measurement.platforms.Platform")
            cls(next(iter(cls.variants)))  # lacks nothing that the others have
            found.setdefault(cls.name, cls)
        except Exception as error:  # whatever is wrong with a plug-in must not stop the others
            warnings.warn(f"platform plug-in {entry.name!r} ({entry.value}) is left out: {error}", stacklevel=2)
    return found


def get_platform(name: str) -> Platform:
    """Return the platform that ``name[:variant][?key=value&…]`` names.

    Raises
    ------
    UnknownPlatformError
        Nobody registered it; the message lists the near names.
    InvalidInputError
        It has no such variant or option.
    """
    _, variant, options = parse_name(name)
    return platform_class(name)(variant, options)


def platform_class(name: str) -> type[Platform]:
    """Return the class of ``name``, of which a variant need not be given. Raises UnknownPlatformError."""
    plain = parse_name(name)[0]
    known = registered_platforms()
    if plain not in known:
        full = [f"{cls.name}:{v}" if v else cls.name for cls in known.values() for v in cls.variants]
        near = difflib.get_close_matches(name, full) or difflib.get_close_matches(plain, full) or full
        raise UnknownPlatformError(f"unknown platform {name!r}; did you mean {' or '.join(near)}?")
    return known[plain]


def available_platforms() -> list[str]:
    """Return the platforms that give latencies here, of each its plain name or first variant; ``simulated`` is none."""
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
    """Return every platform and variant with whether it can be used here.

    Returns
    -------
    pandas.DataFrame
        Columns ``name``, ``available``, ``version``, ``why_not``, ``methods``, ``precisions``, ``options``.
    """
    import pandas as pd

    rows = []
    for cls in registered_platforms().values():
        try:
            available, version, why_not = True, cls.version(), ""
        except MissingExtraError as error:
            available, version, why_not = False, "", str(error)
        rows += [
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
    return pd.DataFrame(rows)
