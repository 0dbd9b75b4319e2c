"""The persistent vector of pages does what a dict sorted by number does."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.document import Document
from reddb.actor.pages import Page, Pages, Replaced

numbers = st.integers(0, 40) | st.integers(0, 3000)
operations = st.lists(st.tuples(numbers, st.booleans()), max_size=60)


def page(number: int) -> Page:
    return Page.blank(0).extended([number], [b""], None)


def contents(pages: Pages) -> dict[int, Page]:
    found = dict(pages.items())
    assert list(pages) == list(found.values())
    assert all(pages.page(number) is page for number, page in found.items())
    return found


@given(operations)
def test_it_is_a_sorted_dict_and_old_versions_stay(steps: list[tuple[int, bool]]) -> None:
    pages = Pages()
    model: dict[int, Page] = {}
    versions = [(pages, model)]
    for number, setting in steps:
        model = {other: model[other] for other in model if other != number}
        if setting:
            model[number] = page(number)
        pages = pages.with_page(number, model.get(number))
        assert pages.page(number) is model.get(number)
        versions.append((pages, model))
    for version, expected in versions:
        assert list(contents(version).items()) == sorted(expected.items())


@given(st.sets(numbers, min_size=1))
def test_taking_all_pages_away_leaves_nothing(taken: set[int]) -> None:
    pages = Pages()
    for number in taken:
        pages = pages.with_page(number, page(number))
    full = pages
    for number in taken:
        pages = pages.with_page(number, None)
    assert contents(pages) == {}
    assert contents(full).keys() == taken


def test_a_page_that_is_not_there_is_none() -> None:
    assert Pages().page(0) is None
    assert Pages().with_page(3, page(3)).page(1 << 30) is None
    assert contents(Pages().with_page(700, None)) == {}


def test_of_pages_in_a_row_is_what_adding_each_gives() -> None:
    row = [page(number) for number in range(600)]
    assert contents(Pages.of(row)) == contents(Pages().with_pages(enumerate(row)))


@pytest.mark.parametrize("numbers", [[], [3], [3, 700], [3, 4, 700]])
def test_several_pages_are_put_in_as_one_by_one(numbers: list[int]) -> None:
    before = one_by_one = Pages().with_page(3, page(0)).with_page(9, page(9))
    new = [(number, page(number)) for number in numbers]
    for number, each in new:
        one_by_one = one_by_one.with_page(number, each)
    assert contents(before.with_pages(new)) == contents(one_by_one)
    assert contents(before.with_pages((number, None) for number, _ in new)) == {
        number: each for number, each in contents(before).items() if number not in numbers
    }


def noted(*texts: str | None) -> list[Document[str] | None]:
    return [None if text is None else Document(UUID(int=1), text) for text in texts]


def test_a_page_is_complete_while_every_document_in_it_is_noted() -> None:
    one = Page.blank(2).extended([7], [b"x"], noted("x"))
    assert one.complete == one.notes == [None, None, *noted("x")]
    assert one.extended([8], [b"y"], noted("y")).complete is not None
    assert one.extended([8], [b"y"], noted(None)).complete is None
    assert one.extended([8], [b"y"], None).complete is None
    assert one.with_slots([(2, b"y", noted("y")[0])]).complete is not None
    assert one.with_slots([(2, b"y", None)]).complete is None
    gone = one.with_slots([(2, None, None)])
    assert gone.complete == [None, None, None]
    assert (one.live_count, gone.live_count) == (1, 0)


def test_several_slots_are_replaced_as_one_by_one() -> None:
    one = Page.blank(1).extended([7, 8, 9], [b"x", b"y", b"z"], noted("x", "y", "z"))
    replaced: list[Replaced] = [(1, b"new", None), (3, None, None), (2, b"y2", noted("y2")[0])]
    at_once, one_by_one = one.with_slots(replaced), one
    for each in replaced:
        one_by_one = one_by_one.with_slots([each])
    assert msgspec.structs.astuple(at_once) == msgspec.structs.astuple(one_by_one)
    assert at_once.data == (None, b"new", b"y2", None) and at_once.live_count == 2
    assert at_once.notes == [None, None, *noted("y2"), None] and at_once.complete is None
    assert one.notes == [None, *noted("x", "y", "z")], "the old one stays"


def test_what_was_noted_can_be_forgotten() -> None:
    one = Page.blank(0).extended([7], [b"x"], None)
    one.note_all(noted("x"))
    assert one.complete == noted("x")
    one.forget()
    assert [one.notes, one.complete] == [None, None]


def test_a_page_of_one_noted_document_has_room_for_the_others() -> None:
    one = Page.blank(0).extended([7, 8], [b"x", b"y"], None)
    one.note(1, Document(UUID(int=8), "y"))
    assert one.notes == [None, Document(UUID(int=8), "y")]
    assert one.complete is None
