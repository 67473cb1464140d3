"""Precisions of TensorFlow Lite: how to ask its converter for one, and how a ``.tflite`` file quantises its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from nnbehave.design.graph import Graph
from nnbehave.runner.reference import NOT_QUANTISED, Quantisation, random_inputs

# Precisions at which a model's inputs and outputs are floats.
FLOAT_ENDS = ("fp32", "fp16", "dynamic_int8")
# Ranges are found with as many random inputs as hold about this many elements, within these limits.
_ELEMENTS = 20_000
_FEWEST_SAMPLES, _MOST_SAMPLES = 2, 100


def ask_for_precision(
    converter: Any, precision: str, samples: Callable[[], Iterator[list[Any]]], integer_ends: bool = True
) -> None:
    """Set the options of a ``tf.lite.TFLiteConverter`` for a precision.

    At an integer precision all operators must be integer.

    Parameters
    ----------
    converter : tf.lite.TFLiteConverter
    precision : str
        One of :attr:`.TFLiteConverter.precisions`.
    samples : callable
        Yields inputs of the model, from which the ranges of integer precisions are found.
    integer_ends : bool
        True if the inputs and outputs of an integer model must be integer too.
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
    """Yield random inputs from which ranges are found. Graphs with small inputs get more of them."""
    smallest = min(map(prod, graph.input_shapes))
    for i in range(min(_MOST_SAMPLES, max(_FEWEST_SAMPLES, _ELEMENTS // smallest))):
        yield list(random_inputs(graph.input_shapes, seed + 1 + i))  # the inputs of ``seed`` are for the reference


def read_quantisation(content: bytes, graph: Graph) -> tuple[list[Quantisation], list[Quantisation]]:
    """Return how a ``.tflite`` file quantises its inputs, and how it quantises its outputs."""
    import tensorflow as tf

    if graph.precision in FLOAT_ENDS:
        return [NOT_QUANTISED] * len(graph.input_shapes), [NOT_QUANTISED] * len(graph.outputs)
    model = tf.lite.Interpreter(model_content=content)
    ends = model.get_input_details(), model.get_output_details()
    inputs, outputs = ([Quantisation(*detail["quantization"]) for detail in end] for end in ends)
    return inputs, outputs
