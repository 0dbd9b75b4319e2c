"""The commands that show documents: ``get`` and ``find``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import rich_click as click
import trio
from attrs import frozen

from reddb.actor.document import Document
from reddb.api.snapshot import Snapshot
from reddb.cli.failures import ExitCode
from reddb.cli.filters import MISSING, Condition, Field, order_of, parse_field, parse_filter
from reddb.cli.options import as_json, database, examples, typed
from reddb.cli.output import Output, stderr_console
from reddb.cli.progress import progress
from reddb.cli.sources import Kind, Source
from reddb.codecs import Codec


def _read(source: Source) -> Snapshot[Any]:
    with progress(f"Reading {source.path.name}", stderr_console()) as bar:
        return trio.run(source.snapshot, bar)


@click.command(
    epilog=examples(
        "reddb get notes.json 6ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "reddb get notes.json 6ba7b810-9dad-41d1-80b4-00c04fd430c8 --json | jq .data",
    )
)
@database
@click.argument("ids", type=click.UUID, nargs=-1, required=True, metavar="ID...")
@typed
@as_json
def get(
    path: Path, ids: tuple[UUID, ...], kind: Kind, codec: Codec | None, as_json: bool
) -> ExitCode:
    """Show documents by their ids.

    Exits with 1 if one is not there; those that are there are shown all the same.
    """
    output = Output(as_json)
    snapshot = _read(Source(path, kind, codec))
    missing = [id_ for id_ in ids if id_ not in snapshot]
    for id_ in ids:
        if id_ not in missing:
            output.document(id_, snapshot.find_one(id_).data, kind)
    if missing and not as_json:
        listed = ", ".join(map(str, missing))
        stderr_console().print(f"{path} has no document {listed}", soft_wrap=True)
    return ExitCode.NOTHING_FOUND if missing else ExitCode.DONE


@frozen
class _Search:
    """What ``find`` is to find."""

    kind: Kind
    condition: Condition | None
    orders: tuple[Field, ...]
    reverse: bool
    skip: int
    limit: int | None

    def in_(self, snapshot: Snapshot[Any]) -> Iterator[Document[Any]]:
        """Give the documents that are wanted, in order."""
        found = self._ordered if self.orders or self.reverse else self._matching
        end = None if self.limit is None else self.skip + self.limit
        return islice(found(snapshot), self.skip, end)

    def _matching(self, snapshot: Snapshot[Any]) -> Iterator[Document[Any]]:
        if self.condition is None:
            return iter(snapshot)
        holds, plain = self.condition.holds, self.kind.plain
        return (document for document in snapshot if holds(plain(document.data)))

    def _ordered(self, snapshot: Snapshot[Any]) -> Iterator[Document[Any]]:
        """Give what matches, sorted. Only ids and sort keys are in memory meanwhile."""
        found = [self._sortable(document) for document in self._matching(snapshot)]
        if not self.orders:
            found.reverse()
        for place in reversed(range(len(self.orders))):
            present = [each for each in found if each[1][place] is not None]
            missing = [each for each in found if each[1][place] is None]
            present.sort(key=lambda each: each[1][place], reverse=self.reverse)
            found = present + missing
        return (snapshot.find_one(id_) for id_, _ in found)

    def _sortable(self, document: Document[Any]) -> tuple[UUID, list[Any]]:
        plain = self.kind.plain(document.data)
        values = [order.value(plain) for order in self.orders]
        return document.id, [None if value is MISSING else order_of(value) for value in values]


@click.command(
    epilog=examples(
        "reddb find notes.json",
        "reddb find notes.json 'not done and priority >= 3' --order-by due --limit 10",
        'reddb find notes.json \'address.zip in ["10115", "10117"] or not exists(address)\'',
        'reddb find notes.json \'text matches "^buy .*milk" and tags contains "shop"\' --json',
    )
)
@database
@click.argument("text", metavar="[FILTER]", required=False)
@click.option(
    "--order-by",
    "orders",
    metavar="FIELD",
    multiple=True,
    help="Sort by this field; once more for what to sort equal ones by.",
)
@click.option("--reverse", is_flag=True, help="From the last to the first.")
@click.option(
    "--skip", type=click.IntRange(0), default=0, metavar="N", help="Leave out the first N."
)
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Show at most N.")
@click.option("--ids", "only_ids", is_flag=True, help="Show ids alone.")
@click.option("--count", "only_count", is_flag=True, help="Show how many there are.")
@typed
@as_json
def find(
    path: Path,
    text: str | None,
    orders: tuple[str, ...],
    reverse: bool,
    skip: int,
    limit: int | None,
    only_ids: bool,
    only_count: bool,
    kind: Kind,
    codec: Codec | None,
    as_json: bool,
) -> ExitCode:
    r"""Show the documents that a filter accepts.

    All of them without a FILTER, in insertion order. Exits with 1 if there are none.

    [b]Fields[/b] are text, address.zip, tags\[0], tags\[-1], $\["two words"]; $ is the document.

    [b]Values[/b] are 3, -1.5, "text" or 'text', true, false, null, \["a", "b"].

    [b]Conditions[/b] are ==, !=, <, <=, >, >=, in, not in, contains, matches "regular expression",
    exists(field), and a field alone, which holds where it is true. Put them together with and, or,
    not and brackets.

    What cannot be compared, such as a missing field or a number with a string, makes a condition
    false, never an error.
    """
    if only_ids and only_count:
        raise click.UsageError("--ids and --count exclude each other")
    condition = None if text is None else parse_filter(text)
    search = _Search(kind, condition, tuple(map(parse_field, orders)), reverse, skip, limit)
    output = Output(as_json)
    found = search.in_(_read(Source(path, kind, codec)))
    if only_count:
        count = sum(1 for _ in found)
        _write_count(output, count)
    else:
        count = 0
        for count, document in enumerate(found, 1):
            if only_ids:
                _write_id(output, document.id)
            else:
                output.document(document.id, document.data, kind)
    return ExitCode.DONE if count else ExitCode.NOTHING_FOUND


def _write_count(output: Output, count: int) -> None:
    if output.as_json:
        output.record({"count": count})
    else:
        output.line(str(count))


def _write_id(output: Output, id_: UUID) -> None:
    if output.as_json:
        output.record({"id": str(id_)})
    else:
        output.line(str(id_))


COMMANDS: Final = (get, find)
