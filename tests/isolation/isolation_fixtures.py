"""Fixtures of the tests of isolation."""

from __future__ import annotations

import pytest
from bases import ALL, Base

from reddb import WriteOrder


@pytest.fixture(params=WriteOrder, ids=lambda order: order.value)
def base(request: pytest.FixtureRequest) -> Base:
    """A JSON database, in both write orders."""
    return Base(write_order=request.param)


@pytest.fixture(params=WriteOrder, ids=lambda order: order.value)
def slow_base(request: pytest.FixtureRequest) -> Base:
    """The same on a disk that takes a second for everything, for tests under a mock clock."""
    return Base(write_order=request.param, latency_s=1)


@pytest.fixture(
    params=[(kind, order) for kind in ALL for order in WriteOrder],
    ids=lambda pair: f"{pair[0].__name__}-{pair[1].value}",
)
def any_base(request: pytest.FixtureRequest) -> Base:
    """Every database, in both write orders."""
    return Base(*request.param)
