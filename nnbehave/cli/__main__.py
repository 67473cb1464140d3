"""Runs the command as ``python -m nnbehave.cli``."""

from nnbehave.cli import app

app()
