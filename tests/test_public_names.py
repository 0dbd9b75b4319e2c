"""The public names: all of them in one place, each with a docstring, and the family of errors."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import pkgutil
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
import trio

import reddb
import reddb.errors

CONTRACT = [
    "RedDb",
    "MemDb",
    "BinDb",
    "JsonDb",
    "RonDb",
    "YamlDb",
    "DbConfig",
    "WriteOrder",
    "Durability",
    "Document",
    "Snapshot",
    "RedDbError",
    "DocumentNotFound",
    "IndexNotFound",
    "EncodeError",
    "DecodeError",
    "DataCorrupted",
    "CodecMismatch",
    "PersistFailed",
    "DatabaseLocked",
    "DatabaseClosed",
    "DatabaseBroken",
    "TransactionConflict",
    "TransactionClosed",
    "UniqueViolation",
    "FeedLagged",
]

ERRORS = [
    value
    for value in vars(reddb.errors).values()
    if isinstance(value, type) and issubclass(value, BaseException)
]


def members_of(cls: type) -> list[tuple[str, Any]]:
    """Give the public methods and properties that a class of reddb's defines."""
    return [
        (
            f"{cls.__name__}.{name}",
            inspect.unwrap(value.__func__) if hasattr(value, "__func__") else value,
        )
        for base in cls.__mro__
        if base.__module__.startswith("reddb")
        for name, value in vars(base).items()
        if not name.startswith("_") and (inspect.isroutine(value) or isinstance(value, property))
    ]


MEMBERS = {
    name: value
    for each in map(reddb.__dict__.get, reddb.__all__)
    if isinstance(each, type)
    for name, value in members_of(each)
}


def test_the_list_of_public_names_is_sorted_and_has_no_name_twice() -> None:
    assert reddb.__all__ == sorted(set(reddb.__all__))


def test_the_list_of_public_names_is_complete() -> None:
    public = {
        name
        for name, value in vars(reddb).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(reddb.__all__)


@pytest.mark.parametrize("name", CONTRACT)
def test_what_the_contract_names_is_public(name: str) -> None:
    assert name in reddb.__all__


@pytest.mark.parametrize("name", reddb.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(reddb, name)
    assert value.__module__.startswith("reddb")
    assert value.__doc__
    assert len(value.__doc__.split()) >= 4


@pytest.mark.parametrize("name", MEMBERS)
def test_every_public_method_is_documented(name: str) -> None:
    assert inspect.getdoc(MEMBERS[name])


def test_every_module_says_what_it_is_for() -> None:
    modules = pkgutil.walk_packages(reddb.__path__, "reddb.")
    bare = [each.name for each in modules if not importlib.import_module(each.name).__doc__]
    assert bare == []


# Errors.


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_public_and_derives_from_one_base(error: type[BaseException]) -> None:
    assert issubclass(error, reddb.RedDbError)
    assert getattr(reddb, error.__name__) is error
    assert error.__doc__


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (reddb.DocumentNotFound, LookupError),
        (reddb.IndexNotFound, LookupError),
        (reddb.EncodeError, ValueError),
        (reddb.DecodeError, ValueError),
        (reddb.DatabaseClosed, trio.ClosedResourceError),
        (reddb.DatabaseBroken, trio.BrokenResourceError),
    ],
    ids=lambda kind: kind.__name__,
)
def test_an_error_is_also_what_python_and_trio_call_it(
    error: type[BaseException], base: type[BaseException]
) -> None:
    assert issubclass(error, base)


EXAMPLES = [
    reddb.DocumentNotFound(UUID(int=7)),
    reddb.IndexNotFound("by_text"),
    reddb.EncodeError("expected int, found str", "$.count"),
    reddb.DecodeError("expected int, found str", "$.count", UUID(int=7)),
    reddb.DecodeError("not JSON"),
    reddb.DataCorrupted("notes.json", 64, "the checksum is wrong"),
    reddb.CodecMismatch("notes.json", "json", "ron"),
    reddb.DatabaseLocked("notes.json.lock"),
    reddb.UniqueViolation("by_text", "ada", UUID(int=7)),
    *(error("what happened") for error in ERRORS if error.__init__ is Exception.__init__),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_tells_its_details_also_after_a_journey(error: Exception) -> None:
    for same in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is type(error)
        assert (str(same), vars(same)) == (str(error), vars(error))
    for detail in vars(error).values():
        assert detail is None or str(detail) in str(error)


def test_the_base_of_all_errors_is_an_ordinary_exception() -> None:
    assert issubclass(reddb.RedDbError, Exception)
    assert len(ERRORS) == 15


def test_the_version_is_a_version() -> None:
    assert all(part.isdigit() for part in reddb.__version__.split("."))
