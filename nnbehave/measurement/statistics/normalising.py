"""Taking the state of the machine out of the samples of a session."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnbehave.measurement.statistics.observation import Observation

# Windows of 2 to 16 samples do about as well (notes of normalise).
NEIGHBOURS = 4  # samples before and after one that tell how fast the machine was then
MOST_EXPONENT = 1.2  # a class that follows the machine fully has 1; the rest is error of the fit
STANDARD_ERRORS = 3  # that an exponent must be above 0 to be used
FEWEST_TO_FIT = 30  # samples of a class, below which no exponent is fitted to it
FEWEST_TO_RESPOND = 10  # samples of a layer, below which its own response is not looked at
KEPT = 0.9  # share of the layers of a class, the least ones, in what is pooled over them


class Normalised(NamedTuple):
    """Samples without the state of the machine.

    Attributes
    ----------
    values : list of float, shape (samples,)
        Latencies in ms.
    exponents : dict of str to float
        For each class how strongly its samples followed the state of the machine: 0 not at all, 1 fully.
    state : list of float, shape (samples,)
        Logarithm of how much slower than usual the machine was during each sample.
    """

    values: list[float]
    exponents: dict[str, float]
    state: list[float]


def normalise(samples: Sequence[Observation]) -> Normalised:
    """Remove from each sample the speed of the machine at that moment, as the samples around it show it.

    A shared machine is slow for some samples in a row, whatever runs. Rounds are shuffled, so the neighbours of a
    sample are other layers. Each neighbour deviates from the median of its own layer; the median of these deviations is
    the state of the machine. The logarithm of the sample is lowered by ``g`` times the state.

    ``g`` is fitted for each class of layers (``compute`` or ``memory``), between 0 and 1.2. It is 0 if the data do not
    support it (less than three standard errors above 0, or fewer than thirty samples), so the samples of a steady
    machine stay as they are.

    Parameters
    ----------
    samples : sequence of Observation
        In the order in which they were taken.

    Notes
    -----
    Measured on a 2-core virtual machine with busy neighbours, 128 conv layers, 60 rounds: the median half-width of
    the intervals fell from 4.2 to 1.3 % on tflite, from 2.8 to 1.6 % on openvino, from 3.8 to 1.7 % on tflite:builtin
    (windows of 2 to 16 samples do about as well; ``g`` was 0.94 to 0.96).
    """
    names, index = np.unique([sample.part for sample in samples], return_inverse=True)
    values = [sample.ms for sample in samples]
    classes, of_class = np.unique([sample.bound for sample in samples], return_inverse=True)
    exponents = dict.fromkeys(map(str, classes), 0.0)
    if len(names) < 2 or len(index) <= 2 * NEIGHBOURS:
        return Normalised(values, exponents, [0.0] * len(values))
    logs = np.log(np.asarray(values))
    flat, state = logs, np.zeros_like(logs)
    for _ in range(3):  # medians of normalised samples give a better state, which gives better medians
        deviations = logs - _medians(index, flat)[index]
        state = _state(deviations)
        g = np.array([_exponent(deviations[of_class == k], state[of_class == k]) for k in range(len(classes))])
        exponents = dict(zip(map(str, classes), map(float, g), strict=True))
        flat = logs - g[of_class] * state
    return Normalised([float(value) for value in np.exp(flat)], exponents, [float(value) for value in state])


def response_share(samples: Sequence[Observation]) -> dict[str, float]:
    """Return how far the layers of each class may be off in a session whose machine is in another state.

    Layers do not all slow down alike, neither the classes nor the layers within one. Two facts matter: how much the
    exponents of layers differ from the exponent of the compute-bound class, beyond noise; and how much the state of the
    machine varied between the rounds of this session. Their product is the error of a latency relative to
    compute-bound layers, if the state of another session is off by as much. It belongs to intervals that are to hold
    between sessions, not within one.

    Parameters
    ----------
    samples : sequence of Observation
        In the order in which they were taken.

    Returns
    -------
    dict of str to float
        For each class a standard deviation, as a share of the latency.
    """
    found = normalise(samples)
    squares, noise = _responses(samples, found)
    rounds: dict[tuple[int, int], list[float]] = defaultdict(list)
    for sample, each in zip(samples, found.state, strict=True):
        rounds[sample.round, sample.process].append(each)
    slow = float(np.std([statistics.median(each) for each in rounds.values()]))  # bursts are over within a session
    shares = {}
    for kind, exponent in found.exponents.items():
        own = _trimmed(squares[kind]) / _trimmed_chi2(1) - _trimmed(noise[kind]) if squares[kind] else 0.0
        unlike = exponent - found.exponents.get("compute", exponent)
        shares[kind] = math.sqrt(max(0.0, own) + unlike**2) * slow
    return shares


def _responses(
    samples: Sequence[Observation], found: Normalised
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return by class, for each layer, the square of its own response to the machine, and the part that noise makes."""
    state = np.asarray(found.state)
    places_of: dict[str, list[int]] = defaultdict(list)
    for i, sample in enumerate(samples):
        places_of[sample.part].append(i)
    squares: dict[str, list[float]] = defaultdict(list)
    noise: dict[str, list[float]] = defaultdict(list)
    for places in places_of.values():
        s = state[places] - np.mean(state[places])
        rest = np.log([found.values[i] for i in places])
        rest -= np.mean(rest)
        power = float(s @ s)
        if len(places) >= FEWEST_TO_RESPOND and power > 0:
            kind = samples[places[0]].bound
            slope = float(rest @ s) / power  # the response that is left after the response of the class
            squares[kind].append(slope**2)
            noise[kind].append(float(np.var(rest - slope * s)) / power)
    return squares, noise


def _state(deviations: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median deviation of the samples around each one, which is itself left out; the median of all is 0."""
    padded = np.pad(deviations, NEIGHBOURS, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1)
    state: npt.NDArray[np.float64] = np.median(np.delete(windows, NEIGHBOURS, axis=1), axis=1)
    state -= np.median(state)
    return state


def _exponent(deviations: npt.NDArray[np.float64], state: npt.NDArray[np.float64]) -> float:
    """Return how strongly the samples of a class follow the state of the machine; 0 if the data do not support it."""
    power = float(state @ state)
    if len(state) < FEWEST_TO_FIT or power == 0:
        return 0.0
    g = float(deviations @ state) / power
    error = float(np.std(deviations - g * state)) / power**0.5
    return min(g, MOST_EXPONENT) if g > STANDARD_ERRORS * error else 0.0


def _medians(index: npt.NDArray[np.intp], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of the values of each index; indices run from 0 without gaps."""
    count = np.bincount(index)
    first = np.cumsum(count) - count
    within = values[np.lexsort((values, index))]
    result: npt.NDArray[np.float64] = (within[first + (count - 1) // 2] + within[first + count // 2]) / 2
    return result


def _trimmed(values: Sequence[float]) -> float:
    """Return the mean without the largest tenth."""
    return float(np.mean(sorted(values)[: math.ceil(KEPT * len(values))]))


@lru_cache(maxsize=64)
def _trimmed_chi2(freedom: int) -> float:
    """Return the mean of chi squared over its degrees of freedom, without the largest tenth."""
    from scipy.special import gammainc, gammaincinv  # scipy.stats takes a second more to load

    return float(gammainc(freedom / 2 + 1, gammaincinv(freedom / 2, KEPT)) / KEPT)
