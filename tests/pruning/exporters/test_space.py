from __future__ import annotations

import pytest
from hypothesis import given, settings

import nnbehave as nb
from nnbehave.pruning import PrunedSpace
from tests.pruned import pruned_spaces


@settings(max_examples=50, deadline=None)
@given(pruned=pruned_spaces())
def test_the_file_is_the_space_after_pruning(pruned: PrunedSpace, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("space") / "left.yaml"
    text = pruned.export("space", file)
    assert nb.load_space(file) == pruned.space
    assert file.read_text() == text
