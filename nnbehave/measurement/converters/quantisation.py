"""Precisions of the TensorFlow Lite converter: what to ask of it, and how what it made holds its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from nnbehave.design.graph import Graph
from nnbehave.runner.reference import Quantisation, random_inputs

FLOAT_ENDS = ("fp32", "fp16", "dynamic_int8")
_FEWEST_SAMPLES, _MOST_SAMPLES, _ELEMENTS = 2, 100, 20_000


def ask_for_precision(
    converter: Any, precision: str, samples: Callable[[], Iterator[list[Any]]], integer_ends: bool = True
) -> None:
    """Set up a ``tf.lite.TFLiteConverter`` for a precision; of integers all operators, and both ends if asked for.

    ``samples`` gives the inputs that ranges are found with.
    """
    import tensorflow as tf

    if precision == "fp32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in FLOAT_ENDS:
        return
    ops = tf.lite.OpsSet
    sixteen = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [sixteen if precision == "int16x8" else ops.TFLITE_BUILTINS_INT8]
    if integer_ends:
        ends = {"int8": tf.int8, "uint8": tf.uint8, "int16x8": tf.int16}[precision]
        converter.inference_input_type = converter.inference_output_type = ends
    converter.representative_dataset = samples


def random_samples(graph: Graph, seed: int) -> Iterator[list[Any]]:
    """Yield inputs to find ranges with: more where they are small, so that the ranges are found."""
    smallest = min(map(prod, graph.input_shapes))
    for i in range(min(_MOST_SAMPLES, max(_FEWEST_SAMPLES, _ELEMENTS // smallest))):
        yield list(random_inputs(graph.input_shapes, seed + 1 + i))  # seed itself is what is checked


def read_quantisation(content: bytes, graph: Graph) -> tuple[list[Quantisation], list[Quantisation]]:
    """Return how a ``.tflite`` holds its inputs and its outputs."""
    import tensorflow as tf

    if graph.precision in FLOAT_ENDS:
        return [(0.0, 0)] * len(graph.input_shapes), [(0.0, 0)] * len(graph.outputs)
    model = tf.lite.Interpreter(model_content=content)
    ends = model.get_input_details(), model.get_output_details()
    inputs, outputs = ([detail["quantization"] for detail in end] for end in ends)
    return inputs, outputs
