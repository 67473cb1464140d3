from __future__ import annotations

import csv
from typing import Any

import pytest

from nnbehave.runner.backends.base import Cost
from nnbehave.runner.backends.ethos_u import EthosUModel, read_report
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

# Columns of what Vela 5.2.0 writes for ethos-u55-128, Ethos_U55_High_End_Embedded, Shared_Sram.
_HARDSWISH = """\
Original Operator,NNG Operator,Target,Op Cycles,NPU,SRAM AC,OffFlash AC,MAC Count,Name
DepthwiseConv2D,DepthwiseConv2D,NPU,77176,77176,55104,23808,677376,Identity
HardSwish,LUT,NPU,0,0,0,0,0,Identity
"""
_SWISH = """\
Original Operator,NNG Operator,Target,Op Cycles,NPU,SRAM AC,OffFlash AC,MAC Count,Name
DepthwiseConv2D,DepthwiseConv2D,NPU,58304,58304,47438,12592,677376,BiasAdd;depthwise;Const_11
Sigmoid,LUT,NPU,75544,75544,20208,0,75264,Sigmoid
Mul,Mul,NPU,56448,56448,37632,0,0,Identity
"""
_CONV_ELU = """\
Original Operator,NNG Operator,Target,Op Cycles,NPU,SRAM AC,OffFlash AC,MAC Count,Name
Conv2D,Conv2D,NPU,8352,5846,1064,8352,451584,Conv2D2
Dequantize,Passthrough,CPU,0,0,0,0,0,tfl.dequantize
Elu,Passthrough,CPU,0,0,0,0,0,Identity1
Quantize,Passthrough,CPU,0,0,0,0,0,Identity
"""
_CONV_ELU_SAID = """\

Warning (supported operators) operator: QUANTIZE, ofm: 'Identity'
Reason: Operation has tensor with unsupported DataType Float32 (Identity1)
Feature-map dataTypes must be one of {"INT16", "INT32", "INT64", "INT8", "UINT8"}

Warning (supported operators) operator: ELU, ofm: 'Identity1'
Reason: Operation has tensor with unsupported DataType Float32 (tfl.dequantize)
Feature-map dataTypes must be one of {"INT16", "INT32", "INT64", "INT8", "UINT8"}

Warning (supported operators) operator: DEQUANTIZE, ofm: 'tfl.dequantize'
Reason: Unsupported opType
"""
_FLOAT = """\
Original Operator,NNG Operator,Target,Op Cycles,NPU,SRAM AC,OffFlash AC,MAC Count,Name
Conv2D,Passthrough,CPU,0,0,0,0,0,Identity
"""
_FLOAT_SAID = """\
Warning (supported operators) operator: CONV_2D, ofm: 'Identity'
Reason: Operation has tensor with unsupported DataType Float32 (x0)
"""


def _read(operators: str, cycles: int, said: str = "") -> EthosUModel:
    total = {"network": "model", "core_clock": "500000000.0", "cycles_total": str(cycles), "cycles_npu": str(cycles)}
    total |= {"sram_total_bytes": "241792", "off_chip_flash_total_bytes": "8832", "inference_time": "0.000134648"}
    return read_report(list(csv.DictReader(operators.splitlines())), total, said, "int8")


def test_cycles_become_time_by_the_clock_of_the_system() -> None:
    cost: Any = _read(_HARDSWISH, 77176).cost
    assert cost.latency_ns == pytest.approx(77176 / 0.5)
    assert cost.counts == {
        "cycles": 77176,
        "cycles_npu": 77176,
        "sram_total_bytes": 241792,
        "off_chip_flash_total_bytes": 8832,
    }
    assert cost.left_out == []


def test_a_fused_operator_has_no_kernel() -> None:
    assert _read(_HARDSWISH, 77176).kernels == [Kernel("DepthwiseConv2D", "int8")]
    names = [kernel.name for kernel in _read(_SWISH, 190296).kernels]
    assert names == ["DepthwiseConv2D", "Sigmoid:LUT", "Mul"]


def test_an_operator_left_to_the_cpu_is_never_free() -> None:
    model = _read(_CONV_ELU, 8352, _CONV_ELU_SAID)
    cost: Any = model.cost
    assert cost.left_out == ["Dequantize", "Elu", "Quantize"]
    assert model.kernels[0] == Kernel("Conv2D", "int8")
    assert model.kernels[2] == Kernel(
        "Elu", "", False, "Operation has tensor with unsupported DataType Float32 (tfl.dequantize)"
    )
    assert model.kernels[1].reason == "Unsupported opType"


def test_a_model_that_is_left_to_the_cpu_has_no_cost() -> None:
    model = _read(_FLOAT, 0, _FLOAT_SAID)
    assert isinstance(model.cost, Unsupported)
    assert str(model.cost) == (
        "Vela leaves all of it to the CPU: Conv2D (Operation has tensor with unsupported DataType Float32 (x0))"
    )
    assert [kernel.placed for kernel in model.kernels] == [False]


def test_a_model_that_is_folded_away_takes_no_time() -> None:
    assert _read(_FLOAT.splitlines()[0], 0).cost == Cost(
        0.0, {"cycles": 0, "cycles_npu": 0, "sram_total_bytes": 241792, "off_chip_flash_total_bytes": 8832}, []
    )
