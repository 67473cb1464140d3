"""What a layer's ``op`` can be: one small class an operator or block, found by its name.

To add one, write a subclass of :class:`Operator` in the file of its family (blocks: :mod:`nnbehave.operators.blocks`);
defining it registers it.
"""

# Importing a family registers its operators.
from nnbehave.operators import activation, blocks, convolution, dense, merging, normalisation, pooling, shaping
from nnbehave.operators._base import OPERATORS, ElementWise, LayerFields, Operator, get_operator
from nnbehave.operators.activation import ACTIVATIONS
from nnbehave.operators.composition import Composition

__all__ = [
    "ACTIVATIONS",
    "OPERATORS",
    "Composition",
    "ElementWise",
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
