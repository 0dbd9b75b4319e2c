"""The writer: what becomes one batch, who sees what when, and what a storage's errors come to."""

from __future__ import annotations

import errno
import gc
import traceback
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from itertools import chain, pairwise
from typing import Any

import pytest
import trio
import trio.testing
from actor_tools import contents, encoded, insertion, record, state_of
from hypothesis import example, given
from hypothesis import strategies as st
from writer_tools import HeldStorage, Office, office

from reddb.actor import writer
from reddb.actor.changes import Change
from reddb.actor.commands import (
    AddIndex,
    Command,
    CommitTransaction,
    Compact,
    DeleteOne,
    DeleteWhere,
    Insert,
    Staged,
    UpdateOne,
    UpdateWhere,
)
from reddb.actor.document import Document
from reddb.actor.frames import Commit
from reddb.actor.history import History, commits_of
from reddb.actor.index import Index
from reddb.actor.state import State
from reddb.actor.writer import Writer
from reddb.errors import DatabaseBroken, DatabaseClosed, DocumentNotFound, PersistFailed

ONE, TWO, THREE, FOUR = (insertion(key) for key in (1, 2, 3, 4))
NO_SPACE = OSError(errno.ENOSPC, "no space left")

both_orders = pytest.mark.parametrize("file_first", [False, True])


def seqs(storage: HeldStorage) -> list[list[int]]:
    """Give the numbers of the commits of each batch."""
    return [[commit.seq for commit in batch] for batch in storage.batches]


def visible(at: Office) -> list[int]:
    return list(contents(at.writer.published))


async def fill_one_append(at: Office, **commands: Command[Any]) -> None:
    """Send the first command, and the others while it is being appended."""
    at.storage.appending.shut()
    await at.send(**commands)


# Batches.

SHORT_STEPS: dict[str, Callable[[int], Command[Any]]] = {
    "inserts": insertion,
    "updates of nothing": lambda key: UpdateOne(record(key, "new")),
    "errors": DeleteOne,
}


@pytest.mark.parametrize("kind", SHORT_STEPS)
async def test_others_may_run_after_so_many_commands(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    commands = {f"command {key}": SHORT_STEPS[kind](key) for key in range(2, 42)}
    assert await pauses_in_a_batch(monkeypatch, commands) == 3
    assert await pauses_in_a_batch(monkeypatch, commands, indexes=1) == 7
    assert await pauses_in_a_batch(monkeypatch, commands, indexes=3) == 13


async def test_others_may_run_after_so_many_changes_of_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: dict[str, Command[Any]] = {
        f"transaction {tens}": CommitTransaction(
            1,
            Staged([Change(10 * tens + unit, None, b"0") for unit in range(10)], ()),
            frozenset(range(10 * tens, 10 * tens + 10)),
            (),
        )
        for tens in range(1, 5)
    }
    assert await pauses_in_a_batch(monkeypatch, commands) == 3


async def test_others_may_run_after_checks_against_so_many_commits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "_COMMITS_A_CHANGE", 1)
    commands: dict[str, Command[Any]] = {f"insert {key}": insertion(key) for key in range(2, 10)}
    for key in range(50, 54):
        change = Change(key, None, b"0")
        command = CommitTransaction(1, Staged([change], ()), frozenset([key]), ())
        commands[f"transaction {key}"] = command
    assert await pauses_in_a_batch(monkeypatch, commands) == 3


async def pauses_in_a_batch(
    monkeypatch: pytest.MonkeyPatch, commands: dict[str, Command[Any]], indexes: int = 0
) -> int:
    """Say how often others may run while one batch is made, with a step of ten changes."""
    state = state_of({1000: "another"})
    for number in range(indexes):
        state = state.with_index(Index(f"index {number}", str, unique=False))
    pauses: list[None] = []

    async def pause() -> None:
        pauses.append(None)
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(writer, "let_others_run", pause)
    monkeypatch.setattr(writer, "_WEIGHT_OF_STEP", 10)
    monkeypatch.setattr(writer, "_INSERTS_AT_ONCE", 5)
    async with office(state=state) as at:
        await fill_one_append(at, first=ONE, **commands)
        await at.let_append()
        assert len(at.answers) == 1 + len(commands)
        assert len(at.storage.batches) <= 2
    return len(pauses)


