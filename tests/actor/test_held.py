"""The list of what is still held: how many, which is the oldest, and for how long."""

from __future__ import annotations

import threading

from reddb.actor.held import Held


class Thing:
    """Something that can be held."""


class Clock:
    """Tells the time that it is told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_oldest_is_the_first_that_is_still_held() -> None:
    clock = Clock()
    held: Held[Thing] = Held(clock)
    assert (len(held), held.oldest()) == (0, None)
    things = []
    for clock.now in (1.0, 2.0, 3.0):
        things.append(Thing())
        held.add(things[-1])
    clock.now = 10.0
    assert (len(held), held.oldest()) == (3, (things[0], 9.0))
    del things[1]
    assert (len(held), held.oldest()) == (2, (things[0], 9.0))
    del things[0]
    assert (len(held), held.oldest()) == (1, (things[0], 7.0))
    things.clear()
    assert (len(held), held.oldest()) == (0, None)


def test_it_holds_nothing_itself_however_many_come_and_go() -> None:
    held: Held[Thing] = Held(Clock())
    first = Thing()
    held.add(first)
    for _ in range(1000):
        held.add(Thing())
    assert len(held) == len(held._since) == 1
    assert held.oldest() == (first, 0.0)


def test_what_it_lists_may_be_let_go_in_another_thread() -> None:
    held: Held[Thing] = Held(Clock())
    things = [Thing() for _ in range(2000)]
    for thing in things:
        held.add(thing)
    del thing
    last = things[-1]

    def let_go() -> None:
        while len(things) > 1:
            del things[0]

    thread = threading.Thread(target=let_go)
    thread.start()
    while len(held) > 1:
        assert held.oldest() is not None
    thread.join()
    assert held.oldest() == (last, 0.0)
