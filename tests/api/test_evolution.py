"""Upgrades in a database: whoever reads sees the newest version, and compaction keeps it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve, frozen
from databases import FILE_DATABASES, Database, Home, data, simulated

from reddb import (
    BinDb,
    CborCodec,
    Codec,
    DecodeError,
    DocumentType,
    JsonCodec,
    JsonDb,
    RonCodec,
    RonDb,
    YamlCodec,
    YamlDb,
    salvage,
    verify,
)
from reddb.actor.frames import HEADER_BYTES, decode_frames, decode_header

CODECS: dict[Database, Codec] = {
    BinDb: CborCodec(),
    JsonDb: JsonCodec(),
    RonDb: RonCodec(),
    YamlDb: YamlCodec(),
}


@frozen
class First:
    name: str


@frozen
class Second:
    first: str
    last: str = ""


@frozen
class Third:
    first: str
    last: str
    initials: str


calls: list[int] = []


def split(old: Any) -> Any:
    calls.append(1)
    first, _, last = old["name"].partition(" ")
    return {"first": first, "last": last}


def abbreviate(old: Any) -> Any:
    calls.append(2)
    return {**old, "initials": old["first"][:1] + old["last"][:1]}


SECOND = DocumentType(Second, version=2, upgrades={1: split})
THIRD = DocumentType(Third, version=3, upgrades={1: split, 2: abbreviate})

ADA = Third("Ada", "Lovelace", "AL")
ALAN = Third("Alan", "Turing", "AT")
GRACE = Third("Grace", "Hopper", "GH")


@pytest.fixture(params=FILE_DATABASES, ids=lambda database: database.__name__)
async def home(request: pytest.FixtureRequest) -> Home:
    """Give a database with a document of version 1, and one of version 2."""
    home = simulated(request.param)
    async with home.open(First) as db:
        await db.insert_one(First("Ada Lovelace"))
    async with home.open(SECOND) as db:
        await db.insert_one(Second("Alan", "Turing"))
    return home


def stored(home: Home) -> list[str]:
    """Give the bytes of all documents in the log, in order."""
    log = home.disk.content(home.log)
    header = decode_header(log[:HEADER_BYTES])
    return [
        repr(CODECS[home.database].decode(value))
        for frame in decode_frames(header, HEADER_BYTES, log[HEADER_BYTES:])
        for _, value in frame.facts
        if value is not None
    ]


async def test_all_that_reads_sees_the_newest_version(home: Home) -> None:
    async with home.open(THIRD) as db:
        ada, alan = await db.find_all()
        assert data([ada, alan]) == [ADA, ALAN]
        await db.add_index("initials", lambda person: person.initials)
        assert await db.using_index("initials", "AL") == [ada]
        assert await db.query().filter(lambda person: person.initials == "AT").all() == [alan]
        assert await db.find(ADA) == db.snapshot().find(ADA) == [ada]
        async with db.begin() as tx:
            assert tx.find_one(ada.id) == ada
            assert tx.using_index("initials", "AT") == [alan]
            tx.update_one(ada.id, evolve(ada.data, last="King"))
        assert (await db.wait_for(ada.id, lambda person: person.last == "King")).id == ada.id
        assert await db.delete_one(alan.id) == alan


async def test_feeds_give_the_newest_version(home: Home) -> None:
    async with home.open(THIRD) as db, db.watch() as feed:
        await db.update_where(lambda _: True).exec(lambda person: evolve(person, first="X"))
        changes = (await anext(feed)).changes
        assert [change.before for change in changes] == [ADA, ALAN]
        assert [change.after for change in changes] == [
            evolve(ADA, first="X"),
            evolve(ALAN, first="X"),
        ]


async def test_reading_changes_nothing_in_the_log(home: Home) -> None:
    before = home.disk.content(home.log)
    async with home.open(THIRD) as db:
        await db.find_all()
    assert home.disk.content(home.log) == before


async def test_compaction_makes_upgrades_permanent(home: Home) -> None:
    async with home.open(THIRD) as db:
        await db.insert_one(GRACE)
        await db.compact()
        documents = await db.find_all()
        assert data(documents) == [ADA, ALAN, GRACE]
    assert all("'__version__': 3" in text and "initials" in text for text in stored(home))
    calls.clear()
    async with home.open(THIRD) as db:
        assert await db.find_all() == documents
    assert calls == []


async def test_an_update_writes_the_newest_version(home: Home) -> None:
    async with home.open(THIRD) as db:
        ada = await db.query().first()
        assert ada is not None
        await db.update_one(ada.id, ada.data)
    assert "'__version__': 3" in stored(home)[-1]


async def test_an_older_program_refuses_what_is_newer(home: Home) -> None:
    async with home.open(THIRD) as db:
        grace = await db.insert_one(GRACE)
    for kind, known in ((First, 1), (SECOND, 2)):
        async with home.open(kind) as db:
            with pytest.raises(DecodeError, match=f"is of version 3, .* up to {known}:") as caught:
                await db.find_one(grace.id)
            assert caught.value.id == grace.id
            found = await db.query().collect()
            assert len(found.documents) == known
            assert grace.id in [error.id for error in found.errors]
            await db.compact()
    async with home.open(THIRD) as db:
        assert data(await db.find_all()) == [ADA, ALAN, GRACE]


async def test_a_failing_upgrade_names_the_document_and_loses_nothing(home: Home) -> None:
    def fails(_: Any) -> Any:
        raise ValueError("no such name")

    async with home.open(DocumentType(Second, version=2, upgrades={1: fails})) as db:
        with pytest.raises(DecodeError, match=r"from version 1 failed.*no such name") as caught:
            await db.find_all()
        found = await db.query().collect()
        assert data(found.documents) == [Second("Alan", "Turing")]
        assert [error.id for error in found.errors] == [caught.value.id]
        await db.compact()
    async with home.open(SECOND) as db:
        assert data(await db.find_all()) == [Second("Ada", "Lovelace"), Second("Alan", "Turing")]


async def test_the_programs_that_mention_no_version_write_what_they_always_wrote(
    home: Home,
) -> None:
    logs = []
    kinds: list[Any] = [Second, DocumentType(Second), DocumentType(Second, version=1)]
    for kind in kinds:
        other = simulated(home.database)
        async with other.open(kind) as db:
            await db.insert_one(Second("Ada"))
        logs.append(stored(other))
    assert logs[0] == logs[1] == logs[2]
    assert "version" not in logs[0][0]


async def test_first_aid_knows_versions(home: Home) -> None:
    codec = CODECS[home.database]
    async with home.open(THIRD) as db:
        await db.insert_one(GRACE)
    report = await verify(home.log, codec=codec, document_type=THIRD, disk=home.disk)
    assert report.ok, str(report)
    assert not (await verify(home.log, codec=codec, document_type=SECOND, disk=home.disk)).ok
    saved = home.log.with_name("saved" + home.log.suffix)
    await salvage(home.log, saved, codec=codec, disk=home.disk)
    report = await verify(saved, codec=codec, document_type=THIRD, disk=home.disk)
    assert report.ok, str(report)
    assert report.live_document_count == 3


async def test_documents_that_grow_do_not_make_compaction_run_for_ever() -> None:
    home = simulated(JsonDb)
    async with home.open(dict[str, str], compaction_ratio=1_000) as db:
        await db.insert([{"name": str(n)} for n in range(500)])
    grown = DocumentType(
        dict[str, str], version=2, upgrades={1: lambda old: {**old, "more": "x" * 1_000}}
    )
    async with home.open(grown) as db:
        await db.compact()
        for n in range(20):
            await db.insert_one({"name": str(n)})
        await db.compact()
        assert (await db.stats()).compaction_count == 2
    async with home.open(grown) as db:
        assert (await db.stats()).compaction_ratio < 1.1
