"""Graph → artifact: the file that a platform loads. One class a format, artifacts cached by content."""

from nnbehave.converters._base import Converter
from nnbehave.converters.cache import Artifact, ArtifactCache
from nnbehave.converters.layer_spec import LayerSpecConverter
from nnbehave.converters.openvino import OpenVINOConverter
from nnbehave.converters.pool import ConversionPool, convert_all
from nnbehave.converters.tflite import TFLiteConverter

CONVERTERS: dict[str, Converter] = {
    converter.name: converter for converter in (TFLiteConverter(), OpenVINOConverter(), LayerSpecConverter())
}

__all__ = ["CONVERTERS", "Artifact", "ArtifactCache", "ConversionPool", "Converter", "convert_all"]
