"""What is dumped comes back equal: every type of the type table, in every format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transfer_tools import FORMATS, NOTES, SUFFIXES, Note, there_and_back
from typed_table import SURROUNDINGS, TABLE, fingerprint

from reddb import BinDb, DbConfig, Document, JsonDb, MemDb, RedDb, RonDb, YamlDb
from reddb.transfer import Format, dump, load


@pytest.mark.parametrize("surrounding", ["bare", "field", "union with many"])
@pytest.mark.parametrize("chosen", FORMATS)
async def test_every_type_comes_back_from_every_format(chosen: Format, surrounding: str) -> None:
    wrap, around = SURROUNDINGS[surrounding]
    for number, (name, (kind, values)) in enumerate(TABLE.items()):
        wrapped, ids = wrap(kind), number % 2 == 0
        before, after = await there_and_back(wrapped, around(wrapped, values), chosen, ids=ids)
        same = fingerprint([each.data for each in after]) == fingerprint(
            [each.data for each in before]
        )
        assert same, name
        assert ([each.id for each in after] == [each.id for each in before]) is ids


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "1", "true", "null", '"', "[", "_id", "$bytes", "nan"])
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "", "_id", "_value", "$a", "é"]), inner)
    ),
    max_leaves=6,
)


def told_apart(documents: list[Document[Any]], *, in_order: bool) -> list[object]:
    """Give what tells plain documents apart; the order of a dict's keys only if it is to count."""
    data = [each.data for each in documents]
    if not in_order:  # CSV has one order of columns for all. Within a cell there is JSON.
        data = [dict(sorted(each.items())) if type(each) is dict else each for each in data]
    return [fingerprint(each) for each in data]


@pytest.mark.parametrize("chosen", FORMATS)
@settings(max_examples=30, deadline=None)
@given(values=st.lists(_PLAIN, max_size=4))
@example(values=[{"a": None}, {"b": None, "a": 1}])
async def test_plain_values_come_back_with_their_ids(values: list[Any], chosen: Format) -> None:
    before, after = await there_and_back(Any, values, chosen)
    assert [each.id for each in after] == [each.id for each in before]
    in_order = chosen is not Format.CSV
    assert told_apart(after, in_order=in_order) == told_apart(before, in_order=in_order)


@pytest.mark.parametrize("database", [MemDb, BinDb, JsonDb, RonDb, YamlDb])
@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_the_suffix_names_the_format_and_the_database_does_not_matter(
    suffix: str, database: type[RedDb[Any]], tmp_path: Path
) -> None:
    path = tmp_path / f"notes{suffix.upper()}"
    async with database.open(DbConfig("from", dir=tmp_path), Note) as db:
        before = await db.insert(NOTES)
        await dump(db, path)
    async with database.open(DbConfig("to", dir=tmp_path), Note) as db:
        assert await load(path, db) == len(NOTES)
        assert await db.find_all() == before
        again = tmp_path / f"again{suffix}"
        await dump(db, again)
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("chosen", FORMATS)
async def test_a_database_without_documents_comes_back_too(chosen: Format, tmp_path: Path) -> None:
    for kind in (Any, Note, int):
        for ids in (True, False):
            assert await there_and_back(kind, [], chosen, ids=ids) == ([], [])


async def test_a_snapshot_is_dumped_as_it_was(tmp_path: Path) -> None:
    async with MemDb.open("notes", Note) as db:
        await db.insert(NOTES)
        snapshot = db.snapshot()
        await db.insert_one(Note("later"))
        assert snapshot.document_type is db.document_type is Note
        assert await dump(snapshot, tmp_path / "notes.csv") == len(NOTES)
        assert await dump(db, tmp_path / "later.csv") == len(NOTES) + 1
