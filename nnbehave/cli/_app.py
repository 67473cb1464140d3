"""The application, its exit codes, and the wrapper around every command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import typer

from nnbehave.errors import InvalidInputError, MissingExtraError, NNBehaveError, StoreError, TargetError


class Exit(IntEnum):
    """The exit codes."""

    OK = 0  # done
    FAILED = 1  # something broke on the way; the store keeps the measurements made before
    USAGE = 2  # an argument, the store or the target cannot be used, or a package is missing
    INCOMPLETE = 3  # done, but some layers have no latency (the output says why), or an error is above --within
    INTERRUPTED = 130  # Ctrl-C


app = typer.Typer(
    help="Measure how latency behaves on an inference platform, find the steps, keep the channels worth keeping.",
    epilog="Exit codes: 0 done; 1 broke on the way; 2 unusable input; 3 done, but some layers have no latency; "
    "130 stopped by Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # brackets in help texts are no markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def reports(command: Callable[..., Exit]) -> Callable[..., None]:
    """Wrap a command so that it ends with an exit code. An error of nnbehave becomes one message and a code."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            code = command(*arguments, **options)
        except KeyboardInterrupt:
            typer.echo("\nStopped. The store keeps the measurements; run the same command again to go on.", err=True)
            code = Exit.INTERRUPTED
        except NNBehaveError as error:
            typer.echo(f"nnbehave: {error}", err=True)
            usage = isinstance(error, InvalidInputError | MissingExtraError | StoreError | TargetError)
            code = Exit.USAGE if usage else Exit.FAILED
        raise typer.Exit(int(code))

    return run
