"""An ONNX graph under construction, and the change of layout from TensorFlow to ONNX.

A TensorFlow tensor (N, H, W, C) becomes (N, C, H, W) in the ONNX graph. Attributes and constants that name its axes are
permuted with it. Tensors of one or two dimensions stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from onnx import helper, numpy_helper


def axes_of(rank: int) -> tuple[int, ...]:
    """Return the permutation to channels first: for each axis there, the axis of the channels-last tensor."""
    return tuple(range(rank)) if rank < 4 else (0, *range(3, rank), 1, 2)


def channels_first(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array (N, H, W, C) as (N, C, H, W). Arrays of fewer than four dimensions are not changed."""
    return np.ascontiguousarray(array.transpose(axes_of(array.ndim)))


def channels_last(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array (N, C, H, W) as (N, H, W, C). Arrays of fewer than four dimensions are not changed."""
    return np.ascontiguousarray(array.transpose(np.argsort(axes_of(array.ndim))))


def first_shape(tensor: tf.Tensor) -> tuple[int, ...]:
    """Return the shape of a TensorFlow tensor in the ONNX graph."""
    return tuple(tensor.shape[axis] for axis in axes_of(tensor.shape.rank))


def reordered(rows: NDArray[Any], image: Sequence[int]) -> NDArray[Any]:
    """Return flattened images with their elements in the order (C, H, W).

    Parameters
    ----------
    rows : ndarray, shape (any, H·W·C)
        Each row is an image whose elements are in the order (H, W, C).
    image : sequence of int
        H, W and C.
    """
    return channels_first(rows.reshape(-1, *image)).reshape(rows.shape)


def constant(tensor: tf.Tensor) -> NDArray[Any] | None:
    """Return the value of a constant tensor; None if the tensor is not constant."""
    return np.asarray(tf.get_static_value(tensor)) if tensor.op.type == "Const" else None


class OnnxGraph:
    """An ONNX graph under construction.

    Attributes
    ----------
    nodes : list of onnx.NodeProto
    constants : list of onnx.TensorProto
    flattened : dict of str to tuple of int
        Maps the name of each tensor that is a flattened image to the (H, W, C) of the image.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.flattened: dict[str, tuple[int, ...]] = {}
        self._names: dict[str, str] = {}

    def name(self, tensor: tf.Tensor) -> str:
        """Return the name of a TensorFlow tensor in the ONNX graph. A constant is added to the graph if need be."""
        if tensor.name not in self._names:
            value = constant(tensor)
            self._names[tensor.name] = tensor.name.replace(":0", "") if value is None else self.keep(value)
        return self._names[tensor.name]

    def alias(self, tensor: tf.Tensor, source: tf.Tensor) -> None:
        """Give a TensorFlow tensor the name of another one, which has the same value in the ONNX graph."""
        self._names[tensor.name] = self.name(source)

    def keep(self, value: ArrayLike) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, kind: str, inputs: Sequence[str], output: tf.Tensor | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output.

        Parameters
        ----------
        kind : str
            ONNX operator.
        inputs : sequence of str
            Names of its inputs.
        output : tf.Tensor, optional
            The TensorFlow tensor that the node computes. Without it the output is an intermediate tensor.
        **attributes
            Attributes of the node.
        """
        name = f"{kind}_{len(self.nodes)}"
        made = name if output is None else self.name(output)
        self.nodes.append(helper.make_node(kind, list(inputs), [made], name, **attributes))
        return made

    def needed(self, outputs: Sequence[str]) -> tuple[list[Any], list[Any]]:
        """Return the nodes and the constants that some output tensors depend on."""
        wanted, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                nodes.append(node)
        return nodes[::-1], [value for value in self.constants if value.name in wanted]
