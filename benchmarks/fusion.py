"""How often verdicts on fusion from latencies alone agree with the runtime's own executed graph.

    python benchmarks/fusion.py [--platform openvino] [--rounds 150]          # some ten minutes

A pair counts where its second operator takes over a tenth of its first. The executed graph says whether it was folded
into the kernel before. Folded is not free: a pair whose folded operator adds over half of what it takes apart, by a
second measurement with other weights, is ``costly``, a class of its own. Beside it nn-Meter's rule on the same
measurements: T1 + T2 − T12 > 0.5 · min(T1, T2) on means, with the call's cost in all three.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import nnbehave as nb
from nnbehave.measurement.isolation import call_alone
from nnbehave.measurement.store.store import Store
from nnbehave.studies.fusion import ACTIVATIONS, PAIRS

APART = tuple((first, second) for first in ("softmax", "shuffle") for second in ACTIVATIONS)  # nobody folds these
AGAIN = 60  # rounds of the second measurement
COUNTS = 0.1  # of the first operator's time: what the second takes at least
KEY = ["first", "second"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="openvino")
    parser.add_argument("--rounds", type=int, default=150)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = str(Path(scratch) / "fusion.db")
        every = (*PAIRS, *APART)
        pairs = nb.check_fusion(every, given.platform, store, rounds=given.rounds).frame
        again = nb.check_fusion(every, given.platform, rounds=AGAIN, seed=1).frame
        with Store(store) as kept:
            graphs = list(kept.subjects().values())
        seconds = {nb.Graph(graph.layers[1:]) for graph in graphs if graph.arrangement == "pair"}
        nb.measure(sorted(seconds, key=lambda graph: graph.id), given.platform, store, method="whole")
        times = nb.load_results(store).frame.set_index("layers")["latency_ms"].to_dict()
        blocks = nb.load_blocks(store)
        call_ms = blocks.loc[blocks["part"] == call_alone().id, "raw_ms"].median()
    added = 1 - again.set_index(KEY)["saved_share"].reindex(pd.MultiIndex.from_frame(pairs[KEY])).to_numpy()
    pairs["class"] = np.where(pairs["told"] == "separate", "separate", np.where(added > 0.5, "costly", "folded"))
    pairs["peer"] = [nn_meter(row, times, call_ms) for row in pairs.to_dict("records")]
    counted = pairs[pairs["apart_ms"] > COUNTS * pairs["first_ms"]]
    print(
        f"\n{len(pairs)} pairs on {given.platform}; of {len(counted)} the second takes over {COUNTS:.0%} of the first"
    )
    score("ours", counted, "verdict")
    score("nn-Meter's rule", counted, "peer")
    truth = counted["class"].map({"folded": "fused", "separate": "not fused"})
    wrong = counted[truth.notna() & (counted["verdict"] != "cannot tell") & (counted["verdict"] != truth)]
    for row in wrong.to_dict("records"):
        share = f"{row['saved_share']:.2f} ({row['saved_low']:.2f} to {row['saved_high']:.2f})"
        print(f"  {row['class']}, but {row['verdict']}: {row['first']} + {row['second']}, saved {share}")


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
        precision, recall = (hits / max(1, int(each.sum())) for each in (said, true))
        print(f"  {verdict}: precision {precision:.3f} of {said.sum()}, recall {recall:.3f} of {true.sum()}")
    for kind, some in pairs.groupby("class"):
        counts = some[column].value_counts()
        print(f"  {kind}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))


if __name__ == "__main__":
    main()
