"""The command ``nnbehave``. Each module holds one kind of command; the help lists them in the order of import."""

from nnbehave.cli import measuring, analysing, pruning, preparing  # noqa: I001
from nnbehave.cli._app import Exit, app

__all__ = ["Exit", "analysing", "app", "measuring", "preparing", "pruning"]