@both_orders
async def test_a_lone_command_waits_for_nobody(file_first: bool) -> None:
    async with office(file_first=file_first) as at:
        await at.send(one=ONE)
        assert at.answer("one") is None
        assert (seqs(at.storage), visible(at)) == ([[1]], [1])


@both_orders
async def test_what_arrives_during_one_append_becomes_one_append(file_first: bool) -> None:
    async with office(file_first=file_first) as at:
        await fill_one_append(at, one=ONE, two=TWO, three=THREE, four=FOUR)
        assert (seqs(at.storage), at.answers) == ([[1]], {})
        await at.let_append()
        assert seqs(at.storage) == [[1], [2, 3, 4]]
        assert at.answers.keys() == {"one", "two", "three", "four"}
    counts = at.writer.counts
    assert (counts.commits, counts.batches, counts.commits_in_largest_batch) == (4, 2, 3)


async def test_a_batch_is_no_larger_than_it_may_be() -> None:
    async with office(batch_max=2) as at:
        await fill_one_append(at, one=ONE, two=TWO, three=THREE, four=FOUR)
        await at.let_append()
        assert seqs(at.storage) == [[1], [2, 3], [4]]


async def test_a_batch_of_many_bytes_takes_no_more_commands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "_BATCH_BYTES_MAX", 100)
    large = {f"large {key}": insertion(key, value="x" * 60) for key in (2, 3, 4)}
    async with office() as at:
        await fill_one_append(at, one=ONE, **large, five=insertion(5), six=insertion(6))
        await at.let_append()
        assert seqs(at.storage) == [[1], [2, 3], [4, 5, 6]]
        assert len(at.answers) == 6


class RefusesSecond(HeldStorage):
    """Has no space for the second commit."""

    async def append(self, commits: Sequence[Commit]) -> None:
        await super().append(commits)
        if commits[0].seq == 2:
            raise NO_SPACE


async def test_what_follows_a_large_batch_that_is_refused_is_refused_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "_BATCH_BYTES_MAX", 100)
    async with office(RefusesSecond()) as at:
        await fill_one_append(at, one=ONE, large=insertion(2, value="x" * 200), three=THREE)
        await at.let_append()
        assert seqs(at.storage) == [[1], [2]]
        assert (visible(at), at.answer("one")) == ([1], None)
        assert isinstance(at.error("large"), PersistFailed)
        assert isinstance(at.error("three"), PersistFailed)


async def test_each_command_is_decided_on_what_those_before_it_left() -> None:
    async with office() as at:
        await fill_one_append(
            at,
            one=ONE,
            again=insertion(1, value="again"),
            update=UpdateOne(record(1, "new")),
            delete=DeleteOne(1),
            late=UpdateOne(record(1, "late")),
        )
        await at.let_append()
    assert "is there already" in str(at.error("again"))
    assert at.answer("update") is True
    assert at.answer("delete").data == "new"
    assert at.answer("late") is False
    assert seqs(at.storage) == [[1], [2, 3]]


async def answers_to(
    commands: Mapping[str, Command[Any]], *, together: bool, log: bool = True
) -> list[Any]:
    """Give what commands come to that are handed in together, or each after the other."""
    async with office(log=log) as at:
        if together:
            await fill_one_append(at, first=insertion(99), **commands)
            await at.let_append()
        else:
            await at.send(first=insertion(99), **commands)
        return what_came_of(at, commands, log=log)


