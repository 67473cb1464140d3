"""The design wing stands alone: it needs neither another wing nor TensorFlow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnbehave.design

DESIGN = Path(nnbehave.design.__file__).parent
ALLOWED = ("nnbehave.design", "nnbehave.errors")
FORBIDDEN = ("tensorflow", "sqlalchemy", "pandas")


def module_of(file: Path) -> str:
    """Return the name of a file's module."""
    names = file.relative_to(DESIGN.parent.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


FILES = {module_of(file): file for file in sorted(DESIGN.rglob("*.py"))}


def imports(file: Path) -> set[str]:
    """Return the modules that a file imports, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{file}: a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else node.module for name in names}
    return found


@pytest.mark.parametrize("module", FILES)
def test_a_design_file_imports_neither_another_wing_nor_a_heavy_package(module: str) -> None:
    for name in imports(FILES[module]):
        assert not name.startswith(FORBIDDEN)
        assert name.startswith(ALLOWED) or not name.startswith("nnbehave")


def test_design_files_do_not_import_each_other_in_a_circle() -> None:
    left = {module: imports(file) & set(FILES) for module, file in FILES.items()}
    while left:
        free = {module for module, others in left.items() if not others & set(left)}
        assert free, f"a circle among {sorted(left)}"
        left = {module: others for module, others in left.items() if module not in free}


def test_spaces_and_networks_are_read_without_tensorflow_or_another_wing() -> None:
    program = """
import sys
for name in ("tensorflow", "sqlalchemy", "pandas", "nnbehave.measurement", "nnbehave.runner", "nnbehave.analysis"):
    sys.modules[name] = None  # makes its import an ImportError
from nnbehave.design.networks import load_network
from nnbehave.design.space import load_space
space = load_space("ofa_mobilenet_v3")
assert space.sample(1).ops > 0 and load_network("mobilenet_v2").ops > 0 and space.to_yaml()
print(space.size)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{(9**2 + 9**3 + 9**4) ** 5}\n"), done.stderr
