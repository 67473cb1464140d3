from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnbehave.design.layer import LAYER_FIELDS, Layer
from nnbehave.design.precisions import PRECISIONS
from nnbehave.errors import InvalidInputError, InvalidLayerError
from tests.strategies import layers

CONV = {"op": "conv", "height": 28, "in_channels": 320, "out_channels": 64, "kernel": 3, "stride": 1}


@given(layers())
def test_every_way_to_copy_a_layer_gives_an_equal_layer(layer: Layer) -> None:
    copies = [Layer(**layer.model_dump()), Layer(**layer.fields()), layer.replace()]
    copies += [Layer.model_validate_json(layer.model_dump_json()), pickle.loads(pickle.dumps(layer))]
    assert {(copy, copy.id, hash(copy)) for copy in copies} == {(layer, layer.id, hash(layer))}


@given(layers())
def test_a_layer_is_rebuilt_from_its_id(layer: Layer) -> None:
    assert Layer.from_id(layer.id) == layer


@pytest.mark.parametrize(
    "text", ["", "conv", "conv_h1_w1_cin1_cout1_k1_s1_fp99", "nothing_h1_w1_cin1_cout1_k1_s1_fp32"]
)
def test_a_text_that_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not the id of a layer"):
        Layer.from_id(text)


@given(layers(), layers(), st.sampled_from(PRECISIONS), st.integers(1, 3))
def test_ids_are_equal_exactly_for_equal_layers(one: Layer, other: Layer, precision: str, batch: int) -> None:
    for each in (other, one.replace(precision=precision), one.replace(batch=batch)):
        assert (one.id == each.id) == (one == each)


@given(layers())
def test_costs_are_positive_and_intensity_is_their_ratio(layer: Layer) -> None:
    assert layer.ops > 0 or layer.op in ("concat", "flatten", "head", "tail", "shuffle")  # these compute nothing
    assert layer.mac > 0
    assert layer.replace(precision="fp32").mac_bytes == 4 * layer.mac
    assert layer.mac_bytes <= 4 * layer.mac
    assert layer.intensity == layer.ops / layer.mac


@given(layers(ops=("conv", "dwconv", "group_conv", "maxpool", "avgpool")))
def test_output_size_follows_stride_and_padding(layer: Layer) -> None:
    batch, height, width, channels = layer.output_shape
    assert (batch, channels) == (layer.batch, layer.out_channels)
    if layer.padding == "same":
        assert (height - 1) * layer.stride < layer.height <= height * layer.stride
        assert (width - 1) * layer.stride < layer.width <= width * layer.stride
    else:
        assert (height - 1) * layer.stride + layer.kernel <= layer.height < height * layer.stride + layer.kernel


def test_costs_follow_table_3() -> None:
    conv = Layer(**CONV)
    assert conv.ops == 28**2 * 320 * 64 * 3**2
    assert conv.mac == 28**2 * 320 + 28**2 * 64 + 3**2 * 320 * 64
    depthwise = Layer(op="dwconv", height=28, in_channels=96, kernel=5)
    assert depthwise.ops == 28**2 * 96 * 5**2
    assert depthwise.mac == 2 * 28**2 * 96 + 5**2 * 96


def test_squeeze_and_excitation_costs_about_as_much_as_the_paper_says() -> None:
    """Section 4.2: 64 % more mac, 1.4 % more OPs. We count the pooling and the product too: 1.37 % more OPs each."""
    base = Layer(op="mobilenet_v2", height=56, in_channels=32, kernel=3)
    excited = base.replace(op="mobilenet_v2_se")
    assert excited.mac / base.mac - 1 == pytest.approx(0.624, abs=0.001)
    assert excited.ops / base.ops - 1 == pytest.approx(0.0277, abs=0.0001)


def test_costs_count_the_output_of_a_strided_layer_at_its_own_size() -> None:
    layer = Layer(**CONV | {"stride": 2})
    assert layer.output_shape == (1, 14, 14, 64)
    assert layer.ops == 14**2 * 320 * 64 * 9
    assert layer.mac == 28**2 * 320 + 14**2 * 64 + 9 * 320 * 64


def test_ids_never_change() -> None:
    assert Layer(**CONV).id == "conv_h28_w28_cin320_cout64_k3_s1_fp32"
    odd = Layer(**CONV, batch=2, padding="valid", bias=False, activation="relu6")
    assert odd.id == "conv_h28_w28_cin320_cout64_k3_s1_fp32_batch=2_padding=valid_bias=False_activation=relu6"


def test_numpy_integers_become_python_integers() -> None:
    layer = Layer(**CONV | {"out_channels": np.int64(64)})
    assert layer == Layer(**CONV)
    assert type(layer.out_channels) is int


def test_dwconv_takes_in_channels_alone() -> None:
    layer = Layer(op="dwconv", height=7, in_channels=8, kernel=3)
    assert layer.out_channels == 8
    assert layer.replace(in_channels=16).out_channels == 16


