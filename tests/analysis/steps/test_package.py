"""The shape of the package: its imports, and where its thresholds stand."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nnbehave.analysis.steps as package
from nnbehave.analysis.steps import detect_steps, thresholds

FILES = {file.stem: ast.parse(file.read_text()) for file in Path(package.__file__).parent.glob("*.py")}
NAME = package.__name__
CONSTANTS = {"MAD_TO_SIGMA", "_NORMAL_95", "_PARTS", "VERSION", "READABLE"}  # of mathematics, layout and file format
PUBLIC = {"detect_steps", "find_steps", "load_step_map", "Lost", "Origin", "StepMap", "StepSearch"}


def imports_of(tree: ast.Module) -> set[str]:
    """Return the files of the package that a file imports, also inside functions and for type checkers."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == NAME:
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{NAME}."):
            names.add((node.module or "").removeprefix(f"{NAME}."))
    return names & FILES.keys()


def test_no_file_of_the_package_imports_itself_through_others() -> None:
    graph = {name: imports_of(tree) for name, tree in FILES.items()}
    assert graph["detection"]
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_the_package_exports_its_public_names() -> None:
    assert set(package.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(package, name) is not None


def loaded_by(code: str) -> set[str]:
    heavy = {"numpy", "scipy", "pandas", "matplotlib", "sqlalchemy", "tensorflow"}
    probe = f"{code}\nimport sys; print(*({heavy!r} & set(sys.modules)))"
    return set(subprocess.check_output([sys.executable, "-c", probe], text=True).split())


@pytest.mark.process
@pytest.mark.parametrize("module", ["nnbehave.analysis.steps.step_map", "nnbehave.analysis.steps", "nnbehave"])
def test_a_saved_map_is_read_and_queried_without_numpy(module: str, tmp_path: Path) -> None:
    saved = tmp_path / "map.json"
    detect_steps(range(1, 101), [1 + (n + 15) // 16 for n in range(1, 101)]).save(saved)
    code = (
        f"from {module} import load_step_map; steps = load_step_map({str(saved)!r}); assert steps.round_up(17) == 32; "
        "steps.best_channels(1, 50); steps.round_down(40); steps.latency_interval(3); steps._repr_html_(); repr(steps)"
    )
    assert loaded_by(code) == set()
    assert loaded_by("from nnbehave.analysis.steps import detect_steps") >= {"numpy"}


def numbers_of(tree: ast.Module) -> dict[str, ast.stmt | None]:
    """Return the names that a file gives to numbers, each with the statement after it."""
    found: dict[str, ast.stmt | None] = {}
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            values = [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
            if values and all(isinstance(value, int | float) for value in values):
                found[node.targets[0].id] = following
    return found


def test_every_threshold_stands_in_one_file() -> None:
    elsewhere = {name for file, tree in FILES.items() if file != "thresholds" for name in numbers_of(tree)}
    assert elsewhere <= CONSTANTS
    assert len(numbers_of(FILES["thresholds"])) == sum(name.isupper() for name in vars(thresholds))


def test_every_threshold_says_where_it_comes_from() -> None:
    for name, following in numbers_of(FILES["thresholds"]).items():
        is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        assert is_text, f"nothing says where {name} comes from"


def test_every_threshold_is_used() -> None:
    used = {
        node.attr
        for tree in FILES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "thresholds"
    }
    assert {name for name in vars(thresholds) if name.isupper()} == used
