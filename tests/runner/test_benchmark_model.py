"""Reports of ``benchmark_model``, as two of its versions print them."""

from __future__ import annotations

import pytest

from nnbehave.runner.benchmark_model import Operator, kernel, parse_report
from nnbehave.runner.kernels import Kernel

NEW = """\
INFO: STARTING!
INFO: Graph: [model.tflite]
INFO: Enable op profiling: [1]
INFO: Loaded model model.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: Initialized session in 32.163ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=32 first=19834 curr=15648 min=14936 max=21608 avg=15997.4 std=1663

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=64 first=16067 curr=15102 min=14661 max=17579 avg=15517.6 std=551

INFO: Inference timings in us: Init: 32163, First inference: 19834, Warmup (avg): 15997.4, Inference (avg): 15517.6
INFO: Profiling Info for Benchmark Initialization:
============================== Run Order ==============================
             [node type]   [first]  [avg ms]       [%]    [cdf%]  [mem KB]  [times called]  [Name]
 ModifyGraphWithDelegate     6.348     6.348   55.640%   55.640%  7148.000        1   ModifyGraphWithDelegate/0
         AllocateTensors     5.061     5.061   44.360%  100.000% 10292.000        1   AllocateTensors/0

============================== Top by Computation Time ==============================
             [node type]   [first]  [avg ms]       [%]    [cdf%]  [mem KB]  [times called]  [Name]
 ModifyGraphWithDelegate     6.348     6.348   55.640%   55.640%  7148.000        1   ModifyGraphWithDelegate/0

Number of nodes executed: 2

INFO: Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
                   [node type]   [first]  [avg ms]      [%]   [cdf%] [mem KB]  [times called]  [Name]
                      QUANTIZE     0.199     0.203   1.328%   1.328%    0.000        1   [tfl.quantize]:0
 Convolution (NHWC, QC8) IGEMM     0.398     0.407   2.658%   3.986%    0.000        1   Delegate/Convolution (NHWC, QC8) IGEMM:0
Convolution (NHWC, QC8) DWConv     0.428     0.051   4.317%   8.304%    0.000       13   Delegate/Convolution (NHWC, QC8) DWConv:1
                 Add (ND, QS8)     0.024     0.024   0.156%  22.580%    0.000        1   Delegate/Add (ND, QS8):9

============================== Top by Computation Time ==============================
                   [node type]   [first]  [avg ms]      [%]   [cdf%] [mem KB]  [times called]  [Name]
Convolution (NHWC, QC8) DWConv     0.428     0.051   4.317%   8.304%    0.000       13   Delegate/Convolution (NHWC, QC8) DWConv:1
"""  # noqa: E501

OLD = """\
STARTING!
Loaded model /data/local/tmp/model.tflite
Initialized session in 0.855ms.
count=4 first=130565 curr=120829 min=117370 max=130565 avg=122373 std=4930

count=50 first=119212 curr=118055 min=113737 max=124776 avg=1.19375e+05 std=1948

Inference timings in us: Init: 870557, First inference: 130565, Warmup (avg): 122373, Inference (avg): 119375
Operator-wise Profiling Info for Regular Benchmark Runs:
============================== Run Order ==============================
\t             [node type]\t          [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]\t  [mem KB]\t[times called]\t[Name]
\t                 CONV_2D\t            0.066\t   87.754\t   60.957\t  2.066%\t  2.066%\t     0.000\t        1\t[MobilenetV1/Conv2d_0/Relu6]:0
\t       DEPTHWISE_CONV_2D\t           61.033\t   53.628\t   49.870\t  1.691%\t  3.757%\t     0.000\t        1\t[MobilenetV1/Conv2d_1/Relu6]:1
\t   TfLiteXNNPackDelegate\t           61.033\t   53.628\t    8.000\t  1.691%\t  3.757%\t     0.000\t        1\t[Relu]:71

============================== Top by Computation Time ==============================
"""  # noqa: E501


def test_a_report_has_the_last_runs_and_the_operators_in_order() -> None:
    report = parse_report(NEW)
    assert (report.runs, report.mean_us) == (64, 15517.6)
    assert [operator.kind for operator in report.operators] == [
        "QUANTIZE",
        "Convolution (NHWC, QC8) IGEMM",
        "Convolution (NHWC, QC8) DWConv",
        "Add (ND, QS8)",
    ]
    assert [operator.latency_us for operator in report.operators] == pytest.approx([203, 407, 13 * 51, 24])
    assert [operator.delegated for operator in report.operators] == [False, True, True, True]


def test_the_time_of_an_operator_is_that_of_all_its_calls() -> None:
    """In the report 203 µs are 1.328 %, and 13 calls of 51 µs are 4.317 %. So "avg ms" is the time of one call."""
    operators = parse_report(NEW).operators
    total = operators[0].latency_us / 0.01328
    assert operators[2].latency_us / total == pytest.approx(0.04317, rel=0.01)


def test_reports_of_older_versions_are_read() -> None:
    report = parse_report(OLD)
    assert (report.runs, report.mean_us) == (50, 119375)
    assert report.operators == [
        Operator("CONV_2D", pytest.approx(60957), False),
        Operator("DEPTHWISE_CONV_2D", pytest.approx(49870), False),
        Operator("TfLiteXNNPackDelegate", pytest.approx(8000), True),
    ]


@pytest.mark.parametrize("text", ["", "Killed", NEW.partition("INFO: Inference timings")[0]])
def test_output_without_a_result_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="came to no result"):
        parse_report(text)


@pytest.mark.parametrize(
    ("kind", "delegated", "meant"),
    [
        ("Convolution (NHWC, F32) IGEMM", True, Kernel("xnnpack:Convolution (NHWC, F32) IGEMM", "fp32")),
        ("Convolution (NHWC, QC8) GEMM", True, Kernel("xnnpack:Convolution (NHWC, QC8) GEMM", "int8")),
        ("Add (ND, QU8)", True, Kernel("xnnpack:Add (ND, QU8)", "uint8")),
        ("Fully Connected (NC, QD8, F32, QC8W) GEMM", True, "dynamic_int8"),
        ("CONV_2D", False, Kernel("builtin:CONV_2D", "", False)),
    ],
)
def test_operators_become_kernels(kind: str, delegated: bool, meant: Kernel | str) -> None:
    found = kernel(Operator(kind, 1.0, delegated), xnnpack=True)
    assert found == meant if isinstance(meant, Kernel) else found.precision == meant
    assert kernel(Operator(kind, 1.0, delegated), xnnpack=False).placed