def what_came_of(at: Office, commands: Iterable[str], *, log: bool = False) -> list[Any]:
    """Give the answers, the log, the history and the state."""
    at.writer.kept.check()
    kept = [commit for batch in at.storage.batches for commit in batch]
    runs = at.writer.history.since(0)
    assert runs is not None
    recent = [*commits_of(runs)]
    return [
        [repr(at.answers[name]) for name in commands],
        [(commit.seq, [*commit.facts]) for commit in kept] if log else None,
        [(each.seq, [change.key for change in each.changes]) for each in recent],
        [*at.writer.published.facts()],
        at.writer.published.seq,
    ]


small_keys = st.integers(1, 4)
few_commands = st.lists(
    st.one_of(
        small_keys.map(insertion),
        st.lists(small_keys, unique=True, max_size=3).map(lambda keys: insertion(*keys)),
        small_keys.map(lambda key: UpdateOne(record(key, "new"))),
        small_keys.map(DeleteOne),
        st.just(DeleteWhere(lambda data: data == 2)),
        st.just(AddIndex("index", str, unique=True)),
        small_keys.map(lambda key: Insert([record(key, key).change(None)], expects_empty=True)),
    ),
    max_size=12,
)


@given(commands=few_commands)
@example(commands=[insertion(1), insertion(2), insertion(1), insertion(3)])
@example(commands=[insertion(1), DeleteOne(1), insertion(1), insertion(2), DeleteOne(2)])
@example(commands=[insertion(1), AddIndex("index", str, unique=True), insertion(2, value=1)])
def test_commands_handed_in_together_come_to_what_they_come_to_alone(
    commands: list[Command[Any]],
) -> None:
    named = {f"command_{number}": command for number, command in enumerate(commands)}
    alone = trio.run(partial(answers_to, named, together=False))
    assert trio.run(partial(answers_to, named, together=True)) == alone
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "_INSERTS_AT_ONCE", 2)
        assert trio.run(partial(answers_to, named, together=True)) == alone


@given(commands=few_commands)
@example(commands=[insertion(1), insertion(1), insertion(2)])
@example(commands=[insertion(1), AddIndex("index", str, unique=True), insertion(2, value=1)])
def test_commands_come_to_the_same_without_a_log(commands: list[Command[Any]]) -> None:
    named = {f"command_{number}": command for number, command in enumerate(commands)}
    answers, _, *others = trio.run(partial(answers_to, named, together=False))
    found, _, *rest = trio.run(partial(answers_to, named, together=False, log=False))
    assert (found, rest) == (answers, others)


@given(commands=few_commands)
@example(commands=[insertion(1), insertion(1), insertion(2), DeleteOne(1)])
@example(commands=[insertion(1), DeleteWhere(bool), insertion(2), insertion(3)])
def test_what_gathers_comes_to_what_it_comes_to_alone(commands: list[Command[Any]]) -> None:
    named = {f"command_{number}": command for number, command in enumerate(commands)}
    order, found = trio.run(partial(answers_to_tasks, named))
    in_order = {name: named[name] for name in order}
    assert found == trio.run(partial(answers_to, in_order, together=False, log=False))


async def answers_to_tasks(commands: Mapping[str, Command[Any]]) -> tuple[list[str], list[Any]]:
    """Give what commands come to where there is no log and each has a task, in their order."""
    async with office(log=False) as at:
        await at.send(first=insertion(99))
        for name, command in commands.items():
            at.hand_in(name, command)
        await at.settle()
        order = at.asked[1:]
        return order, what_came_of(at, order)


async def test_quick_commands_that_arrive_together_are_a_batch_that_the_writer_has_no_part_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with office(log=False) as at:
        monkeypatch.setattr(Writer, "_work", None)
        for key in (1, 2, 3):
            at.hand_in(f"insert {key}", insertion(key))
        at.hand_in("missing", UpdateOne(record(4, "new")))
        await at.settle()
        assert sorted(visible(at)) == [1, 2, 3]
        assert at.answer("missing") is False
        assert len(at.answers) == 4
    assert (at.writer.counts.commits, at.writer.counts.batches) == (3, 1)


