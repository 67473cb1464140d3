"""The platform ``arm64``: its setup, and the patterns that the paper found on a real core."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError, MissingExtraError, SetupError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms._arm64 import debian
from nnbehave.measurement.platforms._arm64.cores import CORES, write_system_files
from nnbehave.measurement.platforms._arm64.setup import Installed
from nnbehave.measurement.platforms.arm64 import Arm64
from nnbehave.measurement.platforms.preparation import Preparation
from nnbehave.testing import PlatformContract


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("arm64?core=pentium", "one of cortex-a76, neoverse-n1"),
        ("arm64?clock_ghz=0", "clock_ghz must be above 0, got 0"),
        ("arm64?clock_ghz=inf", "clock_ghz must be above 0, got inf"),
        ("arm64:ruy", "no variant 'ruy'; it has arm64:xnnpack"),
    ],
)
def test_wrong_options_are_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        get_platform(text)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preparation:
    monkeypatch.setenv("NNBEHAVE_CACHE_DIR", str(tmp_path))
    return Arm64.preparation()


def test_a_platform_that_is_not_set_up_says_how_to_do_it(nowhere: Preparation) -> None:
    with pytest.raises(MissingExtraError, match="run 'nnbehave setup arm64'"):
        Arm64.version()
    with pytest.raises(MissingExtraError, match="run 'nnbehave setup arm64'"):
        get_platform("arm64").backend_options()


def test_setup_without_a_compiler_fails_before_it_fetches_anything(
    nowhere: Preparation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError, match="there is no gcc: .*install gcc"):
        list(nowhere.make())
    assert nowhere.missing == [step.name for step in nowhere.steps]


def test_unpacking_without_apt_or_a_mirror_says_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "need", lambda *_: None)
    monkeypatch.setattr(debian, "run", lambda *_: "http://mirror.example/ubuntu\nhttp://mirror.example/other\n")
    with pytest.raises(OSError, match="no source of them: use Debian"):
        debian.unpack(tmp_path, "bookworm", "arm64", ["libc6"])
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(OSError, match="there is no apt-get"):
        debian.unpack(tmp_path, "bookworm", "arm64", ["libc6"])


@pytest.mark.parametrize("name", CORES)
def test_the_system_files_of_a_core_are_those_of_linux(name: str, tmp_path: Path) -> None:
    core = CORES[name]
    write_system_files(core, tmp_path)
    told = dict(line.split("\t: ") for line in (tmp_path / "proc/cpuinfo").read_text().splitlines())
    assert (told["CPU implementer"], told["CPU part"]) == ("0x41", core.part)
    caches = tmp_path / "sys/devices/system/cpu/cpu0/cache"
    sizes_kb = [int(path.read_text().rstrip("K\n")) for path in sorted(caches.glob("index*/size"))]
    assert sizes_kb == [size_kb for size_kb in core.caches_kb if size_kb]


@pytest.mark.setup
@pytest.mark.usefixtures("arm64")
class TestArm64(PlatformContract):
    platform = "arm64"


@pytest.mark.setup
@pytest.mark.usefixtures("arm64")
class TestArm64XNNPACK(PlatformContract):
    platform = "arm64:xnnpack?core=cortex-a53&clock_ghz=1.2"


@pytest.mark.process
def test_the_versions_are_those_of_the_installed_packages(arm64: Preparation) -> None:
    versions = Installed(arm64).versions
    assert Arm64.version() == versions["ai-edge-litert"] == "2.3.0"
    assert versions["qemu-user"].startswith("1:7.2")
    assert versions["llvm-19"].startswith("1:19.")


@pytest.mark.setup
@pytest.mark.usefixtures("arm64")
def test_convolution_climbs_by_eight_output_channels() -> None:
    """The paper's Figure 4(a): Conv, 28×28, Cin = 320, K = 3, over Cout, on the CPU."""
    conv = nb.Layer(op="conv", height=28, in_channels=320, out_channels=8, kernel=3)
    results = nb.sweep(
        layer=conv, dimension="out_channels", values=range(1, 26), platforms="arm64", time_limit_s=120, progress=False
    )
    steps = results.step_map(platform="arm64")
    assert (steps.kind, steps.width, tuple(steps.edges)) == ("staircase", 8, (9, 17, 25))
    assert steps.best_channels(1, 25)[:3] == [8, 16, 24]
    counted = results.frame.set_index("out_channels")["instructions"] / 1e6
    assert counted[[8, 9, 16, 17]].to_list() == pytest.approx([10.12, 16.18, 16.17, 22.22], abs=0.01)


@pytest.mark.setup
@pytest.mark.usefixtures("arm64")
def test_depthwise_convolution_zigzags_by_sixteen_channels() -> None:
    """The paper's Figure B.3(a): DWConv, 7×7, K = 3, over C. The CPU's loops take 16 channels, then 4, then 1 (B.4)."""
    dwconv = nb.Layer(op="dwconv", height=7, in_channels=8, kernel=3)
    results = nb.sweep(
        layer=dwconv, dimension="in_channels", values=range(4, 133, 4), platforms="arm64", progress=False
    )
    steps = results.step_map(platform="arm64")
    assert (steps.kind, steps.width) == ("zigzag", 16)
    frame = results.frame.set_index("in_channels")
    for tooth in range(32, 129, 16):
        assert frame["cycles"][tooth - 4] - frame["cycles"][tooth] == pytest.approx(7170, rel=0.02)
        # The saving is in waiting, not in instructions: sixteen channels are computed in parallel.
        assert frame["instructions"][tooth] > 0.94 * frame["instructions"][tooth - 4]


@pytest.mark.setup
@pytest.mark.usefixtures("arm64")
def test_counts_do_not_depend_on_other_models(tmp_path: Path) -> None:
    layers = [
        nb.Layer(op="conv", height=28, in_channels=64, out_channels=n, kernel=3, precision=precision)
        for n in (8, 9)
        for precision in ("fp32", "int8")
    ]
    some = nb.measure(layers, platforms="arm64", store=tmp_path / "1.db", progress=False).frame
    other = nb.measure(layers[::-1], platforms="arm64", store=tmp_path / "2.db", progress=False).frame
    one, two = (frame.set_index("subject")["counts"].sort_index() for frame in (some, other))
    assert one.equals(two)
    assert one.str.len().min() > 0


@pytest.mark.setup
@pytest.mark.usefixtures("arm64")
def test_a_core_without_dot_products_runs_none() -> None:
    conv = nb.Layer(op="conv", height=14, in_channels=32, out_channels=32, kernel=3, precision="int8")
    frame = nb.measure([conv], platforms=["arm64", "arm64?core=cortex-a72"], progress=False).frame
    counts = frame.set_index("platform")["counts"].map(json.loads)
    assert counts["arm64"]["dot_product"] > 1e4
    assert counts["arm64?core=cortex-a72"]["dot_product"] == 0
    assert counts["arm64?core=cortex-a72"]["vector_multiply"] > 10 * counts["arm64"]["vector_multiply"]
