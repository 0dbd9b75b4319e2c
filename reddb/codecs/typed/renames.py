"""Renamed fields: what a field was called before, so that older documents can still be read.

`FormerNames` stands in the field's annotation, where every kind of class has room for it. Only
reading looks at it: a document that lacks the field and has one of its former names is read as if
that were the field. Writing uses the field's own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin

from attrs import frozen

from reddb.codecs.plain import Misfit, key_step
from reddb.codecs.protocol import Plain
from reddb.codecs.ron.nodes import Struct
from reddb.codecs.typed.annotations import is_wrapped
from reddb.codecs.typed.fields import Field

_Decode = Callable[[Any], Any]


@frozen(init=False)
class FormerNames:
    """What a field was called before: put it in the field's annotation.

    Documents that were stored under a former name can then be read; they are written under the
    new one from then on. Where a document has several of these names, the field's own comes first,
    then the former ones in their order.

    Raises:
        TypeError: There is no name, or one is no string.

    Example:
        >>> @attrs.frozen
        ... class Note:
        ...     text: Annotated[str, FormerNames("body", "content")]
    """

    names: tuple[str, ...]
    """The names that documents may have been stored under."""

    def __init__(self, *names: str) -> None:
        given: tuple[object, ...] = names
        if not names or not all(isinstance(name, str) and name for name in given):
            raise TypeError(f"FormerNames takes one name or more, each a str, not {names!r}")
        self.__attrs_init__(names)


def with_former_names(decode: _Decode, fields: Sequence[Field]) -> _Decode:
    """Give `decode`, which reads the stored fields of a class, such that it knows former names.

    Raises:
        Misfit: A former name is another field's name too.
    """
    former = {each.key: names for each in fields if (names := tuple(_former_names(each.type)))}
    if not former:
        return decode
    _check(former, fields)

    def decode_renamed(stored: Plain) -> Any:
        names = stored.fields if type(stored) is Struct else stored
        if type(names) is dict:
            found = _renamed(names, former)
            stored = {**names, **found} if found else stored
        return decode(stored)

    return decode_renamed


def _former_names(annotation: Any) -> Iterator[str]:
    while is_wrapped(annotation):
        if get_origin(annotation) is Annotated:
            for mark in annotation.__metadata__:
                if isinstance(mark, FormerNames):
                    yield from mark.names
        annotation = get_args(annotation)[0]


def _check(former: Mapping[str, tuple[str, ...]], fields: Sequence[Field]) -> None:
    taken = {each.key for each in fields}
    for each in fields:
        for name in former.get(each.key, ()):
            if name in taken:
                raise Misfit(
                    f"the former name {name!r} is the name of another field too",
                    key_step(each.name),
                )
            taken.add(name)


def _renamed(
    stored: Mapping[str, Plain], former: Mapping[str, tuple[str, ...]]
) -> dict[str, Plain]:
    """Give the fields that are stored under a former name alone."""
    return {
        key: stored[next(name for name in names if name in stored)]
        for key, names in former.items()
        if key not in stored and any(name in stored for name in names)
    }
