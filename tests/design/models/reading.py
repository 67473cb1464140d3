"""Model files that several tests read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnbehave.design.graph import Graph
from nnbehave.design.models import ModelLayer, read_model
from nnbehave.measurement.converters.tensorflow_graph import concrete_function

INPUT = {"height": 9, "width": 7, "in_channels": 8}


def convert(graph: Graph, precision: str = "fp32") -> bytes:
    """Return a graph as a ``.tflite``. In integer precisions its inputs and outputs are integers too."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete_function(graph, 0)])
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "int16x8"):
        rng = np.random.default_rng(0)
        samples = [[rng.random(shape, dtype=np.float32) for shape in graph.input_shapes] for _ in range(2)]
        converter.representative_dataset = lambda: samples
        sixteen = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8 if precision == "int8" else sixteen]
        ends = tf.int8 if precision == "int8" else tf.int16
        converter.inference_input_type = converter.inference_output_type = ends
    content: bytes = converter.convert()
    return content


def read(content: bytes, folder: Path, name: str = "model.tflite") -> list[ModelLayer]:
    (folder / name).write_bytes(content)
    found = read_model(folder / name)
    assert len({each.name for each in found}) == len(found)
    assert all((each.layer is None) == bool(each.why) for each in found)
    return found
