"""Optuna reads the distributions, and they hold exactly the values left."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from hypothesis import assume, given, settings

import nnbehave as nb
from nnbehave.design.space import Slot, Space, Stage
from nnbehave.pruning import PrunedSpace
from nnbehave.pruning.exporters.choices import parameters
from nnbehave.pruning.exporters.optuna import suggest
from tests.pruned import chain, pruned_spaces, pruned_to

optuna = pytest.importorskip("optuna", reason="pip install 'nnbehave[dev]' to test against Optuna")
optuna.logging.set_verbosity(optuna.logging.WARNING)


def values_of(distribution: Any) -> list[Any]:
    if isinstance(distribution, optuna.distributions.IntDistribution):
        return [*range(distribution.low, distribution.high + 1, distribution.step)]
    return list(distribution.choices)


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_optuna_reads_back_exactly_the_values_left(pruned: PrunedSpace) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna only warns if a grid does not reach `high`
        read = {
            name: optuna.distributions.json_to_distribution(json.dumps(each))
            for name, each in pruned.export("optuna").items()
        }
    assert {name: values_of(each) for name, each in read.items()} == parameters(pruned)
    written = {name: json.loads(optuna.distributions.distribution_to_json(each)) for name, each in read.items()}
    assert written == pruned.export("optuna")


def test_evenly_spaced_integers_become_a_grid_and_others_a_list() -> None:
    found = chain((32, (8, 16, 24, 32)), (32, (3, 11, 19)), (32, (8, 16, 32)), (32, (8,))).export("optuna")
    kinds = [(each["name"], *each["attributes"].values()) for each in found.values()]
    assert kinds == [
        ("IntDistribution", False, 8, 8, 32),
        ("IntDistribution", False, 8, 3, 19),
        ("CategoricalDistribution", [8, 16, 32]),
        ("CategoricalDistribution", [8]),
    ]


@pytest.mark.filterwarnings("ignore:BruteForceSampler is experimental")
@settings(max_examples=15, deadline=None)
@given(pruned_spaces())
def test_an_exhaustive_search_meets_each_network_once(pruned: PrunedSpace) -> None:
    assume(pruned.size <= 40)
    study = optuna.create_study(sampler=optuna.samplers.BruteForceSampler(seed=0))

    def objective(trial: Any) -> float:
        for slot, chosen in suggest(trial, pruned).items():
            assert {f"{slot}.{name}": value for name, value in chosen.items()}.items() <= trial.params.items()
        asked = {name: values_of(each) for name, each in trial.distributions.items()}
        assert asked.items() <= parameters(pruned).items()
        return 0.0

    study.optimize(objective, n_trials=pruned.size + 5)
    assert len(study.trials) == pruned.size
    assert len({json.dumps(trial.params, sort_keys=True) for trial in study.trials}) == pruned.size


def test_a_trial_is_not_asked_about_slots_that_are_left_out() -> None:
    base = nb.Layer(op="conv", height=8, in_channels=8, out_channels=8, kernel=3)
    slots = (Slot("a", base, {"kernel": (1, 3)}), Slot("b", base, {"kernel": (1, 3)}, {"repeats": (1, 2)}, True))
    pruned = pruned_to(Space("some", (Stage("s", slots, (1, 2)),)), {})
    short = optuna.trial.FixedTrial({"s.depth": 1, "a.kernel": 3})
    assert suggest(short, pruned) == {"a": {"kernel": 3}}
    without = optuna.trial.FixedTrial({"s.depth": 2, "a.kernel": 1, "b.used": False})
    assert suggest(without, pruned) == {"a": {"kernel": 1}}
    whole = optuna.trial.FixedTrial({"s.depth": 2, "a.kernel": 1, "b.used": True, "b.kernel": 3, "b.repeats": 2})
    assert suggest(whole, pruned) == {"a": {"kernel": 1}, "b": {"kernel": 3, "repeats": 2}}


def test_a_grid_sampler_takes_the_lists_of_the_ray_export() -> None:
    pruned = chain((32, (8, 16, 32)), (16, (8, 16)))
    study = optuna.create_study(sampler=optuna.samplers.GridSampler(pruned.export("ray")))
    study.optimize(lambda trial: float(suggest(trial, pruned)["conv1"]["out_channels"]), n_trials=20)
    assert len(study.trials) == 6
    assert study.best_value == 8
