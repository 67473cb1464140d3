"""Commands that measure: sweep, compare-platforms, lut, card, check-composition, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnbehave.cli._app import Exit, app, reports
from nnbehave.errors import InvalidInputError
from nnbehave.records import Status
from nnbehave.report.tables import draw_platforms, steps_table, summary

if TYPE_CHECKING:
    from nnbehave.design.graph import Graph

TARGET = typer.Option(
    help="Where to measure: local, python:/path, ssh://[user@]host[:port], adb://serial?benchmark_model=/path."
)
_WITHOUT = (Status.UNSUPPORTED, Status.FAILED, Status.TIMEOUT)  # no latency, and no hope of one by more rounds
VALUES = typer.Option(help="Of every dimension over numbers take those from LOW to HIGH: 8:64, or 8:64:8.")


@app.command("sweep")
@reports
def sweep_command(
    space: Annotated[
        str,
        typer.Argument(help="A shipped space ('nnbehave spaces' lists them), a YAML file, or a model: its layers."),
    ],
    store: Annotated[
        str,
        typer.Option(help="Where to keep the measurements: a file, or a database URL.", show_default=True),
    ] = "results.db",
    platform: Annotated[
        list[str] | None,
        typer.Option(help="Such as tflite, tflite:builtin or 'openvino?threads=2'; may be repeated. [default: tflite]"),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="How a layer is isolated: stacked, whole, profiled; none times nothing. [default: platform's own]"
        ),
    ] = None,
    values: Annotated[str | None, VALUES] = None,
    sampling: Annotated[
        str,
        typer.Option(help="exhaustive: every value; adaptive: of each curve as few as show its steps."),
    ] = "exhaustive",
    budget: Annotated[
        int | None, typer.Option(help="Values of a curve to measure at most, when adaptively. [default: all it takes]")
    ] = None,
    interval: Annotated[
        float,
        typer.Option(help="Measure a layer until its 95 % interval is within this share of it; 0.05 is quick."),
    ] = 0.02,
    time_limit: Annotated[float, typer.Option(help="Seconds for loading a layer, and for a block of it.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Of weights, inputs and the order of rounds.")] = 0,
    retry: Annotated[
        bool, typer.Option("--retry", help="Measure again what failed, timed out or stayed noisy.")
    ] = False,
    target: Annotated[str, TARGET] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars, no closing line.")] = False,
) -> Exit:
    """Measure every layer of a space, one dimension at a time, on some platforms; or the layers of a model.

    A model is a .tflite, .keras, .h5 or .onnx file.

    What the store holds already is not measured again: after Ctrl-C, run the same command to go on.

    Example: nnbehave sweep quickstart --platform tflite --platform openvino --store results.db
    """
    from nnbehave.design.space import load_space
    from nnbehave.sweep import sweep

    loaded = load_space(space)
    results = sweep(
        loaded,
        platforms=platform or ["tflite"],
        values=numbers(values),
        store=store,
        sampling=sampling,
        budget=budget,
        method=method,
        interval=interval,
        time_limit_s=time_limit,
        seed=seed,
        retry=retry,
        progress=not quiet,
        target=target,
    )
    if not quiet:
        for other in loaded.unknown:
            typer.echo(f"not measured: {other}")
        typer.echo(summary(results))
        typer.echo(f"Next: nnbehave steps {store}")
    return Exit.INCOMPLETE if any(one.status in _WITHOUT for one in results) else Exit.OK


@app.command("compare-platforms")
@reports
def compare_platforms_command(
    space: Annotated[str, typer.Argument(help="A shipped space ('nnbehave spaces' lists them) or a YAML file.")],
    platform: Annotated[
        list[str] | None,
        typer.Option(
            help="May be repeated. [default: every platform that is available here, see 'nnbehave platforms']"
        ),
    ] = None,
    values: Annotated[str | None, VALUES] = None,
    sampling: Annotated[str, typer.Option(help="As of 'nnbehave sweep'.")] = "adaptive",
    store: Annotated[
        str, typer.Option(help="Where to keep the measurements: a file, or a database URL.")
    ] = "results.db",
    png: Annotated[Path | None, typer.Option(help="A file for the curves, a panel a platform. [default: none]")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """Sweep a space on several platforms, and set the steps of each side by side.

    How a platform's numbers came about stands beside its name: measured, emulated or estimated.

    Example: nnbehave compare-platforms fig4_conv_cout --values 3:256 --png platforms.png
    """
    from nnbehave.measurement.platforms import available_platforms
    from nnbehave.sweep import sweep

    names = platform or available_platforms()
    results = sweep(space, platforms=names, values=numbers(values), store=store, sampling=sampling, progress=not quiet)
    table = results.steps()
    typer.echo(steps_table(table.assign(platform=table["platform"] + " (" + table["method"] + ")")))
    if without := sorted(set(map(str, results.frame["platform"])) - set(table["platform"])):
        typer.echo(f"no curve on {', '.join(without)}")
    if png is not None:
        draw_platforms(results, table, png)
        typer.echo(f"wrote {png}")
    return Exit.INCOMPLETE if without or table["low"].isna().any() else Exit.OK


@app.command()
@reports
def lut(
    space: Annotated[str, typer.Argument(help="A shipped space ('nnbehave spaces' lists them) or a YAML file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The table: a .json or .parquet file.")],
    platform: Annotated[str, typer.Option(help="Such as tflite or 'openvino?threads=2'.")] = "tflite",
    store: Annotated[
        str, typer.Option(help="Where to keep the measurements: a file, or a database URL.")
    ] = "results.db",
    sampling: Annotated[
        str, typer.Option(help="exhaustive: every layer; adaptive: of long curves as few as show their steps.")
    ] = "exhaustive",
    interval: Annotated[float, typer.Option(help="As of 'nnbehave sweep'.")] = 0.02,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """Measure every layer that a network of a space can have, and write the table that prices any of them.

    What the store holds already is not measured again.

    Example: nnbehave lut ofa_mobilenet_v3 --platform tflite --output table.json
    """
    from nnbehave.design.space import load_space
    from nnbehave.pruning import LatencyTable
    from nnbehave.sweep import sweep

    LatencyTable.check_file(output)
    layers = load_space(space).unrolled()
    results = sweep(layers, platforms=platform, store=store, sampling=sampling, interval=interval, progress=not quiet)
    table = LatencyTable.from_results(results)
    table.save(output)
    typer.echo(f"{table!r}\nwrote {output}")
    for name, why in table.missing.items():
        typer.echo(f"  without a latency: {name}: {why}")
    return Exit.INCOMPLETE if table.missing else Exit.OK


@app.command()
@reports
def card(
    platform: Annotated[str, typer.Option(help="Such as tflite, tflite:builtin or 'openvino?threads=2'.")] = "tflite",
    store: Annotated[
        str | None, typer.Option(help="Where to keep the measurements; what it holds is not measured again.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="To measure what is missing; 0 measures nothing.", min=0)] = 12.0,
    json: Annotated[Path | None, typer.Option(help="A file for the card, for 'nnbehave compare-cards'.")] = None,
    png: Annotated[Path | None, typer.Option(help="A file for a picture of it. [default: none]")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, inputs and the order of rounds.")] = 0,
    target: Annotated[str, TARGET] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """State which of the nine findings of the paper hold on this platform, and what to do in a search space.

    Example: nnbehave card --platform openvino --json card.json --png card.png
    """
    from nnbehave.studies import make_card

    made = make_card(platform, store, minutes=minutes, seed=seed, progress=not quiet, target=target)
    typer.echo(made)
    if json is not None:
        made.save(json)
        typer.echo(f"wrote {json}")
    if png is not None:
        made.plot().savefig(png, dpi=100)
        typer.echo(f"wrote {png}")
    return Exit.OK


@app.command("check-composition")
@reports
def check_composition_command(
    network: Annotated[
        list[str] | None,
        typer.Argument(help="Networks by name, or MODULE:FUNCTION that returns a nnbehave.Graph. [default: all known]"),
    ] = None,
    platform: Annotated[
        list[str] | None,
        typer.Option(help="Such as tflite, tflite:builtin or openvino; may be repeated. [default: tflite]"),
    ] = None,
    within: Annotated[float, typer.Option(help="The error that is still good: exit code 3 past it.")] = 0.03,
    rounds: Annotated[int, typer.Option(help="Of three calls of every layer.", min=6)] = 12,
    seed: Annotated[int, typer.Option(help="Of weights, inputs and the order of rounds.")] = 0,
    target: Annotated[str, TARGET] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """Measure networks whole and as the sum of their separately measured layers, and print the error.

    Example: nnbehave check-composition mobilenet_v1 resnet18 --platform tflite
    """
    from nnbehave.design.networks import NETWORKS
    from nnbehave.studies import check_composition

    good = True
    graphs = {name: _network(name) for name in network or NETWORKS}
    for where in platform or ["tflite"]:
        for name, graph in graphs.items():
            found = check_composition({name: graph}, where, rounds=rounds, seed=seed, progress=not quiet, target=target)
            typer.echo(found)
            good = good and bool((found.frame["error"].abs() <= within).all())
    return Exit.OK if good else Exit.INCOMPLETE


@app.command()
@reports
def doctor(
    platform: Annotated[str, typer.Option(help="Whose layers to run.")] = "tflite",
    seconds: Annotated[float, typer.Option(help="Of measuring; starting and converting come on top.", min=1)] = 30.0,
    target: Annotated[str, TARGET] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """Say how noisy this machine is, what can be witnessed and resolved on it, and what would help. Takes a minute.

    Example: nnbehave doctor --platform openvino
    """
    from nnbehave.studies import diagnose

    typer.echo(diagnose(platform, seconds=seconds, progress=not quiet, target=target))
    return Exit.OK


def _network(name: str) -> Graph:
    """Return a network by name, or what a function makes."""
    from importlib import import_module

    from nnbehave.design.graph import Graph
    from nnbehave.design.networks import load_network

    module, colon, function = name.partition(":")
    if not colon:
        return load_network(name)
    try:
        made = getattr(import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise InvalidInputError(f"{name}: {error}") from None
    if not isinstance(made, Graph):
        raise InvalidInputError(f"{name} returns a {type(made).__name__}, not a nnbehave.Graph")
    return made


def numbers(text: str | None) -> range | None:
    """Return the numbers that LOW:HIGH[:STEP] means, HIGH among them."""
    if text is None:
        return None
    try:
        low, high, step = [*map(int, text.split(":")), 1][:3]
        numbers = range(low, high + 1, step)
    except ValueError:
        numbers = range(0)
    if not numbers or text.count(":") > 2:
        raise InvalidInputError(f"--values: expected LOW:HIGH or LOW:HIGH:STEP, such as 8:64:8, got {text!r}")
    return numbers
