"""Models read from files against the layers that made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.graph import Graph
from nnbehave.design.models import ModelLayer, read_model
from nnbehave.design.networks import NetworkBuilder
from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.converters.tensorflow_graph import concrete_function

INPUT = {"height": 9, "width": 7, "in_channels": 8}
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
    """Every precision quantises its weights: dynamic_int8 leaves a constant of fewer than 1024 elements."""
    net = NetworkBuilder((12, 12, 8))
    net.add("conv", out_channels=32, kernel=3, stride=2, activation="relu6")
    stem = net.add("conv", out_channels=64, kernel=1)
    branch = net.add("conv", out_channels=64, kernel=3)
    net.add("add", reads=(stem, branch), activation="relu")
    net.add("globalavgpool")
    net.add("dense", out_channels=40)
    return net.graph()


def convert(graph: Graph, precision: str = "fp32") -> bytes:
    """Return a graph as a ``.tflite``, integers at both ends in the integer precisions."""
    tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
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


def edited(content: bytes, change: Callable[[Any, Any], None]) -> bytes:
    """Return a ``.tflite`` with something in it changed: ``change`` takes the model and its first subgraph."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("layer", ONE_TO_ONE, ids=str)
def test_a_layer_is_read_from_the_tflite_that_it_makes(layer: nb.Layer, tmp_path: Path) -> None:
    (found,) = read(convert(Graph([layer])), tmp_path)
    assert found.layer == layer
    assert found.name == f"000_{layer.op}"


def test_a_network_is_read_layer_by_layer(tmp_path: Path) -> None:
    network = nb.load_network("mobilenet_v2")
    found = read(convert(network), tmp_path)
    assert [each.layer for each in found] == list(network.layers)
    assert {each.kind for each in found} == {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED"}


@pytest.mark.parametrize("precision", ["fp16", "dynamic_int8", "int8", "int16x8"])
def test_a_precision_is_that_of_the_tensors(precision: str, tmp_path: Path) -> None:
    network = small_network()
    found = read(convert(network, precision), tmp_path)
    of_weights = precision in ("fp16", "dynamic_int8")
    assert [each.layer for each in found] == [
        layer.replace(precision="fp32" if of_weights and not layer.operator.has_weights else precision)
        for layer in network.layers
    ]


def test_uint8_of_older_files(tmp_path: Path) -> None:
    def change(model: Any, graph: Any) -> None:
        for tensor in graph.tensors:
            if tensor.type == 9:
                tensor.type = 3  # INT8, UINT8

    network = small_network()
    found = read(edited(convert(network, "int8"), change), tmp_path)
    assert [each.layer for each in found] == [layer.replace(precision="uint8") for layer in network.layers]


def test_what_the_converter_writes_or_drops(tmp_path: Path) -> None:
    bare = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=1, padding="valid", bias=False)
    gated = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3, activation="swish")
    assert [each.layer for each in read(convert(Graph([bare])), tmp_path)] == [bare.replace(padding="same", bias=True)]
    first, second = read(convert(Graph([gated])), tmp_path)
    assert first.layer == gated.replace(activation=None)
    assert (second.kind, second.layer) == ("LOGISTIC+MUL", nb.Layer(op="swish", height=9, width=7, in_channels=4))


def test_operators_that_are_no_layers_say_why(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")

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
        ("GELU", "approximated, where gelu is exact"),
        ("MEAN", "over axes -1, not height and width"),
        ("SOFTMAX", "a tensor of 2 dimensions, not 4"),
        ("RESIZE_BILINEAR", "from 8×6 to 12×12: not one whole factor"),
        ("MAX_POOL_2D", "kernel 2×3 is not square"),
        ("PAD", "no such operator"),
        ("TANH", "no such operator"),
        ("MUL", "operands 1×8×6×4 and 1×8×6×1"),
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
        (_options(strideW=2, strideH=2), "CONV_2D", "gives 1×9×7×4, where conv gives 1×5×4×4"),
        (_options(dilationHFactor=2, dilationWFactor=2, strideH=3, strideW=3), "CONV_2D", "stride: must be 1 with"),
        (_options(fusedActivationFunction=4), "CONV_2D", "with TANH"),
        (_without_options, "CONV_2D", "malformed"),
        (_without_inputs, "CONV_2D", "malformed"),
        (_custom, "My op", "no such operator"),
        (_of_a_later_schema, "BUILTIN_9999", "no such operator"),
        (_weights(type=17), "CONV_2D", "weights in INT4, the rest in FLOAT32"),
        (_weights(buffer=0), "CONV_2D", "its weights are no constant"),
        (_weights(shape=[4, 3, 3, 5]), "CONV_2D", "a filter of 5 channels for 8"),
        (_open_size, "CONV_2D", "dynamic shape"),
    ],
)
def test_odd_operators_of_a_tflite_say_why(
    change: Callable[[Any, Any], None], kind: str, why: str, tmp_path: Path
) -> None:
    layer = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)
    (found,) = read(edited(convert(Graph([layer])), change), tmp_path)
    assert (found.kind, found.layer) == (kind, None)
    assert found.why.startswith(why)


