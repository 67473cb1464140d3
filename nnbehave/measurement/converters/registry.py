"""The list of built-in converters, and the function that finds a converter by name.

A platform names its converters (:attr:`.Platform.converter`), and :meth:`.Platform.converter_for` chooses among them.
A plug-in registers its class under the entry point group ``nnbehave.converters``.
"""

from __future__ import annotations

from nnbehave.measurement.converters._base import Converter
from nnbehave.measurement.converters.edgetpu import EdgeTPUConverter
from nnbehave.measurement.converters.frozen_graph import FrozenGraphConverter
from nnbehave.measurement.converters.layer_spec import LayerSpecConverter
from nnbehave.measurement.converters.onnx import ONNXConverter
from nnbehave.measurement.converters.openvino import OpenVINOConverter
from nnbehave.measurement.converters.tflite import TFLiteConverter
from nnbehave.registry import Registry, instance_of

CONVERTERS: Registry[Converter] = Registry(
    "converter",
    "nnbehave.converters",
    [
        TFLiteConverter(),
        OpenVINOConverter(),
        ONNXConverter(),
        FrozenGraphConverter(),
        EdgeTPUConverter(),
        LayerSpecConverter(),
    ],
    instance_of(Converter),  # type: ignore[type-abstract]
)


def get_converter(name: str) -> Converter:
    """Return the converter with a name, a built-in one or one of a plug-in.

    Raises
    ------
    InvalidInputError
        No converter has this name. The message lists the near names.
    """
    return CONVERTERS.get(name)
