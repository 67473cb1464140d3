"""The registry of plug-ins."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.errors import InvalidInputError, UnknownPlatformError
from nnbehave.registry import Registry, instance_of, subclass_of


class Shape:
    name = "shape"


class Circle(Shape):
    name = "circle"


class Square(Shape):
    name = "square"


class Broken(Shape):
    name = "broken"

    def __init__(self) -> None:
        raise RuntimeError


class Impostor:
    name = "impostor"


class PlugIns:
    """A stand-in for the entry points of installed plug-ins. It counts how often they are listed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.listed = 0
        monkeypatch.setattr(EntryPoint, "load", lambda entry: globals()[entry.name])
        monkeypatch.setattr("importlib.metadata.entry_points", self._entry_points)

    def _entry_points(self, group: str) -> list[EntryPoint]:
        self.listed += 1
        return [EntryPoint(name, f"shapes:{name}", group) for name in self.names]


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> PlugIns:
    return PlugIns(monkeypatch)


def make_registry() -> Registry[Shape]:
    return Registry("shape", "nnbehave.shapes", [Circle()], instance_of(Shape))


def test_a_built_in_name_is_found_without_a_look_at_the_plug_ins(plug_ins: PlugIns) -> None:
    plug_ins.names = ["Square"]
    assert isinstance(make_registry().get("circle"), Circle)
    assert plug_ins.listed == 0


def test_plug_ins_are_loaded_once(plug_ins: PlugIns) -> None:
    plug_ins.names = ["Square"]
    registry = make_registry()
    first = registry.get("square")
    assert registry.get("square") is first
    assert [*registry.all()] == ["circle", "square"]
    with pytest.raises(InvalidInputError):
        registry.get("triangle")
    assert plug_ins.listed == 1


def test_plug_ins_are_loaded_again_when_asked_to(plug_ins: PlugIns) -> None:
    registry = make_registry()
    assert [*registry.all()] == ["circle"]
    plug_ins.names = ["Square"]
    assert [*registry.all()] == ["circle"]
    registry.forget_plug_ins()
    assert [*registry.all()] == ["circle", "square"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Missing", "'Missing'"),
        ("Impostor", "Impostor'> is not a subclass of .*Shape"),
        ("plug_ins", "is not a subclass of .*Shape"),
        ("Broken", "RuntimeError"),
        ("Circle", "the name 'circle' is taken"),
    ],
)
def test_a_bad_plug_in_warns_once_and_is_left_out(plug_ins: PlugIns, name: str, why: str) -> None:
    plug_ins.names = [name, "Square"]
    registry = make_registry()
    with pytest.warns(UserWarning, match=rf"shape plug-in '{name}' \(shapes:{name}\) is left out: .*{why}") as caught:
        assert [*registry.all()] == ["circle", "square"]
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [*registry.all()] == ["circle", "square"]


def test_of_two_plug_ins_with_one_name_the_first_is_kept(plug_ins: PlugIns) -> None:
    plug_ins.names = ["Square", "Square"]
    with pytest.warns(UserWarning, match="the name 'square' is taken"):
        assert [*make_registry().all()] == ["circle", "square"]


def test_an_unknown_name_is_refused_with_the_near_names(plug_ins: PlugIns) -> None:
    plug_ins.names = ["Square"]
    registry = make_registry()
    with pytest.raises(InvalidInputError, match="unknown shape 'sqare'; did you mean square\\?"):
        registry.get("sqare")
    with pytest.raises(InvalidInputError, match="unknown shape 'xyz'; did you mean circle or square\\?"):
        registry.get("xyz")


SHAPES = Registry("shape", "nnbehave.shapes", [Circle], subclass_of(Shape), error=UnknownPlatformError)


@given(st.text(max_size=20).filter(lambda name: name != "circle"))
def test_every_other_name_raises_the_registry_s_own_error(name: str) -> None:
    with pytest.raises(UnknownPlatformError, match="did you mean circle"):
        SHAPES.get(name)


@pytest.mark.process
def test_importing_the_registry_loads_nothing_heavy() -> None:
    heavy = ["importlib.metadata", "numpy", "pandas", "sqlalchemy", "tensorflow"]
    code = f"import sys, nnbehave.registry; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
