"""What holds for every platform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from nnbehave.design.layer import Layer
from nnbehave.design.precisions import PRECISIONS
from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.converters import get_converter
from nnbehave.measurement.engine import Engine
from nnbehave.measurement.isolation import EXACT, METHODS
from nnbehave.measurement.options import Options
from nnbehave.measurement.platforms import Platform, get_platform, platforms
from nnbehave.measurement.settings import Settings
from nnbehave.measurement.targets import LocalTarget
from nnbehave.measurement.worker import Worker
from nnbehave.sweep import measure

_LATENCIES = ["latency_ms", "latency_low_ms", "latency_high_ms", "std_error_ms"]


class PlatformContract:
    """Inherit it, say which platform, and run pytest: each test is something that nnbehave relies on.

    A platform that cannot be used on this machine skips what runs it, with its own reason.

    Attributes
    ----------
    platform : str
        Its name, as users give it: ``name[:variant][?key=value]``.
    layers : sequence of Layer
        Small ones, of which it supports at least one.
    max_rounds : int
        Of measuring a layer that is not known within a half: fewer where a round takes long, of layers large enough.

    Examples
    --------
    >>> class TestMine(PlatformContract):
    ...     platform = "mine?clock_ghz=0.5"
    """

    platform: ClassVar[str]
    layers: ClassVar[Sequence[Layer]] = (
        Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3),
        Layer(op="conv", height=7, in_channels=8, out_channels=16, kernel=3, activation="relu"),
        Layer(op="dwconv", height=7, in_channels=8, kernel=3),
        Layer(op="dense", in_channels=16, out_channels=8),
        Layer(op="gelu", height=7, in_channels=8),
    )
    max_rounds: ClassVar[int] = 60

    @cached_property
    def _it(self) -> Platform:
        return get_platform(self.platform)

    @pytest.fixture(scope="class")
    @classmethod
    def here(cls) -> Platform:
        """Return the platform, where it can be used on this machine."""
        it = get_platform(cls.platform)
        try:
            it.version()
        except MissingExtraError as error:
            pytest.skip(str(error))
        return it

    @pytest.fixture(scope="class")
    @classmethod
    def runner(cls, here: Platform) -> Iterator[Worker]:
        """Start a runner of the platform, and end it after the last test."""
        with LocalTarget().start(here) as worker:
            yield worker

    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return where what the tests measure is kept."""
        return tmp_path_factory.mktemp("contract") / "r.db"

    @pytest.fixture(scope="class")
    @classmethod
    def measured(cls, here: Platform, store: Path) -> pd.DataFrame:
        """Return what measuring the layers gives; it is done once."""
        return cls._measure(store)

    @classmethod
    def _measure(cls, store: Path) -> pd.DataFrame:
        settings = Settings(interval=0.5, max_rounds=cls.max_rounds, processes=1)
        with Engine(cls.platform, Options(settings, progress=False, with_references=False), store) as engine:
            return engine.measure([[layer] for layer in cls.layers]).frame

    # ------------------------------------------------------------------ what it says of itself

    def test_it_says_what_it_is(self) -> None:
        it = self._it
        assert it.methods, "methods: name at least one"
        assert set(it.methods) <= set(METHODS), f"methods: of {', '.join(METHODS)}"
        assert it.precisions, "precisions: name at least one"
        assert {*it.precisions, *it.substitutes} <= set(PRECISIONS), f"precisions: of {', '.join(PRECISIONS)}"
        assert set(it.substitutes.values()) <= set(it.precisions), "substitutes: a layer runs at a precision it has"
        assert not it.wall_clock or set(it.methods) <= {"whole", "stacked", "profiled", "none"}, (
            "wall_clock: False where nothing is timed, so that sweeps need not wait for one another"
        )
        for precision in it.precisions:
            assert precision in get_converter(it.converter_for(precision)).precisions

    def test_its_name_leads_to_it(self) -> None:
        assert str(get_platform(str(self._it))) == str(self._it)
        listed = platforms().set_index("name").loc[self.platform.partition("?")[0]]
        assert listed["available"] or listed["why_not"], "where it is not available it says why"

    def test_what_it_does_not_know_is_refused(self) -> None:
        for wrong in (f"{self._it.name}:no-such-variant", f"{self.platform.partition('?')[0]}?no_such_option=1"):
            with pytest.raises(InvalidInputError, match=r"no.such"):
                get_platform(wrong)

    # ------------------------------------------------------------------ what it does

    def test_its_runner_says_hello(self, runner: Worker) -> None:
        hello = runner.request("hello", 120)
        assert hello["ok"], hello
        assert hello["versions"], "versions: what a latency depends on, so that results of two are never mixed"

    def test_every_layer_has_a_row_and_no_latency_comes_from_nothing(self, measured: pd.DataFrame) -> None:
        frame = measured
        assert list(frame["subject"]) == [layer.id for layer in self.layers]
        ran = frame["status"].isin(["ok", "noisy"])
        assert ran.any(), f"none of these layers runs: {list(frame['reason'])}"
        assert (frame.loc[~ran, "reason"].str.len() > 0).all(), "what cannot be run says why"
        assert frame.loc[~ran, _LATENCIES].isna().all(axis=None), "what cannot be run has no latency"
        whole = ran & frame["complete"].ne(False)
        if frame["method"].iloc[0] == "none":
            assert frame[_LATENCIES].isna().all(axis=None)
        else:
            assert (frame.loc[whole, "latency_ms"] > 0).all(), "a latency is never zero"
        assert (frame.loc[~frame["complete"].ne(False), "left_out"].str.len() > 0).all(), "what a total lacks is named"

    def test_what_it_computes_is_right(self, measured: pd.DataFrame) -> None:
        known = measured[measured["output_error"].notna() & (measured["executed_precision"] == "fp32")]
        assert (known["output_error"] < 1e-3).all(), known[["subject", "output_error"]]

    def test_another_precision_is_a_row_with_a_reason(self, here: Platform, tmp_path: Path) -> None:
        others = [p for p in PRECISIONS if p not in (*here.precisions, *here.substitutes)]
        if not others:
            pytest.skip("it has every precision")
        layers = [self.layers[0].replace(precision=precision) for precision in others]
        frame = measure(layers, self.platform, tmp_path / "r.db", interval=0.5, progress=False).frame
        assert list(frame["status"]) == ["unsupported"] * len(others)
        assert (frame["reason"].str.len() > 0).all()

    def test_what_is_known_is_not_measured_again(self, measured: pd.DataFrame, store: Path) -> None:
        again = self._measure(store)
        assert list(again["session"]) == list(measured["session"])

    def test_what_is_exact_is_the_same_again(self, here: Platform, measured: pd.DataFrame, tmp_path: Path) -> None:
        if here.methods[0] not in EXACT:
            pytest.skip(f"it is measured by {here.methods[0]}")
        columns: list[Any] = ["subject", "latency_ms", "counts", "left_out", "kernels", "reason"]
        assert self._measure(tmp_path / "r.db")[columns].equals(measured[columns])

    def test_an_artifact_that_is_no_model_is_refused_and_the_runner_goes_on(
        self, here: Platform, runner: Worker, tmp_path: Path
    ) -> None:
        spoiled = tmp_path / "spoiled"
        spoiled.write_bytes(b"no model")
        asked = {"path": str(spoiled), "precision": here.precisions[0], "seed": 0}
        answer = runner.request("load", 120, handle="spoiled", **asked)
        if answer["ok"]:  # to be told when it is estimated
            answer = runner.request("estimate", 120, handles=["spoiled"])
        assert not answer["ok"] or "refused" in answer
        assert runner.request("hello", 120)["ok"]
