"""The shape of the package: what it loads, and in which direction its files import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nnbehave

ROOT = Path(nnbehave.__file__).parent


def imports_of(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "nnbehave":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nnbehave."):
            names.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("nnbehave.")}
    return names


@pytest.mark.process
def test_import_loads_nothing_heavy() -> None:
    heavy = ["tensorflow", "ai_edge_litert", "openvino", "matplotlib", "pandas", "sqlalchemy", "scipy", "numpy"]
    code = f"import sys, nnbehave; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.process
def test_step_maps_are_read_without_anything_heavy(tmp_path: Path) -> None:
    saved = tmp_path / "map.json"
    n = range(1, 101)
    nnbehave.detect_steps(n, [1 + (k + 15) // 16 for k in n]).save(saved)
    code = "\n".join(
        [
            "import sys",
            "from nnbehave.analysis.steps.step_map import load_step_map",
            f"assert load_step_map({str(saved)!r}).round_up(17) == 32",
            "heavy = ('numpy', 'pandas', 'scipy', 'sqlalchemy', 'tensorflow')",
            "print([name for name in heavy if name in sys.modules])",
        ]
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.process
@pytest.mark.parametrize(
    "code",
    [
        "import nnbehave.sweep; nnbehave.sweep([])",
        "from nnbehave import sweep; sweep([])",
        "import nnbehave as nb; nb.sweep([])",
        "from nnbehave import sweep; import nnbehave.sweep; from nnbehave import sweep; sweep([])",
        "import nnbehave.measurement.platforms.tflite; import nnbehave; nnbehave.platforms(); nnbehave.sweep([])",
        "from nnbehave.sweep import sweep; sweep([])",
    ],
)
def test_sweep_is_a_module_and_a_function(code: str) -> None:
    """Called with a list for a space, the function says what it wants; a module would not be callable."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "SpaceError: name_or_path: must be the name of a space or the path of a file" in done.stderr


def test_the_public_names_are_there() -> None:
    for name in nnbehave.__all__:
        assert getattr(nnbehave, name) is not None
    assert set(nnbehave.__all__) <= set(dir(nnbehave))
    with pytest.raises(AttributeError, match="nonsense"):
        nnbehave.nonsense  # noqa: B018


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert nnbehave.__version__ == version("nnbehave")
