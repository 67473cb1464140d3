"""Table 4 of the behaviour study again, its CPU column, without a phone: estimates beside what the paper measured.

    pip install "nnbehave[tensorflow]"
    nnbehave setup arm64
    python examples/table4_arm64.py                          # ten minutes for all; kept in table4.db
    python examples/table4_arm64.py mobilenet_v1             # one network

The paper ran TensorFlow Lite 2.1 on a Cortex-A76 at 2.84 GHz. Here LiteRT's kernels of the same kind run in an
emulator, and a model of the core's pipeline says how long the counted instructions would take. Nothing in that model
was fitted to these figures. Weights are random, which changes no count.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import nnbehave as nb

MEASURED_MS = {  # Tang et al., MLSys 2021, Table 4, CPU: fp32, int8
    "mobilenet_v1": (36.2, 13.5),
    "mobilenet_v2": (24.9, 12.5),
    "mobilenet_v3_large": (19.9, 12.9),
    "shufflenet_v1": (31.7, 35.8),
    "inception_v1": (89.1, 24.9),
    "resnet_v1_50": (208.5, 63.7),
    "resnet_v2_50": (378.9, 136.3),
}
PRECISIONS = ("fp32", "int8")


def table(names: list[str], platform: str, store: str) -> pd.DataFrame:
    """Return a row for each network and precision: the paper's ms, the estimate, and what that rests on."""
    asked = [(name, precision) for name in names for precision in PRECISIONS]
    graphs = [nb.load_network(name, precision) for name, precision in asked]
    frame = nb.measure(graphs, platforms=[platform], store=store, time_limit_s=3600).frame.set_index("subject")
    rows = []
    for (name, precision), graph in zip(asked, graphs, strict=True):
        found = frame.loc[graph.id]
        paper_ms = MEASURED_MS[name][PRECISIONS.index(precision)]
        rows.append(
            {
                "network": name,
                "precision": precision,
                "OPs_M": graph.ops / 1e6,
                "paper_ms": paper_ms,
                "estimate_ms": found.latency_ms,
                "ratio": found.latency_ms / paper_ms,
                "instructions_M": found.instructions / 1e6,
                "cycles_per_instruction": found.cycles / found.instructions,
                "status": found.status if found.status == "ok" else f"{found.status}: {found.reason}",
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(MEASURED_MS)}")
    parser.add_argument("--platform", default="arm64")
    parser.add_argument("--store", default="table4.db")
    arguments = parser.parse_args()
    if unknown := set(arguments.networks) - set(MEASURED_MS):
        parser.error(f"Table 4 has no {', '.join(sorted(unknown))}")
    rows = table(arguments.networks or list(MEASURED_MS), arguments.platform, arguments.store)
    print(rows.to_string(index=False, float_format="%.2f"))
    ratio = rows["ratio"].to_numpy(float)
    spread = np.exp(np.std(np.log(ratio)))
    print(
        f"estimate / paper: {ratio.min():.2f} to {ratio.max():.2f}, geometric mean "
        f"{np.exp(np.mean(np.log(ratio))):.2f}, spread ×{spread:.2f}"
    )


if __name__ == "__main__":
    main()
