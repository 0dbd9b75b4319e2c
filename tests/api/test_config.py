"""The configuration: its defaults, and what it refuses."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import RFC_4122, UUID

import attrs
import pytest

from reddb import DbConfig, Durability, WriteOrder
from reddb.api.config import key_maker

BAD_SETTINGS: Sequence[dict[str, Any]] = [
    {"name": ""},
    {"name": "."},
    {"name": ".."},
    {"name": "a/b"},
    {"name": "../notes"},
    {"name": "/notes"},
    {"name": "a\\b"},
    {"name": "a\0b"},
    {"name": "x" * 231},
    {"name": "\ud800"},
    {"name": 5},
    {"name": None},
    {"name": b"notes"},
    {"dir": None},
    {"dir": 5},
    {"compaction_ratio": 0.99},
    {"compaction_ratio": 0},
    {"compaction_ratio": -2.0},
    {"compaction_ratio": float("nan")},
    {"compaction_ratio": "2"},
    {"compaction_ratio": None},
    {"compaction_ratio": True},
    {"write_order": "memory_first"},
    {"write_order": None},
    {"durability": "fsync"},
    {"durability": None},
    {"mailbox_commands_max": 0},
    {"mailbox_commands_max": 1.5},
    {"mailbox_commands_max": True},
    {"batch_commands_max": -1},
    {"batch_commands_max": None},
    {"batch_commands_max": True},
    {"document_bytes_max": 0},
    {"document_bytes_max": 1 << 32},
    {"document_bytes_max": "1"},
    {"document_bytes_max": True},
    {"new_id": None},
    {"clock": 1.5},
    {"decoded_documents_max": -1},
    {"decoded_documents_max": 1.5},
    {"decoded_documents_max": False},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS, ids=ascii)
def test_a_bad_setting_is_refused_when_the_configuration_is_made(settings: Any) -> None:
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        DbConfig(**({"name": "notes"} | settings))


def test_a_configuration_has_the_defaults_of_the_contract() -> None:
    config = DbConfig("notes")
    assert (config.name, config.dir, config.compaction_ratio) == ("notes", Path(), 2.0)
    assert config.write_order is WriteOrder.MEMORY_FIRST
    assert config.durability is Durability.FSYNC
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        config.name = "other"  # type: ignore[misc]  # Wrong on purpose.
    with pytest.raises(TypeError):
        DbConfig("notes", ".")  # type: ignore[call-arg]  # Wrong on purpose.


@pytest.mark.parametrize("ratio", [1, 1.0, 7.5, float("inf")])
def test_every_ratio_of_at_least_one_is_taken(ratio: float) -> None:
    assert DbConfig("notes", compaction_ratio=ratio).compaction_ratio == ratio


def test_random_ids_are_uuids_of_version_4() -> None:
    config = DbConfig("words")
    new_key = key_maker(config)
    keys = {new_key() for _ in range(64)}
    ids = [*(UUID(int=key) for key in keys), config.new_id()]
    assert len(keys) == 64
    assert {(id_.version, id_.variant) for id_ in ids} == {(4, RFC_4122)}
    varying = [reduce(operator.xor, pair) for pair in pairwise(keys)]
    assert reduce(operator.or_, varying) == (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)


def test_random_ids_go_on_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    new_key = key_maker(DbConfig("words"))

    def interrupted(_size: int) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.urandom", interrupted)
        with pytest.raises(KeyboardInterrupt):
            new_key()
    assert len({new_key() for _ in range(200)}) == 200


def test_random_ids_may_be_asked_for_in_any_thread() -> None:
    new_key = key_maker(DbConfig("words"))
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: new_key(), range(4000)))
    assert len(set(keys)) == 4000


def test_ids_of_your_own_are_used_by_their_number() -> None:
    ids = iter([UUID(int=7), UUID(int=8)])
    new_key = key_maker(DbConfig("words", new_id=lambda: next(ids)))
    assert [new_key(), new_key()] == [7, 8]
