"""Platforms that need something prepared: set up once for all the processes of a run, or the test is skipped."""

from __future__ import annotations

import fcntl

import pytest

from nnbehave.errors import InvalidInputError, MissingExtraError, SetupError
from nnbehave.measurement.platforms import Platform, get_platform
from nnbehave.measurement.platforms.preparation import Preparation

# What a failed setup says where the machine has no network, which is no fault of the code.
NO_NETWORK = ("Could not resolve", "Failed to fetch", "Temporary failure", "No matching distribution", "Connection")


def usable(name: str) -> Platform:
    """Return a platform that is set up in this run's cache; skip the test where this machine cannot."""
    platform = get_platform(name)
    preparation = platform.preparation()
    try:
        if preparation is not None:
            make_once(preparation)
        platform.version()
    except (MissingExtraError, InvalidInputError) as error:
        pytest.skip(str(error))
    except SetupError as error:
        if any(said in str(error) for said in NO_NETWORK):
            pytest.skip(f"{name} needs the network: {error}")
        raise
    return platform


def make_once(preparation: Preparation) -> None:
    """Set a platform up, while other processes of this run wait."""
    preparation.folder.parent.mkdir(parents=True, exist_ok=True)
    with (preparation.folder.parent / f"{preparation.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        list(preparation.make())
