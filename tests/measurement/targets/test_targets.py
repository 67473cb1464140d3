"""The names of targets."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.targets import TARGETS, LocalTarget, Target, get_target


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("local", "local"),
        ("ssh://board", "ssh://board"),
        ("ssh://Board.local/", "ssh://Board.local"),
        ("ssh://pi@board:2222", "ssh://pi@board:2222"),
        ("ssh://pi@board?python=python3", "ssh://pi@board"),
        ("ssh://pi@board?python=/opt/py/bin/python", "ssh://pi@board?python=/opt/py/bin/python"),
        ("ssh://[::1]", "ssh://[::1]"),
        ("ssh://[::1]:22", "ssh://[::1]:22"),
    ],
)
def test_names_are_canonical(text: str, canonical: str) -> None:
    target = get_target(text)
    assert target.name == canonical
    assert get_target(target.name).name == canonical
    assert isinstance(target, LocalTarget) == (text == "local")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected local, python:/path/to/python, ssh://.* or adb://"),
        ("remote", "expected local"),
        (None, "expected local"),
        (3, "expected local"),
        ("ssh:board", "not of the form ssh://"),
        ("local:3", "not of the form local"),
        ("python:", "nothing is not a program"),
        ("python:/no/such/python", "/no/such/python is not a program on this machine"),
        ("ssh://", "not of the form ssh://"),
        ("ssh://user@", "not of the form"),
        ("ssh://user:password@board", "not of the form"),
        ("ssh://board/folder", "not of the form"),
        ("ssh://board:0", "not of the form"),
        ("ssh://board:65536", "not of the form"),
        ("ssh://board:port", "not of the form"),
        ("ssh://-oProxyCommand=touch", "not of the form"),
        ("ssh://-l@board", "not of the form"),
        ("ssh://board;touch", "not of the form"),
        ("ssh://board?key=id", "no option 'key'; it has python"),
        ("ssh://board?python=", "python is empty"),
    ],
)
def test_other_texts_are_refused(text: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        get_target(text)


class Loopback(LocalTarget):
    """A plug-in's target."""

    scheme = "loopback"
    form = "loopback:number"

    @classmethod
    def from_text(cls, text: str) -> Target:
        target = cls()
        target.name = text
        return target


def test_a_plug_in_adds_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [EntryPoint("loopback", f"{__name__}:Loopback", "nnbehave.targets")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)
    TARGETS.forget_plug_ins()
    try:
        target = get_target("loopback:7")
        assert (type(target), target.name) == (Loopback, "loopback:7")
        with pytest.raises(InvalidInputError, match="expected local, .* or loopback:number"):
            get_target("loop:7")
    finally:
        TARGETS.forget_plug_ins()


@given(st.text(max_size=40).map("ssh://{}".format))
def test_no_address_breaks_the_parser(text: str) -> None:
    try:
        target = get_target(text)
    except InvalidInputError:
        return
    assert get_target(target.name).name == target.name


def test_a_wrong_target_is_refused_before_anything_is_measured(base: nb.Layer, tmp_path: Any) -> None:
    path = tmp_path / "r.db"
    with pytest.raises(InvalidInputError, match="target 'there': expected"):
        nb.measure([base], "simulated", path, target="there", progress=False)
    assert not path.exists()
