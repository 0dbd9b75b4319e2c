"""What the tests of migration share: the Rust crate's own files, types for them, made-up files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

from attrs import asdict, define, frozen

from reddb import BinDb, JsonDb, MemDb, RedDb, RonDb, YamlDb
from reddb.migrate.v2_format import Format, Op, header_of

RUST = Path(__file__).parent.parent / "data" / "rust"
DATABASES: tuple[type[RedDb[Any]], ...] = (MemDb, BinDb, JsonDb, RonDb, YamlDb)
GOLDEN = ("golden.json", "golden.ron", "golden.yaml")
V1 = ("v1.json", "v1.ron", "v1.yaml")
FORMATS = {".json": Format.JSON, ".ron": Format.RON, ".yaml": Format.YAML}


class Role(Enum):
    """As in the Rust program: the values are the variants' names."""

    ADMIN = "Admin"
    MEMBER = "Member"
    GUEST = "Guest"


class RoleByName(Enum):
    """The other way that people write it."""

    Admin = 1
    Member = 2
    Guest = 3


@frozen
class Address:
    street: str
    zip: str


@define
class User:
    name: str
    age: int
    email: str | None
    tags: list[str]
    score: float
    active: bool
    address: Address
    role: Role


@define
class UserByName(User):
    role: RoleByName  # type: ignore[assignment]  # Another class of the same fields.


def plain_user(user: Any) -> dict[str, Any]:
    """Give what JSON has for a user, typed or not."""
    if isinstance(user, dict):
        return user
    role = user.role.value if isinstance(user.role, Role) else user.role.name
    return {**asdict(user), "role": role}


def expected(name: str) -> dict[str, Any]:
    """Give what a reference file holds in the end, by id."""
    held = json.loads((RUST / name).read_text())
    assert isinstance(held, dict)
    return held


async def held_by(db: RedDb[Any]) -> dict[str, Any]:
    """Give what a database of users holds, by id."""
    return {str(document.id): plain_user(document.data) for document in await db.find_all()}


def record(op: int, number: int, payload: bytes = b"") -> bytes:
    """Give one v2 record."""
    return len(payload).to_bytes(4, "little") + bytes([op]) + UUID(int=number).bytes + payload


def v2_file(*records: bytes, format: Format = Format.JSON) -> bytes:  # noqa: A002
    """Give a whole v2 file."""
    return header_of(format) + b"".join(records)


def inserts(payloads: Iterable[bytes]) -> list[bytes]:
    """Give records that insert these payloads under the ids 1, 2, 3..."""
    return [record(Op.INSERT, number, payload) for number, payload in enumerate(payloads, 1)]


def records_of(data: bytes) -> list[tuple[int, UUID, bytes]]:
    """Take a v2 file apart, by the description of the format and nothing else."""
    assert data[:8] == b"REDDB\0\2\0"
    assert data[8:10] == b"\2\0"
    assert not any(data[11:32])
    found, at = [], 32
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        end = at + 21 + size
        found.append((data[at + 4], UUID(bytes=data[at + 5 : at + 21]), data[at + 21 : end]))
        at = end
    assert at == len(data)
    return found
