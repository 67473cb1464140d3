"""What makes a measurement ``noisy``: too many disturbed samples, or an interval wider than was asked."""

from __future__ import annotations

from collections.abc import Collection

from nnbehave.records import Latency

_MOST_DISTURBED = 1 / 4  # of a subject's samples


def why_disturbed(disturbances: Collection[str], samples: int) -> str:
    """Return why a subject's samples were disturbed too often; empty where they were not.

    Parameters
    ----------
    disturbances : collection of str
        Of each sample that was disturbed each time it was taken, by what.
    samples : int
        How many samples the latency is made of.
    """
    if len(disturbances) <= samples * _MOST_DISTURBED:
        return ""
    return f"{len(disturbances)} samples {', '.join(sorted(set(disturbances)))}, each time they were taken"


def why_wide(latency: Latency, asked: float, rounds: int, is_finished: bool) -> str:
    """Return why an interval is wider than was asked; empty where it is not.

    Where several sessions measured a subject, the narrowest interval that a finished one asked for counts.

    Parameters
    ----------
    latency : Latency
    asked : float
        The half-width that was asked for, as a share of the latency.
    rounds : int
    is_finished : bool
        False where the session was interrupted.
    """
    if latency.half_width <= asked:
        return ""
    cut_short = "" if is_finished else "; the session was interrupted"
    return f"±{latency.half_width:.1%} after {rounds} rounds, ±{asked:.1%} asked{cut_short}"
