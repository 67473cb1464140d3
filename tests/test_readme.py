"""What the README shows can be done."""

from __future__ import annotations

import re
from pathlib import Path

from nnbehave.cli import app
from nnbehave.design.space import parse_space

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_its_space_is_one() -> None:
    (text,) = blocks("yaml")
    assert [(sweep.dimension, len(sweep.layers)) for sweep in parse_space(text).sweeps()] == [
        ("out_channels", 16),
        ("kernel", 4),
    ]


def test_its_commands_exist() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    used = set(re.findall(r"^nnbehave ([\w-]+)", "\n".join(blocks("sh")), re.MULTILINE))
    assert used
    assert used <= known
    makefile = (Path(__file__).parent.parent / "Makefile").read_text(encoding="utf-8")
    assert all(
        f"\n{target}:" in makefile for target in re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE)
    )


def test_its_python_compiles_and_names_what_is_there() -> None:
    import nnbehave as nb

    for text in blocks("python"):
        compile(text, "README", "exec")
        assert all(hasattr(nb, name) for name in re.findall(r"\bnb\.(\w+)", text))


def test_its_files_are_there() -> None:
    root = Path(__file__).parent.parent
    assert all((root / target).exists() for target in re.findall(r"\]\(((?!http)[^)]+)\)", README))
