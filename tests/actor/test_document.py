"""A document is a small frozen value that is known by its id."""

from __future__ import annotations

import copy
import gc
import pickle
from uuid import UUID, uuid4

import attrs
import pytest

from reddb.actor.document import Document, leaf_document, open_document, uuid_of

ID = UUID("50e6073f-a75c-4995-a91b-1d9ff5a9fe9f")


def test_all_ways_of_making_one_give_the_same() -> None:
    made = [Document(ID, "x"), leaf_document(ID.int, "x"), open_document(ID.int, "x")]
    for document in made:
        assert isinstance(document, Document)
        assert (document.id, document.data) == (ID, "x")
        assert document == made[0] and hash(document) == hash(made[0])
        assert (
            repr(document) == "Document(id=UUID('50e6073f-a75c-4995-a91b-1d9ff5a9fe9f'), data='x')"
        )


def test_the_id_and_the_data_count() -> None:
    assert leaf_document(ID.int, "x") != leaf_document(ID.int, "y")
    assert leaf_document(ID.int, "x") != leaf_document(ID.int + 1, "x")
    assert leaf_document(ID.int, "x") != (ID, "x")


def test_one_matches_a_pattern() -> None:
    match leaf_document(ID.int, "x"):
        case Document(id_, data):
            assert [id_, data] == [ID, "x"]


@pytest.mark.parametrize("make", [leaf_document, open_document])
def test_nothing_of_one_can_be_changed(make: type[Document[str]]) -> None:
    document = make(ID.int, "x")  # type: ignore[arg-type]  # These take the id's number.
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        document.data = "y"  # type: ignore[misc]  # Wrong on purpose.
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del document.data
    assert document.data == "x"


@pytest.mark.parametrize("document", [leaf_document(ID.int, "x"), Document(ID, ["x"])])
def test_one_can_be_copied_and_pickled(document: Document[object]) -> None:
    assert copy.copy(document) == copy.deepcopy(document) == document
    assert pickle.loads(pickle.dumps(document)) == document


def test_the_collector_visits_those_alone_that_may_be_part_of_a_cycle() -> None:
    assert gc.is_tracked(open_document(ID.int, ["x"])) and gc.is_tracked(Document(ID, ["x"]))
    assert not gc.is_tracked(leaf_document(ID.int, ("x", ID)))


def test_an_id_made_of_its_number_is_an_ordinary_one() -> None:
    made = uuid4()
    assert uuid_of(made.int) == made and hash(uuid_of(made.int)) == hash(made)
    assert str(uuid_of(made.int)) == str(made) and uuid_of(made.int).is_safe is made.is_safe