def test_an_open_batch_of_a_tflite_is_one(tmp_path: Path) -> None:
    def change(model: Any, graph: Any) -> None:
        for end in (graph.inputs[0], graph.outputs[0]):
            tensor = graph.tensors[end]
            tensor.shapeSignature = [-1, *tensor.shape[1:]]

    layer = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)
    assert read(edited(convert(Graph([layer])), change), tmp_path)[0].layer == layer


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_model_is_read_as_it_runs(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
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


def test_a_keras_model_of_two_inputs_and_an_operator_that_tflite_lacks(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
    inputs = [tf.keras.Input((8, 8, 4)), tf.keras.Input((8, 8, 4))]
    outputs = [tf.keras.layers.Add()(inputs), tf.keras.ops.erfinv(inputs[0])]
    tf.keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    found = read_model(tmp_path / "model.keras")
    assert {(each.kind, each.layer) for each in found} == {
        ("ADD", nb.Layer(op="add", height=8, in_channels=4)),
        ("Erfinv", None),
    }


class OnnxModel:
    """An ONNX model in the making; inputs and constants are float32."""

    def __init__(self) -> None:
        self.onnx = pytest.importorskip("onnx", reason="needs nnbehave[onnx]")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []

    def input(self, *shape: int | str, type: str = "FLOAT") -> str:
        name = f"x{len(self.inputs)}"
        kind = getattr(self.onnx.TensorProto, type)
        self.inputs.append(self.onnx.helper.make_tensor_value_info(name, kind, shape))
        return name

    def constant(self, values: Any, type: Any = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(values, type), name))
        return name

    def weights(self, *shape: int, type: Any = np.float32) -> str:
        return self.constant(np.ones(shape), type)

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def norm(self, x: str, channels: int) -> str:
        return self.add("BatchNormalization", x, *[self.weights(channels) for _ in range(4)])

    def read(self, folder: Path, *outputs: str, opset: int = 20) -> list[ModelLayer]:
        helper, domains = self.onnx.helper, [("", opset), ("org.example", 1)]
        ends = [helper.make_empty_tensor_value_info(name) for name in outputs or (self.nodes[-1].output[0],)]
        graph = helper.make_graph(self.nodes, "model", self.inputs, ends, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*each) for each in domains])
        return read(model.SerializeToString(), folder, "model.onnx")


def test_an_onnx_network_is_read_fused(tmp_path: Path) -> None:
    model = OnnxModel()
    x = model.input("batch", 3, 32, 32)
    same = {"pads": [1, 1, 1, 1]}
    x = model.add("Conv", x, model.weights(16, 3, 3, 3), strides=[2, 2], **same)
    x = model.add("Clip", model.norm(x, 16), model.constant(0), model.constant(6))
    x = model.add("Conv", x, model.weights(16, 1, 3, 3), model.weights(16), group=16, **same)
    x = model.add("Relu", model.norm(x, 16))
    stem = model.add("Conv", x, model.weights(16, 16, 1, 1))
    x = model.add("Conv", stem, model.weights(16, 8, 3, 3), auto_pad="SAME_UPPER", group=2)
    x = model.add("HardSwish", model.add("Add", stem, x))
    x = model.add("Conv", x, model.weights(8, 16, 3, 3), pads=[2, 2, 2, 2], dilations=[2, 2])
    x = model.add("Mul", model.add("Sigmoid", x), x)
    x = model.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = model.add("ConvTranspose", x, model.weights(8, 4, 4, 4), pads=[1, 1, 1, 1], strides=[2, 2])
    x = model.add("GlobalAveragePool", x)
    x = model.add("Flatten", x)
    x = model.add("Relu", model.add("Gemm", x, model.weights(10, 4), model.weights(10), transB=1))
    model.add("Add", model.constant(np.ones(5)), model.add("MatMul", x, model.weights(10, 5)))
    at16 = {"height": 16, "in_channels": 16}
    found = model.read(tmp_path)
    assert [each.layer for each in found] == [
        nb.Layer(op="conv", height=32, in_channels=3, out_channels=16, kernel=3, stride=2, activation="relu6"),
        nb.Layer(op="dwconv", **at16, kernel=3, activation="relu"),
        nb.Layer(op="conv", **at16, out_channels=16, kernel=1, bias=False),
        nb.Layer(op="group_conv", **at16, out_channels=16, kernel=3, groups=2, bias=False),
        nb.Layer(op="add", **at16, activation="hardswish"),
        nb.Layer(op="dilated_conv", **at16, out_channels=8, kernel=3, dilation=2, bias=False, activation="swish"),
        nb.Layer(op="maxpool", height=16, in_channels=8, kernel=2, stride=2, padding="valid"),
        nb.Layer(op="transposed_conv", height=8, in_channels=8, out_channels=4, kernel=4, stride=2, bias=False),
        nb.Layer(op="globalavgpool", height=16, in_channels=4),
        nb.Layer(op="flatten", height=1, in_channels=4),
        nb.Layer(op="dense", in_channels=4, out_channels=10, activation="relu"),
        nb.Layer(op="dense", in_channels=10, out_channels=5),
    ]
    assert [found[0].kind, found[5].kind] == ["Conv+BatchNormalization+Clip", "Conv+Sigmoid+Mul"]


