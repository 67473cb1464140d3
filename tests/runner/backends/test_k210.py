from __future__ import annotations

from nnbehave.runner.backends.k210 import read_operators
from nnbehave.runner.kernels import executed_precision, placement

# What nncase 1.9.0 dumps of TensorFlow Lite models for k210, without the folders.
_CALL = """\
[KPUUpload] Identity/conv/kpu_download
[KPUConv2D] Identity/conv
[KPUDownload] KPUDownload
"""
_CONV_RELU = """\
[Quantize] Identity/in_tp/quantize
[Transpose] Identity/in_tp
[Call] k210_0
[Transpose] Identity/out_tp
[Dequantize] Identity/conv/dequantize
"""
_CONV_OF_KERNEL_5 = """\
[Transpose] Identity/in_tp
[Conv2D] Identity/conv
[Transpose] Identity/out_tp
"""
_SQUEEZE_AND_EXCITE = """\
[Quantize] BiasAdd/in_tp/quantize
[Call] k210_0
[Dequantize] BiasAdd/dequantize
[Reduce] Mean
[Quantize] MatMul/quantize
[Call] k210_1
[TableLookup1D] output_F
[Dequantize] output_F/dequantize
[Binary] mul/binary
"""


def test_operators_on_the_kpu_and_the_conversions_around_them_are_placed() -> None:
    kernels = read_operators(_CONV_RELU, {"k210_0": _CALL})
    names = "Quantize Transpose KPUUpload KPUConv2D KPUDownload Transpose Dequantize"
    assert [kernel.name for kernel in kernels] == names.split()
    assert placement(kernels) == "full"
    assert executed_precision(kernels) == "uint8"


def test_a_model_that_never_calls_the_kpu_has_fallen_back_completely() -> None:
    kernels = read_operators(_CONV_OF_KERNEL_5, {})
    assert placement(kernels) == "fallback"
    assert executed_precision(kernels) == "fp32"
    assert placement(read_operators("[Transpose] transpose\n", {})) == "fallback"


def test_operators_between_the_calls_of_the_kpu_have_fallen_back() -> None:
    kernels = read_operators(_SQUEEZE_AND_EXCITE, {"k210_0": _CALL, "k210_1": _CALL})
    assert placement(kernels) == "partial"
    assert [kernel.name for kernel in kernels if not kernel.placed] == ["Reduce", "TableLookup1D", "Binary"]
    assert executed_precision(kernels) == "fp32+uint8"
