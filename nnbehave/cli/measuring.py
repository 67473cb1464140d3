"""Commands that measure: sweep, compare-platforms, lut, card, check-composition, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnbehave.cli._app import Exit, app, reports
from nnbehave.cli._options import (
    ContextName,
    Interval,
    Platform,
    Platforms,
    Quiet,
    Sampling,
    Seed,
    SpaceName,
    StatisticName,
    StoreURL,
    TargetName,
    Values,
    numbers,
)
from nnbehave.errors import InvalidInputError
from nnbehave.records import Status
from nnbehave.report.tables import draw_platforms, save_picture, steps_table, summary

if TYPE_CHECKING:
    from nnbehave.design.graph import Graph

_WITHOUT = (Status.UNSUPPORTED, Status.FAILED, Status.TIMEOUT)  # no latency, and more rounds would give none


@app.command("sweep")
@reports
def sweep_command(
    space: Annotated[
        str,
        typer.Argument(help="A shipped space ('nnbehave spaces' lists them), a YAML file, or a model file."),
    ],
    store: StoreURL = "results.db",
    platform: Platforms = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="How a layer is isolated: stacked, whole, profiled; none times nothing. [default: platform's first]"
        ),
    ] = None,
    context: ContextName = None,
    statistic: StatisticName = None,
    values: Values = None,
    sampling: Sampling = "exhaustive",
    budget: Annotated[
        int | None,
        typer.Option(help="The most values of a curve that adaptive sampling measures. [default: as many as it takes]"),
    ] = None,
    interval: Interval = 0.02,
    time_limit: Annotated[
        float, typer.Option(help="Time limit in seconds for loading a layer, and for one sample of it.")
    ] = 60.0,
    seed: Seed = 0,
    retry: Annotated[
        bool, typer.Option("--retry", help="Measure again what failed, timed out or stayed noisy.")
    ] = False,
    target: TargetName = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars and no summary.")] = False,
) -> Exit:
    """Measure the layers of a space, one dimension at a time, or the layers of a model, on some platforms.

    A model is a .tflite, .keras, .h5 or .onnx file.

    Layers that the store holds already are not measured again: after Ctrl-C, run the same command to go on.

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
        context=context,
        statistic=statistic,
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
    space: SpaceName,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            help="A platform; may be repeated. [default: all available here except simulated, one variant of each]"
        ),
    ] = None,
    values: Values = None,
    sampling: Sampling = "adaptive",
    store: StoreURL = "results.db",
    png: Annotated[Path | None, typer.Option(help="A file for a picture of the curves. [default: none]")] = None,
    quiet: Quiet = False,
) -> Exit:
    """Sweep a space on several platforms, and print the steps of each curve, one line a platform.

    The method stands beside the platform's name: stacked, whole or profiled if latencies were timed, otherwise
    emulated or estimated.

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
    space: SpaceName,
    output: Annotated[Path, typer.Option("--output", "-o", help="The table: a .json or .parquet file.")],
    platform: Platform = "tflite",
    store: StoreURL = "results.db",
    sampling: Sampling = "exhaustive",
    interval: Interval = 0.02,
    context: Annotated[
        list[str] | None,
        typer.Option(
            help="How much memory is touched between two calls: warm (none), network (24 MiB), cold (more than the "
            "caches hold), or bytes such as 4MiB. With two or more contexts, the table prices networks in any context. "
            "[default: network for stacked layers, warm for others]"
        ),
    ] = None,
    quiet: Quiet = False,
) -> Exit:
    """Measure every layer that a network of a space can have, and write a table of their latencies.

    The table prices any network of the space. Layers that the store holds already are not measured again.

    Example: nnbehave lut ofa_mobilenet_v3 --platform tflite --context 8MiB --context cold --output table.json
    """
    from nnbehave.analysis.results import Results
    from nnbehave.design.space import load_space
    from nnbehave.pruning import LatencyTable
    from nnbehave.sweep import sweep

    LatencyTable.check_file(output)
    layers = load_space(space).unrolled()
    contexts: list[str | None] = [*context] if context else [None]
    results = Results.joined(
        sweep(
            layers,
            platforms=platform,
            store=store,
            sampling=sampling,
            interval=interval,
            context=each,
            progress=not quiet,
        )
        for each in contexts
    )
    table = LatencyTable.from_results(results)
    table.save(output)
    typer.echo(f"{table!r}\nwrote {output}")
    for name, why in table.missing.items():
        typer.echo(f"  without a latency: {name}: {why}")
    return Exit.INCOMPLETE if table.missing else Exit.OK


@app.command()
@reports
def card(
    platform: Platform = "tflite",
    store: Annotated[
        str | None,
        typer.Option(help="Where to keep the measurements; layers in it are not measured again. [default: nowhere]"),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Minutes for measuring what the store lacks; 0 measures nothing.", min=0)
    ] = 12.0,
    json: Annotated[
        Path | None, typer.Option(help="A file for the card, which 'nnbehave compare-cards' reads. [default: none]")
    ] = None,
    png: Annotated[Path | None, typer.Option(help="A file for a picture of the card. [default: none]")] = None,
    seed: Seed = 0,
    target: TargetName = "local",
    quiet: Quiet = False,
) -> Exit:
    """Print which of the paper's nine findings hold on a platform, with advice for a search space.

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
    platform: Platforms = None,
    within: Annotated[float, typer.Option(help="The largest error that passes; beyond it the exit code is 3.")] = 0.03,
    context: Annotated[
        str, typer.Option(help="loop: call the network over and over; cold: empty the caches before each call.")
    ] = "loop",
    rounds: Annotated[int, typer.Option(help="Rounds of each layer and of the network.", min=6)] = 15,
    seed: Seed = 0,
    target: TargetName = "local",
    quiet: Quiet = False,
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
            found = check_composition(
                {name: graph},
                where,
                rounds=rounds,
                seed=seed,
                progress=not quiet,
                target=target,
                context=context,
            )
            typer.echo(found)
            good = good and bool((found.frame["error"].abs() <= within).all())
    return Exit.OK if good else Exit.INCOMPLETE


@app.command()
@reports
def doctor(
    platform: Annotated[str, typer.Option(help="The platform to run some layers on.")] = "tflite",
    seconds: Annotated[
        float,
        typer.Option(help="Seconds of measuring the noise; the rest comes on top.", min=1),
    ] = 30.0,
    store: Annotated[str | None, typer.Option(help="A store for the latencies of the caches. [default: none]")] = None,
    png: Annotated[Path | None, typer.Option(help="A file for the curve of the caches. [default: none]")] = None,
    target: TargetName = "local",
    quiet: Quiet = False,
) -> Exit:
    """Print how noisy this machine is, how small a step can be seen on it, what its caches give, and what would help.

    Takes about a minute.

    Example: nnbehave doctor --platform openvino --png caches.png
    """
    from nnbehave.studies import diagnose

    found = diagnose(platform, seconds=seconds, store=store, progress=not quiet, target=target)
    typer.echo(found)
    if png is not None:
        if found.curve is None:
            raise InvalidInputError(f"--png: platform {platform!r} has no caches to draw")
        save_picture(found.curve.plot(), png)
        typer.echo(f"wrote {png}")
    return Exit.OK


def _network(name: str) -> Graph:
    """Return the network with this name, or the graph that ``MODULE:FUNCTION`` makes."""
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
