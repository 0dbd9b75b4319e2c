"""The page about the command line: every example on it is run, and its output compared."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cli_tools import reddb

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def blocks(language: str) -> list[str]:
    """Give the blocks of a language on the page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def played(block: str) -> str:
    """Run the commands of a block; give the block as a terminal would show it."""
    shown = ""
    for line in block.splitlines():
        if line.startswith("$ "):
            program, *arguments = shlex.split(line[2:])
            assert program == "reddb"
            ran = reddb(*arguments)
            shown += f"{line}\n{ran.out}{ran.err}"
    return shown


def test_the_examples_do_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [program] = blocks("python")
    exec(program, {"__name__": "page"})
    examples = blocks("console")
    assert len(examples) > 5
    for block in examples:
        assert played(block) == block
