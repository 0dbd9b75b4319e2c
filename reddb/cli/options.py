"""The arguments and options that commands share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import rich_click as click
from click.shell_completion import CompletionItem
from rich.markup import escape

from reddb.cli.failures import CommandError, ExitCode
from reddb.cli.sources import Kind, imported
from reddb.codecs import DocumentCodec
from reddb.errors import RedDbError

F = TypeVar("F", bound=Callable[..., Any])


class FilePath(click.ParamType[Path]):
    """A file's path. Whether it is there and readable is for the command to say."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Give the path; ``-`` and the like have no special meaning."""
        return Path(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Have the shell complete file names."""
        return [CompletionItem(incomplete, type="file")]


def _kind(context: click.Context, parameter: click.Parameter, name: str | None) -> Kind:
    if name is None:
        return Kind()
    found = imported(name)
    try:
        return Kind(found)
    except TypeError as error:
        raise CommandError(ExitCode.USAGE, f"{name}: {error}") from error


def _codec(context: click.Context, parameter: click.Parameter, name: str | None) -> Any:
    if name is None:
        return None
    found = imported(name)
    try:
        codec = found() if isinstance(found, type) else found
        DocumentCodec(codec, Any)
    except (TypeError, AttributeError, ValueError) as error:
        raise CommandError(ExitCode.USAGE, f"{name} is no codec: {error}") from error
    return codec


def examples(*lines: str) -> str:
    """Give what help shows at its end: command lines to learn from."""
    shown = [f"[dim]$[/dim] {escape(line)}" for line in lines]
    return "\n\n".join(["[bold]Examples[/bold]", *shown])  # One line a paragraph: none is joined.


def database(function: F) -> F:
    """Take the path of a database file."""
    return click.argument("path", type=FilePath(), metavar="FILE")(function)


def as_json(function: F) -> F:
    """Take ``--json``."""
    described = "Write JSON for programs, one object a line; errors, too."
    return click.option("--json", "as_json", is_flag=True, help=described)(function)


def typed(function: F) -> F:
    """Take the type of the documents, and a codec of somebody's own."""
    of_type = click.option(
        "--type",
        "kind",
        metavar="MODULE:CLASS",
        callback=_kind,
        help="The class of the documents, to show and check them by; plain values without.",
    )
    of_codec = click.option(
        "--codec",
        metavar="MODULE:CLASS",
        callback=_codec,
        help="Your own codec, for a file that one of yours has written.",
    )
    return of_type(of_codec(function))


@contextlib.contextmanager
def names_say_formats() -> Iterator[None]:
    """Take a ValueError in the body for a name that says no format: a codec's, or a file's ending.

    Raises:
        CommandError: There was one.
    """
    try:
        yield
    except RedDbError:
        raise
    except ValueError as error:
        raise CommandError(ExitCode.USAGE, with_options(str(error))) from error


_OPTIONS: Final = {"or format=": "or --format", "with ids=False": "with --no-ids"}
"""What messages call arguments, and what they are on the command line."""


def with_options(message: str) -> str:
    """Give a message of the library's with the options that stand for its arguments."""
    for argument, option in _OPTIONS.items():
        message = message.replace(argument, option)
    return message