async def test_an_error_has_nothing_of_whoever_did_what_gathered() -> None:
    async with office(log=False) as at:
        at.hand_in("missing", DeleteOne(1))
        try:
            raise LookupError("of another task")
        except LookupError:
            await at.ask(TWO)
        await at.settle()
        error = at.error("missing")
        assert isinstance(error, DocumentNotFound) and error.__context__ is None
        frames = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
        assert "_do_now" not in frames, "a frame leads to the frames of its caller"


async def test_as_many_gather_as_a_step_may_do_with_the_indexes_that_there_are() -> None:
    async with office(log=False, commands_max=1000, batch_max=1000) as at:
        for indexes, gathered in ((0, 64), (1, 32), (2, 21)):
            if indexes:
                await at.send(**{f"add {indexes}": AddIndex(str(indexes), str, unique=False)})
            for number in range(gathered):
                at.hand_in(f"{indexes} {number}", UpdateOne(record(1, "new")))
            taken = len(at.taken)
            await at.settle()
            assert len(at.taken) == taken, "the writer has no part in it"
            at.hand_in(f"{indexes} more", UpdateOne(record(1, "new")))
            for number in range(gathered):
                at.hand_in(f"{indexes} again {number}", UpdateOne(record(1, "new")))
            await at.settle()
            assert len(at.taken) == taken + gathered + 1


async def test_keys_are_made_in_the_context_of_the_writer_wherever_they_are() -> None:
    local = ContextVar("local", default="the writer's")
    found: list[str] = []

    def key(value: object) -> object:
        found.append(local.get())
        return value

    async with office(log=False) as at:
        await at.send(index=AddIndex("index", key, unique=False))
        local.set("a caller's")
        await at.ask(ONE)
        await at.ask(UpdateOne(record(1, "new")))
        assert set(found) == {"the writer's"} and len(found) >= 2


@pytest.mark.parametrize("log", [False, True])
async def test_ctrl_c_breaks_no_commit_off(log: bool) -> None:
    protected: list[bool] = []

    def key(value: object) -> object:
        protected.append(trio.lowlevel.currently_ki_protected())
        return value

    async with office(log=log) as at:
        await at.send(index=AddIndex("index", key, unique=False))
        protected.clear()
        await at.send(one=ONE, two=TWO)
    assert protected == [True, True]


async def test_what_takes_several_steps_is_left_to_the_writer() -> None:
    state = state_of({key: key for key in range(400)})
    many = [Change(key, encoded(key), None) for key in range(300)]
    async with office(state=state, log=False) as at:
        at.hand_in("many", CommitTransaction(1, Staged(many, ()), set(range(300)), ()))
        at.hand_in("one", insertion(1000))
        await at.settle()
        assert at.answer("many") is None and at.answer("one") is None
        assert visible(at) == [*range(300, 400), 1000]


