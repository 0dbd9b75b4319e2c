"""The group of all commands, and how a run of one ends.

Results go to standard output, everything else to standard error: with ``--json`` an error is one
JSON object, otherwise one sentence. The exit codes are those of `reddb.cli.failures`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click as plain_click
import rich_click as click
from rich.text import Text

import reddb
from reddb.cli.commands import care, documents, exchange, history, looking, moving, shell
from reddb.cli.failures import ExitCode, Failure, failure_of
from reddb.cli.output import ReaderGoneError, notes_shown, stderr_console
from reddb.codecs import JsonCodec

_HELP = click.RichHelpConfiguration(
    text_markup="rich",
    text_paragraph_linebreaks="\n\n",
    style_helptext="",
    options_table_column_types=["opt_short", "opt_long", "metavar_short", "help"],
    max_width=100,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.rich_config(_HELP)
@click.version_option(reddb.__version__, "--version", message="reddb %(version)s")
@click.command_panel("Look", commands=["info", "verify", "log"])
@click.command_panel("Documents", commands=["get", "find"])
@click.command_panel("Look after", commands=["backup", "compact", "salvage"])
@click.command_panel("Move", commands=["dump", "load", "migrate"])
@click.command_panel("Shell", commands=["completion"])
def cli() -> None:
    """Look at reddb databases, and look after them.

    FILE is the path of a database file, such as notes.json. Its header says what format it has, so
    nobody needs to. What only looks takes no lock and changes nothing: use it freely on a database
    that a program has open.

    [b]reddb COMMAND --help[/b] says more, with examples.
    """


for module in (looking, history, documents, care, exchange, moving, shell):
    for command in module.COMMANDS:
        cli.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command line; give the exit code.

    Args:
        arguments: What stands after ``reddb``.
    """
    with notes_shown(hidden="--json" in arguments):
        try:
            return _run(arguments)
        except* KeyboardInterrupt:  # It may come out of a nursery of trio's, in a group.
            stderr_console().print("Stopped.")
    return ExitCode.INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    try:
        code = cli.main(list(arguments), prog_name="reddb", standalone_mode=False)
        sys.stdout.flush()
    except plain_click.Abort:  # What click makes of Ctrl-C.
        raise KeyboardInterrupt from None
    except (ReaderGoneError, BrokenPipeError):
        # What is still buffered has nobody to go to; Python would complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except SystemExit as end:  # Help was shown, as nothing else was asked for.
        return int(end.code or ExitCode.DONE)
    except plain_click.ClickException as error:
        return _fail(Failure(ExitCode.USAGE, _usage(error)), arguments)
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        return _fail(failure, arguments)
    return code if isinstance(code, int) else ExitCode.DONE


def _usage(error: plain_click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    help_ = f"see '{context.command_path} --help'" if context else "see 'reddb --help'"
    message = error.format_message().rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; {help_}"


def _fail(failure: Failure, arguments: Sequence[str]) -> int:
    if "--json" in arguments:
        error = {"code": int(failure.code), "kind": failure.code.name.lower()}
        error |= {"message": failure.message, **failure.details}
        sys.stderr.write(JsonCodec().encode({"error": error}).decode() + "\n")
    else:
        text = Text.assemble(("Error: ", "bold red"), failure.message)
        stderr_console().print(text, soft_wrap=True)
    return failure.code
