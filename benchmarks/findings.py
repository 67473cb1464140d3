"""How long the analysers take over ten thousand rows: single layers, pairs and precisions on four platforms.

python benchmarks/findings.py
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import nnbehave as nb
from nnbehave.analysis.support import support_matrix
from nnbehave.design.operators import OPERATORS, get_operator
from nnbehave.design.operators.blocks import Block

ROWS = 10_000


def layers() -> Iterator[nb.Layer | nb.Graph]:
    """Yield layers of every kind that an analyser asks for, each with what it is compared with."""
    blocks = [name for name in sorted(OPERATORS) if isinstance(get_operator(name), Block)]
    for channels in range(16, 512, 16):
        for height in (7, 14, 28, 56):
            dwconv = nb.Layer(op="dwconv", height=height, in_channels=channels, kernel=3)
            for activation in (None, "relu", "relu6", "hardswish", "sigmoid", "swish"):
                yield dwconv.replace(activation=activation)
            for precision in ("fp16", "int8"):
                yield dwconv.replace(precision=precision)
            for kernel in (1, 5, 7):
                yield nb.Layer(op="conv", height=height, in_channels=32, out_channels=channels, kernel=kernel)
            relu, shuffle = (nb.Layer(op=op, height=height, in_channels=channels) for op in ("relu", "shuffle"))
            yield from (relu, nb.Graph([dwconv, relu]), nb.Graph([dwconv, shuffle]), nb.Graph([dwconv, shuffle, relu]))
            yield nb.Layer(op="add", height=height, in_channels=channels)
            if channels % 64 == 0:
                for op in blocks:
                    yield nb.Layer(op=op, height=height, in_channels=channels, kernel=3)


def rows() -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    for platform in ("a", "b", "c", "d"):
        for of in layers():
            graph = of if isinstance(of, nb.Graph) else nb.Graph([of])
            (first, *others) = graph.layers
            ms = (graph.ops / 5e7 + first.mac_bytes / 1e7 + 0.005) * float(np.exp(0.01 * rng.standard_normal()))
            yield {
                **(first.model_dump() if not others else {"precision": "fp32", "batch": 1}),
                **{"platform": platform, "environment": "e", "method": "whole", "arrangement": graph.arrangement},
                **{"layers": ";".join(layer.id for layer in graph.layers), "session": 1, "status": "ok", "reason": ""},
                **{"ops": graph.ops, "mac": first.mac, "mac_bytes": first.mac_bytes, "subject": graph.id},
                **{"latency_ms": ms, "std_error_ms": 0.01 * ms, "relative_latency": ms, "relative_low": 0.98 * ms},
                **{"relative_high": 1.02 * ms, "kernels": None, "placement": "full", "output_error": 1e-7},
                **{"executed_precision": first.precision, "output_cosine": 1.0, "largest_error": 1e-7},
            }


def main() -> None:
    frame = pd.DataFrame(rows())
    frame = pd.concat([frame, frame.assign(environment="f")]).head(ROWS).reset_index(drop=True)
    analysers = [nb.rank_activations, nb.compare_blocks, nb.detect_fusion, nb.compare_precisions, nb.fit_roofline]
    analysers += [nb.fit_scaling, nb.compare_platforms, support_matrix]
    total = 0.0
    for analyse in analysers:
        began = time.perf_counter()
        analyse(frame)
        total += (seconds := time.perf_counter() - began)
        print(f"{analyse.__name__:<20} {seconds:6.2f} s", flush=True)
    print(f"{'all':<20} {total:6.2f} s over {len(frame)} rows")


if __name__ == "__main__":
    main()
