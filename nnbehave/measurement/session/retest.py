"""The search for subjects that stand alone on a swept axis, and are measured again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from nnbehave.measurement.statistics import Estimate, stands_alone

NEIGHBOURS = 2  # on each side; ``stands_alone`` looks at as many


def find_suspects(
    axes: Iterable[Sequence[str]], estimates: Mapping[str, Estimate], subjects: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return each subject that stands alone on an axis, with its neighbours there.

    Parameters
    ----------
    axes : iterable of sequence of str
        Subjects in the order of a swept dimension. One without an estimate is passed over: its neighbours become
        neighbours of each other.
    estimates : mapping of str to Estimate
    subjects : collection of str
        Those that can be measured again.

    Returns
    -------
    dict of str to tuple of str
        The neighbours, up to two on each side, in the order of the axis. Of a subject on several axes, on the last
        one on which it stands alone.
    """
    suspects: dict[str, tuple[str, ...]] = {}
    for axis in axes:
        known = [subject for subject in axis if subject in estimates and subject in subjects]
        latencies = [estimates[subject].latency_ms for subject in known]
        for i, subject in enumerate(known):
            if stands_alone(latencies[i], estimates[subject].std_error_ms, latencies[:i], latencies[i + 1 :]):
                suspects[subject] = (*known[max(0, i - NEIGHBOURS) : i], *known[i + 1 : i + 1 + NEIGHBOURS])
    return suspects


def retested_together(suspects: Mapping[str, Sequence[str]], references: Iterable[str]) -> list[str]:
    """Return all that is measured in a retest, each once: the suspects, their neighbours, the references."""
    neighbours = (near for each in suspects.values() for near in each)
    return list(dict.fromkeys([*suspects, *neighbours, *references]))
