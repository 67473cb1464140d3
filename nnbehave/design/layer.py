"""One point of the design space."""

from __future__ import annotations

import operator
import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from nnbehave.design.operators import ACTIVATIONS, OPERATORS, Operator, get_operator
from nnbehave.design.precisions import BYTES, Precision
from nnbehave.errors import InvalidInputError, InvalidLayerError


def _plain_int(value: Any) -> Any:
    """Turn NumPy's integers into Python's; leave all else to the validator."""
    if isinstance(value, bool):
        raise ValueError("must be an integer, not a bool")
    try:
        return operator.index(value)
    except TypeError:
        return value


def _known_activation(name: str | None) -> str | None:
    if name is not None and name not in ACTIVATIONS:
        raise ValueError(f"must be null or one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return name


PositiveInt = Annotated[int, BeforeValidator(_plain_int), Field(strict=True, ge=1, le=1_000_000)]
SHORT = {
    "height": "h",
    "width": "w",
    "in_channels": "cin",
    "out_channels": "cout",
    "kernel": "k",
    "stride": "s",
}


class Layer(BaseModel):
    """A layer: (O, K, S, H, W, Cin, Cout, P) of the paper, batch, and what an operator adds.

    Layers are immutable, hashable and compare by value. :meth:`replace` copies one with some
    of its fields changed.

    Parameters
    ----------
    op : str
        The operator's or block's name (:data:`.operators.OPERATORS`): ``conv dwconv group_conv dilated_conv
        mixconv transposed_conv dense maxpool avgpool globalavgpool add multiply scale concat head tail shuffle resize
        flatten softmax layer_norm``, the activations, and the blocks ``mobilenet_v1 mobilenet_v2 mobilenet_v2_se
        fused_mbconv shufflenet_v1 shufflenet_v2 dense_block resnet_basic resnet_bottleneck fire``.
    height, width : int
        Of the input, in pixels; ``width`` is ``height`` where it is left out. ``dense`` has neither.
    in_channels, out_channels : int
        Operators that keep the number of channels (``dwconv``, pooling, ``add``) take ``in_channels`` alone; blocks
        keep it where ``out_channels`` is left out. ``concat`` joins ``in_channels`` channels and ``groups`` further
        inputs, one by default, which bring them to ``out_channels``.
    kernel, stride : int
        The same in both directions.
    precision : {"fp32", "fp16", "bf16", "dynamic_int8", "int8", "uint8", "int16x8"}
        What is asked for; what a platform then runs is ``executed_precision`` of its results. ``dynamic_int8``: weights
        in int8, the rest in fp32. ``int16x8``: weights in int8, the rest in int16. ``int8`` and ``uint8``: all of it.
    batch : int
    padding : {"same", "valid"}
    bias : bool
    activation : {None, "relu", "relu6", "sigmoid", "hardsigmoid", "swish", "hardswish", "gelu"}
        Applied to the output; of blocks, the function inside too, by default that of the block's paper.
    groups, dilation : int
    expansion : float, optional
        For operators that have them; refused by the others. Blocks have their paper's where it is left out.

    Raises
    ------
    InvalidLayerError
        With all that is wrong, field by field.

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
            # A width that follows from a bad height is no second mistake.
            raise InvalidLayerError([p for p in problems if p[0] != "width" or "width" in fields]) from None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """Fill in what follows from the rest (the width; dwconv's output channels); refuse what the operator lacks."""
        if not isinstance(data, dict):
            raise ValueError(f"a layer is given by its fields, got {type(data).__name__}")
        data = dict(data)
        if not isinstance(data.get("op"), str):
            return data
        try:
            op = get_operator(data["op"])
        except KeyError as error:
            raise ValueError(f"op: {error.args[0]}") from None
        foreign = sorted(
            name
            for name, value in data.items()
            if name not in {"op", "precision", *op.required, *op.optional} and not _is_implied(name, value, data)
        )
        missing = sorted(name for name in op.required if name not in data)
        if foreign or missing:
            allowed = ", ".join((*op.required, *op.optional))
            wrong = [f"{name}: operator {op.name!r} has no such dimension, only {allowed}" for name in foreign]
            wrong += [f"{name}: operator {op.name!r} needs it" for name in missing]
            raise ValueError("\n".join(wrong))
        return op.defaults(data) | data

    @model_validator(mode="after")
    def _possible(self) -> Layer:
        wrong = [f"{field}: {why}" for field, why in self.operator.problems(self)]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    @property
    def operator(self) -> Operator:
        """What ``op`` names."""
        return OPERATORS[self.op]

    @property
    def ops(self) -> int:
        """Multiply-adds of one inference (paper, Table 3)."""
        return self.operator.ops(self)

    @property
    def mac(self) -> int:
        """Memory accesses of one inference, in elements (paper, Table 3)."""
        return self.operator.moved(self) + self.operator.weights(self)

    @property
    def mac_bytes(self) -> int:
        """Memory accesses of one inference, in bytes at the layer's precision."""
        moved, weights = BYTES[self.precision]
        return moved * self.operator.moved(self) + weights * self.operator.weights(self)

    @property
    def intensity(self) -> float:
        """OPs / mac, the paper's data reuse rate."""
        return self.ops / self.mac

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each input: batch first, channels last."""
        return self.operator.input_shapes(self)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the first input."""
        return self.input_shapes[0]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Batch first, channels last."""
        return self.operator.output_shape(self)

    @cached_property
    def id(self) -> str:
        """Canonical name: equal for equal layers, on every machine and in every run.

        Fields at their default are left out, so that a field added later renames no layer.
        """
        of = self.__dict__  # a search asks for the ids of thousands of new layers
        others = [f"_{field}={of[field]}" for field, default in _LEFT_OUT.items() if of[field] != default]
        return _ID.format_map(of) + "".join(others)

    @classmethod
    def from_id(cls, text: str) -> Layer:
        """Return the layer that an ``id`` names.

        Raises
        ------
        InvalidInputError
            It names none.
        """
        sizes = "_".join(rf"{short}(?P<{field}>\d+)" for field, short in SHORT.items())
        precisions = "|".join(BYTES)
        found = re.fullmatch(
            rf"(?P<op>\w+?)_{sizes}_(?P<precision>{precisions})(?P<rest>(_[a-z]+=[^_]+(_[^_=]+)*)*)", text
        )
        if found is None or found["op"] not in OPERATORS:
            raise InvalidInputError(f"{text!r} is not the id of a layer")
        fields: dict[str, Any] = {"op": found["op"], "precision": found["precision"]}
        fields |= {field: int(found[field]) for field in SHORT}
        op = OPERATORS[found["op"]]
        fields |= {name: cls.model_fields[name].default for name in (*op.presets, *op.required) if name not in SHORT}
        for name, value in re.findall(r"_([a-z]+)=([^=]+?)(?=_[a-z]+=|$)", found["rest"]):
            kind = cls.model_fields[name].default
            plain = value == "True" if isinstance(kind, bool) else int(value) if isinstance(kind, int) else value
            fields[name] = float(value) if name == "expansion" else plain
        return cls(**fields)

    def replace(self, **changes: Any) -> Layer:
        """Return a copy with some fields changed; what followed from them (width, dwconv's output) follows again.

        Raises
        ------
        InvalidLayerError
            Where the changed layer cannot exist.
        """
        return Layer(**{**self.fields(), **changes})

    def fields(self) -> dict[str, Any]:
        """Return the fewest fields that make this layer: what its operator needs, and what would else be another."""
        needed = {"op", *self.operator.required}
        own = needed.union(self.operator.optional, {"precision"})
        values = {name: getattr(self, name) for name in type(self).model_fields if name in own}
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        defaults |= self.operator.defaults({name: values[name] for name in values if name in needed})
        return {name: value for name, value in values.items() if name in needed or value != defaults[name]}

    def __str__(self) -> str:
        return self.id


def _is_implied(name: str, value: Any, data: dict[str, Any]) -> bool:
    """Whether a field that the operator lacks says only what holds anyway, so that a dumped layer loads again."""
    if name == "out_channels":
        return "in_channels" in data  # the operator checks the value itself
    if name in ("height", "width"):
        return type(value) is int and value == 1
    field = Layer.model_fields.get(name)
    return field is not None and type(value) is type(field.default) and bool(value == field.default)


def _problems(error: ValidationError) -> list[tuple[str, str]]:
    """Turn pydantic's report into (field, reason) pairs."""
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


_ID = "{op}_" + "_".join(f"{short}{{{field}}}" for field, short in SHORT.items()) + "_{precision}"
# Of the fields that an id leaves out at their defaults, those defaults.
_LEFT_OUT = {
    field: Layer.model_fields[field].default
    for field in ("batch", "padding", "bias", "activation", "groups", "dilation", "expansion")
}

LAYER_FIELDS = tuple(Layer.model_fields)
"""The fields of a layer, in their order: the one list of them."""
