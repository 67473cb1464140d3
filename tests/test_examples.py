"""Every example runs, from beginning to end, on the real platforms."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.setup
@pytest.mark.runtime("tensorflow", "ai_edge_litert", "openvino", "nbclient", "matplotlib")
@pytest.mark.parametrize("notebook", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_runs(notebook: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for module in ("tensorflow", "ai_edge_litert", "openvino", "matplotlib"):
        pytest.importorskip(module, reason="needs nnbehave[all]")
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if "openvino" in cell.source:  # fewer rounds of fewer values than a reader sweeps
            fewer = cell.source.replace("range(1, 65)", "range(1, 65, 7)")
            cell.source = fewer.replace("interval=0.05", "interval=0.5")
    nbclient.NotebookClient(content, timeout=280, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in content.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.process
def test_metapruning_s_space_shrinks_as_the_paper_counts_and_by_far_less() -> None:
    lines = run("metapruning_mobilenet_v1.py").splitlines()
    by_width = {line.split()[3]: line.split()[-2:] for line in lines if line.startswith("staircase")}
    assert by_width["8"] == ["10^12.25", "10^2.71"]
    assert by_width["64"][1] == "10^11.85"


@pytest.mark.setup
@pytest.mark.runtime("tensorflow", "ethosu")
def test_squeeze_and_excitation_leaves_mnasnet_on_an_npu() -> None:
    pytest.importorskip("ethosu", reason="needs nnbehave[ethos-u]")
    pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
    told = run("mnasnet_without_se.py", "--platform", "ethos-u:u55-256")
    assert "2^5 = 32" in told


@pytest.mark.setup
@pytest.mark.runtime("tensorflow")
def test_a_search_is_as_good_in_what_is_left() -> None:
    pytest.importorskip("optuna", reason="needs optuna")
    pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
    told = run(
        "optuna_latency_aware_nas.py", "--platform", "simulated?width=8&noise=0.002", "--seeds", "1", "--tried", "5"
    )
    assert "conv1: [8, 16, 24, 32]" in told
    assert "conv1: [4, 8, 16, 24, 32]" in told
    assert told.count("trials at the median") == 3


@pytest.mark.setup
def test_torch_pruning_prunes_to_widths_that_are_left() -> None:
    reason = "pip install torch torch-pruning scikit-learn to prune with Torch-Pruning"
    for module in ("torch", "torch_pruning", "sklearn"):
        pytest.importorskip(module, reason=reason)
    told = run("prune_with_torch_pruning.py", "--platform", "simulated?width=8&noise=0.002")
    left = [ast.literal_eval(line.split(": ")[1]) for line in told.splitlines() if line.startswith("  conv")]
    assert left == [list(range(8, widest + 1, 8)) for widest in (64, 96, 128)]
    table = {line[:14].strip(): line[14:].split() for line in told.partition("channels")[2].splitlines()[1:]}
    widths = {name: [int(width) for width in row[0].split("+")] for name, row in table.items()}
    assert widths["not pruned"] == [64, 96, 128]
    assert widths["uniform ratio"] == [35, 52, 70]  # int(0.55 of each)
    assert widths["worth keeping"] == [32, 56, 72]  # of what is left, the nearest to 35.2, 52.8 and 70.4
    # What was measured has these widths: 40 us a step of each layer, of the pool as wide and the 10 classes too.
    for name, of in widths.items():
        steps = sum(-(-width // 8) for width in (*of, of[-1], 10))
        assert float(table[name][3]) == pytest.approx(0.04 * steps, rel=0.005)
        assert float(table[name][2]) > 0.9


@pytest.mark.process
def test_without_torch_the_example_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    script = str(EXAMPLES / "prune_with_torch_pruning.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "No module named 'torch': pip install torch torch-pruning scikit-learn\n"
