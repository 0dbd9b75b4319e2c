"""What the documentation says is so: names, byte tables, the tables of types, the two commands."""

from __future__ import annotations

import enum
import re
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest

import reddb
from reddb import errors
from reddb.actor import frames
from reddb.codecs import Codec, DocumentCodec, JsonCodec, RonCodec

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Give what stands below a heading, up to the next one of its rank."""
    marks = heading.partition(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", page, re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"there is no {heading!r}"
    return found[1]


def tables(text: str) -> list[list[list[str]]]:
    """Give the rows of each table in a Markdown text, without the headings."""
    found = []
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = table.splitlines()[2:]
        found.append(
            [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
        )
    return found


def code(cell: str) -> str:
    """Give what stands between backquotes in a table."""
    return cell.strip("`").replace(r"\|", "|")


# The API reference.


def documented() -> set[str]:
    directive = re.compile(r"^\.\. auto(?:class|exception|function):: reddb\.(\w+)$", re.MULTILINE)
    return set(directive.findall(read("docs/api.md")))


def test_every_public_name_is_in_the_reference_and_no_other() -> None:
    assert documented() == set(reddb.__all__)


def test_all_names_what_the_package_imports() -> None:
    imported = {
        name
        for name, value in vars(reddb).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("reddb.")
    }
    assert imported == set(reddb.__all__)


@pytest.mark.parametrize("name", sorted(reddb.__all__))
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert getattr(reddb, name).__doc__


def test_the_guarantees_say_what_to_do_about_every_error() -> None:
    (rows,) = tables(section(read("docs/guarantees.md"), "## Errors"))
    raised = {name for name, value in vars(errors).items() if _is_ours(value)} - {"RedDbError"}
    assert {code(row[0]) for row in rows} == raised


def _is_ours(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, errors.RedDbError)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_page_is_in_the_table_of_contents(page: Path) -> None:
    assert page.stem == "index" or re.search(rf"^{page.stem}$", read("docs/index.md"), re.MULTILINE)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", read(page))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


# The README's commands.


def commands() -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", read("README.md"), re.DOTALL | re.MULTILINE)


def test_the_readme_has_two_commands_of_one_line_each() -> None:
    main_job, tests = commands()
    for command, extra in ((main_job, "examples"), (tests, "test")):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && ")
        assert f" -e '.[{extra}]' && " in command
    assert main_job.endswith(".venv/bin/python docs/examples/index_stdlib.py\n")
    assert tests.endswith(".venv/bin/python -m pytest -q\n")


def test_the_test_command_is_marked_for_ci() -> None:
    _, tests = commands()
    assert f"<!-- test-command -->\n```sh\n{tests}```\n" in read("README.md")


# The file format.


def byte_table(heading: str) -> list[list[str]]:
    (rows,) = tables(section(read("docs/file-format.md"), heading))
    return rows


def fixed_part(rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    """Give offset and size of the rows that have numbers for both."""
    for offset, size, *_ in rows:
        if offset.isdigit() and size.isdigit():
            yield int(offset), int(size)


@pytest.mark.parametrize(
    ("heading", "layout", "after"),
    [
        ("## Header", frames._HEADER, 4),
        ("## Frame", frames._FRAME, 4),
        ("## Fact", frames._FACT, 0),
    ],
)
def test_the_byte_tables_agree_with_the_structs(
    heading: str, layout: struct.Struct, after: int
) -> None:
    end = 0
    sizes = []
    for offset, size in fixed_part(byte_table(heading)):
        assert offset == end
        sizes.append(size)
        end += size
    assert end == layout.size + after
    if after:
        sizes.pop()
    assert sizes == [struct.calcsize(f"<{part}") for part in _parts(layout)]


def _parts(layout: struct.Struct) -> list[str]:
    return re.findall(r"\d*[a-zA-Z]", layout.format.removeprefix("<"))


def test_the_sizes_in_the_text_are_right() -> None:
    parts, *_ = tables(read("docs/file-format.md"))
    assert [tuple(row) for row in parts[:2]] == [
        ("header", str(frames.HEADER_BYTES)),
        ("frame", f"{frames.FRAME_HEADER_BYTES} + payload + 4"),
    ]
    assert frames.FRAME_OVERHEAD_BYTES == frames.FRAME_HEADER_BYTES + 4
    assert read("docs/file-format.md").count(f"Version {frames.VERSION}.") == 1


def test_the_hex_example_is_what_its_text_says() -> None:
    example = section(read("docs/file-format.md"), "## An example")
    lines = re.findall(r"^([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)$", example, re.MULTILINE)
    assert [int(offset, 16) for offset, _ in lines] == [16 * at for at in range(len(lines))]
    data = bytes.fromhex(" ".join(text for _, text in lines))

    header = frames.decode_header(data[: frames.HEADER_BYTES])
    assert header == frames.Header("json", bytes(range(16)), base_seq=0, synced=64)
    first, second = frames.decode_frames(header, 64, data[64:])
    key = UUID("6ba7b810-9dad-41d1-80b4-00c04fd430c8").int
    assert first.facts == [(key, b'{"n":1}')]
    assert second.facts == [(key, None)]
    assert (first.header.seq, first.header.synced, first.header.payload_bytes) == (1, 64, 0x1C)
    assert (second.header.seq, second.header.synced, second.header.payload_bytes) == (2, 0x88, 0x15)
    assert (first.end, second.end) == (0x88, len(data))

    (rows,) = tables(example)
    assert [int(code(row[0]), 16) for row in rows] == [
        0,
        64,
        64 + frames.FRAME_HEADER_BYTES,
        first.end,
        first.end + frames.FRAME_HEADER_BYTES,
    ]


# The tables of types.


class Role(enum.Enum):
    ADMIN = "admin"


class Level(enum.Enum):
    LOW = 1


class Shape(enum.Enum):
    ROUND = object()


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@attrs.frozen
class Point:
    x: int
    y: int


@attrs.frozen
class Circle:
    r: float


@attrs.frozen
class Square:
    side: float


@attrs.frozen
class Nothing:
    pass


NAMES = {
    **{
        kind.__name__: kind for kind in (Role, Level, Shape, Access, Point, Circle, Square, Nothing)
    },
    **{kind.__name__: kind for kind in (date, datetime, time, timedelta, Decimal, UUID, Path)},
    **{kind.__name__: kind for kind in (Sequence, ZoneInfo)},
    "Any": Any,
    "Literal": Literal,
    "UTC": UTC,
}


def written() -> list[list[str]]:
    text = section(read("docs/types.md"), "## How values are written")
    return [[code(cell) for cell in row] for rows in tables(text) for row in rows]


@pytest.mark.parametrize("row", written(), ids=lambda row: f"{row[0]}: {row[1]}")
def test_values_are_written_as_the_tables_say(row: list[str]) -> None:
    annotation, value = (eval(text, dict(NAMES)) for text in row[:2])
    codecs: list[Codec] = [JsonCodec(), RonCodec()]
    for codec, text in zip(codecs, row[2:], strict=True):
        document_codec: DocumentCodec[Any] = DocumentCodec(codec, annotation)
        data = document_codec.encode(value)
        assert data.decode() == text
        assert repr(document_codec.decode(data)) == repr(value)
