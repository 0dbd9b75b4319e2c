"""Fixtures of the tests of the public API: databases of every kind, in every write order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from databases import (
    DATABASES,
    FILE_DATABASES,
    FROZEN,
    MUTABLE,
    UNTYPED,
    Database,
    Home,
    Shape,
    simulated,
)

from reddb import RedDb, WriteOrder

_ORDERS = tuple(WriteOrder)
_KINDS = [
    *((database, FROZEN, order) for database in DATABASES for order in _ORDERS),
    *(
        (database, shape, WriteOrder.MEMORY_FIRST)
        for database in DATABASES
        for shape in (MUTABLE, UNTYPED)
    ),
]


def _kind_id(kind: tuple[Database, Shape, WriteOrder]) -> str:
    database, shape, order = kind
    return f"{database.__name__}-{shape.name}-{order.value}"


@pytest.fixture(params=_KINDS, ids=_kind_id)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Every database, with every shape of documents and in both write orders."""
    database, shape, order = request.param
    return Home(database, tmp_path, shape, order)


@pytest.fixture
async def db(home: Home) -> AsyncIterator[RedDb[object]]:
    """An open database; what is in it at the end must outlast reopening and compaction."""
    async with home.lasting() as db:
        yield db


@pytest.fixture(params=DATABASES, ids=lambda database: database.__name__)
def any_home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Every database, of documents that nobody can change."""
    return Home(request.param, tmp_path)


@pytest.fixture(params=FILE_DATABASES, ids=lambda database: database.__name__)
def file_home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    """Every database that has a file."""
    return Home(request.param, tmp_path)


@pytest.fixture(
    params=[(database, order) for database in FILE_DATABASES for order in _ORDERS],
    ids=lambda kind: f"{kind[0].__name__}-{kind[1].value}",
)
def simulated_home(request: pytest.FixtureRequest) -> Home:
    """Every database that has a file, in both write orders, on a simulated disk."""
    database, order = request.param
    return simulated(database, write_order=order)
