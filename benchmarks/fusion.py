"""How often verdicts on fusion from latencies alone agree with the runtime's own executed graph.

    python benchmarks/fusion.py [--platform openvino] [--store FILE]          # some ten minutes

A pair counts where its second operator takes over a tenth of its first. The executed graph says which operators were
folded into the kernel before, the runtime's profile what that kernel takes: a pair is ``costly`` where the folded
operator adds over half of what it takes apart by the profile, and those are a class of their own. Beside it nn-Meter's
rule on the same measurements: T1 + T2 − T12 > 0.5 · min(T1, T2) on means, with the call's cost in all three.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import nnbehave as nb
from nnbehave.measurement import call_alone
from nnbehave.store import Store
from nnbehave.studies.fusion import ACTIVATIONS, PAIRS

APART = tuple((first, second) for first in ("softmax", "shuffle") for second in ACTIVATIONS)  # folded by nobody
COUNTS = 0.1  # of the first operator's time: what the second takes at least
CLASSES = ("folded", "costly", "separate")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="openvino")
    parser.add_argument("--store", help="keep the measurements here [default: nowhere]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = given.store or str(Path(scratch) / "fusion.db")
        pairs = nb.check_fusion((*PAIRS, *APART), given.platform, store).frame
        with Store(store) as kept:
            graphs = list(kept.subjects().values())
        seconds = {nb.Graph(graph.layers[1:]) for graph in graphs if graph.arrangement == "pair"}
        nb.measure(sorted(seconds, key=lambda graph: graph.id), given.platform, store, method="whole")
        whole = latencies(store, "whole")
        blocks = nb.load_blocks(store)
        call_ms = blocks.loc[(blocks["part"] == call_alone().id) & (blocks["method"] == "whole"), "raw_ms"].median()
        nb.measure([g for g in graphs if g.layers[-1].op != "flatten"], given.platform, store, method="profiled")
        profiled = latencies(store, "profiled")
    pairs["added"] = [added(row, profiled) for row in pairs.to_dict("records")]
    pairs["class"] = np.where(pairs["told"] == "separate", "separate", np.where(pairs["added"] > 0.5, "costly", "folded"))
    pairs["peer"] = [nn_meter(row, whole, call_ms) for row in pairs.to_dict("records")]
    counted = pairs[pairs["apart_ms"] > COUNTS * pairs["first_ms"]]
    print(f"\n{len(pairs)} pairs and shapes on {given.platform}; {len(counted)} have a second operator above {COUNTS:.0%}")
    score("ours", counted, "verdict")
    score("nn-Meter's rule", counted, "peer")
    wrong = counted[
        ((counted["class"] == "folded") & (counted["verdict"] == "not fused"))
        | ((counted["class"] == "separate") & (counted["verdict"] == "fused"))
    ]
    for row in wrong.to_dict("records"):
        share = f"{row['saved_share']:.2f} ({row['saved_low']:.2f} to {row['saved_high']:.2f})"
        print(f"  wrong: {row['class']}, {row['verdict']}: {row['first']} + {row['second']}, saved {share}, profile adds {row['added']:.2f}")


def latencies(store: str, method: str) -> dict[str, float]:
    frame = nb.load_results(store).frame
    return frame[frame["method"] == method].set_index("layers")["latency_ms"].to_dict()


def added(row: dict, times: dict[str, float]) -> float:
    """Return what the second adds by some times, over what it takes apart."""
    first, second, between = row["first"], row["second"], row["between"]
    apart = times[f"{first};{between};{second}"] - times[f"{first};{between}"] if between else times[second]
    return (times[f"{first};{second}"] - times[first]) / apart if apart > 0 else float("nan")


def nn_meter(row: dict, times: dict[str, float], call_ms: float) -> str:
    """Return the verdict of nn-Meter's fusion rule tester (``EMP_ALPHA: 0.5``)."""
    one, two = times[row["first"]] + call_ms, times[row["second"]] + call_ms
    both = times[f"{row['first']};{row['second']}"] + call_ms
    return "fused" if one + two - both > 0.5 * min(one, two) else "not fused"


def score(name: str, pairs: pd.DataFrame, column: str) -> None:
    """Print precision and recall of what is decided, and the verdicts on each class."""
    decided = pairs[pairs[column] != "cannot tell"]
    print(f"{name}: {1 - len(decided) / len(pairs):.1%} undecided")
    plain = decided[decided["class"] != "costly"]
    for verdict, truth in (("fused", "folded"), ("not fused", "separate")):
        said, true = plain[column] == verdict, plain["class"] == truth
        hits = int((said & true).sum())
        print(f"  {verdict}: precision {hits}/{said.sum()} = {hits / max(1, said.sum()):.3f}, recall {hits}/{true.sum()} = {hits / max(1, true.sum()):.3f}")
    for kind in CLASSES:
        counts = pairs.loc[pairs["class"] == kind, column].value_counts()
        print(f"  {kind}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


if __name__ == "__main__":
    main()
