"""The command ``nnbehave``: a module a kind of command, in the order that its help lists them."""

from nnbehave.cli import measuring, analysing, pruning, preparing  # noqa: I001
from nnbehave.cli._app import Exit, app

__all__ = ["Exit", "analysing", "app", "measuring", "preparing", "pruning"]
