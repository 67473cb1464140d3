"""Converters turn a graph into an artifact, the file that a platform loads. Artifacts are cached.

:mod:`nnbehave.measurement.converters.registry` lists the built-in converters, one module for each file format.
"""

from nnbehave.measurement.converters._base import Converter
from nnbehave.measurement.converters.cache import Artifact, ArtifactCache
from nnbehave.measurement.converters.pool import ConversionPool, convert_all
from nnbehave.measurement.converters.registry import CONVERTERS, get_converter

__all__ = ["CONVERTERS", "Artifact", "ArtifactCache", "ConversionPool", "Converter", "convert_all", "get_converter"]
