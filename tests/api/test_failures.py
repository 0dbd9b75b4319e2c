"""What goes wrong: closures that raise, values that do not fit, disks that fail, other types."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import attrs
import pytest
import trio
from databases import (
    CALLS,
    FILE_DATABASES,
    READS,
    UNTYPED,
    WRITES,
    Draft,
    HeldStorage,
    Home,
    Note,
    data,
    simulated,
    text_of,
)
from trio.testing import wait_all_tasks_blocked

from reddb import (
    DataCorrupted,
    DbConfig,
    DecodeError,
    Document,
    Durability,
    EncodeError,
    JsonCodec,
    JsonDb,
    MemDb,
    PersistFailed,
    Recovery,
    RedDb,
    WriteOrder,
)
from reddb.testing.journal import Synced, SyncFailed
from reddb.testing.simulated_disk import Operation

# Closures that raise.


class Interrupt(BaseException):
    """No `Exception`, as KeyboardInterrupt is none."""


class Unequal:
    """A value that raises when it is compared."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __eq__(self, other: object) -> bool:
        raise self.error

    __hash__ = None  # type: ignore[assignment]  # As every class that has __eq__ alone.


Raising: TypeAlias = Callable[[RedDb[Any], Callable[[Any], Any]], Awaitable[object]]

CLOSURES: dict[str, Raising] = {
    "filter": lambda db, fn: db.query().filter(fn).all(),
    "filter of first": lambda db, fn: db.query().filter(fn).first(),
    "filter of count": lambda db, fn: db.query().filter(fn).count(),
    "order_by": lambda db, fn: db.query().order_by(fn).ids(),
    "predicate of exec": lambda db, fn: db.update_where(fn).exec(lambda value: value),
    "transform of exec": lambda db, fn: db.update_where(lambda _: True).exec(fn),
    "transform of returning": lambda db, fn: db.update_where(lambda _: True).returning(fn),
    "delete_where": lambda db, fn: db.delete_where(fn),
    "add_index": lambda db, fn: db.add_index("key", fn),
}


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), Interrupt("mine")], ids=repr)
@pytest.mark.parametrize("raising", CLOSURES.values(), ids=CLOSURES)
async def test_what_a_closure_raises_reaches_its_caller_and_changes_nothing(
    any_home: Home, raising: Raising, error: BaseException
) -> None:
    def closure(value: Any) -> Any:
        if text_of(value) == "cyd":
            raise error
        return value

    async with any_home.open() as db:
        documents = await db.insert([any_home.value(text) for text in ("ada", "bob", "cyd")])
        before = db.snapshot()
        with pytest.raises(type(error)) as caught:
            await raising(db, closure)
        assert caught.value is error
        assert await db.find_all() == documents
        assert db.snapshot().seq == before.seq
        await db.insert_one(any_home.value("dee"))


@pytest.mark.parametrize("call", ["find", "update", "delete"])
async def test_what_a_comparison_raises_reaches_its_caller(any_home: Home, call: str) -> None:
    error = ZeroDivisionError("mine")
    home = attrs.evolve(any_home, shape=UNTYPED)
    async with home.open() as db:
        document = await db.insert_one("ada")
        arguments = ["bob"] if call == "update" else []
        with pytest.raises(ZeroDivisionError) as caught:
            await getattr(db, call)(Unequal(error), *arguments)
        assert caught.value is error
        assert await db.find_all() == [document]


async def test_what_a_closure_raises_reaches_that_caller_alone() -> None:
    storage = HeldStorage()
    outcomes: list[object] = []

    async def insert(db: RedDb[str], text: str) -> None:
        outcomes.append((await db.insert_one(text)).data)

    async def fail(db: RedDb[str], number: int) -> None:
        def closure(_: str) -> bool:
            raise ZeroDivisionError(number)

        with pytest.raises(ZeroDivisionError, match=str(number)):
            await db.delete_where(closure)
        outcomes.append(number)

    async with (
        MemDb.open("words", str, codec=JsonCodec(), storage=storage) as db,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(insert, db, "held")
        await wait_all_tasks_blocked()
        for number in range(3):
            nursery.start_soon(insert, db, f"ada{number}")
            nursery.start_soon(fail, db, number)
        await wait_all_tasks_blocked()
        storage.gate.set()
        await wait_all_tasks_blocked()
        texts = ["held", "ada0", "ada1", "ada2"]
        assert set(outcomes) == {*texts, 0, 1, 2}
        assert sorted(data(await db.find_all())) == sorted(texts)
        assert (await db.stats()).batch_count == 2


# Values that do not fit.


UNFIT_NOTES: list[Any] = [Note("ada", "many"), Draft("ada"), {"text": "ada"}, None]  # type: ignore[arg-type]  # Wrong on purpose.
UNFIT_VALUES: list[Any] = [object(), ("tuple",), {1: "key"}, {"set"}, "\ud800", Note("ada")]


@pytest.mark.parametrize(
    ("document_type", "good", "unfit"),
    [
        *((Note, Note("good"), unfit) for unfit in UNFIT_NOTES),
        *((Any, "good", unfit) for unfit in UNFIT_VALUES),
    ],
    ids=lambda value: ascii(value)[:20],
)
async def test_a_value_that_does_not_fit_changes_nothing(
    any_home: Home, document_type: Any, good: Any, unfit: Any
) -> None:
    async with any_home.open(document_type) as db:
        document = await db.insert_one(good)
        before = db.snapshot()
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: db.insert_one(unfit),
            lambda: db.insert([good, unfit]),
            lambda: db.update_one(document.id, unfit),
            lambda: db.update(good, unfit),
            lambda: db.update_where(lambda _: True).exec(lambda _: unfit),
            lambda: db.update_where(lambda _: True).returning(lambda _: unfit),
            lambda: _commit(db, document, unfit),
        ]
        for call in calls:
            with pytest.raises(EncodeError):
                await call()
        assert await db.find_all() == [document]
        assert db.snapshot().seq == before.seq


