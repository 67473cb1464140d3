from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnbehave as nb
from nnbehave.errors import InvalidInputError, MissingExtraError, NNBehaveError, UnknownPlatformError
from nnbehave.measurement.platforms import PLATFORMS, Platform, get_platform, platform_class, registered_platforms
from nnbehave.measurement.platforms.ethos_u import EthosU
from nnbehave.measurement.platforms.tflite import TFLite


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("tflite", "tflite"),
        ("tflite:builtin", "tflite:builtin"),
        ("openvino?threads=1", "openvino"),
        ("openvino?threads=2", "openvino?threads=2"),
        ("simulated?width=8&law=linear&noise=0.01", "simulated?law=linear&width=8"),
        ("simulated?law=linear&width=8", "simulated?law=linear&width=8"),
    ],
)
def test_names_are_canonical(text: str, canonical: str) -> None:
    platform = get_platform(text)
    assert str(platform) == canonical
    assert str(get_platform(canonical)) == canonical


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("tflit", UnknownPlatformError, "did you mean tflite"),
        ("openvno?threads=2", UnknownPlatformError, "did you mean openvino"),
        ("zzz", UnknownPlatformError, "tflite.*openvino.*simulated"),
        ("tflite:fast", InvalidInputError, "no variant 'fast'; it has tflite:builtin"),
        ("openvino?cores=2", InvalidInputError, "no option 'cores'; it has threads"),
        ("openvino?threads=two", InvalidInputError, "takes a value like 1, got 'two'"),
        ("openvino?threads=0", InvalidInputError, "threads must be 1 to 1024"),
        ("simulated?law=cubic", InvalidInputError, "one of flat, linear, staircase"),
        ("openvino?threads", InvalidInputError, "not of the form"),
        ("", InvalidInputError, "not of the form"),
    ],
)
def test_unknown_names_are_refused_with_near_names(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        get_platform(text)


def test_a_class_is_found_without_a_variant() -> None:
    assert platform_class("ethos-u") is platform_class("ethos-u:u55-128") is EthosU
    with pytest.raises(UnknownPlatformError, match="unknown platform 'ethos-v'; did you mean ethos-u"):
        platform_class("ethos-v")


@given(st.text(max_size=40))
def test_no_name_breaks_the_parser(text: str) -> None:
    try:
        platform = get_platform(text)
    except NNBehaveError:
        return
    assert str(get_platform(str(platform))) == str(platform)


def test_the_table_lists_every_variant_with_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    table = nb.platforms().set_index("name")
    assert {"tflite", "tflite:builtin", "openvino", "simulated"} <= set(table.index)
    assert table.loc["simulated", "available"]
    monkeypatch.setattr(TFLite, "package", "no-such-runtime")
    row = nb.platforms().set_index("name").loc["tflite"]
    assert not row["available"]
    assert row["why_not"] == "platform 'tflite' needs no-such-runtime: pip install 'nnbehave[litert]'"


def test_a_missing_runtime_stops_a_sweep_before_it_begins(monkeypatch: pytest.MonkeyPatch, base: nb.Layer) -> None:
    monkeypatch.setattr(TFLite, "package", "no-such-runtime")
    with pytest.raises(MissingExtraError, match=r"nnbehave\[litert\]"):
        nb.measure([base], platforms="tflite", progress=False)


class Incomplete(Platform):
    """A platform without a converter and a backend, which cannot be used."""

    name = "incomplete"


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install entry points for one test."""

    def install(**entries: str) -> None:
        made = [EntryPoint(name, value, "nnbehave.platforms") for name, value in entries.items()]
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: made)
        PLATFORMS.forget_plug_ins()

    yield install
    PLATFORMS.forget_plug_ins()


def test_plug_ins_that_are_not_usable_platforms_warn_once_and_are_left_out(plug_ins: Callable[..., None]) -> None:
    plug_ins(broken="no_such_module:Thing", wrong="pathlib:Path", incomplete=f"{__name__}:Incomplete")
    with pytest.warns(UserWarning, match="platform plug-in '.*left out") as caught:
        assert {"tflite", "openvino", "simulated"} <= set(registered_platforms())
    reasons = [str(warning.message).partition("left out: ")[2] for warning in caught]
    assert reasons == [
        "No module named 'no_such_module'",
        "<class 'pathlib.Path'> is not a subclass of nnbehave.measurement.platforms._base.Platform",
        "class Incomplete lacks converter, backend",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registered_platforms()


def test_a_built_in_platform_is_found_without_loading_plug_ins(plug_ins: Callable[..., None]) -> None:
    plug_ins(broken="no_such_module:Thing")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get_platform("tflite").name == "tflite"
