"""How often verdicts on fusion from latencies alone agree with the graph that the runtime itself reports.

    python benchmarks/fusion.py [--platform openvino] [--rounds 150]          # some ten minutes

A pair counts if its second operator takes over a tenth of its first. The reported graph says whether the second was
folded into the kernel before. A folded operator may still cost time. A pair is ``costly``, a class of its own, if its
folded operator adds over half of the time that it takes apart, by a second measurement with other weights. Beside our
verdicts stand those of nn-Meter's rule on the same measurements: T1 + T2 − T12 > 0.5 · min(T1, T2) on means, where all
three include the cost of a call.
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

APART = tuple((first, second) for first in ("softmax", "shuffle") for second in ACTIVATIONS)  # no runtime folds these
EVERY = (*PAIRS, *APART)
AGAIN = 60  # rounds of the second measurement
COUNTS = 0.1  # the least time of a second operator that counts, as a share of the first operator's
KEY = ["first", "second"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", default="openvino")
    parser.add_argument("--rounds", type=int, default=150)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        pairs, times, call_ms = measured(given.platform, str(Path(scratch) / "fusion.db"), given.rounds)
    again = nb.check_fusion(EVERY, given.platform, rounds=AGAIN, seed=1).frame
    added = 1 - again.set_index(KEY)["saved_share"].reindex(pd.MultiIndex.from_frame(pairs[KEY])).to_numpy()
    pairs["class"] = np.where(pairs["told"] == "separate", "separate", np.where(added > 0.5, "costly", "folded"))
    pairs["peer"] = [
        nn_meter(first, second, times, call_ms) for first, second in zip(pairs["first"], pairs["second"], strict=True)
    ]
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


def measured(platform: str, store: str, rounds: int) -> tuple[pd.DataFrame, dict[str, float], float]:
    """Measure all pairs; return them, the latency in ms of each graph by its layers, and that of a call alone."""
    pairs = nb.check_fusion(EVERY, platform, store, rounds=rounds).frame
    with Store(store) as kept:
        graphs = list(kept.subjects().values())
    seconds = {nb.Graph(graph.layers[1:]) for graph in graphs if graph.arrangement == "pair"}
    nb.measure(sorted(seconds, key=lambda graph: graph.id), platform, store, method="whole")
    times = nb.load_results(store).frame.set_index("layers")["latency_ms"].to_dict()
    samples = nb.load_samples(store)
    return pairs, times, float(samples.loc[samples["part"] == call_alone().id, "raw_ms"].median())


def nn_meter(first: str, second: str, times: dict[str, float], call_ms: float) -> str:
    """Return the verdict of nn-Meter's fusion rule tester (``EMP_ALPHA: 0.5``) on two layers."""
    one, two, both = (times[layers] + call_ms for layers in (first, second, f"{first};{second}"))
    return "fused" if one + two - both > 0.5 * min(one, two) else "not fused"


def score(name: str, pairs: pd.DataFrame, column: str) -> None:
    """Print precision and recall of the verdicts that decide, and the verdicts on each class."""
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
