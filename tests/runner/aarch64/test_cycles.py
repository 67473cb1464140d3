from __future__ import annotations

from pathlib import Path

import pytest

from nnbehave.measurement.platforms._arm64.setup import Installed
from nnbehave.measurement.platforms.preparation import Preparation
from nnbehave.runner.aarch64.cycles import CycleModel

pytestmark = pytest.mark.setup

INDEPENDENT = "".join(f"{0x4E22CC20 + register:08x}" for register in range(8, 24))  # fmla v8…v23.4s, v1.4s, v2.4s
DEPENDENT = "4e22cc28" * 16  # fmla v8.4s, v1.4s, v2.4s
CALL = "94000400"  # bl #4096
SYSTEM_CALL = "d4000001"  # svc #0
NO_INSTRUCTION = "00000001"


@pytest.fixture
def commands(arm64: Preparation) -> tuple[list[str], list[str]]:
    installed = Installed(arm64)
    return installed.tool("llvm-mc-19"), installed.tool("llvm-mca-19")


def test_independent_instructions_run_in_parallel_pipes(commands: tuple[list[str], list[str]], tmp_path: Path) -> None:
    costs = CycleModel(*commands, "neoverse-n1", str(tmp_path / "costs")).costs([INDEPENDENT, DEPENDENT])
    assert costs[INDEPENDENT].cycles == pytest.approx(16 / 2, rel=0.05)  # two pipes
    assert costs[DEPENDENT].cycles > 1.9 * costs[INDEPENDENT].cycles
    assert costs[INDEPENDENT].classes == costs[DEPENDENT].classes == {"fma": 16}


def test_calls_cost_as_jumps_and_unscheduled_instructions_a_cycle(
    commands: tuple[list[str], list[str]], tmp_path: Path
) -> None:
    model = CycleModel(*commands, "neoverse-n1", str(tmp_path / "costs"))
    costs = model.costs([CALL, SYSTEM_CALL, NO_INSTRUCTION, INDEPENDENT + CALL])
    assert costs[CALL].cycles < 3
    assert costs[INDEPENDENT + CALL].cycles < costs[CALL].cycles + 9
    assert 0 < costs[SYSTEM_CALL].cycles < 3
    assert costs[NO_INSTRUCTION] == (1.0, {"other": 1})


def test_costs_are_kept_for_each_core(commands: tuple[list[str], list[str]], tmp_path: Path) -> None:
    file = str(tmp_path / "costs")
    first = CycleModel(*commands, "neoverse-n1", file).costs([INDEPENDENT])
    none = ["false"], ["false"]
    assert CycleModel(*none, "neoverse-n1", file).costs([INDEPENDENT]) == first
    in_order = CycleModel(*commands, "cortex-a53", file).costs([INDEPENDENT])
    assert in_order[INDEPENDENT].cycles > first[INDEPENDENT].cycles
    with pytest.raises(RuntimeError, match="llvm-mc gave"):
        CycleModel(*none, "neoverse-n1", file).costs([DEPENDENT])
    with pytest.raises(RuntimeError, match="llvm-mca fails"):
        CycleModel(commands[0], ["false"], "neoverse-n1", file).costs([DEPENDENT])
