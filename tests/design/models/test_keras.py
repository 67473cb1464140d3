"""Models in Keras files are read as the layers that TensorFlow Lite runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.models import read_model

pytestmark = pytest.mark.runtime("tensorflow")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_model_is_read_as_its_conversion(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensorflow as tf

    layers = tf.keras.layers
    stack = [
        layers.Input((16, 16, 3)),
        layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(beta_initializer="ones"),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3, padding="valid", bias_initializer="ones"),
        layers.Dropout(0.5),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="relu", bias_initializer="ones"),
    ]
    tf.keras.Sequential(stack).save(tmp_path / f"model{suffix}")
    capsys.readouterr()
    found = read_model(tmp_path / f"model{suffix}")
    assert [each.layer for each in found] == [
        nb.Layer(op="conv", height=16, in_channels=3, out_channels=8, kernel=3, stride=2, activation="relu6"),
        nb.Layer(op="dwconv", height=8, in_channels=8, kernel=3, padding="valid"),
        nb.Layer(op="globalavgpool", height=6, in_channels=8),
        nb.Layer(op="dense", in_channels=8, out_channels=10, activation="relu"),
    ]
    assert capsys.readouterr().out == ""


def test_a_keras_model_may_have_two_inputs_and_an_operator_that_tflite_lacks(tmp_path: Path) -> None:
    import tensorflow as tf

    inputs = [tf.keras.Input((8, 8, 4)), tf.keras.Input((8, 8, 4))]
    outputs = [tf.keras.layers.Add()(inputs), tf.keras.ops.erfinv(inputs[0])]
    tf.keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    found = read_model(tmp_path / "model.keras")
    assert {(each.kind, each.layer) for each in found} == {
        ("ADD", nb.Layer(op="add", height=8, in_channels=4)),
        ("Erfinv", None),
    }
