"""The command that makes a search space smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnbehave.cli._app import Exit, app, reports

if TYPE_CHECKING:
    from nnbehave.pruning import PrunedSpace


@app.command()
@reports
def prune(
    space: Annotated[str, typer.Argument(help="A shipped space ('nnbehave spaces' lists them) or a YAML file.")],
    stores: Annotated[list[str], typer.Argument(help="Stores, saved results (.csv) or saved step maps (.json).")],
    platform: Annotated[
        list[str] | None,
        typer.Option(help="Prune for this platform alone; may be repeated. [default: all that were measured]"),
    ] = None,
    combine: Annotated[
        str, typer.Option(help="all: keep values worth keeping on every platform; any: on at least one of them.")
    ] = "all",
    dimension: Annotated[
        str | None,
        typer.Option(help="The dimension of step maps made from arrays. [default: out_channels, with a warning]"),
    ] = None,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="Apply step maps also to layers unlike the measured ones.")
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="Also drop a width if a larger one takes up to this share more time, such as 0.02."),
    ] = 0.0,
    keep_smallest: Annotated[
        bool,
        typer.Option("--keep-smallest", help="Also keep the smallest width, with which the next layer is fastest."),
    ] = False,
    export: Annotated[str | None, typer.Option(help="The format of --output, such as optuna. [default: none]")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to export to.")] = None,
) -> Exit:
    """Remove the values of a search space that are not worth searching, and print the reason for each.

    Example: nnbehave prune metapruning_mobilenet_v1 results.db --transfer --export optuna -o space.json
    """
    from nnbehave.analysis import load_step_map
    from nnbehave.analysis.results import Results
    from nnbehave.design.space import load_space
    from nnbehave.errors import InvalidInputError
    from nnbehave.load import load_results
    from nnbehave.pruning import RULES, KeepPareto, prune
    from nnbehave.pruning.exporters import get_exporter

    if (export is None) != (output is None):
        raise InvalidInputError("--export and --output go together: a format, and the file to write it to")
    if export is not None and output is not None:
        get_exporter(export).check_file(output)
    found = [load_step_map(path) if path.endswith(".json") else load_results(path) for path in stores]
    if platform:
        found = [each.of_platforms(platform) if isinstance(each, Results) else each for each in found]
    pareto = KeepPareto(tolerance=tolerance, keep_smallest=keep_smallest)
    rules = [pareto if isinstance(rule, KeepPareto) else rule for rule in RULES]
    pruned = prune(
        load_space(space),
        found,
        rules=rules,
        platforms=platform,
        combine=combine,
        dimension=dimension,
        transfer=transfer,
    )
    _print(pruned)
    if export is not None:
        pruned.export(export, output)
        typer.echo(f"wrote {output}")
    return Exit.OK


def _print(pruned: PrunedSpace) -> None:
    """Print every removal with its reason, the choices that stay whole, and the size of the space that is left."""
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
