"""Building blocks: several operators that networks repeat as one (paper, Fig. 2). One file a family of networks."""

from nnbehave.design.operators.blocks import densenet, mobilenet, resnet, shufflenet, squeezenet
from nnbehave.design.operators.blocks._base import Block

__all__ = ["Block", "densenet", "mobilenet", "resnet", "shufflenet", "squeezenet"]
