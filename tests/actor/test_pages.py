"""The persistent vector of pages does what a dict sorted by number does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reddb.actor.pages import EMPTY_PAGE, PAGE_SLOTS, Entry, Page, Pages

numbers = st.integers(0, 40) | st.integers(0, 3000)
operations = st.lists(st.tuples(numbers, st.booleans()), max_size=60)


def page(number: int) -> Page:
    return Page.of([Entry(number, b"")], [None])


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


def test_a_page_of_few_entries_is_filled_up() -> None:
    part = Page.of([Entry(1, b"one")], [None])
    assert len(part.entries) == len(part.documents) == PAGE_SLOTS
    assert part.entries[:2] == (Entry(1, b"one"), None)
    assert not part.is_empty()
    assert EMPTY_PAGE.is_empty() and Page.of([], []).is_empty()
