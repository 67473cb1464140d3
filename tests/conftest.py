"""What all tests share: their tiers, a cache of artifacts, and small spaces."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.measurement.converters import ConversionPool
from nnbehave.measurement.platforms.preparation import Preparation
from tests.prepared import usable
from tests.shared_pool import SharedPool
from tests.tiers import TIERS, Watch, missing_module, tier_of

# The time that an example takes says nothing: the machine may be busy.
hypothesis.settings.register_profile(
    "busy machine", max_examples=50, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy machine")

WATCH = Watch()

# A shell that runs the tests in the background makes them ignore Ctrl-C, and so would every process that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that name no tier, so that ``-m unit`` selects them; put the longest tests first.

    Of tests that run side by side, a long one at the end would run alone.
    """
    for item in items:
        if "arm64" in getattr(item, "fixturenames", ()):
            item.add_marker("setup")
        if tier_of(item) == "unit":
            item.add_marker("unit")
    items.sort(key=lambda item: -TIERS.index(tier_of(item)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold a test and its fixtures to the rules of its tier."""
    WATCH.begin(tier_of(item))
    try:
        return (yield)
    finally:
        WATCH.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Fail a test that has left its tier, whatever else it says."""
    result = yield
    WATCH.check()
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose runtime is not installed."""
    if missing := missing_module(item):
        pytest.skip(f"needs {missing}: pip install 'nnbehave[all,dev]'")


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep artifacts out of the user's cache; all processes of one run share one, so that a layer is converted once."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    path.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNBEHAVE_CACHE_DIR", str(path))
        yield path


@pytest.fixture(scope="session", autouse=True)
def own_lock(cache_dir: Path) -> Iterator[None]:
    """Let tests that run side by side measure at the same time: none of them looks at how long a layer takes."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr("tempfile.tempdir", None)  # which remembers the folder
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_pool(cache_dir: Path) -> Iterator[None]:
    """Let the engines of all tests convert in the same processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnbehave.measurement.engine.ConversionPool", SharedPool)
        yield
    SharedPool.end()


@pytest.fixture
def own_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the engines of a test pools of their own, as users have."""
    monkeypatch.setattr("nnbehave.measurement.engine.ConversionPool", ConversionPool)


@pytest.fixture
def base() -> nb.Layer:
    return nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)


@pytest.fixture
def space(base: nb.Layer) -> Space:
    """Twenty layers of one curve."""
    return Space.from_layer(base, "out_channels", range(1, 21), name="twenty")


@pytest.fixture(scope="session")
def arm64(cache_dir: Path) -> Preparation:
    """Set up ``arm64``, which fetches 130 MB; skip where this machine cannot."""
    if missing := [command for command in ("gcc", "apt-get", "dpkg-deb") if shutil.which(command) is None]:
        pytest.skip(f"arm64 needs {', '.join(missing)}: run the tests on Debian, with gcc installed")
    preparation = usable("arm64").preparation()
    assert preparation is not None
    return preparation
