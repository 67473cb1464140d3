"""Commands that read measurements or cards: steps, support, compare-cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnbehave.cli._app import Exit, app, reports
from nnbehave.errors import InvalidInputError
from nnbehave.report.tables import draw, steps_table, support_table


@app.command()
@reports
def steps(
    store: Annotated[str, typer.Argument(help="A store that 'nnbehave sweep' wrote, or saved results (.csv, .json).")],
    png: Annotated[
        Path | None, typer.Option(help="A folder for a picture of each curve with its steps. [default: none]")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="Also drop a value if a larger one takes up to this share more time, such as 0.02."),
    ] = 0.0,
) -> Exit:
    """Find the steps of every curve in a store, and print which values are worth keeping.

    A value is worth keeping if no larger value is as fast.

    Example: nnbehave steps results.db --png pictures
    """
    from nnbehave.load import load_results

    results = load_results(store)
    table = results.steps(tolerance)
    if table.empty:
        raise InvalidInputError(f"{store} holds no sweep over a numeric dimension; run 'nnbehave sweep' first")
    typer.echo(steps_table(table))
    if png is not None:
        for file in draw(results, table, png):
            typer.echo(f"wrote {file}")
    return Exit.INCOMPLETE if table["low"].isna().any() else Exit.OK


@app.command()
@reports
def support(
    store: Annotated[str, typer.Argument(help="A store that 'nnbehave sweep' wrote, or saved results (.csv, .json).")],
) -> Exit:
    """Print how far each platform supports each operator at each precision: full, partial or none, and why.

    If layers ran in another precision than asked for, or on a fallback, their cell says so.

    Example: nnbehave sweep support --method none --platform tflite --store s.db && nnbehave support s.db
    """
    from nnbehave.load import load_results

    table = load_results(store).support()
    if table.empty:
        raise InvalidInputError(f"{store} holds no measurements; run 'nnbehave sweep' first")
    typer.echo(support_table(table))
    return Exit.OK


@app.command("compare-cards")
@reports
def compare_cards_command(
    first: Annotated[Path, typer.Argument(help="A card that 'nnbehave card --json' wrote.")],
    second: Annotated[Path, typer.Argument(help="The card of another machine, platform or version.")],
) -> Exit:
    """Print the findings of two cards side by side, and which of them certainly differ.

    Example: nnbehave compare-cards old.json new.json
    """
    from nnbehave.analysis import compare_cards, load_card

    for row in compare_cards(load_card(first), load_card(second)).to_dict("records"):
        differs = f"differs in {row['changed']}" if row["changed"] else "no certain difference"
        typer.echo(f"{row['finding']}. {row['about']}: {row['verdict']} / {row['other_verdict']}; {differs}")
        if row["changed"]:
            typer.echo(f"     {row['figure']}\n     {row['other_figure']}")
    return Exit.OK