def test_onnx_operators_one_by_one(tmp_path: Path) -> None:
    model = OnnxModel()
    x, small = model.input(2, 8, 9, 7), model.input(2, 8, 1, 1)
    outputs = [
        model.add("Mul", x, model.add("HardSigmoid", small, alpha=1 / 6)),
        model.add("Mul", x, x),
        model.add("Concat", x, x, axis=1),
        model.add("Gelu", x),
        model.add("HardSwish", x),
        model.add("Softmax", x, axis=1),
        model.add("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        model.add("ReduceMean", x, model.constant([2, 3], np.int64), keepdims=0),
        model.add("Resize", x, "", model.constant([1, 1, 2, 2]), mode="linear"),
        model.add("Reshape", x, model.constant([2, -1], np.int64)),
    ]
    dimensions = {**INPUT, "batch": 2}
    assert [each.layer for each in model.read(tmp_path, *outputs)] == [
        nb.Layer(op="hardsigmoid", height=1, in_channels=8, batch=2),
        nb.Layer(op="scale", **dimensions),
        nb.Layer(op="multiply", **dimensions),
        nb.Layer(op="concat", **dimensions, out_channels=16),
        nb.Layer(op="gelu", **dimensions),
        nb.Layer(op="hardswish", **dimensions),
        nb.Layer(op="softmax", **dimensions),
        nb.Layer(op="avgpool", **dimensions, kernel=3, stride=2),
        nb.Layer(op="globalavgpool", **dimensions),
        nb.Layer(op="resize", **dimensions, stride=2),
        nb.Layer(op="flatten", **dimensions),
    ]


def test_onnx_operators_that_are_no_layers_say_why(tmp_path: Path) -> None:
    model = OnnxModel()
    x, weights = model.input(1, 8, 9, 7), model.weights(8, 8, 3, 3)
    open_size = model.input("n", 8, "height", 7)
    flat = model.input(1, 8)
    whys = {
        model.add("Conv", x, weights, pads=[0, 0, 1, 2]): "padding 0, 0, 1, 2 is neither none nor that of 'same'",
        model.add("Conv", x, model.weights(8, 8, 3, 5)): "kernel 3×5 is not square",
        model.add("Conv", open_size, weights): "dynamic shape",
        model.add("Conv", x, model.weights(8, 1, 3, 3), group=8, dilations=[2, 2]): "dwconv with dilation 2",
        model.add("Conv", x, model.input(8, 8, 3, 3)): "its weights are no constant",
        model.add("Clip", x, model.constant(0), model.constant(1)): "between 0 and 1, not 0 and 6",
        model.add("Clip", x, model.add("ReduceMax", x, keepdims=0)): "'t6' is no small constant",
        model.add("HardSigmoid", x): "alpha 0.2 and beta 0.5, not 1/6 and 0.5",
        model.add("Gelu", x, approximate="tanh"): "approximated, where gelu is exact",
        model.add("Add", x, model.weights(8, 1, 1)): "one operand is a constant",
        model.add("Sum", x, x, x): "3 operands, where add has two",
        model.add("Concat", x, x, axis=2): "along an axis other than the channels",
        model.add("Softmax", x): "along an axis other than the channels",
        model.add("Relu", flat): "a tensor of 2 dimensions, not 4",
        model.add("Gemm", flat, model.weights(1, 4), transA=1): "its input is transposed",
        model.add("Resize", x, "", model.constant([1, 1, 2, 2])): "nearest, where resize is linear",
        model.add("Resize", x, "", model.constant([1, 1, 1.5, 2]), mode="linear"): "from 9×7 to 13×14: not one",
        model.add("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2]): "maxpool with a dilation",
        model.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1): "gives 1×5×4×8, where maxpool",
        model.add("Relu", model.add("Mystery", x, domain="org.example")): "unknown shape",
    }
    found = model.read(tmp_path, *whys)
    reasons = [each.why for each in found if each.kind not in ("ReduceMax", "org.example.Mystery")]
    assert len(reasons) == len(whys)
    for reason, why in zip(reasons, whys.values(), strict=True):
        assert reason.startswith(why)
    assert [each.name[3:] for each in found if "." in each.kind] == ["_org_example_mystery"]


def test_onnx_operators_fuse_only_if_nothing_reads_between(tmp_path: Path) -> None:
    model = OnnxModel()
    x = model.add("Conv", model.input(1, 4, 6, 6), model.weights(4, 4, 3, 3))
    relu, sigmoid = model.add("Relu", x), model.add("Sigmoid", x)
    assert [each.kind for each in model.read(tmp_path, relu, sigmoid)] == ["Conv", "Relu", "Sigmoid"]
    alone = OnnxModel()
    x = alone.add("Conv", alone.input(1, 4, 6, 6), alone.weights(4, 4, 3, 3))
    relu = alone.add("Relu", x)
    assert [each.kind for each in alone.read(tmp_path, relu, x)] == ["Conv", "Relu"]


def test_onnx_precisions(tmp_path: Path) -> None:
    model = OnnxModel()
    x = model.input(1, 8, 9, 7, type="FLOAT16")
    model.add("Conv", x, model.weights(4, 8, 3, 3, type=np.float16))
    layer = nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3, padding="valid", bias=False, precision="fp16")
    assert [each.layer for each in model.read(tmp_path)] == [layer]
    double = OnnxModel()
    double.add("Relu", double.input(1, 8, 9, 7, type="DOUBLE"))
    assert [each.why for each in double.read(tmp_path)] == ["tensors of DOUBLE"]
    quantized = OnnxModel()
    one, zero = quantized.constant(1), quantized.constant(0, np.int8)
    x = quantized.add("QuantizeLinear", quantized.input(1, 8, 9, 7), one, zero)
    quantized.add("Relu", quantized.add("DequantizeLinear", x, one, zero))
    whys = [each.why for each in quantized.read(tmp_path)]
    assert whys == ["no such operator", "no such operator", "quantised by the operators around it"]


