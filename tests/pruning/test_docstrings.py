"""The examples in the docstrings of pruning run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import sys

import pytest

import nnbehave.pruning

MODULES = [info.name for info in pkgutil.walk_packages(nnbehave.pruning.__path__, "nnbehave.pruning.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    importlib.import_module(name)
    assert doctest.testmod(sys.modules[name]).failed == 0


def test_the_main_functions_have_examples() -> None:
    counts = {name: doctest.testmod(sys.modules[f"nnbehave.pruning.{name}"]).attempted for name in ("prune", "loss")}
    assert all(counts.values())
