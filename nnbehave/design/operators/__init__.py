"""What a layer's ``op`` can name: primitive operators and building blocks, one small class each.

To add an operator, write a subclass of :class:`Operator` in the file of its family. To add a building block, write a
subclass of :class:`.blocks.Block` in :mod:`.blocks`. The class registers itself under its ``name``.
"""

# Importing a family registers its operators.
from nnbehave.design.operators import activation, blocks, convolution, dense, merging, normalisation, pooling, shaping
from nnbehave.design.operators.activation import ACTIVATIONS
from nnbehave.design.operators.graph_builder import GraphBuilder
from nnbehave.design.operators.operator import OPERATORS, ElementWise, LayerFields, Operator, get_operator

__all__ = [
    "ACTIVATIONS",
    "OPERATORS",
    "ElementWise",
    "GraphBuilder",
    "LayerFields",
    "Operator",
    "activation",
    "blocks",
    "convolution",
    "dense",
    "get_operator",
    "merging",
    "normalisation",
    "pooling",
    "shaping",
]
