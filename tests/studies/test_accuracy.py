"""What models lose by precision, on real runtimes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError

pytestmark = pytest.mark.runtime("tensorflow", "ai_edge_litert")

tf = pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")

IMAGES = np.random.default_rng(0).standard_normal((24, 8, 8, 3)).astype(np.float32)
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="module")
def model() -> Any:
    tf.keras.utils.set_random_seed(0)
    given = tf.keras.Input((8, 8, 3))
    x = tf.keras.layers.Conv2D(8, 3, activation="relu")(given)
    return tf.keras.Model(given, tf.keras.layers.Dense(4)(tf.keras.layers.Flatten()(x)))


@pytest.fixture(scope="module")
def evaluate(model: Any) -> Any:
    truth = model.predict(IMAGES, verbose=0).argmax(axis=1)
    return lambda predict: predict(IMAGES).argmax(axis=1) == truth


def test_each_precision_is_scored_beside_the_model_as_it_was_given(model: Any, evaluate: Any) -> None:
    found = nb.accuracy_by_precision(model, evaluate, representative=IMAGES, progress=False)
    table = found.frame.set_index("precision")
    assert table.index.tolist() == ["fp32", "fp16", "dynamic_int8", "int8", "uint8", "int16x8"]
    assert (table["base_score"] == 1).all()
    assert table.loc[["fp32", "fp16"], "drop"].tolist() == [0, 0]
    assert table.loc["fp32", "sqnr_db"] > 100
    assert 20 < table.loc["int8", "sqnr_db"] < table.loc["int16x8", "sqnr_db"]
    assert table.loc["int8", "executed_precision"] == "int8"
    assert table["output_cosine"].min() > 0.99
    assert (table["verdict"] == "cannot tell").all()  # of two dozen examples


def test_a_file_is_loaded_and_integers_need_examples(model: Any, evaluate: Any, tmp_path: Path) -> None:
    model.save(tmp_path / "model.keras")
    found = nb.accuracy_by_precision(
        tmp_path / "model.keras", evaluate, platforms="tflite:builtin", precisions=["fp32", "int8"], progress=False
    )
    fp32, int8 = found.frame.to_dict("records")
    assert fp32["drop"] == 0
    assert np.isnan(int8["drop"])
    assert "need some typical inputs" in int8["reason"]


def test_a_tflite_is_scored_as_it_is(model: Any, evaluate: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    one = tf.keras.Input(batch_shape=(1, 8, 8, 3))
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(one, model(one)))
    path.write_bytes(converter.convert())
    found = nb.accuracy_by_precision(path, evaluate, platforms=["tflite", "tflite:builtin"], progress=False)
    assert found.frame["precision"].tolist() == ["as it is", "as it is"]
    assert found.frame["drop"].tolist() == [0, 0]


def test_other_models_are_refused(evaluate: Any, tmp_path: Path) -> None:
    two = tf.keras.Input((4,)), tf.keras.Input((4,))
    several = tf.keras.Model(two, tf.keras.layers.Add()(two))
    with pytest.raises(InvalidInputError, match="expected one input and one output"):
        nb.accuracy_by_precision(several, evaluate, progress=False)
    with pytest.raises(InvalidInputError, match="expected a Keras model or a file, got list"):
        nb.accuracy_by_precision([], evaluate, progress=False)
    with pytest.raises(InvalidInputError, match="there is no file"):
        nb.accuracy_by_precision(tmp_path / "none.tflite", evaluate, progress=False)
    with pytest.raises(InvalidInputError, match="precisions: tflite has fp32, .*, got 'bf16'"):
        nb.accuracy_by_precision(several, evaluate, precisions=["bf16"], progress=False)


@pytest.mark.setup
def test_the_example_trains_and_scores() -> None:
    pytest.importorskip("sklearn")
    main = runpy.run_path(str(EXAMPLES / "accuracy_by_precision.py"))["main"]
    found = main(["--epochs", "8", "--block", "mobilenet_v2", "--platform", "tflite", "--platform", "openvino"])
    table = found["mobilenet_v2"].frame.set_index(["platform", "precision"])
    assert table["base_score"].iloc[0] > 0.8
    assert table.loc[("tflite", "fp32"), "verdict"] == "keeps"
    assert table.loc[("openvino", "fp32"), "verdict"] == "keeps"
    assert table["drop"].notna().sum() >= 9
