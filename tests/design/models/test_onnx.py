"""Models in ONNX files are read as their layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnbehave as nb
from nnbehave.design.models import ModelLayer
from tests.design.models.reading import INPUT, read


class OnnxModel:
    """Builds an ONNX model. Inputs and constants are float32 by default."""

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


def test_an_onnx_network_is_read_with_its_operators_fused(tmp_path: Path) -> None:
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


def test_each_onnx_operator_is_read_as_its_layer(tmp_path: Path) -> None:
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


def test_onnx_operators_without_a_layer_have_a_reason(tmp_path: Path) -> None:
    model = OnnxModel()
    x, weights = model.input(1, 8, 9, 7), model.weights(8, 8, 3, 3)
    open_size = model.input("n", 8, "height", 7)
    flat = model.input(1, 8)
    whys = {
        model.add("Conv", x, weights, pads=[0, 0, 1, 2]): "padding 0, 0, 1, 2 is neither none nor that of 'same'",
        model.add("Conv", x, model.weights(8, 8, 3, 5)): "kernel 3×5 is not square",
        model.add("Conv", open_size, weights): "dynamic shape",
        model.add("Conv", x, model.weights(8, 1, 3, 3), group=8, dilations=[2, 2]): "dwconv with dilation 2",
        model.add("Conv", x, model.input(8, 8, 3, 3)): "its weights are not constant",
        model.add("Clip", x, model.constant(0), model.constant(1)): "between 0 and 1, not 0 and 6",
        model.add("Clip", x, model.add("ReduceMax", x, keepdims=0)): "'t6' is not a small constant",
        model.add("HardSigmoid", x): "alpha 0.2 and beta 0.5, not 1/6 and 0.5",
        model.add("Gelu", x, approximate="tanh"): "approximated by tanh, but gelu is exact",
        model.add("Add", x, model.weights(8, 1, 1)): "one operand is a constant",
        model.add("Sum", x, x, x): "3 operands, but add has 2",
        model.add("Concat", x, x, axis=2): "along an axis other than the channels",
        model.add("Softmax", x): "along an axis other than the channels",
        model.add("Relu", flat): "a tensor of 2 dimensions, not 4",
        model.add("Gemm", flat, model.weights(1, 4), transA=1): "its input is transposed",
        model.add("Resize", x, "", model.constant([1, 1, 2, 2])): "mode nearest, but resize is linear",
        model.add(
            "Resize", x, "", model.constant([1, 1, 1.5, 2]), mode="linear"
        ): "from 9×7 to 13×14, which is not one",
        model.add("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2]): "maxpool with a dilation",
        model.add(
            "MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1
        ): "gives 1×5×4×8, but maxpool would give",
        model.add("Relu", model.add("Mystery", x, domain="org.example")): "unknown shape",
    }
    found = model.read(tmp_path, *whys)
    reasons = [each.why for each in found if each.kind not in ("ReduceMax", "org.example.Mystery")]
    assert len(reasons) == len(whys)
    for reason, why in zip(reasons, whys.values(), strict=True):
        assert reason.startswith(why)
    assert [each.name[3:] for each in found if "." in each.kind] == ["_org_example_mystery"]


def test_onnx_operators_fuse_only_if_no_other_reads_the_tensor_between(tmp_path: Path) -> None:
    model = OnnxModel()
    x = model.add("Conv", model.input(1, 4, 6, 6), model.weights(4, 4, 3, 3))
    relu, sigmoid = model.add("Relu", x), model.add("Sigmoid", x)
    assert [each.kind for each in model.read(tmp_path, relu, sigmoid)] == ["Conv", "Relu", "Sigmoid"]
    alone = OnnxModel()
    x = alone.add("Conv", alone.input(1, 4, 6, 6), alone.weights(4, 4, 3, 3))
    relu = alone.add("Relu", x)
    assert [each.kind for each in alone.read(tmp_path, relu, x)] == ["Conv", "Relu"]


def test_onnx_precisions_are_those_of_the_tensors(tmp_path: Path) -> None:
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


def test_the_output_of_onnx_operators_on_constants_is_a_constant(tmp_path: Path) -> None:
    model = OnnxModel()
    x = model.add("MatMul", model.input(3, 4), model.add("Transpose", model.weights(8, 4)))
    model.add("Clip", x, model.add("Constant", value_float=0.0), model.add("Identity", model.constant(6)))
    layer = nb.Layer(op="dense", in_channels=4, out_channels=8, batch=3, bias=False, activation="relu6")
    assert [each.layer for each in model.read(tmp_path)] == [layer]


def test_a_softmax_before_opset_13_has_no_layer(tmp_path: Path) -> None:
    model = OnnxModel()
    model.add("Softmax", model.input(1, 8, 9, 7), axis=1)
    assert [each.why for each in model.read(tmp_path, opset=12)] == ["over all sides but the batch, as before opset 13"]
