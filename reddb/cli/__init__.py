"""The command line: ``reddb info notes.json`` and its like.

General layout:

- `app` is the group of all commands, and how a run of one ends.
- `commands` has the commands, one module a group of them.
- `options` has the arguments and options that commands share, `sources` what they open by them.
- `filters` is the filter language of ``reddb find``.
- `output` writes documents and records, `progress` shows how far long work has come.
- `failures` makes one sentence and an exit code of every error.

A command is a plain function; what it does with files runs in a `trio.run` of its own. Only this
module can be imported without the libraries of the extra ``reddb[cli]``.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import NoReturn

EXIT_NOT_INSTALLED = 9
"""What the script ends with where the libraries of the command line are not installed."""


def main() -> NoReturn:
    """Run the command line with the arguments of the process, and end the process."""
    if any(importlib.util.find_spec(name) is None for name in ("rich", "rich_click")):
        needed = "Error: the command line needs the extra 'cli': pip install 'reddb[cli]'"
        print(needed, file=sys.stderr)  # noqa: T201  # Nothing better is installed.
        raise SystemExit(EXIT_NOT_INSTALLED)
    from reddb.cli.app import run  # noqa: PLC0415  # It needs the extra.

    raise SystemExit(run(sys.argv[1:]))