async def _commit(db: RedDb[Any], document: Document[Any], unfit: Any) -> None:
    async with db.begin() as tx:
        tx.delete_one(document.id)
        tx.insert_one(unfit)


async def test_an_encode_error_says_where(any_home: Home) -> None:
    async with any_home.open(Draft) as db:
        with pytest.raises(EncodeError) as caught:
            await db.insert_one(Draft("ada", 1, ["x", 5]))  # type: ignore[list-item]  # Wrong on purpose.
    assert caught.value.path == "$.tags[1]"
    assert "$.tags[1]" in str(caught.value)


@pytest.mark.parametrize("number", [0, 5, 200])
async def test_an_encode_error_of_many_values_says_which(number: int) -> None:
    values: list[Any] = [Draft("ada", 1, [])] * 300
    values[number] = Draft("bob", "two", [])  # type: ignore[arg-type]  # Wrong on purpose.
    async with MemDb.open("drafts", Draft) as db:
        with pytest.raises(EncodeError) as caught:
            await db.insert(values)
        assert await db.find_all() == []
    assert caught.value.path == "$.count"
    assert caught.value.__notes__ == [f"in values[{number}]"]


async def test_a_document_may_be_as_large_as_the_configuration_says() -> None:
    async with MemDb.open(DbConfig("words", document_bytes_max=10), str) as db:
        document = await db.insert_one("x" * 8)
        long = "x" * 9
        with pytest.raises(EncodeError, match="document_bytes_max"):
            await db.insert_one(long)
        with pytest.raises(EncodeError, match="document_bytes_max"):
            await db.insert(["ada", long])
        with pytest.raises(EncodeError, match="document_bytes_max"):
            await db.update_one(document.id, long)
        with pytest.raises(EncodeError, match="document_bytes_max"):
            await db.update_where(lambda _: True).exec(lambda text: text + "x")
        with pytest.raises(EncodeError, match="document_bytes_max"):
            db.begin().insert_one(long)
        assert await db.find_all() == [document]


# Stored bytes that do not fit.


async def test_a_document_of_another_type_is_named_with_its_id_and_the_path(
    file_home: Home,
) -> None:
    old: Any = attrs.make_class(
        "Entry", {"name": attrs.field(type=str), "size": attrs.field(type=str)}
    )
    new: Any = attrs.make_class(
        "Entry", {"name": attrs.field(type=str), "size": attrs.field(type=int)}
    )
    async with file_home.open(old) as db:
        document = await db.insert_one(old("ada", "large"))
    async with file_home.open(new) as db:
        reads: list[Callable[[], Awaitable[object]]] = [
            lambda: db.find_one(document.id),
            lambda: db.get(document.id),
            db.find_all,
            lambda: db.find(new("ada", 1)),
            lambda: db.query().count(),
            lambda: db.add_index("name", lambda entry: entry.name),
            lambda: db.update_where(lambda _: True).exec(lambda entry: entry),
            lambda: db.delete_where(lambda _: True),
        ]
        for read in reads:
            with pytest.raises(DecodeError) as caught:
                await read()
            assert caught.value.id == document.id
            assert caught.value.path == "$.size"
            assert str(document.id) in str(caught.value)
            assert "$.size" in str(caught.value)
        added = await db.insert_one(new("bob", 3))
        assert await db.find_one(added.id) == added
        assert await db.update_one(document.id, new("ada", 4))
        assert data(await db.find_all()) == [new("ada", 4), new("bob", 3)]
    async with file_home.open(new) as db:
        assert data(await db.find_all()) == [new("ada", 4), new("bob", 3)]


