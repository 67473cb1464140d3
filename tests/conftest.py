"""What all tests share: an artifact cache of their own, and small spaces."""

from __future__ import annotations

from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.space import Space


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