@pytest.mark.parametrize("error", [Exception("a bug"), KeyboardInterrupt()], ids=repr)
async def test_the_writer_dies_of_a_bug_in_the_step_of_a_sender(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def add(*_: object) -> None:
        raise error

    async with office(log=False) as at:
        await at.send(one=ONE)
        monkeypatch.setattr(History, "add", add)
        at.hand_in("two", TWO)
        at.hand_in("three", THREE)
        await at.settle()
        await at.send(late=FOUR)
    for name in ("two", "three"):
        answer = at.error(name)
        assert isinstance(answer, DatabaseBroken) and answer.__cause__ is error
    assert isinstance(at.error("late"), DatabaseClosed), "the engine turns it to DatabaseBroken"
    assert at.writer.failure is error
    assert visible(at) == [1]


async def test_what_a_large_commit_replaced_is_let_go_of_a_few_parts_at_a_time() -> None:
    class Part:
        """Something that can be seen to be gone."""

    parts = [Part() for _ in range(100)]
    alive = weakref.WeakSet(parts)
    counts = [len(alive)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer._let_go, iter(parts), 16)
        del parts
        while alive:
            await trio.lowlevel.checkpoint()
            counts.append(len(alive))
    steps = [before - after for before, after in pairwise(counts)]
    assert 0 < max(steps) <= 2 * 16  # It may have two turns between two of this task's.


async def test_a_large_removal_lets_go_of_documents_and_of_the_index() -> None:
    state = state_of({key: f"{key % 50}" for key in range(3000)})
    async with office(state=state) as at:
        name = "an index that no other test has"
        await at.send(index=AddIndex(name, str, unique=False), delete=DeleteWhere(bool))
        states = [each for each in gc.get_objects() if isinstance(each, State)]
        assert [each.seq for each in states if name in each.indexes] == [2]


async def test_what_changes_nothing_is_not_appended() -> None:
    async with office() as at:
        await at.send(
            update=UpdateOne(record(1, "new")),
            delete=DeleteWhere(bool),
            index=AddIndex("index", str, unique=False),
            nothing=insertion(),
        )
        assert len(at.answers) == 4
    assert at.storage.batches == []


async def test_withdrawn_commands_leave_no_trace() -> None:
    async with office() as at:
        await fill_one_append(at, one=ONE, two=TWO, three=THREE)
        await at.cancel("two")
        await at.let_append()
    assert visible(at) == [1, 3]
    assert at.answers.keys() == {"one", "three"}


async def test_a_taken_command_happens_though_its_caller_is_cancelled() -> None:
    async with office() as at:
        await fill_one_append(at, one=ONE)
        await at.cancel("one")
        await at.let_append()
    assert at.answer("one") is None
    assert visible(at) == [1]


# Errors of closures.


class Stopped(BaseException):
    """No `Exception` even."""


def raising(error: BaseException) -> Callable[[Any], Any]:
    def closure(_: object) -> Any:
        raise error

    return closure


@pytest.mark.parametrize(
    "error", [LookupError("mine"), Stopped("mine"), KeyboardInterrupt(), SystemExit(3)], ids=repr
)
@pytest.mark.parametrize("count", [1, 1000])
async def test_what_a_closure_raises_is_its_callers_alone(error: BaseException, count: int) -> None:
    fail = raising(error)
    async with office(state=state_of({key: key for key in range(10, 10 + count)})) as at:
        await fill_one_append(
            at,
            one=ONE,
            two=TWO,
            predicate=DeleteWhere(fail),
            rewrite=UpdateWhere(lambda _: True, None, fail),
            index=AddIndex("index", fail, unique=False),
            three=THREE,
        )
        await at.let_append()
        for name in ("predicate", "rewrite", "index"):
            assert at.error(name) is error
    assert at.writer.failure is None
    assert visible(at) == [*range(10, 10 + count), 1, 2, 3]
    assert at.writer.published.indexes == {}


# Commands that take long.

MUCH = {key: key for key in range(1000, 2000)}


def rewrite_all(look: Callable[[], None] = lambda: None) -> UpdateWhere:
    """Give an update of all documents, which looks around at each of them."""

    def rewrite(document: Document[Any]) -> Any:
        look()
        return record(document.id.int, -document.data)

    return UpdateWhere(lambda _: True, None, rewrite)


@both_orders
async def test_a_long_command_does_not_delay_those_before_it(file_first: bool) -> None:
    answered: list[set[str]] = []
    counts: list[int] = []
    async with office(state=state_of(MUCH), file_first=file_first) as at:

        def look() -> None:
            answered.append({*at.answers})
            counts.append(len(at.writer.published))

        await fill_one_append(at, one=ONE, two=TWO, long=rewrite_all(look), three=THREE)
        await at.let_append()
    assert seqs(at.storage) == [[2], [3], [4, 5]]
    assert (answered[-1], counts[-1]) == ({"one", "two"}, len(MUCH) + 2)
    assert at.answers.keys() == {"one", "two", "long", "three"}
    rewritten = {key: -value for key, value in {**MUCH, 1: 1, 2: 2}.items()}
    assert contents(at.writer.published) == {**rewritten, 3: 3}


async def test_others_run_while_a_command_takes_long() -> None:
    moments: list[str] = []

    def predicate(_: object) -> bool:
        if moments[-1] != "writer":
            moments.append("writer")
        return False

    async with office(state=state_of(MUCH)) as at:
        moments.append("begin")
        at.hand_in("long", DeleteWhere(predicate))
        while "long" not in at.answers:
            await trio.lowlevel.checkpoint()
            if moments[-1] != "other":
                moments.append("other")
    assert moments.count("writer") >= 2


# Who sees what when.


async def test_memory_first_shows_a_commit_before_it_is_kept() -> None:
    async with office() as at:
        await fill_one_append(at, one=ONE)
        assert (visible(at), at.answers) == ([1], {})
        await at.let_append()
        assert at.answer("one") is None


async def test_file_first_shows_a_commit_when_it_is_kept() -> None:
    async with office(file_first=True) as at:
        await fill_one_append(at, one=ONE)
        assert (visible(at), at.answers) == ([], {})
        await at.let_append()
        assert (visible(at), at.answer("one")) == ([1], None)


# A storage that refuses.


@pytest.fixture(params=[False, True], ids=["memory_first", "file_first"])
async def refused(request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """A writer whose storage has kept one commit and refused the batch after it."""
    async with office(file_first=request.param) as at:
        await fill_one_append(at, one=ONE)
        await at.let_append()
        at.storage.appending.shut()
        await at.send(two=TWO)
        await at.send(three=THREE, missing=DeleteOne(9), gone=DeleteOne(1), twice=DeleteOne(1))
        at.storage.appending.error = NO_SPACE
        await at.let_append()
        yield at


async def test_the_whole_batch_and_all_after_it_get_the_cause(refused: Office) -> None:
    await refused.send(later=FOUR, compaction=Compact())
    assert refused.answer("one") is None
    for name in ("two", "three", "missing", "gone", "twice", "later", "compaction"):
        error = refused.error(name)
        assert isinstance(error, PersistFailed)
        assert error.__cause__ is NO_SPACE
    assert len({id(answer) for answer in refused.answers.values()}) == 8, "each has its own error"


async def test_after_a_refusal_nothing_more_is_appended_or_compacted(refused: Office) -> None:
    refused.storage.appending.error = None
    refused.storage.size_bytes = 1 << 30
    await refused.send(later=FOUR, compaction=Compact())
    assert seqs(refused.storage) == [[1], [2]]
    assert refused.storage.compactions == []
    assert refused.writer.refusal is NO_SPACE


async def test_what_was_refused_is_taken_back(refused: Office) -> None:
    assert visible(refused) == [1]
    assert refused.writer.kept is refused.writer.published
    refused.writer.published.check()


async def test_indexes_can_still_be_added_after_a_refusal(refused: Office) -> None:
    await refused.send(index=AddIndex("index", str, unique=False))
    assert refused.answer("index") is None
    assert [each.data for each in chain(*refused.writer.published.indexed("index", "1"))] == [1]


@both_orders
async def test_an_error_that_was_decided_on_what_was_taken_back_is_no_answer(
    file_first: bool,
) -> None:
    """The document is there, before and after, so nobody may be told that it is not."""
    async with office(state=state_of({7: "seven"}), file_first=file_first) as at:
        await fill_one_append(at, one=ONE, delete=DeleteOne(7), again=DeleteOne(7))
        await at.let_append()
        assert isinstance(at.error("again"), DocumentNotFound)
    async with office(state=state_of({7: "seven"}), file_first=file_first) as at:
        at.storage.appending.error = None
        await fill_one_append(at, one=ONE, delete=DeleteOne(7), again=DeleteOne(7))
        at.storage.appending.open()
        at.storage.appending.shut()
        await at.settle()
        assert seqs(at.storage) == [[2], [3]]
        at.storage.appending.error = NO_SPACE
        await at.let_append()
    assert isinstance(at.error("again"), PersistFailed)
    assert visible(at) == [7, 1]


async def test_a_long_command_whose_ground_was_taken_back_is_refused() -> None:
    async with office(state=state_of(MUCH)) as at:
        at.storage.appending.shut()
        await at.send(one=ONE, two=TWO, long=rewrite_all())
        at.storage.appending.open()
        at.storage.appending.error = NO_SPACE
        await at.settle()
    assert {type(at.error(name)) for name in ("one", "two", "long")} == {PersistFailed}
    assert contents(at.writer.published) == MUCH


# A storage, or a writer, that dies.

BUG = RuntimeError("a bug")


async def test_everybody_is_told_when_the_writer_dies() -> None:
    async with office(commands_max=2) as at:
        at.storage.compacting.shut()
        await at.send(compacting=Compact())
        await at.send(wanting=Compact())
        at.storage.appending.shut()
        await at.send(taken=ONE)
        await at.send(queued=TWO, withdrawn=THREE, in_line=FOUR)
        await at.cancel("withdrawn")
        at.storage.appending.error = BUG
        await at.let_append()
        await at.send(late=FOUR)
    for name in ("taken", "queued", "compacting", "wanting"):
        error = at.error(name)
        assert isinstance(error, DatabaseBroken) and error.__cause__ is BUG
    for name in ("in_line", "late"):
        assert isinstance(at.error(name), DatabaseClosed), "the engine turns it to DatabaseBroken"
    assert "withdrawn" not in at.answers
    assert at.writer.failure is BUG
    assert visible(at) == []


@pytest.mark.parametrize("error", [BUG, Stopped(), KeyboardInterrupt()], ids=repr)
async def test_the_writer_dies_of_a_compaction_that_has_a_bug(error: BaseException) -> None:
    async with office() as at:
        await at.send(one=ONE)
        at.storage.compacting.shut()
        at.storage.appending.shut()
        await at.send(compaction=Compact(), two=TWO, three=THREE)
        at.storage.compacting.error = error
        at.storage.compacting.open()
        await at.settle()
    for name in ("compaction", "two", "three"):
        assert isinstance(at.error(name), DatabaseBroken)
        assert at.error(name).__cause__ is error
    assert at.writer.failure is error
    assert visible(at) == [1]


async def test_no_task_is_left_when_the_writer_dies() -> None:
    async with office() as at:
        at.storage.appending.error = BUG
        await at.send(one=ONE)
        with pytest.raises(DatabaseBroken):
            at.answer("one")


# Closing.


async def test_what_is_in_a_closed_mailbox_is_still_done() -> None:
    async with office() as at:
        await fill_one_append(at, one=ONE, two=TWO, three=THREE)
        at.mailbox.close()
        await at.let_append()
    assert at.answers.keys() == {"one", "two", "three"}
    assert visible(at) == [1, 2, 3]


# Compaction.


async def test_a_compaction_that_is_asked_for_writes_what_is_kept() -> None:
    async with office() as at:
        await at.send(one=ONE, two=TWO, delete=DeleteOne(1))
        await at.send(compaction=Compact())
        assert at.answer("compaction") is None
    assert at.storage.compactions == [(3, [2])]
    assert at.writer.counts.compactions == 1


async def test_a_compaction_does_not_take_what_is_not_kept_yet() -> None:
    async with office() as at:
        await at.send(one=ONE)
        await fill_one_append(at, two=TWO, compaction=Compact())
        assert visible(at) == [1, 2]
        await at.let_append()
    at.storage.compactions[0][1].sort()
    assert at.storage.compactions in ([(1, [1])], [(2, [1, 2])])


async def test_writing_goes_on_beside_a_compaction() -> None:
    async with office() as at:
        at.storage.compacting.shut()
        await at.send(compaction=Compact(), one=ONE)
        assert at.answers.keys() == {"one"}
        at.storage.compacting.open()
        await at.settle()
        assert at.answer("compaction") is None


async def test_calls_during_a_compaction_share_one_of_their_own_after_it() -> None:
    async with office() as at:
        at.storage.compacting.shut()
        await at.send(first=Compact(), one=ONE, second=Compact(), third=Compact())
        assert at.storage.compactions == [(0, [])]
        at.storage.compacting.open()
        await at.settle()
        assert at.answers.keys() == {"one", "first", "second", "third"}
    assert at.storage.compactions == [(0, []), (1, [1])]


async def test_a_compaction_that_fails_is_its_callers_error_and_writing_goes_on() -> None:
    async with office() as at:
        at.storage.compacting.error = NO_SPACE
        await at.send(compaction=Compact(), one=ONE)
        error = at.error("compaction")
        assert isinstance(error, PersistFailed) and error.__cause__ is NO_SPACE
        assert at.answer("one") is None
        at.storage.compacting.error = None
        await at.send(again=Compact())
        assert at.answer("again") is None
    assert at.writer.counts.compactions == 1


@pytest.mark.parametrize(
    ("size_bytes", "live_bytes", "ratio", "due"),
    [
        (10_000, 5_000, 2.0, True),
        (9_999, 5_000, 2.0, False),
        (10_000, 5_000, 3.0, False),
        (15_000, 5_000, 3.0, True),
        (4_096, 1, 2.0, True),
        (4_095, 1, 2.0, False),
    ],
)
async def test_a_compaction_begins_when_the_log_has_grown_to_its_ratio(
    size_bytes: int, live_bytes: int, ratio: float, due: bool
) -> None:
    storage = HeldStorage(size_bytes=1, live_bytes=live_bytes)
    async with office(storage, ratio=ratio) as at:
        assert storage.compactions == []
        storage.size_bytes = size_bytes
        await at.send(one=ONE)
        assert bool(storage.compactions) is due


async def test_a_log_that_is_too_large_when_opened_is_compacted_at_once() -> None:
    storage = HeldStorage(size_bytes=10_000, live_bytes=100)
    async with office(storage, state=state_of({1: "one"})):
        assert storage.compactions == [(1, [1])]
        assert storage.size_bytes == 100


async def test_after_a_failure_a_compaction_is_tried_again_at_twice_the_size() -> None:
    storage = HeldStorage(size_bytes=10_000, live_bytes=100)
    storage.compacting.error = NO_SPACE
    async with office(storage) as at:
        assert len(storage.compactions) == 1
        for size_bytes, attempts in ((10_000, 1), (19_999, 1), (20_000, 2), (39_000, 2)):
            storage.size_bytes = size_bytes
            await at.send(write=UpdateOne(record(1, "none")))
            assert len(storage.compactions) == attempts
    assert at.writer.failure is None


async def test_only_one_compaction_runs_at_a_time() -> None:
    storage = HeldStorage(size_bytes=10_000, live_bytes=100)
    storage.compacting.shut()
    async with office(storage) as at:
        await at.send(one=ONE, two=TWO, asked=Compact())
        assert len(storage.compactions) == 1
        storage.compacting.open()
        await at.settle()
    assert len(storage.compactions) == 2


async def test_closing_waits_for_a_compaction_that_somebody_asked_for() -> None:
    async with office() as at:
        at.storage.compacting.shut()
        await at.send(compaction=Compact(), next=Compact())
        at.mailbox.close()
        await at.settle()
        assert at.answers == {}
        at.storage.compacting.open()
    assert at.answers.keys() == {"compaction", "next"}
    assert at.writer.counts.compactions == 2


async def test_closing_cancels_a_compaction_that_nobody_asked_for() -> None:
    storage = HeldStorage(size_bytes=10_000, live_bytes=100)
    storage.compacting.shut()
    async with office(storage) as at:
        await at.send(one=ONE)
        at.mailbox.close()
        await at.settle()
    assert len(storage.compactions) == 1
    assert at.writer.counts.compactions == 0
    assert at.writer.failure is None


async def test_closing_cancels_what_nobody_asked_for_and_does_what_somebody_did() -> None:
    storage = HeldStorage(size_bytes=10_000, live_bytes=100)
    storage.compacting.shut()
    async with office(storage) as at:
        await at.send(asked=Compact())
        at.mailbox.close()
        await at.settle()
        assert len(storage.compactions) == 2
        storage.compacting.open()
    assert at.answer("asked") is None
