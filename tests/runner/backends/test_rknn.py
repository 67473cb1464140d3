from __future__ import annotations

from typing import Any

import pytest

from nnbehave.runner.backends.rknn import Operator, RKNNModel, cost, read_table
from nnbehave.runner.kernels import Kernel
from nnbehave.runner.protocol import Unsupported

# What RKNN-Toolkit2 2.5.0 prints, with fewer spaces.
_TITLE = (
    "D RKNN: [18:39:16.416]                 Network Layer Information Table\n"
    "D RKNN: [18:39:16.416] ID   OpType    DataType Target InputShape  OutputShape  Cycles(DDR/NPU/Total)  RW(KB)  FullName\n"  # noqa: E501
)
_HARDSWISH = _TITLE + (
    r"""
D RKNN: [18:39:17.123] 0    InputOperator      FLOAT16  CPU    \                              (1,96,28,28)   0/0/0              0     InputOperator:x0
D RKNN: [18:39:17.123] 1    ConvHardSwish      FLOAT16  NPU    (1,96,28,28),(1,96,3,3),(96)   (1,96,28,28)   25545/14112/25545  149   Conv:Conv_0     
D RKNN: [18:39:17.123] 2    OutputOperator     FLOAT16  CPU    (1,96,28,28)                   \              0/0/0              441   OutputOperator:mul_1
D RKNN: [18:39:17.123] <<<<<<<< end: rknn::RKNNModelRegCmdbuildPass
D RKNN: [18:39:17.124] 1   Conv           x0       FLOAT16   NC1HWC2      (1,64,28,28) (1,32,28,28,8) | 0x00000000 0x00018800 0x00018800
"""  # noqa: E501
)
_SPARSE = r"""
D RKNN: [18:41:20.001] 1    Conv               FLOAT16  NPU    (1,64,28,28),(16,64,3,3),(16)  (1,16,28,28)   19282/14112/19282  0%   116   Conv:Conv_0     
"""  # noqa: E501
_SQUEEZE_AND_EXCITE = r"""
D RKNN: [18:40:51.613] 1    ConvClip           INT8     NPU    (1,32,14,14),(192,32,1,1),(192)  (1,192,14,14)  2181/4992/4992  13   Conv:Conv_0     
D RKNN: [18:40:51.613] 8    HardSigmoid        INT8     NPU    (1,192)                          (1,192)        0/0/0           0    HardSigmoid:HardSigmoid_11
D RKNN: [18:40:51.613] 9    Reshape            INT8     CPU    (1,192),(4)                      (1,192,1,1)    0/0/0           0    Reshape:Reshape_12
D RKNN: [18:40:51.613] 10   Mul                INT8     NPU    (1,192,14,14),(1,192,1,1)        (1,192,14,14)  0/0/0           36   Mul:Mul_13      
D RKNN: [18:40:51.613] 11   Conv               INT8     NPU    (1,192,14,14),(32,192,1,1),(32)  (1,32,14,14)   2127/1248/2127  43   Conv:Conv_14    
"""  # noqa: E501


def test_the_table_of_layers_is_read_without_inputs_and_outputs() -> None:
    assert read_table(_HARDSWISH) == [Operator("ConvHardSwish", "FLOAT16", "NPU", 25545, 14112, 25545, 149)]
    assert read_table(_SPARSE) == [Operator("Conv", "FLOAT16", "NPU", 19282, 14112, 19282, 116)]
    assert read_table("E build: Current target_platform(rv1103) not support do_quantization = False!") == []


def test_kernels_have_a_precision_and_a_placement() -> None:
    assert RKNNModel(read_table(_HARDSWISH)).kernels == [Kernel("ConvHardSwish", "fp16", True)]
    kernels = RKNNModel(read_table(_SQUEEZE_AND_EXCITE)).kernels
    assert kernels[2] == Kernel("Reshape", "", False)
    assert kernels[3] == Kernel("Mul", "int8", True)


@pytest.mark.parametrize("clock_ghz", [0.5, 1.0])
def test_cycles_become_time_by_the_clock(clock_ghz: float) -> None:
    found: Any = cost(read_table(_HARDSWISH), clock_ghz)
    assert found.latency_ns == pytest.approx(25545 / clock_ghz)
    assert found.counts == {"cycles": 25545, "cycles_ddr": 25545, "cycles_npu": 14112, "moved_kb": 149}
    assert found.left_out == []


def test_an_operator_without_cycles_is_left_out_of_the_total() -> None:
    found: Any = cost(read_table(_SQUEEZE_AND_EXCITE), 1.0)
    assert found.counts["cycles"] == 4992 + 2127
    assert found.left_out == ["HardSigmoid", "Reshape", "Mul"]


def test_a_model_without_any_cycles_has_no_cost() -> None:
    found = cost(read_table(_SQUEEZE_AND_EXCITE)[1:4], 1.0)
    assert isinstance(found, Unsupported)
    assert str(found) == "RKNN-Toolkit2 gives no cycles for HardSigmoid, Reshape, Mul"
