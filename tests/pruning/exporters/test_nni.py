from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.errors import InvalidInputError
from nnbehave.pruning import PrunedSpace
from nnbehave.pruning.exporters.choices import parameters
from tests.pruned import chain, pruned_spaces, pruned_to


def test_every_parameter_is_a_choice() -> None:
    found = chain((32, (8, 16, 24, 32))).export("nni")
    assert found == {"conv1.out_channels": {"_type": "choice", "_value": [8, 16, 24, 32]}}


def test_a_choice_with_none_is_refused() -> None:
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)
    space = Space("none", (Stage("all", (Slot("a", base, {"activation": (None, "relu")}),)),))
    with pytest.raises(InvalidInputError, match="slot 'a', activation: NNI .* None is neither"):
        pruned_to(space, {}).export("nni")
    assert pruned_to(space, {("a", "activation"): ("relu",)}).export("nni")


def without_none(pruned: PrunedSpace) -> dict[str, dict[str, Any]]:
    assume(all(None not in values for values in parameters(pruned).values()))
    return pruned.export("nni")


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_nni_accepts_the_search_space_and_draws_only_values_left(pruned: PrunedSpace) -> None:
    hpo_utils = pytest.importorskip("nni.common.hpo_utils", reason="pip install nni to test against NNI")
    from nni import NoMoreTrialError
    from nni.algorithms.hpo.random_tuner import RandomTuner

    found = without_none(pruned)
    assert hpo_utils.validate_search_space(found, raise_exception=True)
    tuner = RandomTuner(seed=1)
    tuner.update_search_space(found)
    for i in range(10):
        try:
            drawn = tuner.generate_parameters(i)
        except NoMoreTrialError:  # every network was drawn
            break
        assert drawn.keys() == found.keys()
        assert all(value in found[name]["_value"] for name, value in drawn.items())
