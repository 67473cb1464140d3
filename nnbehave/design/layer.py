"""A layer: one point of the design space."""

from __future__ import annotations

import operator
import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from nnbehave.design.operators import ACTIVATIONS, OPERATORS, Operator, get_operator
from nnbehave.design.precisions import BYTES, Precision
from nnbehave.design.shape import Shape
from nnbehave.errors import InvalidInputError, InvalidLayerError


def _plain_int(value: Any) -> Any:
    """Return an integer of any type as a Python int. Return any other value unchanged: the validator refuses it."""
    if isinstance(value, bool):
        raise ValueError("must be an integer, not a bool")
    try:
        return operator.index(value)
    except TypeError:
        return value


def _known_activation(name: str | None) -> str | None:
    """Return the name of an activation function, or None for no function."""
    if name is not None and name not in ACTIVATIONS:
        raise ValueError(f"must be null or one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return name


PositiveInt = Annotated[int, BeforeValidator(_plain_int), Field(strict=True, ge=1, le=1_000_000)]
"""A field's type: an integer from 1 to a million, NumPy's too."""

SHORT = {
    "height": "h",
    "width": "w",
    "in_channels": "cin",
    "out_channels": "cout",
    "kernel": "k",
    "stride": "s",
}
"""The sizes that every layer's id gives, and their abbreviations there."""


class Layer(BaseModel):
    """A layer: (O, K, S, H, W, Cin, Cout, P) of the paper, its batch, and the further fields of its operator.

    Layers are immutable and hashable, and compare by value. :meth:`replace` returns a copy with some fields changed.

    Parameters
    ----------
    op : str
        The name of an operator or of a building block. Operators: ``conv dwconv group_conv dilated_conv mixconv
        transposed_conv dense maxpool avgpool globalavgpool add multiply scale concat head tail shuffle resize flatten
        softmax layer_norm batch_norm`` and the activations. Building blocks: ``mobilenet_v1 mobilenet_v2
        mobilenet_v2_se fused_mbconv se shufflenet_v1 shufflenet_v2 dense_block resnet_basic resnet_bottleneck fire``.
        :data:`nnbehave.design.operators.OPERATORS` has them all.
    height, width : int
        Size of the input in pixels. By default ``width`` is ``height``. ``dense`` has neither.
    in_channels, out_channels : int
        Operators that keep the number of channels (``dwconv``, pooling, ``add``) take ``in_channels`` alone. Building
        blocks keep it by default. ``concat`` joins an input of ``in_channels`` channels with ``groups`` further inputs,
        1 by default, to ``out_channels`` channels.
    kernel, stride : int
        The same in both directions.
    precision : {"fp32", "fp16", "bf16", "dynamic_int8", "int8", "uint8", "int16x8"}
        The precision that is asked for. Results hold the precision that a platform then runs as
        ``executed_precision``. ``dynamic_int8``: weights in int8, all else in fp32. ``int16x8``: weights in int8, all
        else in int16. ``int8`` and ``uint8``: everything.
    batch : int
    padding : {"same", "valid"}
    bias : bool
    activation : {None, "relu", "relu6", "sigmoid", "hardsigmoid", "swish", "hardswish", "gelu"}
        Function of the output. For building blocks it is the function inside too, and by default that of the block's
        paper.
    groups, dilation : int
        For operators that have them; other operators refuse them.
    expansion : float, optional
        For building blocks that have one; the default is that of the block's paper.

    Raises
    ------
    InvalidLayerError
        The layer cannot exist. The error lists every mistake with its field.

    Examples
    --------
    >>> layer = Layer(op="conv", height=28, in_channels=320, out_channels=64, kernel=3)
    >>> layer.ops, layer.mac, layer.id
    (144506880, 485376, 'conv_h28_w28_cin320_cout64_k3_s1_fp32')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: str = Field(strict=True)
    height: PositiveInt
    width: PositiveInt
    in_channels: PositiveInt
    out_channels: PositiveInt
    kernel: PositiveInt = 1
    stride: PositiveInt = 1
    precision: Precision = "fp32"
    batch: PositiveInt = 1
    padding: Literal["same", "valid"] = "same"
    bias: bool = Field(default=True, strict=True)
    activation: Annotated[str | None, AfterValidator(_known_activation)] = None
    groups: PositiveInt = 1
    dilation: PositiveInt = 1
    expansion: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problems = _problems(error)
            # A wrong height makes the width that follows from it wrong too: one mistake, not two.
            raise InvalidLayerError([p for p in problems if p[0] != "width" or "width" in fields]) from None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in the fields that follow from others (the width, the output channels), and check the operator's own.

        Raises ValueError if the operator lacks a field that is given, or needs one that is not.
        """
        if not isinstance(data, dict):
            raise ValueError(f"a layer is given by its fields, got {type(data).__name__}")
        data = dict(data)
        if not isinstance(data.get("op"), str):
            return data
        try:
            op = get_operator(data["op"])
        except KeyError as error:
            raise ValueError(f"op: {error.args[0]}") from None
        allowed = (*op.required, *op.optional)
        foreign = sorted(
            name
            for name, value in data.items()
            if name not in {"op", "precision", *allowed} and not _is_implied(name, value, data)
        )
        missing = sorted(name for name in op.required if name not in data)
        wrong = [
            f"{name}: operator {op.name!r} has no such dimension, only {', '.join(allowed)}; got {data[name]!r}"
            for name in foreign
        ]
        wrong += [f"{name}: missing; operator {op.name!r} needs {', '.join(op.required)}" for name in missing]
        if wrong:
            raise ValueError("\n".join(wrong))
        return op.defaults(data) | data

    @model_validator(mode="after")
    def _check(self) -> Layer:
        """Raise ValueError if the operator says that the layer cannot exist."""
        wrong = [f"{field}: {why}" for field, why in self.operator.problems(self)]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def operator(self) -> Operator:
        """The operator or building block that ``op`` names."""
        return OPERATORS[self.op]

    @property
    def ops(self) -> int:
        """Multiply-adds of one inference (paper, Table 3)."""
        return self.operator.ops(self)

    @property
    def mac(self) -> int:
        """Elements that one inference reads and writes, weights included (paper, Table 3)."""
        return self.operator.moved(self) + self.operator.weights(self)

    @property
    def mac_bytes(self) -> int:
        """Bytes that one inference reads and writes at the layer's precision, weights included."""
        size, weight_size = BYTES[self.precision]
        return size * self.operator.moved(self) + weight_size * self.operator.weights(self)

    @property
    def intensity(self) -> float:
        """OPs / mac: the paper's data reuse rate."""
        return self.ops / self.mac

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        """Shape of each input, batch first, channels last."""
        return self.operator.input_shapes(self)

    @property
    def input_shape(self) -> Shape:
        """Shape of the first input."""
        return self.input_shapes[0]

    @property
    def output_shape(self) -> Shape:
        """Shape of the output, batch first, channels last."""
        return self.operator.output_shape(self)

    @cached_property
    def id(self) -> str:
        """Name of the layer: equal for equal layers, on every machine and in every run.

        It leaves out fields that have their default, so that a field added later renames no layer.
        """
        values = self.__dict__  # faster than attributes: a search asks for the ids of thousands of new layers
        others = [f"_{name}={values[name]}" for name, default in _OMITTED_DEFAULTS.items() if values[name] != default]
        return _ID.format_map(values) + "".join(others)

    @classmethod
    def from_id(cls, text: str) -> Layer:
        """Return the layer whose ``id`` is ``text``.

        Raises
        ------
        InvalidInputError
            No layer has this id.
        """
        sizes = "_".join(rf"{short}(?P<{field}>\d+)" for field, short in SHORT.items())
        precisions = "|".join(BYTES)
        found = re.fullmatch(
            rf"(?P<op>\w+?)_{sizes}_(?P<precision>{precisions})(?P<rest>(_[a-z]+=[^_]+(_[^_=]+)*)*)", text
        )
        if found is None or found["op"] not in OPERATORS:
            raise InvalidInputError(f"text: {text!r} is not the id of a layer, such as {_ID_EXAMPLE}")
        fields: dict[str, Any] = {"op": found["op"], "precision": found["precision"]}
        fields |= {field: int(found[field]) for field in SHORT}
        op = OPERATORS[found["op"]]
        # Where the id omits a field, it has the default of Layer, not the operator's own.
        fields |= {name: cls.model_fields[name].default for name in (*op.presets, *op.required) if name not in SHORT}
        for name, value in re.findall(r"_([a-z]+)=([^=]+?)(?=_[a-z]+=|$)", found["rest"]):
            fields[name] = _value_from_id(name, value)
        return cls(**fields)

    def replace(self, **changes: Any) -> Layer:
        """Return a copy with some fields changed.

        Fields that followed from a changed field (the width, the output channels of ``dwconv``) follow from it again.

        Raises
        ------
        InvalidLayerError
            The changed layer cannot exist.
        """
        return Layer(**{**self.fields(), **changes})

    def fields(self) -> dict[str, Any]:
        """Return the fewest fields that make this layer: those that its operator needs, and those not at a default."""
        needed = {"op", *self.operator.required}
        own = needed.union(self.operator.optional, {"precision"})
        values = {name: getattr(self, name) for name in LAYER_FIELDS if name in own}
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        defaults |= self.operator.defaults({name: values[name] for name in values if name in needed})
        return {name: value for name, value in values.items() if name in needed or value != defaults[name]}

    def __str__(self) -> str:
        return self.id


def _is_implied(name: str, value: Any, data: dict[str, Any]) -> bool:
    """Return True if a field that the operator lacks has the only value that it can have.

    Such a field is accepted, so that the fields of a dumped layer make it again.
    """
    if name == "out_channels":
        return "in_channels" in data  # the operator checks the value itself
    if name in ("height", "width"):
        return type(value) is int and value == 1
    field = Layer.model_fields.get(name)
    return field is not None and type(value) is type(field.default) and bool(value == field.default)


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    """Return pydantic's report as pairs of a field and a reason."""
    found: list[tuple[str, str]] = []
    for item in error.errors():
        field = ".".join(str(part) for part in item["loc"])
        if item["type"] == "value_error":
            for line in str(item["ctx"]["error"]).splitlines():
                name, _, why = line.partition(": ")
                found.append((name, why) if not field and why else (field, line))
        elif item["type"] == "missing":
            found.append((field, "missing"))
        else:
            message = item["msg"][0].lower() + item["msg"][1:]
            found.append((field, f"{message}, got {item['input']!r}"))
    return found


def _value_from_id(name: str, text: str) -> Any:
    """Return the value of a field from its text in an id."""
    if name == "expansion":
        return float(text)
    default = Layer.model_fields[name].default
    if isinstance(default, bool):
        return text == "True"
    return int(text) if isinstance(default, int) else text


LAYER_FIELDS: tuple[str, ...] = tuple(Layer.model_fields)
"""The names of all fields of a layer, in the order in which the class has them. The package has no second list."""

_ID = "{op}_" + "_".join(f"{short}{{{field}}}" for field, short in SHORT.items()) + "_{precision}"
_ID_EXAMPLE = "'conv_h28_w28_cin320_cout64_k3_s1_fp32'"
# The fields that an id leaves out at their default, and these defaults.
_OMITTED_DEFAULTS = {
    name: Layer.model_fields[name].default for name in LAYER_FIELDS if name not in {"op", *SHORT, "precision"}
}
