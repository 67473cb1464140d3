"""The command ``nnbehave``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnbehave.errors import InvalidInputError, MissingExtraError, NNBehaveError, StoreError, TargetError

if TYPE_CHECKING:
    import pandas as pd

    from nnbehave.graph import Graph
    from nnbehave.results import Results


class Exit(IntEnum):
    """What an exit code means."""

    OK = 0  # all is done
    FAILED = 1  # something broke on the way; what was measured until then is in the store
    USAGE = 2  # the input cannot be used; nothing was measured
    INCOMPLETE = 3  # done, but some layers have no latency; the table says how many and why
    INTERRUPTED = 130  # Ctrl-C


_WITHOUT = ("unsupported", "failed", "timeout")  # the statuses of layers that have no latency

_VALUES = typer.Option(help="Of every dimension over numbers take those from LOW to HIGH: 8:64, or 8:64:8.")

app = typer.Typer(
    help="Measure how latency behaves on an inference platform, find the steps, keep the channels worth keeping.",
    epilog="Exit codes: 0 done; 1 broke on the way; 2 unusable input; 3 done, but some layers have no latency; "
    "130 stopped by Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _reports(command: Callable[..., Exit]) -> Callable[..., None]:
    """Turn what a command returns or raises into an exit code, and an error of ours into one message."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            code = command(*arguments, **options)
        except KeyboardInterrupt:
            typer.echo("\nStopped. What was measured is in the store; run the same command again to go on.", err=True)
            code = Exit.INTERRUPTED
        except NNBehaveError as error:
            typer.echo(f"nnbehave: {error}", err=True)
            usage = isinstance(error, InvalidInputError | MissingExtraError | StoreError | TargetError)
            code = Exit.USAGE if usage else Exit.FAILED
        raise typer.Exit(int(code))

    return run


@app.command("sweep")
@_reports
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
    values: Annotated[str | None, _VALUES] = None,
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
    target: Annotated[
        str, typer.Option(help="Where to measure: local, python:/path/to/python, or ssh://[user@]host[:port].")
    ] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars, no closing line.")] = False,
) -> Exit:
    """Measure every layer of a space, one dimension at a time, on some platforms; or the layers of a model.

    A model is a .tflite, .keras, .h5 or .onnx file.

    What the store holds already is not measured again: after Ctrl-C, run the same command to go on.

    Example: nnbehave sweep quickstart --platform tflite --platform openvino --store results.db
    """
    from nnbehave.space import load_space
    from nnbehave.sweep import sweep

    loaded = load_space(space)
    results = sweep(
        loaded,
        platforms=platform or ["tflite"],
        values=_numbers(values),
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
    frame = results.frame
    if not quiet:
        for other in loaded.unknown:
            typer.echo(f"not measured: {other}")
        typer.echo(_summary(results))
        typer.echo(f"Next: nnbehave steps {store}")
    return Exit.INCOMPLETE if frame["status"].isin(_WITHOUT).any() else Exit.OK


@app.command()
@_reports
def steps(
    store: Annotated[str, typer.Argument(help="What 'nnbehave sweep' wrote: a store, or a saved .csv.")],
    png: Annotated[
        Path | None, typer.Option(help="A folder for a picture of each curve with its steps. [default: none]")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="A larger value also counts as fast when it takes up to this share more time."),
    ] = 0.0,
) -> Exit:
    """Find the steps of every curve in a store, and print which values are worth keeping.

    A value is worth keeping when no larger one is as fast.

    Example: nnbehave steps results.db --png pictures
    """
    from nnbehave.results import load_results

    results = load_results(store)
    table = results.steps(tolerance)
    if table.empty:
        raise InvalidInputError(f"{store} holds no sweep over a numeric dimension; run 'nnbehave sweep' first")
    typer.echo(_steps_table(table))
    if png is not None:
        for file in _draw(results, table, png):
            typer.echo(f"wrote {file}")
    return Exit.INCOMPLETE if table["low"].isna().any() else Exit.OK