# Disks that fail.


FAILURES: dict[str, dict[str, Any]] = {
    "full disk": {"operation": Operation.WRITE, "error": errno.ENOSPC},
    "disk filling up": {"operation": Operation.WRITE, "error": errno.ENOSPC, "short": True},
    "failing sync": {"operation": Operation.SYNC, "error": errno.EIO},
}


@pytest.fixture(params=list(FAILURES.values()), ids=list(FAILURES))
def failure(request: pytest.FixtureRequest) -> Any:
    """How a disk fails."""
    return request.param


@pytest.fixture
def failing_home(simulated_home: Home) -> Home:
    """A database of words on a simulated disk that syncs."""
    return attrs.evolve(simulated_home, durability=Durability.FSYNC)


async def test_a_failing_disk_takes_back_what_it_could_not_keep(
    failing_home: Home, failure: Any
) -> None:
    async with failing_home.open(str) as db:
        await db.add_index("length", len)
        kept = await db.insert(["old", "older"])
        before = db.snapshot()
        failing_home.disk.fail(**failure)
        with pytest.raises(PersistFailed) as caught:
            await db.insert_one("new")
        assert isinstance(caught.value.__cause__, OSError)
        assert caught.value.__cause__.errno == failure["error"]
        assert await db.find_all() == db.snapshot().find_all() == kept
        assert db.snapshot().seq == before.seq
        assert await db.using_index("length", 3) == kept[:1]
        assert (await db.stats()).live_document_count == 2


async def test_after_a_failure_writes_are_refused_and_reads_go_on(
    failing_home: Home, failure: Any
) -> None:
    async with failing_home.open(str) as db:
        await db.add_index("length", len)
        kept = await db.insert(["old", "older"])
        failing_home.disk.fail(**failure)
        for call in WRITES.values():
            with pytest.raises(PersistFailed):
                await call(db, kept[0].id)
        for call in READS.values():
            await call(db, kept[0].id)
        await db.add_index("word", str)
        assert await db.using_index("word", "old") == kept[:1]
        async with db.begin() as tx:
            assert tx.query().all() == kept
        assert await db.find_all() == kept


async def test_a_failed_disk_heals_by_reopening(failing_home: Home, failure: Any) -> None:
    async with failing_home.open(str) as db:
        kept = await db.insert(["old", "older"])
        failing_home.disk.fail(**failure)
        with pytest.raises(PersistFailed):
            await db.update_where(lambda _: True).exec(lambda text: text + "!")
    failing_home.disk.heal()
    async with failing_home.open(str) as db:
        assert await db.find_all() == kept
        assert (await db.stats()).recovery.torn_bytes == 0
        kept.append(await db.insert_one("new"))
    async with failing_home.open(str) as db:
        assert await db.find_all() == kept


@pytest.mark.parametrize("write_order", WriteOrder)
async def test_a_failing_disk_fails_everyone_in_the_batch(write_order: WriteOrder) -> None:
    home = simulated(JsonDb, write_order=write_order, durability=Durability.FSYNC)
    failed: list[object] = []

    async def insert(db: RedDb[str], text: str) -> None:
        with pytest.raises(PersistFailed):
            await db.insert_one(text)
        failed.append(text)

    async with home.open(str) as db:
        home.disk.fail(Operation.SYNC)
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(insert, db, str(number))
        assert len(failed) == 10
        assert await db.find_all() == []


async def test_a_failed_sync_is_not_tried_again() -> None:
    home = simulated(JsonDb, durability=Durability.FSYNC)
    async with home.open(str) as db:
        await db.insert_one("old")
        home.disk.fail(Operation.SYNC, forever=True)
        with pytest.raises(PersistFailed):
            await db.insert_one("new")
        tried = home.disk.operation_count
        with pytest.raises(PersistFailed):
            await db.insert_one("newer")
        assert home.disk.operation_count == tried
    since = home.disk.journal[home.disk.journal.index(SyncFailed(0)) :]
    assert not [event for event in since if isinstance(event, Synced)]


async def test_a_disk_that_fails_for_good_still_leaves_what_was_kept(failing_home: Home) -> None:
    async with failing_home.open(str) as db:
        kept = await db.insert(["old", "older"])
        failing_home.disk.fail(forever=True, short=True)
        with pytest.raises(PersistFailed):
            await db.insert_one("new")
        assert await db.find_all() == kept
    failing_home.disk.heal()
    async with failing_home.open(str) as db:
        assert await db.find_all() == kept


async def _run_script(db: RedDb[str], acknowledged: list[str]) -> None:
    for number in range(4):
        acknowledged.append((await db.insert_one(f"{number}")).data)
        acknowledged += data(await db.insert([f"{number}a", f"{number}b"]))
        await db.compact()


