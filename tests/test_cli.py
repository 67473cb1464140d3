"""The command: what it prints, what it writes, and what its exit codes mean."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import nnbehave as nb
from nnbehave.cli import Exit, app
from nnbehave.errors import InvalidInputError
from nnbehave.measurement.store.schema import VERSION
from nnbehave.measurement.store.store import Store
from tests.test_sweep import until

pytestmark = pytest.mark.process

SPACE = """\
name: small
slots:
  - name: conv
    base: {op: conv, height: 7, in_channels: 8, out_channels: 8, kernel: 3}
    choices:
      out_channels: {low: 1, high: 40}
"""


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPACE)
    return path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_main_job(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    platforms = ["--platform", "simulated?width=8", "--platform", "simulated?law=linear"]
    swept = call("sweep", space, *platforms, "--store", store)
    assert swept.exit_code == Exit.OK, swept.output
    assert "simulated?width=8: 40 ok" in swept.stdout
    assert f"nnbehave steps {store}" in swept.stdout
    pytest.importorskip("matplotlib", reason="needs nnbehave[plot]")
    found = call("steps", store, "--png", tmp_path / "pictures")
    assert found.exit_code == Exit.OK, found.output
    lines = [line.split() for line in found.stdout.splitlines()]
    stairs = next(line for line in lines if line[0] == "simulated?width=8")
    assert stairs[1:3] == ["staircase", "8"]
    assert found.stdout.count("5 of 40 (1 to 40): 8, 16, 24, 32, 40") == 1
    assert re.search(r"simulated\?law=linear +linear .*40 of 40", found.stdout)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [picture.name for picture in pictures] == [
        "small-conv-out_channels-simulated_law_linear.png",
        "small-conv-out_channels-simulated_width_8.png",
    ]
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_pictures_are_of_the_curve_they_name(space: Path, tmp_path: Path) -> None:
    """Two spaces may call their slots alike, and share a store."""
    pytest.importorskip("matplotlib", reason="needs nnbehave[plot]")
    other = tmp_path / "other.yaml"
    other.write_text(SPACE.replace("name: small", "name: other").replace("kernel: 3", "kernel: 1"))
    store = tmp_path / "r.db"
    for one in (space, other):
        assert call("sweep", one, "--platform", "simulated", "--store", store, "-q").exit_code == Exit.OK
    (tmp_path / "file").write_text("")
    assert call("steps", store, "--png", tmp_path / "file").exit_code == Exit.USAGE
    assert call("steps", store, "--png", tmp_path / "pictures").exit_code == Exit.OK
    names = [picture.name for picture in sorted((tmp_path / "pictures").iterdir())]
    assert names == ["other-conv-out_channels-simulated.png", "small-conv-out_channels-simulated.png"]
    results = nb.load_results(store)
    assert [len(results.plot(space=name).get_legend().get_texts()) for name in ("small", "other")] == [1, 1]
    with pytest.raises(InvalidInputError, match="2 curves match"):
        results.step_map()


def test_some_values_of_a_space(space: Path, tmp_path: Path) -> None:
    swept = call("sweep", space, "--values", "8:40:8", "--platform", "simulated", "--store", tmp_path / "r.db")
    assert swept.exit_code == Exit.OK, swept.output
    assert list(nb.load_results(tmp_path / "r.db").frame["out_channels"]) == [8, 16, 24, 32, 40]


@pytest.mark.parametrize("values", ["8", "8:", "a:b", "40:8", "1:2:3:4", "1:8:0"])
def test_values_that_are_no_range_are_told(values: str, space: Path) -> None:
    told = call("sweep", space, "--values", values, "--platform", "simulated")
    assert told.exit_code == Exit.USAGE
    assert "expected LOW:HIGH" in told.stderr


def test_platforms_are_set_side_by_side(space: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs nnbehave[plot]")
    names = ["--platform", "simulated?width=8", "--platform", "simulated?width=4"]
    found = call(
        "compare-platforms", space, *names, "--store", tmp_path / "r.db", "--png", tmp_path / "p.png", "--quiet"
    )
    assert found.exit_code == Exit.OK, found.output
    widths = [line.split()[2:4] for line in found.stdout.splitlines() if line.strip().startswith("simulated")]
    assert widths == [["staircase", "8"], ["staircase", "4"]]
    assert "simulated?width=8 (whole)" in found.stdout
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    lost = call("compare-platforms", space, *names, "--store", tmp_path / "r.db", "--png", tmp_path / "no" / "p.png")
    assert lost.exit_code == Exit.USAGE
    assert "--png" in lost.stderr


def test_a_platform_without_a_curve_is_told_beside_the_others(space: Path, tmp_path: Path) -> None:
    names = ["--platform", "simulated?dimension=in_channels&fail_at=8", "--platform", "simulated"]
    found = call("compare-platforms", space, *names, "--store", tmp_path / "r.db", "--quiet")
    assert found.exit_code == Exit.INCOMPLETE
    assert re.search(r"fail_at=8.*no latencies in this curve \(\d+ unsupported\)", found.stdout)


def test_a_space_is_pruned_and_exported(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    assert call("sweep", space, "--platform", "simulated?width=8", "--store", store, "-q").exit_code == Exit.OK
    found = call("prune", space, store, "--export", "nni", "-o", tmp_path / "space.json")
    assert found.exit_code == Exit.OK, found.output
    assert "conv, out_channels: 35 removed, left 8, 16, 24, 32, 40" in found.stdout
    assert '"_value"' in (tmp_path / "space.json").read_text()
    assert "38 removed, left 8, 40\n" in call("prune", space, store, "--tolerance", 99).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--export", "tfmot", "-o", "space.json"], "no exporter for 'tfmot'"),
        (["--export", "optuna", "-o", "space.csv"], "optuna is written as .json, not 'space.csv'"),
        (["--export", "optuna", "-o", "no/space.json"], "there is no folder 'no'"),
        (["--export", "optuna"], "--export and --output go together"),
        (["-o", "space.json"], "--export and --output go together"),
        (["--platform", "tflite"], "no results of 'tflite'; these are of simulated?width=8"),
        (["--dimension", "kernels"], "dimension: expected one of in_channels, out_channels, height, width, got"),
        (["--tolerance", "-1"], "Invalid value"),
    ],
)
def test_what_prune_cannot_do_is_told_before_anything_else(
    space: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    store = tmp_path / "r.db"
    assert call("sweep", space, "--platform", "simulated?width=8", "--store", store, "-q").exit_code == Exit.OK
    refused = call("prune", space, store, *arguments)
    assert refused.exit_code == Exit.USAGE
    assert says in refused.stderr
    assert not refused.stdout


def test_a_space_is_pruned_for_some_of_the_platforms_that_were_measured(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    names = ["--platform", "simulated?width=8", "--platform", "simulated?width=20"]
    assert call("sweep", space, *names, "--store", store, "-q").exit_code == Exit.OK
    assert "left 8, 20, 40" in call("prune", space, store, "--platform", "simulated?width=20").stdout
    assert "left 8, 16, 20, 24, 32, 40" in call("prune", space, store, "--combine", "any").stdout
    assert "left 8, 40" in call("prune", space, store).stdout


def test_a_table_that_cannot_be_written_is_not_measured(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    refused = call("lut", space, "--platform", "simulated", "--store", store, "-o", tmp_path / "t.txt")
    assert refused.exit_code == Exit.USAGE
    assert "saved as .json or .parquet" in refused.stderr
    assert not store.exists()


def test_a_latency_table_is_written(space: Path, tmp_path: Path) -> None:
    made = call("lut", space, "--platform", "simulated", "--store", tmp_path / "r.db", "-o", tmp_path / "t.json", "-q")
    assert made.exit_code == Exit.OK, made.output
    assert "LatencyTable(40 layers on simulated, whole" in made.stdout
    assert len(nb.LatencyTable.load(tmp_path / "t.json").entries) == 40


def test_setup_of_what_needs_none() -> None:
    found = call("setup", "simulated")
    assert found.exit_code == Exit.OK
    assert found.stdout == "simulated needs no setup\n"


def test_a_second_sweep_measures_nothing_and_quiet_says_nothing(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    for _ in range(2):
        done = call("sweep", space, "--platform", "simulated", "--store", store, "--quiet")
        assert (done.exit_code, done.output) == (Exit.OK, "")
    with sqlite3.connect(store) as raw:
        assert raw.execute("select count(*) from sessions").fetchone() == (1,)


def test_layers_without_a_latency_are_told_and_make_another_exit_code(space: Path, tmp_path: Path) -> None:
    done = call("sweep", space, "--platform", "simulated?crash_at=3", "--store", tmp_path / "r.db")
    assert done.exit_code == Exit.INCOMPLETE
    assert "39 ok, 1 failed" in done.stdout
    assert "failed (1, such as conv_h7_w7_cin8_cout3_k3_s1_fp32): the worker process died (exit code 42)" in done.stdout


def bad_spaces() -> dict[str, tuple[bytes, str]]:
    text = SPACE.encode()
    return {
        "unknown operator": (text.replace(b"op: conv", b"op: convx"), "4: slots.0.base.op: unknown operator 'convx'"),
        "negative size": (text.replace(b"height: 7", b"height: -7"), "4: slots.0.base.height"),
        "a dimension the operator lacks": (text.replace(b"out_channels: {", b"groups: {"), "6: slots.0.choices.groups"),
        "a string for a number": (text.replace(b"kernel: 3", b"kernel: three"), "4: slots.0.base.kernel"),
        "empty": (b"", "got nothing"),
        "binary": (bytes(range(256)), "not text"),
        "not yaml": (b"a: [", "cannot be read as YAML"),
    }


@pytest.mark.parametrize("case", sorted(bad_spaces()))
def test_a_bad_space_is_one_message_and_code_2_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    content, says = bad_spaces()[case]
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    done = call("sweep", path, "--platform", "simulated", "--store", tmp_path / "r.db")
    assert done.exit_code == Exit.USAGE
    assert says in done.stderr
    assert done.stderr.startswith("nnbehave: ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sweep", "quickstart", "--platform", "tflyte"], "did you mean tflite"),
        (["sweep", "nowhere", "--platform", "simulated"], "neither a file nor one of card, conv_cout"),
        (["sweep", "quickstart", "--platform", "simulated", "--interval", "7"], "interval"),
        (["sweep", "quickstart", "--platform", "simulated", "--interval", "x"], "Invalid value for '--interval'"),
        (["sweep"], "Missing argument"),
        (["sweep", "quickstart", "--platform", "simulated", "--seed", "-1"], "seed"),
        (["sweep", "quickstart", "--platform", "simulated", "--time-limit", "inf"], "time_limit_s"),
        (["sweep", "quickstart", "--platform", "simulated", "--store", "mysql://h/x"], "not mysql"),
        (["steps", "nothing.db"], "there is no store at nothing.db"),
        (["steps", "nothing.csv"], "cannot read nothing.csv"),
        (["dance"], "No such command"),
    ],
)
def test_bad_arguments_are_code_2(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == Exit.USAGE
    assert says in " ".join(re.sub(r"[│╭╮╰╯─]", " ", done.stderr).split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["sweep", "steps"])
def test_a_bad_store_is_code_2_and_left_alone(command: str, space: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.db"
    Store(newer).close()
    with sqlite3.connect(newer) as raw:
        raw.execute("update meta set value = ?", (str(VERSION + 1),))
    text = tmp_path / "text.db"
    text.write_text("this is text " * 100)
    for path, says in ((newer, "written by a newer nnbehave"), (text, "not a database"), (tmp_path, "is a directory")):
        extra = [space, "--platform", "simulated", "--store", path] if command == "sweep" else [path]
        done = call(command, *extra)
        assert done.exit_code == Exit.USAGE
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert text.read_text() == "this is text " * 100


def test_a_store_without_sweeps_is_told(tmp_path: Path) -> None:
    Store(tmp_path / "r.db").close()
    done = call("steps", tmp_path / "r.db")
    assert done.exit_code == Exit.USAGE
    assert "run 'nnbehave sweep' first" in done.stderr


@pytest.mark.skipif(os.name != "posix" or not os.path.isdir("/proc"), reason="needs setrlimit")
def test_a_store_that_cannot_grow_is_told_and_keeps_what_it_has(space: Path, tmp_path: Path) -> None:
    """A file-size limit stands for a full disk: SQLite is refused a write in the middle of the sweep."""
    store = tmp_path / "r.db"
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "from nnbehave.cli import app\n"
        "app(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, "sweep", space, "--platform", "simulated?noise=2", "--store", store, "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.USAGE, done.stderr
    assert "nnbehave: store" in done.stderr
    with Store(store, must_exist=True) as opened:
        assert list(opened.sessions())
    again = call("sweep", space, "--platform", "simulated?noise=2", "--store", store, "-q")
    assert again.exit_code == Exit.OK


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    command = [
        sys.executable,
        "-m",
        "nnbehave.cli",
        "sweep",
        space,
        "--platform",
        "simulated?noise=2",
        "--store",
        store,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(store, 200)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    assert "run the same command again to go on" in error
    assert "Traceback" not in error
    assert call("sweep", space, "--platform", "simulated?noise=2", "--store", store, "-q").exit_code == Exit.OK


def test_platforms_and_spaces_are_listed() -> None:
    listed = call("platforms")
    assert listed.exit_code == Exit.OK
    for name in ("tflite", "tflite:builtin", "openvino", "simulated"):
        assert re.search(rf"^{name} +(available|not available)", listed.stdout, re.MULTILINE)
    spaces = call("spaces")
    assert spaces.exit_code == Exit.OK
    assert re.search(r"^conv_cout +256 layers: Tang et al.", spaces.stdout, re.MULTILINE)
    assert re.search(r"^table1 +9895 layers: ", spaces.stdout, re.MULTILINE)
    assert re.search(r"^metapruning_mobilenet_v1 +368 layers, 10\^21\.42 networks: ", spaces.stdout, re.MULTILINE)


@pytest.mark.parametrize("command", [[], ["sweep"], ["steps"], ["platforms"], ["spaces"]])
def test_help_teaches(command: list[str]) -> None:
    done = call(*command, "--help")
    assert done.exit_code == Exit.OK
    assert "Usage" in done.stdout
    if command in (["sweep"], ["steps"]):
        assert "Example: nnbehave" in done.stdout


def test_support_is_a_matrix_with_reasons(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    nb.sweep("support", platforms="simulated?fail_at=16", method="none", store=store, progress=False)
    said = call("support", store)
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert lines[0] == "simulated?fail_at=16"
    assert lines[1].split() == ["fp32", "fp16", "bf16", "dynamic_int8", "int8", "uint8", "int16x8"]
    by_op = {line.split()[0]: line.split()[1:] for line in lines[2:-1]}
    assert by_op["conv"] == ["full"] * 7
    assert by_op["head"] == ["none", "[1]"] * 7
    assert lines[-1] == "  [1] the simulated platform takes no out_channels of 16"
    assert call("support", tmp_path / "missing.db").exit_code == 2


@pytest.mark.runtime("tensorflow", "ai_edge_litert")
def test_a_model_is_swept_layer_by_layer_and_what_is_no_layer_is_told(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="needs nnbehave[tensorflow]")
    pytest.importorskip("ai_edge_litert", reason="needs nnbehave[litert]")
    function = tf.function(lambda x: tf.nn.relu6(tf.nn.conv2d(x, tf.ones((3, 3, 4, 8)), 2, "SAME")) ** 3.5)
    concrete = function.get_concrete_function(tf.TensorSpec((1, 8, 8, 4)))
    (tmp_path / "net.tflite").write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    said = call("sweep", tmp_path / "net.tflite", "--platform", "simulated", "--store", tmp_path / "s.db")
    assert said.exit_code == 0, said.output
    assert "not measured: 001_pow: POW: no such operator" in said.output
    assert "simulated: 1 ok" in said.output
    (row,) = nb.load_results(tmp_path / "s.db").frame.to_dict("records")
    assert (row["slot"], row["op"], row["stride"], row["activation"]) == ("000_conv", "conv", 2, "relu6")


def test_the_doctor_says_what_a_machine_is_good_for() -> None:
    platform = "simulated?dimension=in_channels"
    done = CliRunner().invoke(app, ["doctor", "--platform", platform, "--seconds", "1", "--quiet"])
    assert done.exit_code == 0, done.output
    assert "smallest fusion saving" in done.output
    assert "advice:" in done.output
    assert "weights" not in done.output  # a simulated machine has no caches
    done = CliRunner().invoke(app, ["doctor", "--platform", platform, "--seconds", "1", "--quiet", "--png", "x.png"])
    assert done.exit_code == 2
    assert "--png: platform 'simulated?dimension=in_channels' has no caches to draw" in done.output


def test_a_network_that_cannot_be_made_is_told() -> None:
    for name, says in (("nets:mine", "No module named"), ("math:pi2", "no attribute"), ("lenet", "unknown network")):
        done = CliRunner().invoke(app, ["check-composition", name])
        assert done.exit_code == 2
        assert says in done.output
    done = CliRunner().invoke(app, ["check-composition", "time:time"])
    assert "returns a float, not a nnbehave.Graph" in done.output


def test_a_target_that_cannot_be_used_is_unusable_input(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    for target, says in {"there": "expected local", "python:/no/such": "not a program"}.items():
        done = call("sweep", space, "--platform", "simulated", "--store", store, "--target", target)
        assert done.exit_code == Exit.USAGE
        assert says in done.stderr
    assert not store.exists()


def test_a_sweep_in_another_python_is_said_where(space: Path, tmp_path: Path) -> None:
    store = tmp_path / "r.db"
    target = f"python:{sys.executable}"
    done = call("sweep", space, "--platform", "simulated", "--store", store, "--target", target)
    assert done.exit_code == Exit.OK, done.output
    assert set(nb.load_results(store).frame["target"]) == {target}
