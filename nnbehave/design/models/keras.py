"""Keras models, read as what TensorFlow Lite makes of them."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from nnbehave.design.models import tflite
from nnbehave.design.models._base import load


def parse(path: Path) -> list[tflite.Operator]:
    """Convert the model and return the operators of what comes out."""
    tf = load(["tensorflow"], "tensorflow", "reading a Keras model needs TensorFlow")
    model = tf.keras.models.load_model(path, compile=False)
    if not model.inputs:
        raise ValueError("the shapes of its inputs are not in the file")
    inputs = []
    for each in model.inputs:
        inputs.append(tf.keras.Input(batch_shape=(each.shape[0] or 1, *each.shape[1:]), dtype=each.dtype))
    outputs = model(inputs if len(inputs) > 1 else inputs[0])
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(inputs, outputs))
    converter.allow_custom_ops = True  # what TensorFlow Lite lacks is to be listed, not to end the reading
    with contextlib.redirect_stdout(io.StringIO()):  # it prints where it keeps what it deletes again
        content = converter.convert()
    return tflite.parse_content(content)


layers = tflite.layers
