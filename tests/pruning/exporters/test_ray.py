from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from nnbehave.errors import MissingExtraError
from nnbehave.pruning import PrunedSpace
from nnbehave.pruning.exporters.choices import parameters
from nnbehave.pruning.exporters.ray import RayExporter, to_ray
from tests.pruned import chain, pruned_spaces

NO_RAY = "pip install 'ray[tune]' to test against Ray Tune"


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_the_file_is_python_code_with_the_same_lists(pruned: PrunedSpace) -> None:
    data = pruned.export("ray")
    assert data == parameters(pruned)
    _, assigned = ast.parse(RayExporter().text(data)).body
    assert isinstance(assigned, ast.Assign)
    assert isinstance(assigned.value, ast.Dict)
    lists = zip(assigned.value.keys, assigned.value.values, strict=True)
    assert {ast.literal_eval(key): ast.literal_eval(call.args[0]) for key, call in lists} == data


def test_without_ray_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ray\[tune\]'"):
        to_ray(chain((32, (8, 16))))


@settings(max_examples=50, deadline=None)
@given(pruned_spaces())
def test_ray_samples_exactly_the_values_left(pruned: PrunedSpace) -> None:
    pytest.importorskip("ray.tune", reason=NO_RAY)
    assert {name: domain.categories for name, domain in to_ray(pruned).items()} == parameters(pruned)


def test_ray_generates_networks_from_the_file(tmp_path: Path) -> None:
    pytest.importorskip("ray.tune", reason=NO_RAY)
    from ray.tune.search.variant_generator import generate_variants

    chain((32, (8, 16)), (8, (4, 8))).export("ray", tmp_path / "space.py")
    names: dict[str, dict[str, object]] = {}
    exec((tmp_path / "space.py").read_text(), names)
    drawn = [variant for _ in range(100) for _, variant in generate_variants(names["param_space"])]
    assert {tuple(each.values()) for each in drawn} == {(8, 4), (8, 8), (16, 4), (16, 8)}
    assert drawn[0].keys() == {"conv1.out_channels", "conv2.out_channels"}
