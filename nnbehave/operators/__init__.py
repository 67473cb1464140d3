"""What a layer's ``op`` can be: one small class an operator, found by its name.

To add one, write a subclass of :class:`Operator` in the file of its family; defining it registers it.
"""

from nnbehave.operators import convolution, dense, merging, pooling  # importing a family registers its operators
from nnbehave.operators._base import OPERATORS, LayerFields, Operator, get_operator

__all__ = ["OPERATORS", "LayerFields", "Operator", "convolution", "dense", "get_operator", "merging", "pooling"]