@app.command("compare-platforms")
@_reports
def compare_platforms_command(
    space: Annotated[str, typer.Argument(help="A shipped space ('nnbehave spaces' lists them) or a YAML file.")],
    platform: Annotated[
        list[str] | None,
        typer.Option(
            help="May be repeated. [default: every platform that is available here, see 'nnbehave platforms']"
        ),
    ] = None,
    values: Annotated[str | None, _VALUES] = None,
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
    from nnbehave.platforms import available_platforms
    from nnbehave.sweep import sweep

    names = platform or available_platforms()
    results = sweep(space, platforms=names, values=_numbers(values), store=store, sampling=sampling, progress=not quiet)
    table = results.steps()
    typer.echo(_steps_table(table.assign(platform=table["platform"] + " (" + table["method"] + ")")))
    if without := sorted(set(map(str, results.frame["platform"])) - set(table["platform"])):
        typer.echo(f"no curve on {', '.join(without)}")
    if png is not None:
        _draw_platforms(results, table, png)
        typer.echo(f"wrote {png}")
    return Exit.INCOMPLETE if without or table["low"].isna().any() else Exit.OK


@app.command()
@_reports
def prune(
    space: Annotated[str, typer.Argument(help="A shipped space ('nnbehave spaces' lists them) or a YAML file.")],
    stores: Annotated[list[str], typer.Argument(help="What 'nnbehave sweep' wrote: stores, saved .csv or step maps.")],
    combine: Annotated[str, typer.Option(help="Of several platforms, keep what is good on all, or on any.")] = "all",
    transfer: Annotated[
        bool, typer.Option("--transfer", help="Let step maps speak of layers unlike those they were measured on.")
    ] = False,
    export: Annotated[
        str | None, typer.Option(help="A tool's format, such as optuna, nni, yaml. [default: none]")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to export to.")] = None,
) -> Exit:
    """Remove from a search space what findings say is not worth searching, and say why of each value.

    Example: nnbehave prune metapruning_mobilenet_v1 results.db --transfer --export optuna -o space.json
    """
    from nnbehave.analysers import load_step_map
    from nnbehave.pruning import prune
    from nnbehave.results import load_results
    from nnbehave.space import load_space

    found = [load_step_map(path) if path.endswith(".json") else load_results(path) for path in stores]
    pruned = prune(load_space(space), found, combine=combine, transfer=transfer)
    for slot, choices in pruned.choices().items():
        for dimension, left in choices.items():
            gone = [row for row in pruned.removals if (row.slot, row.dimension) == (slot, dimension)]
            if gone:
                typer.echo(f"{slot}, {dimension}: {len(gone)} removed, left {', '.join(map(str, left))}")
            for row in gone:
                typer.echo(f"    {row.value}: {row.why} ({row.evidence})")
    for slot, dimension, why in pruned.left_whole:
        typer.echo(f"{slot}, {dimension}: whole ({why})")
    typer.echo(repr(pruned))
    if export is not None:
        pruned.export(export, output)
        typer.echo(f"wrote {output}" if output else str(pruned.export(export)))
    return Exit.OK


@app.command()
@_reports
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
    from nnbehave.pruning import LatencyTable
    from nnbehave.space import load_space
    from nnbehave.sweep import sweep

    layers = load_space(space).unrolled()
    results = sweep(layers, platforms=platform, store=store, sampling=sampling, interval=interval, progress=not quiet)
    table = LatencyTable.from_results(results)
    table.save(output)
    typer.echo(f"{table!r}\nwrote {output}")
    for name, why in table.missing.items():
        typer.echo(f"  without a latency: {name}: {why}")
    return Exit.INCOMPLETE if table.missing else Exit.OK


@app.command()
@_reports
def support(
    store: Annotated[str, typer.Argument(help="What 'nnbehave sweep' wrote: a store, or a saved .csv.")],
) -> Exit:
    """Say which operators run at which precisions on which platforms: full, partial or none, and why.

    A cell shows what really ran where that is not what was asked for.

    Example: nnbehave sweep support --method none --platform tflite --store s.db && nnbehave support s.db
    """
    from nnbehave.results import load_results

    table = load_results(store).support()
    if table.empty:
        raise InvalidInputError(f"{store} holds no measurements; run 'nnbehave sweep' first")
    typer.echo(_support_table(table))
    return Exit.OK


@app.command("check-composition")
@_reports
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """Measure networks whole and as the sum of their separately measured layers, and print the error.

    Example: nnbehave check-composition mobilenet_v1 resnet18 --platform tflite
    """
    from nnbehave.networks import NETWORKS
    from nnbehave.studies import check_composition

    good = True
    graphs = {name: _network(name) for name in network or NETWORKS}
    for where in platform or ["tflite"]:
        for name, graph in graphs.items():
            found = check_composition({name: graph}, where, rounds=rounds, seed=seed, progress=not quiet)
            typer.echo(found)
            good = good and bool((found.frame["error"].abs() <= within).all())
    return Exit.OK if good else Exit.INCOMPLETE


@app.command()
@_reports
def doctor(
    platform: Annotated[str, typer.Option(help="Whose layers to run.")] = "tflite",
    seconds: Annotated[float, typer.Option(help="Of measuring; starting and converting come on top.", min=1)] = 30.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """Say how noisy this machine is, what can be witnessed and resolved on it, and what would help. Takes a minute.

    Example: nnbehave doctor --platform openvino
    """
    from nnbehave.studies import diagnose

    typer.echo(diagnose(platform, seconds=seconds, progress=not quiet))
    return Exit.OK


@app.command()
@_reports
def card(
    platform: Annotated[str, typer.Option(help="Such as tflite, tflite:builtin or 'openvino?threads=2'.")] = "tflite",
    store: Annotated[
        str | None, typer.Option(help="Where to keep the measurements; what it holds is not measured again.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="To measure what is missing; 0 measures nothing.", min=0)] = 12.0,
    json: Annotated[Path | None, typer.Option(help="A file for the card, for 'nnbehave compare-cards'.")] = None,
    png: Annotated[Path | None, typer.Option(help="A file for a picture of it. [default: none]")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, inputs and the order of rounds.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> Exit:
    """State which of the nine findings of the paper hold on this platform, and what to do in a search space.

    Example: nnbehave card --platform openvino --json card.json --png card.png
    """
    from nnbehave.studies import make_card

    made = make_card(platform, store, minutes=minutes, seed=seed, progress=not quiet)
    typer.echo(made)
    if json is not None:
        made.save(json)
        typer.echo(f"wrote {json}")
    if png is not None:
        made.plot().savefig(png, dpi=100)
        typer.echo(f"wrote {png}")
    return Exit.OK


@app.command("compare-cards")
@_reports
def compare_cards_command(
    first: Annotated[Path, typer.Argument(help="A card that 'nnbehave card --json' wrote.")],
    second: Annotated[Path, typer.Argument(help="Another: of another machine, platform or version.")],
) -> Exit:
    """Say what differs between two cards.

    Example: nnbehave compare-cards old.json new.json
    """
    from nnbehave.analysers import compare_cards, load_card

    for row in compare_cards(load_card(first), load_card(second)).to_dict("records"):
        differs = f"differs in {row['changed']}" if row["changed"] else "no certain difference"
        typer.echo(f"{row['finding']}. {row['about']}: {row['verdict']} / {row['other_verdict']}; {differs}")
        if row["changed"]:
            typer.echo(f"     {row['figure']}\n     {row['other_figure']}")
    return Exit.OK


@app.command("platforms")
@_reports
def platforms_command() -> Exit:
    """List the platforms: available here or why not, versions, options."""
    from nnbehave.platforms import platforms

    table = platforms()
    for row in table.to_dict("records"):
        state = f"available {row['version']}".strip() if row["available"] else f"not available: {row['why_not']}"
        typer.echo(f"{row['name']:<16} {state}")
        typer.echo(f"{'':<16} methods {row['methods']}; precisions {row['precisions']}; ?{row['options']}")
    return Exit.OK


@app.command()
@_reports
def setup(
    platform: Annotated[str, typer.Argument(help="Such as arm64; 'nnbehave platforms' says which need it.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Delete what was made.")] = False,
) -> Exit:
    """Fetch and make what a platform needs beside Python packages, in your cache directory and without root.

    What is fetched, its size and its licence are shown first. Stopped, it goes on when run again.

    Example: nnbehave setup tflite-runtime
    """
    from nnbehave.platforms import get_platform

    prepared = type(get_platform(platform)).preparation()
    if prepared is None:
        typer.echo(f"{platform} needs no setup")
        return Exit.OK
    if remove:
        typer.echo(f"removed {prepared.folder}" if prepared.remove() else f"there is no {prepared.folder}")
        return Exit.OK
    if not prepared.missing:
        typer.echo(f"{platform} is set up in {prepared.folder}")
        return Exit.OK
    for what, licence, size_mb in prepared.downloads:
        typer.echo(f"  {what}: {size_mb} MB, {licence}")
    typer.echo(f"will be fetched into {prepared.folder}")
    if not yes:
        typer.confirm("Go on?", abort=True)
    for step in prepared.make():
        typer.echo(f"{platform}: {step} …")
    typer.echo(f"{platform} is set up; 'nnbehave setup {platform} --remove' undoes it")
    return Exit.OK


@app.command()
@_reports
def spaces() -> Exit:
    """List the spaces that come with nnbehave."""
    from nnbehave.space import load_space, shipped_spaces

    for name in shipped_spaces():
        space = load_space(name)
        search = any(slot.follows for slot in space.slots)
        networks = f", 10^{math.log10(space.size):.2f} networks" if search else ""
        typer.echo(f"{name:<24} {len(space.layers)} layers{networks}: {space.source}")
    return Exit.OK


def _network(name: str) -> Graph:
    """Return a network by name, or what a function makes."""
    from importlib import import_module

    from nnbehave.graph import Graph
    from nnbehave.networks import load_network

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


def _summary(results: Results) -> str:
    """Say what there is by platform and status, and why there is not more."""
    frame = results.frame
    lines = []
    for platform, rows in frame.groupby("platform", sort=False):
        counts = ", ".join(f"{count} {status}" for status, count in rows["status"].value_counts().items())
        lines.append(f"{platform}: {counts}")
        bad = rows[rows["status"].isin(_WITHOUT)]
        reasons = bad.groupby(["status", "reason"], sort=False)["subject"].agg(["first", "size"])
        for (status, reason), first, size in reasons.itertuples():
            lines.append(f"  {status} ({size}, such as {first}): {reason}")
    return "\n".join(lines)


def _steps_table(table: pd.DataFrame) -> str:
    """Lay out the steps for a terminal: a line a curve, then what to keep."""
    lines = []
    for (space, slot, dimension), rows in table.groupby(["space", "slot", "dimension"], sort=False):
        lines.append(f"{space}: {slot}, {dimension}")
        lines.append(f"  {'platform':<18} {'kind':<17} {'width':>5} {'confidence':>10}  keep")
        for row in rows.to_dict("records"):
            lines.append("  " + _steps_line(row))
    return "\n".join(lines)


def _steps_line(row: dict[Any, Any]) -> str:
    import pandas as pd

    if pd.isna(row["low"]):
        return f"{row['platform']:<18} {'—':<17} {'':>5} {'':>10}  {row['note']}"
    width = "" if pd.isna(row["width"]) else str(row["width"])
    width += "" if pd.isna(row["outer_width"]) else f"/{row['outer_width']}"
    keep = row["keep"]
    shown = ", ".join(map(str, keep if len(keep) <= 16 else [*keep[:6], "…", *keep[-3:]]))
    line = f"{row['platform']:<18} {row['kind']:<17} {width:>5} {row['confidence']:>10.2f}  "
    line += f"{len(keep)} of {row['candidates']} ({row['low']} to {row['high']}): {shown}"
    return line + (f"\n  {'':<18} ({row['note']})" if row["note"] else "")


def _support_table(table: pd.DataFrame) -> str:
    """Lay out a support matrix for a terminal: operators by precisions; why there is none, as notes below."""
    lines = []
    several = table.groupby("platform")["environment"].nunique().max() > 1
    for (platform, environment), cells in table.groupby(["platform", "environment"], sort=False):
        notes: dict[str, int] = {}
        title = f"{platform}, environment {environment}" if several else platform
        matrix = cells.assign(text=[_support_cell(cell, notes) for cell in cells.to_dict("records")]).pivot_table(
            index="op", columns="precision", values="text", aggfunc="first", sort=False
        )
        lines.append(f"{title}\n{matrix.fillna('').rename_axis(index=None, columns=None).to_string()}")
        errors = cells.groupby("precision", sort=False)["output_error"].max().dropna()
        if len(errors):
            told = ", ".join(f"{precision} {error:.2g}" for precision, error in errors.items())
            lines.append(f"  outputs differ from TensorFlow's in fp32 by at most: {told}")
        lines += [f"  [{number}] {reason}" for reason, number in notes.items()]
    return "\n".join(lines)


def _support_cell(cell: dict[Any, Any], notes: dict[str, int]) -> str:
    if cell["support"] == "full":
        return "full"
    said = []
    if cell["executed_precision"] not in ("", cell["precision"], "unknown"):
        said.append(f"ran {cell['executed_precision']}")
    if cell["placement"] == "fallback":
        said.append("fallback")
    elif cell["placement"] == "partial":
        said.append("partly fallback")
    if cell["support"] == "none" or not said:
        said.append(f"{cell['support']} [{notes.setdefault(cell['reason'], len(notes) + 1)}]")
    return ", ".join(said)


def _draw(results: Results, table: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Draw a picture of each curve of the table."""
    from nnbehave.plots import pyplot

    plt = pyplot()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"--png {folder}: {error.strerror}") from None
    # One curve in more than one environment, or by more than one method.
    several = table.duplicated(["space", "slot", "dimension", "platform"]).any()
    for row in table.to_dict("records"):
        what = {key: row[key] for key in ("space", "slot", "dimension", "platform", "environment", "method")}
        parts = [_file_name(v) for key, v in what.items() if several or key not in ("environment", "method")]
        ax = results.plot(**what)
        ax.set_title(f"{row['space']}: {row['slot']} on {row['platform']}")
        file = folder / f"{'-'.join(parts)}.png"
        ax.figure.savefig(file, dpi=120)
        plt.close(ax.figure)
        yield file


def _draw_platforms(results: Results, table: pd.DataFrame, file: Path) -> None:
    """Draw each platform's curves of the table in a panel of its own."""
    from nnbehave.plots import panels

    curves = list(dict.fromkeys(zip(table["platform"], table["dimension"], strict=True)))
    axes = panels(len(curves))
    for (platform, dimension), ax in zip(curves, axes, strict=True):
        results.plot(platform, dimension=dimension, ax=ax).set_title(platform)
    try:
        axes[0].figure.savefig(file, dpi=120)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"--png {file}: {error}") from None


def _numbers(text: str | None) -> range | None:
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


def _file_name(text: Any) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in str(text))


if __name__ == "__main__":
    app()
