"""What all tests share: an artifact cache of their own, and small spaces."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.design.space import Space
from nnbehave.errors import SetupError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.preparation import Preparation


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep artifacts out of the user's cache; one for the whole run, so that TensorFlow converts a layer once."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNBEHAVE_CACHE_DIR", str(path))
        yield path


@pytest.fixture
def base() -> nb.Layer:
    return nb.Layer(op="conv", height=7, in_channels=8, out_channels=8, kernel=3)


@pytest.fixture
def space(base: nb.Layer) -> Space:
    """Twenty layers of one curve."""
    return Space.from_layer(base, "out_channels", range(1, 21), name="twenty")


@pytest.fixture(scope="session")
def arm64(cache_dir: Path) -> Preparation:
    """Set up ``arm64`` in this run's cache, which fetches 130 MB; skip where this machine cannot."""
    if missing := [command for command in ("gcc", "apt-get", "dpkg-deb") if shutil.which(command) is None]:
        pytest.skip(f"arm64 needs {', '.join(missing)}: run the tests on Debian, with gcc installed")
    prepared = type(get_platform("arm64")).preparation()
    assert prepared is not None
    try:
        list(prepared.make())
    except SetupError as error:
        if any(said in str(error) for said in ("Could not resolve", "Failed to fetch", "No matching distribution")):
            pytest.skip(f"arm64 needs Debian's mirror and a Python package index, and one cannot be reached: {error}")
        raise
    return prepared
