"""Graph → artifact: the file that a platform loads. One class a format, artifacts cached by content."""

from nnbehave.errors import InvalidInputError
from nnbehave.measurement.converters._base import Converter
from nnbehave.measurement.converters.cache import Artifact, ArtifactCache
from nnbehave.measurement.converters.edgetpu import EdgeTPUConverter
from nnbehave.measurement.converters.frozen_graph import FrozenGraphConverter
from nnbehave.measurement.converters.layer_spec import LayerSpecConverter
from nnbehave.measurement.converters.onnx import ONNXConverter
from nnbehave.measurement.converters.openvino import OpenVINOConverter
from nnbehave.measurement.converters.pool import ConversionPool, convert_all
from nnbehave.measurement.converters.tflite import TFLiteConverter

# The built-in ones; plug-ins' are found by :func:`get_converter`.
CONVERTERS: dict[str, Converter] = {
    converter.name: converter
    for converter in (
        TFLiteConverter(),
        OpenVINOConverter(),
        ONNXConverter(),
        FrozenGraphConverter(),
        EdgeTPUConverter(),
        LayerSpecConverter(),
    )
}

__all__ = ["CONVERTERS", "Artifact", "ArtifactCache", "ConversionPool", "Converter", "convert_all", "get_converter"]


def get_converter(name: str) -> Converter:
    """Return a converter by its name, a built-in one or a plug-in's (``nnbehave.converters``).

    Raises
    ------
    InvalidInputError
        Nobody registered it.
    """
    from importlib.metadata import entry_points  # slow to import

    if name in CONVERTERS:
        return CONVERTERS[name]
    for entry in entry_points(group="nnbehave.converters", name=name):
        made: Converter = entry.load()()
        return made
    known = ", ".join(CONVERTERS)
    raise InvalidInputError(f"unknown converter {name!r}; nnbehave has {known}, and no plug-in registers it")
