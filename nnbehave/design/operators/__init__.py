"""What a layer's ``op`` can be: one small class an operator or block, found by its name.

To add one, write a subclass of :class:`Operator` in the file of its family (blocks: :mod:`.blocks`);
defining it registers it.
"""

# Importing a family registers its operators.
from nnbehave.design.operators import activation, blocks, convolution, dense, merging, normalisation, pooling, shaping
from nnbehave.design.operators._base import OPERATORS, ElementWise, LayerFields, Operator, get_operator
from nnbehave.design.operators.activation import ACTIVATIONS
from nnbehave.design.operators.composition import Composition

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
