"""Reads Keras files by way of TensorFlow Lite: the layers are those that its converter writes."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from nnbehave.design.models import tflite
from nnbehave.design.models.packages import load_tensorflow


def parse(path: Path) -> list[tflite.TFLiteOperator]:
    """Convert a Keras model, and return the operators of the ``.tflite`` that it becomes."""
    tf = load_tensorflow()
    model = tf.keras.models.load_model(path, compile=False)
    if not model.inputs:
        raise ValueError("the file does not have the shapes of its inputs")
    inputs = []
    for each in model.inputs:
        inputs.append(tf.keras.Input(batch_shape=(each.shape[0] or 1, *each.shape[1:]), dtype=each.dtype))
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(inputs, outputs))
    converter.allow_custom_ops = True  # list the operators that TensorFlow Lite lacks, rather than refuse the model
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints the path of a temporary folder
        content = converter.convert()
    return tflite.parse_content(content)


layers = tflite.layers
