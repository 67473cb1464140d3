"""Commands that list platforms and spaces, and set platforms up: platforms, setup, spaces."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from nnbehave.cli._app import Exit, app, reports


@app.command("platforms")
@reports
def platforms_command() -> Exit:
    """List the platforms: whether each is available here, or why not; its version, methods, precisions and options."""
    from nnbehave.measurement.platforms import platforms

    table = platforms()
    for row in table.to_dict("records"):
        state = f"available {row['version']}".strip() if row["available"] else f"not available: {row['why_not']}"
        typer.echo(f"{row['name']:<16} {state}")
        typer.echo(f"{'':<16} methods {row['methods']}; precisions {row['precisions']}; ?{row['options']}")
    return Exit.OK


@app.command()
@reports
def setup(
    platform: Annotated[
        str, typer.Argument(help="The platform, such as arm64; 'nnbehave platforms' says which need setup.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Delete what the setup made.")] = False,
) -> Exit:
    """Fetch and make what a platform needs besides Python packages, in your cache directory and without root.

    The downloads, their sizes and their licences are shown first. A setup that was stopped goes on when run again.

    Example: nnbehave setup tflite-runtime
    """
    from nnbehave.measurement.platforms import platform_class

    prepared = platform_class(platform).preparation()
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
@reports
def spaces() -> Exit:
    """List the spaces that come with nnbehave."""
    from nnbehave.design.space import load_space, shipped_spaces

    for name in shipped_spaces():
        space = load_space(name)
        search = any(slot.follows for slot in space.slots)
        networks = f", 10^{math.log10(space.size):.2f} networks" if search else ""
        typer.echo(f"{name:<24} {len(space.layers)} layers{networks}: {space.source}")
    return Exit.OK
