from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nnbehave as nb
from nnbehave.errors import InvalidInputError, MissingExtraError
from nnbehave.measurement.platforms import get_platform
from nnbehave.measurement.platforms.ethos_u import EthosU
from nnbehave.measurement.targets import LocalTarget
from nnbehave.runner.backends.ethos_u import EthosUBackend
from nnbehave.testing import PlatformContract


@pytest.mark.runtime("tensorflow", "ethosu")
class TestU55(PlatformContract):
    platform = "ethos-u:u55-128"


@pytest.mark.runtime("tensorflow", "ethosu")
class TestU85(PlatformContract):
    platform = "ethos-u:u85-2048?memory=Dedicated_Sram_384KB"


@pytest.fixture
def vela() -> None:
    try:
        EthosU.version()
    except MissingExtraError as error:
        pytest.skip(str(error))


def _sweep(platform: str, count: int, **fields: Any) -> nb.Results:
    layer = nb.Layer(op="conv", height=28, in_channels=64, out_channels=8, kernel=3, **fields)
    return nb.sweep(
        layer=layer, dimension="out_channels", values=range(1, count + 1), platforms=platform, progress=False
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ethos-u", "no variant ''; it has ethos-u:u55-32"),
        ("ethos-u:u55-512", "no variant 'u55-512'"),
        ("ethos-u:u55-128?memory=Flash", "one of Sram_Only, Shared_Sram, Dedicated_Sram"),
        ("ethos-u:u55-128?system=Ethos_U65_High_End", "one of Ethos_U55_High_End_Embedded, Ethos_U55_Deep_Embedded"),
        ("ethos-u:u55-128?memory=Dedicated_Sram", "needs DRAM, which Ethos_U55_High_End_Embedded lacks"),
        ("ethos-u:u85-256?memory=Dedicated_Sram&system=Ethos_U85_SYS_Flash_Low", "needs DRAM"),
    ],
)
def test_unknown_variants_and_options_are_refused(name: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        get_platform(name)


@pytest.mark.runtime("tensorflow", "ethosu")
def test_every_configuration_compiles_and_more_multipliers_are_faster(vela: None, tmp_path: Path) -> None:
    path = str(_conv_then("relu", tmp_path))
    cycles = {}
    for variant in EthosU.variants:
        backend = EthosUBackend(**get_platform(f"ethos-u:{variant}").backend_options())
        (cost,) = backend.estimate([backend.load(path, "int8")])
        cycles[variant] = cost.counts["cycles"]
    for family in ("u55", "u65", "u85"):
        found = [cycles[variant] for variant in EthosU.variants if variant.startswith(family)]
        assert found == sorted(found, reverse=True)
        assert found[0] > 1.5 * found[-1]


@pytest.mark.runtime("tensorflow", "ethosu")
def test_a_slower_clock_gives_the_same_cycles_and_more_time(vela: None) -> None:
    layer = nb.Layer(op="conv", height=14, in_channels=32, out_channels=8, kernel=3)
    fast, slow = "ethos-u:u55-128", "ethos-u:u55-128?system=Ethos_U55_Deep_Embedded"
    rows = nb.measure([layer], [fast, slow], progress=False).frame.set_index("platform")
    assert rows.loc[fast, "cycles"] == rows.loc[slow, "cycles"]
    assert rows.loc[fast, "latency_ms"] == pytest.approx(rows.loc[fast, "cycles"] / 500e6 * 1e3, rel=1e-5)
    assert rows.loc[slow, "latency_ms"] == pytest.approx(rows.loc[slow, "cycles"] / 200e6 * 1e3, rel=1e-5)


@pytest.mark.runtime("tensorflow", "ethosu")
@pytest.mark.parametrize(("variant", "width"), [("u55-32", 4), ("u55-128", 8)])
def test_convolutions_climb_in_steps_of_the_multipliers_width(vela: None, variant: str, width: int) -> None:
    steps = _sweep(f"ethos-u:{variant}", 64).step_map(platform=f"ethos-u:{variant}")
    assert steps.kind == "staircase"
    assert steps.width == width
    assert list(steps.edges) == list(range(width + 1, 65, width))


@pytest.mark.runtime("tensorflow", "ethosu")
def test_fp32_layers_are_quantised_and_rows_say_so(vela: None) -> None:
    row = _sweep("ethos-u:u55-64", 1).frame.iloc[0]
    assert (row["precision"], row["executed_precision"]) == ("fp32", "int8")
    assert "asked for fp32, ran int8" in row["reason"]
    wide = _sweep("ethos-u:u55-64", 1, precision="int16x8").frame.iloc[0]
    assert wide["executed_precision"] == "int16x8"
    assert wide["cycles"] > row["cycles"]


@pytest.mark.runtime("tensorflow", "ethosu")
def test_activations_cost_as_much_as_their_table_or_their_operators(vela: None) -> None:
    results = nb.sweep("fig7_activations", platforms="ethos-u:u55-256", progress=False)
    ratios = nb.rank_activations(results).frame.set_index("activation")["ratio"]
    assert ratios["relu"] == ratios["relu6"] == pytest.approx(1)
    assert ratios["hardswish"] == ratios["sigmoid"] == pytest.approx(1.76, abs=0.03)  # a look-up table in the operator
    assert ratios["swish"] == pytest.approx(2.5, abs=0.05)  # a look-up table and a separate multiplication
    kernels = results.frame.set_index("activation")["kernels"]
    assert kernels["relu"] == kernels["hardswish"] == "DepthwiseConv2D"
    assert set(kernels["swish"].split(";")) == {"DepthwiseConv2D", "Mul", "Sigmoid:LUT"}


@pytest.mark.runtime("tensorflow", "ethosu")
def test_fusion_is_detected_from_estimates(vela: None, tmp_path: Path) -> None:
    pairs = [("conv", "relu"), ("conv", "add"), ("dwconv", "swish")]
    found = nb.check_fusion(pairs, "ethos-u:u55-128", tmp_path / "r.db", shapes=[(14, 32)], progress=False).frame
    found = found.set_index("second_op")
    assert set(found["method"]) == {"estimated"}
    assert dict(found["verdict"]) == {"relu": "fused", "add": "not fused", "swish": "not fused"}
    assert dict(found["told"]) == {"relu": "folded", "add": "separate", "swish": "separate"}


@pytest.mark.runtime("tensorflow", "ethosu")
def test_operators_on_the_cpu_are_left_out_of_the_total_with_the_reason(vela: None, tmp_path: Path) -> None:
    layers = [nb.Layer(op=op, height=14, in_channels=32, precision="int8") for op in ("layer_norm", "gelu")]
    frame = nb.measure(layers, "ethos-u:u55-128", progress=False).frame.set_index("op")
    assert list(frame["complete"]) == [False, True]
    assert frame.loc["layer_norm", "left_out"] == "Mean;Mean"
    assert "Unsupported depth-reduction" in frame.loc["layer_norm", "reason"]
    without = nb.measure(layers, "ethos-u:u55-128", method="none", progress=False).support().set_index("op")
    assert dict(without["support"]) == {"layer_norm": "partial", "gelu": "full"}
    assert without.loc["layer_norm", "placement"] == "partial"
    assert "Unsupported depth-reduction" in without.loc["layer_norm", "reason"]


@pytest.mark.runtime("tensorflow", "ethosu")
def test_a_layer_that_runs_on_the_cpu_only_has_no_latency(vela: None) -> None:
    gelu = nb.Layer(op="gelu", height=14, in_channels=32, precision="int16x8")
    row = nb.measure([gelu], "ethos-u:u55-128", progress=False).frame.iloc[0]
    assert row["status"] == "unsupported"
    assert row["reason"].startswith("Vela leaves all of it to the CPU: ")


@pytest.mark.runtime("tensorflow", "ethosu")
@pytest.mark.parametrize("function", ["elu", "relu"])
def test_elu_never_looks_free(vela: None, function: str, tmp_path: Path) -> None:
    path = _conv_then(function, tmp_path)
    with LocalTarget().start(get_platform("ethos-u:u55-128")) as runner:
        kernels = runner.request("load", 60, handle="x", path=str(path), precision="int8", seed=0)["kernels"]
        answer = runner.request("estimate", 60, handles=["x"])
    astray = [kernel[0] for kernel in kernels if not kernel[2]]
    assert answer["left_out"] == astray
    assert ("Elu" in astray) == (function == "elu")


def _conv_then(function: str, folder: Path) -> Path:
    """Return a quantised convolution with a function after it. TensorFlow Lite has ELU in fp32 only."""
    tf = pytest.importorskip("tensorflow")
    import numpy as np

    weights = tf.constant(np.random.default_rng(0).standard_normal((3, 3, 8, 8)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([1, 7, 7, 8])], autograph=False)
    def forward(x: Any) -> Any:
        return getattr(tf.nn, function)(tf.nn.conv2d(x, weights, 1, "SAME"))

    converter = tf.lite.TFLiteConverter.from_concrete_functions([forward.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: iter([[np.ones((1, 7, 7, 8), np.float32)]])
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "model.tflite").write_bytes(converter.convert())
    return folder / "model.tflite"
