"""How much each threshold of the step detection and of the search matters.

    python benchmarks/steps_thresholds.py [NAME …]     # all of them: half an hour on one core

Each threshold of ``nnbehave.analysis.steps.thresholds`` is halved and doubled, the others left as they are. A line
shows how many of 60 curves of known truth (15 classes, 0.3 % to 3 % noise) get the right kind and width, and how many
get another answer than by default. For a threshold of the search it shows 15 searches from 1 to 1000 instead, and how
many n they measured in all.
"""

from __future__ import annotations

import argparse
import multiprocessing
from dataclasses import dataclass

import numpy as np
import synthetic

SEARCH_FROM = "DENSE_SEED"  # the thresholds from this one on belong to the search
FIXED = ("LARGEST_N", "MAX_WIDTH", "COMPARED_AT")  # limits of what is looked at
CURVES, SEARCHES = 4, 1  # for each class
Value = float | tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """What came out for each curve, whether it is right, and how many n were measured."""

    answers: tuple[object, ...]
    right: int
    measured: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="thresholds; by default all")
    names = parser.parse_args().names
    values = {name: value for name, value in _thresholds().items() if name not in FIXED}
    of_search = list(values)[list(values).index(SEARCH_FROM) :]
    defaults = {is_search: run({}, is_search) for is_search in (False, True)}
    print(f"default: {defaults[False].right} curves right; {_shown(defaults[True])} by the search", flush=True)
    for name in names or values:
        is_search = name in of_search
        for factor in (0.5, 2.0):
            changed = scaled(values[name], factor)
            if changed == values[name]:
                continue
            try:
                outcome = run({name: changed}, is_search)
            except Exception as error:
                print(f"{name:<26}{values[name]!s:>28} -> {changed!s:<28} {type(error).__name__}: {error}", flush=True)
                continue
            pairs = zip(outcome.answers, defaults[is_search].answers, strict=True)
            others = sum(one != other for one, other in pairs)
            print(f"{name:<26}{values[name]!s:>28} -> {changed!s:<28} {_shown(outcome)}, {others} others", flush=True)


def _shown(outcome: Outcome) -> str:
    return f"{outcome.right} right" + (f", {outcome.measured} n measured" if outcome.measured else "")


def _thresholds() -> dict[str, Value]:
    from nnbehave.analysis.steps import thresholds

    return {name: value for name, value in vars(thresholds).items() if name.isupper()}


def scaled(value: Value, factor: float) -> Value:
    """Return a threshold times a factor; whole numbers stay whole and above 0."""
    if isinstance(value, tuple):
        return tuple(max(1, round(each * factor)) for each in value)
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor


def run(changes: dict[str, Value], is_search: bool) -> Outcome:
    """Return what comes out with some thresholds changed, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_search if is_search else _detect, (changes,))


def _change(changes: dict[str, Value]) -> None:
    """Change thresholds before anything reads them."""
    from nnbehave.analysis.steps import thresholds

    vars(thresholds).update(changes)


def _detect(changes: dict[str, Value]) -> Outcome:
    _change(changes)
    from nnbehave import detect_steps

    answers, right = [], 0
    for name in synthetic.CLASSES:
        for i in range(CURVES):
            noise = synthetic.NOISES[i % len(synthetic.NOISES)]
            curve = synthetic.draw(name, noise, 77_000 + i, 0.01 * (i % 3 == 1), 0.3 * (i % 3 == 2))
            found = detect_steps(curve.n, curve.y, curve.std_error)
            answers.append((found.kind, found.width, found.phase, found.edges))
            right += (found.kind, found.width) == (curve.kind, curve.width)
    return Outcome(tuple(answers), right, 0)


def _search(changes: dict[str, Value]) -> Outcome:
    _change(changes)
    from nnbehave import find_steps

    answers, right, measured = [], 0, 0
    n = np.arange(1, 1001, dtype=float)
    for k, make in enumerate(synthetic.CLASSES.values()):
        for i in range(SEARCHES):
            rng = np.random.default_rng([77, k, i])
            truth, kind, width, _ = make(rng, n)

            def objective(ns: list[int], truth=truth, rng=rng) -> list[tuple[float, float]]:
                y = truth[np.array(ns) - 1]
                noisy = y * np.exp(0.003 * rng.standard_normal(len(ns)))
                return list(zip(noisy.tolist(), (0.003 * y).tolist(), strict=True))

            found = find_steps(objective, 1, 1000)
            answers.append((found.kind, found.width, found.phase, found.edges))
            right += (found.kind, found.width) == (kind, width)
            measured += len(found.measured)
    return Outcome(tuple(answers), right, measured)


if __name__ == "__main__":
    main()
