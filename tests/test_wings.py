"""The shape of the package: which wing reaches which, followed through every import however deep."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import nnbehave

ROOT = Path(nnbehave.__file__).parent
SHARED = {"errors", "registry"}
# What a wing may reach of nnbehave, directly or through anything that it imports. The runner is a program of its own.
ALLOWED = {
    "runner": set(),
    "design": SHARED,
    "records": {*SHARED, "design"},
    "analysis": {*SHARED, "design", "records"},
    "pruning": {*SHARED, "design", "records", "analysis"},
    "report": {*SHARED, "design", "records", "analysis", "pruning"},
    "measurement": {*SHARED, "design", "records", "runner"},
}
LIGHT = ("design", "records", "analysis", "pruning", "report")
HEAVY = {"sqlalchemy", "ai_edge_litert", "tflite_runtime", "openvino", "onnxruntime", "tensorflow", "paramiko", "typer"}
# Keras files cannot be read without TensorFlow; the reader asks for it by name when it is given such a file.


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_name(file): file for file in ROOT.rglob("*.py")}


class Imports(ast.NodeVisitor):
    """Collects what a file imports, inside functions too, but not for type checkers alone."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0 or node.module, "imports name their module"
        if node.module:
            self.found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}


@cache
def imports_of(module: str) -> frozenset[str]:
    """Return the modules that a module imports; a lazy package imports all that its stub lists."""
    file = MODULES[module]
    visitor = Imports()
    visitor.visit(ast.parse(file.read_text(encoding="utf-8")))
    if (stub := file.with_suffix(".pyi")).exists():
        for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                visitor.found |= {f"{module}.{node.module}"} if node.module else set()
    return frozenset(visitor.found)


def reached_from(starts: list[str]) -> dict[str, str]:
    """Return every module that some modules reach, each with a module that imports it."""
    reached = dict.fromkeys(starts, "")
    todo = list(starts)
    while todo:
        module = todo.pop()
        for name in imports_of(module) if module in MODULES else ():
            if name not in reached and name != "nnbehave":
                reached[name] = module
                todo.append(name)
    return reached


def wing_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("wing", ALLOWED)
def test_a_wing_reaches_only_the_wings_below_it(wing: str) -> None:
    reached = reached_from([module for module in MODULES if module != "nnbehave" and wing_of(module) == wing])
    foreign = {
        module: f"imported by {by}"
        for module, by in reached.items()
        if module in MODULES and wing_of(module) not in {*ALLOWED[wing], wing}
    }
    assert foreign == {}


@pytest.mark.parametrize("wing", LIGHT)
def test_what_is_not_measuring_reaches_no_runtime_and_no_database(wing: str) -> None:
    reached = reached_from([module for module in MODULES if module != "nnbehave" and wing_of(module) == wing])
    heavy = {module: f"imported by {by}" for module, by in reached.items() if module.split(".")[0] in HEAVY}
    assert heavy == {}


def test_the_walk_sees_imports_inside_functions_and_through_others() -> None:
    reached = reached_from(["nnbehave.sweep"])
    assert reached["nnbehave.measurement.engine"] == "nnbehave.sweep"
    assert "nnbehave.runner.kernels" in reached


def test_no_files_import_each_other_in_a_circle() -> None:
    files = {module: {name for name in imports_of(module) if name in MODULES} for module in MODULES}
    plain = {module for module, file in MODULES.items() if file.name != "__init__.py"}
    circles = [module for module in plain if module in reached_among(files, plain, module)]
    assert sorted(circles) == []


def reached_among(files: dict[str, set[str]], plain: set[str], start: str) -> set[str]:
    """Return the modules that a module reaches through files that are no package's face."""
    reached: set[str] = set()
    todo = [start]
    while todo:
        for name in files[todo.pop()] & plain - reached:
            reached.add(name)
            todo.append(name)
    return reached
