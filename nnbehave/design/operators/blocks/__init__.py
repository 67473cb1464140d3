"""Building blocks: arrangements of operators that networks repeat (paper, Fig. 2), by family of networks."""

from nnbehave.design.operators.blocks import densenet, mobilenet, resnet, shufflenet, squeezenet
from nnbehave.design.operators.blocks.block import Block

__all__ = ["Block", "densenet", "mobilenet", "resnet", "shufflenet", "squeezenet"]
