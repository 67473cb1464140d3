"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from nnbehave.errors import InvalidInputError

SpaceName = Annotated[str, typer.Argument(help="A shipped space ('nnbehave spaces' lists them) or a YAML file.")]
Platform = Annotated[str, typer.Option(help="The platform, such as tflite, tflite:builtin or 'openvino?threads=2'.")]
Platforms = Annotated[
    list[str] | None,
    typer.Option(
        "--platform",
        help="A platform, such as tflite, tflite:builtin or 'openvino?threads=2'; may be repeated. [default: tflite]",
    ),
]
StoreURL = Annotated[
    str, typer.Option("--store", help="Where to keep the measurements: a file, or a database URL.", show_default=True)
]
Values = Annotated[
    str | None,
    typer.Option(help="Of every numeric dimension measure only LOW:HIGH or LOW:HIGH:STEP, such as 8:64 or 8:64:8."),
]
Sampling = Annotated[
    str, typer.Option(help="exhaustive: every value; adaptive: as few values of each curve as show its steps.")
]
Interval = Annotated[
    float,
    typer.Option(help="Measure a layer until its 95 % interval is within this share of its latency; 0.05 is quick."),
]
Seed = Annotated[int, typer.Option(help="Seed of weights, inputs and the order of rounds.")]
TargetName = Annotated[
    str,
    typer.Option(
        "--target",
        help="Where to measure: local, python:/path, ssh://[user@]host[:port], adb://serial?benchmark_model=/path.",
    ),
]
ContextName = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="How much memory is touched between two calls of a layer: warm (none), network (24 MiB), cold (more than "
        "the caches hold), or bytes such as 32MiB. [default: network for stacked layers, warm for others]",
    ),
]
StatisticName = Annotated[
    str | None,
    typer.Option(
        "--statistic",
        help="The statistic of all timed spans to report, as other benchmarks do: mean, median, p90 and so on. "
        "[default: the median over undisturbed rounds, with the state of the machine taken out]",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")]


def numbers(text: str | None) -> range | None:
    """Return the numbers of LOW:HIGH[:STEP], HIGH included; None for None.

    Raises
    ------
    InvalidInputError
        The text is not of this form, or its range is empty.
    """
    if text is None:
        return None
    try:
        low, high, step = [*map(int, text.split(":")), 1][:3]
        found = range(low, high + 1, step)
    except ValueError:
        found = range(0)
    if not found or text.count(":") > 2:
        raise InvalidInputError(f"--values: expected LOW:HIGH or LOW:HIGH:STEP, such as 8:64:8, got {text!r}")
    return found
