"""Models in .tflite files are read, and compared with the layers that made them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.networks import NetworkBuilder
from nnbehave.errors import InvalidInputError
from tests.design.models.reading import INPUT, convert, read

pytestmark = pytest.mark.runtime("tensorflow", "ai_edge_litert")

ONE_TO_ONE = [
    nb.Layer(op="conv", **INPUT, out_channels=16, kernel=3, stride=2, activation="relu6"),
    nb.Layer(op="conv", **INPUT, out_channels=16, kernel=5, padding="valid", batch=2, activation="relu"),
    nb.Layer(op="dwconv", **INPUT, kernel=3, activation="relu"),
    nb.Layer(op="dwconv", height=9, in_channels=1, kernel=3, stride=2),
    nb.Layer(op="group_conv", **INPUT, out_channels=16, kernel=3, groups=2),
    nb.Layer(op="dilated_conv", **INPUT, out_channels=16, kernel=3, dilation=2, padding="valid"),
    nb.Layer(op="transposed_conv", **INPUT, out_channels=16, kernel=3, stride=2, activation="relu"),
    nb.Layer(op="transposed_conv", **INPUT, out_channels=16, kernel=3, stride=2, padding="valid", bias=False),
    nb.Layer(op="dense", in_channels=8, out_channels=4, activation="relu"),
    nb.Layer(op="dense", in_channels=8, out_channels=4, batch=3, bias=False),
    nb.Layer(op="maxpool", **INPUT, kernel=3, stride=2),
    nb.Layer(op="avgpool", **INPUT, kernel=7, padding="valid"),
    nb.Layer(op="globalavgpool", **INPUT),
    nb.Layer(op="add", **INPUT, activation="relu"),
    nb.Layer(op="multiply", **INPUT),
    nb.Layer(op="scale", **INPUT),
    nb.Layer(op="concat", **INPUT, out_channels=12),
    nb.Layer(op="concat", **INPUT, out_channels=22, groups=3),
    nb.Layer(op="flatten", **INPUT),
    nb.Layer(op="resize", **INPUT, stride=2),
    nb.Layer(op="softmax", **INPUT),
    *[nb.Layer(op=op, **INPUT) for op in ("relu", "relu6", "sigmoid", "swish", "hardswish", "gelu")],
]


def small_network() -> Graph:
    """Return a network whose weights every precision quantises: dynamic_int8 leaves those under 1024 elements."""
    net = NetworkBuilder((12, 12, 8))
    net.add("conv", out_channels=32, kernel=3, stride=2, activation="relu6")
    stem = net.add("conv", out_channels=64, kernel=1)
    branch = net.add("conv", out_channels=64, kernel=3)
    net.add("add", reads=(stem, branch), activation="relu")
    net.add("globalavgpool")
    net.add("dense", out_channels=40)
    return net.graph()


def edited(content: bytes, change: Callable[[Any, Any], None]) -> bytes:
    """Return a changed ``.tflite``: ``change`` takes the model and its first subgraph."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("layer", ONE_TO_ONE, ids=str)
def test_a_layer_is_read_back_from_its_tflite(layer: nb.Layer, tmp_path: Path) -> None:
    (found,) = read(convert(Graph([layer])), tmp_path)
    assert found.layer == layer
    assert found.name == f"000_{layer.op}"


def test_a_network_is_read_layer_by_layer(tmp_path: Path) -> None:
    network = nb.load_network("mobilenet_v2")
    found = read(convert(network), tmp_path)
    assert [each.layer for each in found] == list(network.layers)
    assert {each.kind for each in found} == {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED"}


@pytest.mark.parametrize("precision", ["fp16", "dynamic_int8", "int8", "int16x8"])
def test_the_precision_of_a_layer_is_that_of_its_tensors(precision: str, tmp_path: Path) -> None:
    network = small_network()
    found = read(convert(network, precision), tmp_path)
    of_weights = precision in ("fp16", "dynamic_int8")
    assert [each.layer for each in found] == [
        layer.replace(precision="fp32" if of_weights and not layer.operator.has_weights else precision)
        for layer in network.layers
    ]


def test_uint8_is_read_from_older_files(tmp_path: Path) -> None:
    def change(model: Any, graph: Any) -> None:
        for tensor in graph.tensors:
            if tensor.type == 9:
                tensor.type = 3  # INT8, UINT8

    network = small_network()
    found = read(edited(convert(network, "int8"), change), tmp_path)
    assert [each.layer for each in found] == [layer.replace(precision="uint8") for layer in network.layers]


def test_a_layer_is_read_as_the_converter_wrote_it(tmp_path: Path) -> None:
    bare = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=1, padding="valid", bias=False)
    gated = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3, activation="swish")
    assert [each.layer for each in read(convert(Graph([bare])), tmp_path)] == [bare.replace(padding="same", bias=True)]
    first, second = read(convert(Graph([gated])), tmp_path)
    assert first.layer == gated.replace(activation=None)
    assert (second.kind, second.layer) == ("LOGISTIC+MUL", nb.Layer(op="swish", height=9, width=7, in_channels=4))