@pytest.mark.parametrize("database", FILE_DATABASES, ids=lambda database: database.__name__)
@pytest.mark.parametrize("write_order", WriteOrder)
async def test_wherever_the_disk_fails_once_what_was_acknowledged_is_kept(
    database: type[RedDb[Any]], write_order: WriteOrder
) -> None:
    finished, nth = False, 0
    while not finished:
        nth += 1
        acknowledged: list[str] = []
        home = simulated(database, write_order=write_order, durability=Durability.FSYNC)
        home.disk.fail(nth=nth, short=nth % 2 == 0)
        try:
            async with home.open(str) as db:
                try:
                    await _run_script(db, acknowledged)
                    finished = True
                except PersistFailed:
                    assert data(await db.find_all()) == acknowledged
        except PersistFailed:
            assert acknowledged == []
        home.disk.heal()
        async with home.open(str) as db:
            assert data(await db.find_all()) == acknowledged
    assert nth > 50


@pytest.mark.parametrize(
    "operation", [each for each in Operation if each is not Operation.TRUNCATE]
)
async def test_a_database_that_cannot_be_opened_lets_go_of_everything(
    operation: Operation,
) -> None:
    home = simulated(JsonDb)
    home.disk.fail(operation)
    with pytest.raises(PersistFailed) as caught:
        async with home.open(str):
            raise AssertionError("it must not open")
    assert isinstance(caught.value.__cause__, OSError)
    assert not [path for path in home.disk.paths() if path != home.log]
    async with home.open(str) as db:
        assert await db.find_all() == []


async def test_a_compaction_that_fails_changes_nothing(simulated_home: Home) -> None:
    async with simulated_home.open(str) as db:
        documents = await db.insert(["ada", "bob"])
        for operation in (Operation.CREATE, Operation.WRITE, Operation.SYNC, Operation.RENAME):
            size = (await db.stats()).file_size_bytes
            simulated_home.disk.fail(operation, error=errno.ENOSPC)
            with pytest.raises(PersistFailed, match="compaction") as caught:
                await db.compact()
            assert isinstance(caught.value.__cause__, OSError)
            assert (await db.stats()).file_size_bytes == size
            assert simulated_home.disk.paths() == [simulated_home.log]
            documents.append(await db.insert_one("new"))
        await db.compact()
        assert await db.find_all() == documents
    async with simulated_home.open(str) as db:
        assert await db.find_all() == documents


async def _fail_to_sync_at_closing(home: Home, *errors: Exception) -> None:
    async with home.open(str) as db:
        await db.insert_one("ada")
        home.disk.fail(Operation.SYNC)
        for error in errors:
            raise error


async def test_a_sync_that_fails_at_closing_is_told() -> None:
    home = simulated(JsonDb, durability=Durability.OS)
    with pytest.raises(PersistFailed, match="closing") as caught:
        await _fail_to_sync_at_closing(home)
    assert isinstance(caught.value.__cause__, OSError)
    async with home.open(str) as db:
        assert data(await db.find_all()) == ["ada"]


async def test_a_sync_that_fails_at_closing_does_not_hide_the_blocks_exception() -> None:
    error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError) as caught:
        await _fail_to_sync_at_closing(simulated(JsonDb, durability=Durability.OS), error)
    assert caught.value is error


# Damaged files.


async def _damage_or_torn_tail(home: Home) -> DataCorrupted | Recovery:
    """Open a database of three words; give what is found to be wrong with it."""
    try:
        async with home.open(str) as db:
            recovery = (await db.stats()).recovery
            assert data(await db.find_all()) == ["ada", "bob", "cyd"][: recovery.commits]
            return recovery
    except DataCorrupted as damage:
        return damage


async def test_every_flipped_byte_is_seen() -> None:
    home = simulated(JsonDb)
    async with home.open(str) as db:
        for text in ("ada", "bob", "cyd"):
            await db.insert_one(text)
    whole = home.disk.content(home.log)
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        home = simulated(JsonDb, log=bytes(damaged))
        found = await _damage_or_torn_tail(home)
        if isinstance(found, DataCorrupted):
            assert found.path == str(home.log)
            assert 0 <= found.offset <= at
            assert found.reason
            assert home.disk.content(home.log) == bytes(damaged)
        else:
            assert found.torn_bytes > 0


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_no_call_hangs_on_a_disk_that_fails(name: str) -> None:
    home = simulated(JsonDb, durability=Durability.FSYNC)
    async with home.open(str) as db:
        document = await db.insert_one("old")
        await db.add_index("length", len)
        home.disk.fail(forever=True)
        if name in WRITES:
            with pytest.raises(PersistFailed):
                await CALLS[name](db, document.id)
        else:
            await CALLS[name](db, document.id)
