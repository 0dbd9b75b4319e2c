"""The files that the real Rust crate wrote, read into every database and written back.

But for `v1.yaml`: that was made of `v1.json` by a Rust program with serde_yaml 0.8.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from migrate_tools import (
    DATABASES,
    GOLDEN,
    RUST,
    V1,
    Role,
    User,
    UserByName,
    expected,
    held_by,
    plain_user,
    records_of,
)

from reddb import DbConfig, JsonDb, MemDb, RedDb, migrate

TYPES = (Any, User, UserByName)
_READERS = {"v1": migrate.from_v1, "v2": migrate.from_v2}
_FILES = [*(("v1", name) for name in V1), *(("v2", name) for name in GOLDEN)]


@pytest.mark.parametrize("document_type", TYPES, ids=["plain", "typed", "typed by name"])
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize(("version", "name"), _FILES)
async def test_a_reference_file_reads_as_it_must(
    version: str, name: str, database: type[RedDb[Any]], document_type: Any, tmp_path: Path
) -> None:
    must = expected("expected_v1.json" if version == "v1" else "expected.json")
    config = DbConfig("users", dir=tmp_path)
    before = (RUST / name).read_bytes()
    async with database.open(config, document_type) as db:
        assert await _READERS[version](RUST / name, db) == len(must)
        assert await held_by(db) == must
        in_order = list(await held_by(db))
    assert (RUST / name).read_bytes() == before
    if database is not MemDb:
        async with database.open(config, document_type) as db:
            assert await held_by(db) == must
            assert list(await held_by(db)) == in_order


@pytest.mark.parametrize("name", GOLDEN)
async def test_documents_come_in_the_order_of_their_first_insertion(name: str) -> None:
    must: dict[str, None] = {}
    for op, key, _ in records_of((RUST / name).read_bytes()):
        if op == 3:
            must.pop(str(key))
        else:
            must.setdefault(str(key))
    async with MemDb.open("users", User) as db:
        await migrate.from_v2(RUST / name, db)
        assert list(await held_by(db)) == list(must)


@pytest.mark.parametrize("document_type", TYPES[:2], ids=["plain", "typed"])
@pytest.mark.parametrize("suffix", [".json", ".ron", ".yaml"])
@pytest.mark.parametrize("name", GOLDEN)
async def test_a_reference_file_comes_back_from_a_file_of_our_own(
    name: str, suffix: str, document_type: Any, tmp_path: Path
) -> None:
    async with JsonDb.open(DbConfig("a", dir=tmp_path), document_type) as db:
        await migrate.from_v2(RUST / name, db)
        documents = await db.find_all()
        assert await migrate.to_v2(db, tmp_path / f"rust{suffix}") == len(documents)
    async with MemDb.open("b", document_type) as db:
        await migrate.from_v2(tmp_path / f"rust{suffix}", db)
        assert await db.find_all() == documents


async def test_what_is_written_is_what_the_crate_wrote_byte_for_byte(tmp_path: Path) -> None:
    """Where it has but one way to say it: not in large floats, nor in characters one may escape."""
    for suffix in (".json", ".ron"):
        rust = {key: data for _, key, data in records_of((RUST / f"golden{suffix}").read_bytes())}
        async with MemDb.open("users", User) as db:
            await migrate.from_v2(RUST / f"golden{suffix}", db)
            await migrate.to_v2(db, tmp_path / f"rust{suffix}")
        written = records_of((tmp_path / f"rust{suffix}").read_bytes())
        same = [data == rust[key] for op, key, data in written if op == 1]
        assert len(same) == len(written) == 22
        assert sum(same) >= 14


async def test_options_and_variants_are_written_as_serde_reads_them(tmp_path: Path) -> None:
    async with MemDb.open("users", User) as db:
        await migrate.from_v2(RUST / "golden.json", db)
        users = [document.data for document in await db.find_all()]
        await migrate.to_v2(db, tmp_path / "rust.ron")
        await migrate.to_v2(db, tmp_path / "rust.json")
    in_ron = [data.decode() for *_, data in records_of((tmp_path / "rust.ron").read_bytes())]
    in_json = [json.loads(data) for *_, data in records_of((tmp_path / "rust.json").read_bytes())]
    for user, ron, plain in zip(users, in_ron, in_json, strict=True):
        assert ron.startswith("(name:")
        assert ("email:None" in ron) == (user.email is None)
        assert ("email:Some(" in ron) == (user.email is not None)
        assert ron.endswith(f",role:{user.role.value})")
        assert plain == plain_user(user)
    assert {user.role for user in users} == set(Role)