def test_what_onnx_operators_make_of_constants_is_a_constant(tmp_path: Path) -> None:
    model = OnnxModel()
    x = model.add("MatMul", model.input(3, 4), model.add("Transpose", model.weights(8, 4)))
    model.add("Clip", x, model.add("Constant", value_float=0.0), model.add("Identity", model.constant(6)))
    layer = nb.Layer(op="dense", in_channels=4, out_channels=8, batch=3, bias=False, activation="relu6")
    assert [each.layer for each in model.read(tmp_path)] == [layer]


def test_softmax_before_opset_13_is_over_more_than_the_channels(tmp_path: Path) -> None:
    model = OnnxModel()
    model.add("Softmax", model.input(1, 8, 9, 7), axis=1)
    assert [each.why for each in model.read(tmp_path, opset=12)] == ["over all but the batch, as before opset 13"]


@pytest.mark.parametrize("name", ["model.tflite", "model.keras", "model.h5", "model.onnx"])
@pytest.mark.parametrize("content", [b"", b"TFL3", b"no model\n" * 20], ids=["empty", "short", "text"])
def test_a_broken_file_is_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("onnx" if name.endswith("onnx") else "tensorflow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match="cannot be read as a .* expected a .tflite, .keras, .h5") as caught:
        read_model(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tflite_cut_short_is_refused(tmp_path: Path) -> None:
    content = convert(Graph([nb.Layer(op="conv", **INPUT, out_channels=4, kernel=3)]))
    for length in (20, 200, len(content) // 2, len(content) - 100):
        with pytest.raises(InvalidInputError):
            read(content[:length], tmp_path)


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"none.tflite: no such file; expected a .tflite"):
        read_model(tmp_path / "none.tflite")
    with pytest.raises(InvalidInputError, match=r"model.pt: expected a .tflite, .keras, .h5 or .onnx file"):
        read_model(str(tmp_path / "model.pt"))


@pytest.mark.parametrize(
    ("name", "extra"), [("m.tflite", "litert"), ("m.keras", "tensorflow"), ("m.h5", "tensorflow"), ("m.onnx", "onnx")]
)
def test_a_missing_package_is_named(name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> None:
        raise ImportError(f"no {module}")

    monkeypatch.setattr("nnbehave.design.models._base.import_module", missing)
    (tmp_path / name).touch()
    with pytest.raises(MissingExtraError, match=rf"pip install 'nnbehave\[{extra}\]'"):
        read_model(tmp_path / name)