def test_tflite_operators_without_a_layer_have_a_reason(tmp_path: Path) -> None:
    import tensorflow as tf

    def forward(x: Any) -> list[Any]:
        gate = tf.nn.sigmoid(x)
        return [
            x + 1.5,
            tf.concat([x, x], 1),
            tf.nn.gelu(x, approximate=True),
            tf.reduce_mean(x, axis=-1),
            tf.nn.softmax(tf.reshape(x, (1, 8 * 6 * 4))),
            tf.compat.v1.image.resize_bilinear(x, (12, 12)),
            tf.nn.max_pool2d(x, (2, 3), (1, 1), "SAME"),
            tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]),
            tf.tanh(x),
            gate * x,
            gate,  # read twice: this swish stays two operators
            x * x[:, :, :, :1],
        ]

    signature = [tf.TensorSpec((1, 8, 6, 4), tf.float32)]
    function = tf.function(forward, input_signature=signature, autograph=False).get_concrete_function()
    found = read(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert(), tmp_path)
    whys = {(each.kind, each.why) for each in found}
    assert whys >= {
        ("ADD", "one operand is a constant"),
        ("CONCATENATION", "along an axis other than the channels"),
        ("GELU", "approximated by tanh, but gelu is exact"),
        ("MEAN", "over axes -1, not height and width"),
        ("SOFTMAX", "a tensor of 2 dimensions, not 4"),
        ("RESIZE_BILINEAR", "from 8×6 to 12×12, which is not one whole factor"),
        ("MAX_POOL_2D", "kernel 2×3 is not square"),
        ("PAD", "no such operator"),
        ("TANH", "no such operator"),
        ("MUL", "operands of 1×8×6×4 and 1×8×6×1"),
    }
    layers = {each.layer.op for each in found if each.layer}
    assert layers == {"sigmoid", "multiply", "flatten"}
    assert "pad" in {each.name[4:] for each in found}


def _options(**values: Any) -> Callable[[Any, Any], None]:
    return lambda model, graph: vars(graph.operators[0].builtinOptions).update(values)


def _without_options(model: Any, graph: Any) -> None:
    graph.operators[0].builtinOptions = None
    graph.operators[0].builtinOptionsType = 0


def _without_inputs(model: Any, graph: Any) -> None:
    graph.operators[0].inputs = []


def _custom(model: Any, graph: Any) -> None:
    model.operatorCodes[0].builtinCode = model.operatorCodes[0].deprecatedBuiltinCode = 32
    model.operatorCodes[0].customCode = b"My op"


def _of_a_later_schema(model: Any, graph: Any) -> None:
    model.operatorCodes[0].builtinCode = 9999


def _weights(**values: Any) -> Callable[[Any, Any], None]:
    return lambda model, graph: vars(graph.tensors[graph.operators[0].inputs[1]]).update(values)


def _open_size(model: Any, graph: Any) -> None:
    graph.tensors[graph.inputs[0]].shapeSignature = [-1, -1, 7, 8]


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        (_options(strideW=2), "CONV_2D", "stride 1×2 is not square"),
        (_options(strideW=2, strideH=2), "CONV_2D", "gives 1×9×7×4, but conv would give 1×5×4×4"),
        (
            _options(dilationHFactor=2, dilationWFactor=2, strideH=3, strideW=3),
            "CONV_2D",
            "stride: must be 1 with dilation 2, got 3",
        ),
        (_options(fusedActivationFunction=4), "CONV_2D", "with TANH fused into it"),
        (_without_options, "CONV_2D", "malformed"),
        (_without_inputs, "CONV_2D", "malformed"),
        (_custom, "My op", "no such operator"),
        (_of_a_later_schema, "BUILTIN_9999", "no such operator"),
        (_weights(type=17), "CONV_2D", "weights in INT4, all else in FLOAT32"),
        (_weights(buffer=0), "CONV_2D", "its weights are not constant"),
        (_weights(shape=[4, 3, 3, 5]), "CONV_2D", "a filter for 5 channels on an input of 8"),
        (_open_size, "CONV_2D", "dynamic shape"),
    ],
)
def test_malformed_tflite_operators_have_a_reason(
    change: Callable[[Any, Any], None], kind: str, why: str, tmp_path: Path
) -> None:
    layer = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)
    (found,) = read(edited(convert(Graph([layer])), change), tmp_path)
    assert (found.kind, found.layer) == (kind, None)
    assert found.why.startswith(why)


def test_an_open_batch_of_a_tflite_is_read_as_1(tmp_path: Path) -> None:
    def change(model: Any, graph: Any) -> None:
        for end in (graph.inputs[0], graph.outputs[0]):
            tensor = graph.tensors[end]
            tensor.shapeSignature = [-1, *tensor.shape[1:]]

    layer = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)
    assert read(edited(convert(Graph([layer])), change), tmp_path)[0].layer == layer


def test_a_tflite_cut_short_is_refused(tmp_path: Path) -> None:
    content = convert(Graph([nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)]))
    for length in (20, 200, len(content) // 2, len(content) - 100):
        with pytest.raises(InvalidInputError):
            read(content[:length], tmp_path)


def test_a_tflite_is_read_without_litert_and_without_importing_tensorflow(tmp_path: Path) -> None:
    layer = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)
    (tmp_path / "model.tflite").write_bytes(convert(Graph([layer])))
    program = """
import sys
sys.modules["ai_edge_litert"] = None  # makes its import an ImportError
from nnbehave.design.models import read_model
for _ in range(2):
    (found,) = read_model(sys.argv[1])
print(found.layer, "tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "model.tflite"], capture_output=True, text=True)
    assert done.stdout == f"{layer.id} False\n", done.stderr
