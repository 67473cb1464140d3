"""The reference of an artifact: what TensorFlow computes for the graph, which a runtime's output is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbehave.design.graph import Graph
from nnbehave.runner.reference import NOT_QUANTISED, Quantisation, nudged, random_inputs, save_reference


def keep_reference(
    function: Any,
    graph: Graph,
    seed: int,
    folder: Path,
    inputs: Sequence[Quantisation] | None = None,
    outputs: Sequence[Quantisation] | None = None,
) -> None:
    """Save the reference of a graph beside its artifact, unless the graph has several outputs.

    Runtimes put several outputs in any order, so such graphs have no reference.

    Parameters
    ----------
    function : tf.ConcreteFunction
        The graph, built with ``seed``.
    graph : Graph
    seed : int
        The inputs are drawn from it.
    folder : path
        The artifact's folder.
    inputs, outputs : sequence of Quantisation, optional
        How the artifact quantises its inputs and outputs. By default it does not.
    """
    if len(graph.outputs) != 1:
        return
    given = random_inputs(graph.input_shapes, seed)
    (output,), (moved,) = (run_in_tensorflow(function, each) for each in (given, nudged(given)))
    save_reference(folder, output, moved, inputs or [NOT_QUANTISED] * len(given), outputs or [NOT_QUANTISED])


def run_in_tensorflow(function: Any, inputs: Sequence[npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
    """Return the outputs of a TensorFlow function, whichever kernels TensorFlow has for this processor.

    Grappler's remapper fuses a convolution with its bias. TensorFlow's own fused kernel refuses convolutions with
    groups; only oneDNN's runs them, and TensorFlow uses oneDNN by default on some x86 processors alone. Where the fused
    kernel refuses, the function is run again without the remapper. It is not run without it everywhere, because that
    changes the last bits of references that already exist.
    """
    import tensorflow as tf

    tensors = [tf.constant(x) for x in inputs]
    try:
        outputs = function(*tensors)
    except tf.errors.UnimplementedError:
        with _without_remapping():
            outputs = function(*tensors)
    return [tensor.numpy() for tensor in outputs]


@contextmanager
def _without_remapping() -> Iterator[None]:
    """Keep TensorFlow from fusing operators in the functions that are called in the ``with`` body."""
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options().get("remapping")  # None if not set
    tf.config.optimizer.set_experimental_options({"remapping": False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"remapping": before})
