"""The application: what every command shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import typer

from nnbehave.errors import InvalidInputError, MissingExtraError, NNBehaveError, StoreError, TargetError


class Exit(IntEnum):
    """What an exit code means."""

    OK = 0  # all is done
    FAILED = 1  # something broke on the way; what was measured until then is in the store
    USAGE = 2  # the input cannot be used; nothing was measured
    INCOMPLETE = 3  # done, but some layers have no latency; the table says how many and why
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
