"""The packages that read model files, imported when a file needs them. No other file in design imports TensorFlow."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from nnbehave.errors import MissingExtraError

_SCHEMA_COPY = "nnbehave_tflite_schema"  # the name under which TensorFlow's copy of the schema is kept once loaded


def load_tensorflow() -> ModuleType:
    """Return TensorFlow, which loads Keras files. Raises MissingExtraError if it is not installed."""
    return _load("tensorflow", "tensorflow", "reading a Keras model needs TensorFlow")


def load_onnx() -> ModuleType:
    """Return the onnx package. Raises MissingExtraError if it is not installed."""
    return _load("onnx", "onnx", "reading an .onnx file needs the onnx package")


def load_tflite_schema() -> ModuleType:
    """Return the schema of ``.tflite`` files: LiteRT's, or TensorFlow's copy of it without the rest of TensorFlow.

    Raises MissingExtraError if neither is installed.
    """
    try:
        return _load("ai_edge_litert.schema_py_generated", "litert", "reading a .tflite file needs LiteRT's schema")
    except MissingExtraError:
        copy = _load_schema_copy()
        if copy is None:
            raise
        return copy


def _load(module: str, extra: str, purpose: str) -> ModuleType:
    """Return a module. Raises MissingExtraError, which names the extra that brings it, if it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{purpose}: pip install 'nnbehave[{extra}]'") from error


def _load_schema_copy() -> ModuleType | None:
    """Return the module of the schema from TensorFlow's folder, or None if TensorFlow is not installed.

    The module needs no other file of TensorFlow. Its ordinary import would import all of TensorFlow, which takes
    seconds.
    """
    if _SCHEMA_COPY in sys.modules:
        return sys.modules[_SCHEMA_COPY]
    try:
        package = find_spec("tensorflow")
    except ValueError:  # it is imported, but without a spec
        return None
    for folder in (package and package.submodule_search_locations) or ():
        spec = spec_from_file_location(_SCHEMA_COPY, Path(folder) / "lite" / "python" / "schema_py_generated.py")
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[_SCHEMA_COPY] = module
            return module
    return None
