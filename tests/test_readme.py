"""The README's commands, files and Python work as they are printed there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.cli import app
from nnbehave.design.space import parse_space

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
REAL = re.compile(r'"(?:tflite|openvino|onnxruntime)(?:[:?][^"]*)?"')  # a real platform's name
FILES_OF_THEIR_OWN = ("# roofline_platform.py", "PlatformContract")  # tests/measurement/platforms/test_contract.py
OF_A_MODEL = "from_model("


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def python_blocks(of_a_model: bool) -> list[str]:
    """Return the Python blocks that a reader runs, those on a model file or the others."""
    found = [text for text in blocks("python") if not any(each in text for each in FILES_OF_THEIR_OWN)]
    return [text for text in found if (OF_A_MODEL in text) == of_a_model]


def test_its_space_can_be_read() -> None:
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
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", "\n".join(blocks("sh")), re.MULTILINE)
    assert targets
    assert all(f"\n{target}:" in makefile for target in targets)


def test_its_python_names_only_what_exists() -> None:
    for text in blocks("python"):
        compile(text, "README", "exec")
        assert all(hasattr(nb, name) for name in re.findall(r"\bnb\.(\w+)", text))


def test_the_files_that_it_links_to_exist() -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.process
def test_its_python_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every platform that it names is replaced by the simulated one, by estimates, which take one process."""
    monkeypatch.chdir(tmp_path)
    sweep, check_fusion = nb.sweep, nb.check_fusion
    monkeypatch.setattr(nb, "sweep", lambda *given, **named: sweep(*given, **simulated(named)))
    few = {"rounds": 6, "shapes": [(8, 16)], "progress": False}
    monkeypatch.setattr(nb, "check_fusion", lambda *given: check_fusion(*given, **few), raising=False)
    monkeypatch.setattr("nnbehave.studies.fusion._PROCESSES", 3)
    names = {"nb": nb}
    texts = python_blocks(of_a_model=False)
    assert len(texts) >= 4
    for text in texts:
        exec(compile(REAL.sub('"simulated"', text), "README", "exec"), names)


def simulated(named: dict[str, object]) -> dict[str, object]:
    return {**named, "platforms": "simulated", "method": "estimated", "progress": False}


@pytest.mark.setup
@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_its_python_runs_on_a_model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.chdir(tmp_path)
    model = tf.keras.Sequential([tf.keras.Input((8, 8, 3), 1), tf.keras.layers.Conv2D(8, 3, activation="relu")])
    Path("mobilenet.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    (text,) = python_blocks(of_a_model=True)
    names: dict[str, object] = {"nb": nb}
    exec(compile(text, "README", "exec"), names)
    assert isinstance(names["results"], nb.Results)
    assert set(names["results"].frame["status"]) <= {"ok", "noisy"}
