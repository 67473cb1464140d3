"""The documents name files and names that exist, and their examples run."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import nnbehave

ROOT = Path(nnbehave.__file__).parent.parent
GUIDES = ROOT / "docs" / "contributing"
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted(GUIDES.glob("*.md"))]
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
GROUPS = {f"nnbehave.{kind}" for kind in ("platforms", "converters", "exporters", "table_exporters", "targets")}

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def prose_of(document: Path) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def find(name: str) -> object:
    """Return what a dotted name means; raise AttributeError if it means nothing."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise AttributeError(name)


def names_in(file: Path) -> set[str]:
    """Return the classes, functions and constants of a file, and the methods of its classes as ``Class.method``."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        for name in _names(node):
            found |= {name}
            if isinstance(node, ast.ClassDef):
                found |= {f"{name}.{inner}" for statement in node.body for inner in _names(statement)}
    return found


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


@each_document
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", prose_of(document))
    assert [link for link in links if not (document.parent / link).exists()] == []


@each_document
def test_paths_exist(document: Path) -> None:
    paths = re.findall(r"`((?:nnbehave|tests|spaces|examples|benchmarks|docs)/[\w./-]*)`", prose_of(document))
    assert [path for path in paths if not (ROOT / path).exists()] == []


@each_document
def test_names_beside_a_file_are_in_it(document: Path) -> None:
    """A file and its names are written ``file.py`, `Name` and `other```."""
    for path, names in re.findall(r"`(nnbehave/[\w/]+\.py)`((?:(?:,| and)\s`\w[\w.]*`)+)", prose_of(document)):
        there = names_in(ROOT / path)
        assert [name for name in re.findall(r"`([\w.]+)`", names) if name not in there] == [], path


@each_document
def test_dotted_names_exist(document: Path) -> None:
    for name in set(re.findall(r"`(nnbehave(?:\.\w+)+)`", prose_of(document))) - GROUPS:
        find(name)


def test_the_tests_that_are_named_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", "".join(map(prose_of, DOCUMENTS))))
    texts = [file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/test_*.py")]
    assert named
    assert [name for name in named if not any(f"def {name}(" in text for text in texts)] == []


def test_names_that_moved_are_where_the_changelog_says() -> None:
    """A row of the tables is "old module: names | new module", or "old name | new name"; .* stands for all names."""
    rows = re.findall(r"^\| `([\w.]+?)(?:\.\*)?`(?:: (.*?))? \| `(n[\w.]+?)(?:\.\*)?` \|$", CHANGES, re.MULTILINE)
    assert len(rows) > 30
    for old, names, new in rows:
        module = re.sub(r"^nb\.", "nnbehave.", new)
        find(module)
        for name in re.findall(r"`(\w+)`", names):
            find(f"{module}.{name}")
        assert names or not module_file(old), f"{old} is still there"


def module_file(name: str) -> bool:
    """Return True if there is a module or a package of this name."""
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_the_citation_and_the_changelog_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == nnbehave.__version__
    assert re.findall(r"^## \[?([\d.]+)", CHANGES, re.MULTILINE)[0] == nnbehave.__version__


def example_of(guide: str) -> str:
    """Return the first block of Python of a guide."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]


@pytest.mark.process
@pytest.mark.parametrize("guide", ["analyser.md", "exporter.md", "operator.md"])
def test_an_example_runs(guide: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", example_of(guide)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.process
def test_the_example_of_an_operator_can_be_built(tmp_path: Path) -> None:
    build = """
from nnbehave.measurement.converters.tensorflow_graph import concrete_function
function = concrete_function(nb.Graph([layer]), seed=0)
assert tuple(function.outputs[0].shape) == layer.output_shape
"""
    code = example_of("operator.md") + build
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
