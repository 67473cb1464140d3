"""The backend for TensorFlow on the CPU."""

from __future__ import annotations

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nnbehave.runner.backends.base import Backend, Model
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

# TensorFlow imports all of Keras, which takes half of its import time. A frozen graph does not need Keras.
sys.modules.setdefault("keras", None)  # type: ignore[arg-type]

import tensorflow as tf  # noqa: E402
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # noqa: E402
from tensorflow.python.eager import context  # noqa: E402 (there is no public way to the graph that is executed)

_PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_NOT_RUN = {"Const", "_Arg", "_Retval", "NoOp", "Identity"}
# Lines of TensorFlow's error messages that say where in the Python source a node was made.
_WHERE = ("Graph execution error", "Detected at node", "File ")


class TensorFlowModel(Model):
    """A frozen graph as a function. Its inputs are the placeholders, its outputs the tensors that no node reads."""

    def __init__(self, graph: tf.compat.v1.GraphDef) -> None:
        read = {name.split(":")[0] for node in graph.node for name in node.input}
        inputs = [f"{node.name}:0" for node in graph.node if node.op == "Placeholder"]
        outputs = [f"{node.name}:0" for node in graph.node if node.name not in read]
        imported = tf.compat.v1.wrap_function(partial(tf.graph_util.import_graph_def, graph, name=""), [])
        self._function = imported.prune(inputs, outputs)
        self.input_shapes = [tuple(tensor.shape) for tensor in self._function.inputs]
        self.input_dtypes = [tensor.dtype.as_numpy_dtype for tensor in self._function.inputs]
        self.invoke = partial(self._function, *map(tf.zeros, self.input_shapes))
        self.kernels = _executed(self.invoke)

    def run(self, inputs: list[Any]) -> list[Any]:
        self.invoke = partial(self._function, *map(tf.constant, inputs))
        return [tensor.numpy() for tensor in self.invoke()]


def _executed(first_call: partial[Any]) -> list[Kernel]:
    """Return the nodes that a function executes after Grappler and oneDNN have optimised its graph.

    The first call of the function optimises it, so it must be ``first_call``.
    """
    eager = context.context()
    eager.enable_graph_collection()
    try:
        first_call()
        made = eager.export_run_metadata().function_graphs
    finally:
        eager.disable_graph_collection()
    nodes = [node for graphs in made for graph in graphs.partition_graphs for node in graph.node]
    return [_kernel(node) for node in nodes if node.op not in _NOT_RUN]


def _kernel(node: Any) -> Kernel:
    """Return a node of the optimised graph as a kernel. The name of a fused node lists what is fused into it."""
    fused = [name.decode() for name in node.attr["fused_ops"].list.s]
    kind = tf.dtypes.as_dtype(node.attr["T"].type).name if "T" in node.attr else ""
    return Kernel("+".join([node.op, *fused]), _PRECISIONS.get(kind, kind))


class TensorFlowBackend(Backend):
    """Options: ``threads``."""

    def __init__(self, threads: int = 1) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def versions(self) -> dict[str, str]:
        return {"tensorflow": version("tensorflow")}

    def load(self, path: str, precision: str) -> TensorFlowModel:
        try:
            return TensorFlowModel(tf.compat.v1.GraphDef.FromString(Path(path).read_bytes()))
        except (DecodeError, ValueError, tf.errors.OpError) as error:
            # Among others: without oneDNN, TensorFlow cannot run a convolution with groups that it has fused.
            raise Unsupported(_reason(str(error))) from None


def _reason(message: str) -> str:
    """Return an error message of TensorFlow in one line, without places in Python source."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join([line for line in lines if not line.startswith(_WHERE)] or lines)
