"""Files that cannot be read are refused by name, whatever their format."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnbehave.design.models import read_model
from nnbehave.errors import InvalidInputError, MissingExtraError


@pytest.mark.runtime("tensorflow", "onnx")
@pytest.mark.parametrize("name", ["model.tflite", "model.keras", "model.h5", "model.onnx"])
@pytest.mark.parametrize("content", [b"", b"TFL3", b"no model\n" * 20], ids=["empty", "short", "text"])
def test_a_broken_file_is_refused_by_name(name: str, content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("onnx" if name.endswith("onnx") else "tensorflow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match="cannot be read as a .* expected a .tflite, .keras, .h5") as caught:
        read_model(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_one_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"none.tflite: no such file; expected a .tflite"):
        read_model(tmp_path / "none.tflite")
    with pytest.raises(InvalidInputError, match=r"model.pt: expected a .tflite, .keras, .h5 or .onnx file"):
        read_model(str(tmp_path / "model.pt"))


@pytest.mark.parametrize(
    ("name", "extra"), [("m.tflite", "litert"), ("m.keras", "tensorflow"), ("m.h5", "tensorflow"), ("m.onnx", "onnx")]
)
def test_a_missing_package_is_named(name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> None:
        raise ImportError(f"no {module}")

    monkeypatch.setattr("nnbehave.design.models.packages.import_module", missing)
    monkeypatch.setattr("nnbehave.design.models.packages.find_spec", lambda module: None)
    (tmp_path / name).touch()
    with pytest.raises(MissingExtraError, match=rf"pip install 'nnbehave\[{extra}\]'"):
        read_model(tmp_path / name)
