"""The command that makes the shell complete the others: ``completion``."""

from __future__ import annotations

from typing import Final

import rich_click as click
from click.shell_completion import get_completion_class

from reddb.cli.failures import ExitCode
from reddb.cli.options import examples

_VARIABLE: Final = "_REDDB_COMPLETE"
"""Set by the script when it asks what could come next; click's own protocol."""


@click.command(
    epilog=examples(
        'eval "$(reddb completion bash)"   in ~/.bashrc',
        'eval "$(reddb completion zsh)"    in ~/.zshrc',
        "reddb completion fish | source    in ~/.config/fish/completions/reddb.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> ExitCode:
    """Make the shell complete commands, options and file names.

    Prints the script that does it.
    Put the line for your shell into the file that it reads when it starts.
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows all three"
    click.echo(found(context.find_root().command, {}, "reddb", _VARIABLE).source())
    return ExitCode.DONE


COMMANDS: Final = (completion,)
