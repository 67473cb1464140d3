"""Where the runner executes."""

from nnbehave.targets.local import LocalTarget

__all__ = ["LocalTarget"]