def test_width_follows_height_until_it_is_given() -> None:
    assert Layer(**CONV).replace(height=14).width == 14
    assert Layer(**CONV, width=30).replace(height=14).width == 30


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"op": "cnv"}, "op", "did you mean conv"),
        ({"height": -1}, "height", "greater than or equal to 1"),
        ({"kernel": "3"}, "kernel", "valid integer, got '3'"),
        ({"kernel": 3.0}, "kernel", "valid integer"),
        ({"in_channels": True}, "in_channels", "not a bool"),
        ({"in_channels": 10**9}, "in_channels", "less than or equal"),
        ({"groups": 2}, "groups", "no such dimension"),
        ({"expansion": 6}, "expansion", "no such dimension"),
        ({"channels": 2}, "channels", "no such dimension"),
        ({"padding": "valid", "kernel": 29}, "kernel", "does not fit into 28×28"),
        ({"padding": "full"}, "padding", "'same' or 'valid'"),
        ({"precision": "int4"}, "precision", "'fp32'"),
        ({"activation": "tanh"}, "activation", "null or one of relu, relu6"),
    ],
)
def test_an_error_names_the_field_and_says_what_is_allowed(change: dict[str, object], field: str, says: str) -> None:
    with pytest.raises(InvalidLayerError) as caught:
        Layer(**CONV | change)
    (problem,) = caught.value.problems
    assert problem[0] == field
    assert says in problem[1]


def test_every_mistake_is_reported_at_once() -> None:
    with pytest.raises(InvalidLayerError) as caught:
        Layer(**CONV | {"height": 0, "stride": "two", "in_channels": None})
    assert [field for field, _ in caught.value.problems] == ["height", "in_channels", "stride"]


def test_a_missing_dimension_is_named() -> None:
    with pytest.raises(
        InvalidLayerError,
        match="out_channels: missing; operator 'conv' needs height, in_channels, out_channels, kernel",
    ):
        Layer(op="conv", height=7, in_channels=8, kernel=3)


def test_dwconv_refuses_out_channels_other_than_in_channels() -> None:
    with pytest.raises(InvalidLayerError, match=r"out_channels: must equal in_channels \(8\), got 9"):
        Layer(op="dwconv", height=7, in_channels=8, out_channels=9, kernel=3)


def test_layers_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Layer(**CONV).height = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"op": "group_conv", "out_channels": 8, "groups": 3}, "groups", "must divide in_channels (8), got 3"),
        ({"op": "mixconv", "groups": 9}, "groups", "must be at most in_channels (8), got 9"),
        ({"op": "dilated_conv", "out_channels": 8, "dilation": 2, "stride": 2}, "stride", "must be 1 with dilation 2"),
        (
            {"op": "shufflenet_v2", "out_channels": 9, "stride": 2},
            "out_channels",
            "must be even, for two halves, got 9",
        ),
        ({"op": "shufflenet_v1", "stride": 3}, "stride", "must be 1 or 2, got 3"),
        ({"op": "shufflenet_v1", "stride": 2}, "out_channels", "must be more: 8 leaves 0 for the channels that the"),
        ({"op": "shufflenet_v1", "groups": 3}, "groups", "must divide in_channels (8), got 3"),
        ({"op": "fire", "out_channels": 6}, "out_channels", "must be even and 8 or more, got 6"),
        ({"op": "dense_block", "out_channels": 8}, "out_channels", "must be more than in_channels (8), by the growth"),
        ({"op": "resnet_bottleneck", "out_channels": 3}, "out_channels", "must be 4 or more, for a bottleneck"),
        (
            {"op": "mobilenet_v2", "expansion": 0.01},
            "expansion",
            "must leave 1 channel or more of in_channels (8), got",
        ),
    ],
)
def test_an_operator_says_why_a_layer_cannot_exist(fields: dict[str, object], field: str, says: str) -> None:
    with pytest.raises(InvalidLayerError) as caught:
        Layer(**{"height": 8, "in_channels": 8, "kernel": 3, **fields})
    assert any(name == field and why.startswith(says) for name, why in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"op": "concat", "out_channels": 9, "groups": 2}, "out_channels: must be 10 or more .* got 9"),
        ({"op": "head", "out_channels": 9}, r"out_channels: must be at most in_channels \(8\), got 9"),
        ({"op": "shuffle", "groups": 3}, r"groups: must divide in_channels \(8\), got 3"),
    ],
)
def test_an_operator_without_a_kernel_says_why_a_layer_cannot_exist(fields: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidLayerError, match=says):
        Layer(height=8, in_channels=8, **fields)


def test_the_list_of_fields_is_that_of_the_class_and_of_a_dump() -> None:
    assert LAYER_FIELDS[:4] == ("op", "height", "width", "in_channels")
    assert list(LAYER_FIELDS) == list(Layer(**CONV).model_dump())
