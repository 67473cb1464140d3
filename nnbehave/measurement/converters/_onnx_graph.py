"""Layouts, and an ONNX graph in the making.

A tensor (N, H, W, C) of TensorFlow's is (N, C, H, W) in ONNX's graph, and whatever names its axes is permuted with it;
those of one or two dimensions stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from onnx import helper, numpy_helper


def axes_of(rank: int) -> tuple[int, ...]:
    """Return, for each axis of a channels-first tensor, which axis of the channels-last one it is."""
    return tuple(range(rank)) if rank < 4 else (0, *range(3, rank), 1, 2)


def channels_first(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array (N, H, W, C) as (N, C, H, W), and one of fewer dimensions as it is."""
    return np.ascontiguousarray(array.transpose(axes_of(array.ndim)))


def channels_last(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array (N, C, H, W) as (N, H, W, C), and one of fewer dimensions as it is."""
    return np.ascontiguousarray(array.transpose(np.argsort(axes_of(array.ndim))))


def first_shape(tensor: tf.Tensor) -> tuple[int, ...]:
    """Return the shape that a TensorFlow tensor has in ONNX's graph."""
    return tuple(tensor.shape[axis] for axis in axes_of(tensor.shape.rank))


def reordered(rows: NDArray[Any], image: Sequence[int]) -> NDArray[Any]:
    """Return rows of elements in the order (H, W, C) in the order (C, H, W)."""
    return channels_first(rows.reshape(-1, *image)).reshape(rows.shape)


def constant(tensor: tf.Tensor) -> NDArray[Any] | None:
    """Return the value of a constant; None of another tensor."""
    return np.asarray(tf.get_static_value(tensor)) if tensor.op.type == "Const" else None


class OnnxGraph:
    """An ONNX graph in the making.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
    constants : list of onnx.TensorProto
    flattened : dict of str to tuple of int
        Tensors that are flattened images, and the (H, W, C) of these.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.flattened: dict[str, tuple[int, ...]] = {}
        self._names: dict[str, str] = {}

    def name(self, tensor: tf.Tensor) -> str:
        """Return what a TensorFlow tensor is called in ONNX's graph, which a constant enters by that."""
        if tensor.name not in self._names:
            value = constant(tensor)
            self._names[tensor.name] = tensor.name.replace(":0", "") if value is None else self.keep(value)
        return self._names[tensor.name]

    def alias(self, tensor: tf.Tensor, source: tf.Tensor) -> None:
        """Let a TensorFlow tensor be another one."""
        self._names[tensor.name] = self.name(source)

    def keep(self, value: ArrayLike) -> str:
        """Add a constant; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: tf.Tensor | None = None, **attributes: Any) -> str:
        """Add a node that makes a TensorFlow tensor, or one in between; return the name of what it makes."""
        name = f"{kind}_{len(self.nodes)}"
        made = name if output is None else self.name(output)
        self.nodes.append(helper.make_node(kind, list(inputs), [made], name, **attributes))
        return made

    def needed(self, outputs: Sequence[str]) -> tuple[list[Any], list[Any]]:
        """Return the nodes and the constants that some tensors depend on."""
        wanted, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                nodes.append(node)
        return nodes[::-1], [value for value in self.constants if value.name in wanted]
