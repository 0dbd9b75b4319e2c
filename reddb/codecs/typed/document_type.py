"""Document types with what an annotation cannot say: hooks, a version, and upgrades to it."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar, overload

from attrs import field, frozen

from reddb.codecs.protocol import Plain
from reddb.codecs.typed.annotations import type_name
from reddb.codecs.typed.hooks import Hooks, HookSource

T = TypeVar("T")

Upgrade: TypeAlias = Callable[[Any], Plain]
"""Given the plain value of a document, gives that of the next version."""

VERSION_MAX = 2**31 - 1


def _read_only(upgrades: Mapping[int, Upgrade]) -> Mapping[int, Upgrade]:
    return MappingProxyType(dict(upgrades))


@frozen(eq=False, init=False)
class DocumentType(Generic[T]):
    """A document type, with hooks for types that reddb does not know, and with its version.

    It can stand wherever a document type can. A plain type is ``DocumentType(type)``.

    Raises:
        TypeError: A hook is none, or an upgrade is no function.
        ValueError: The version is no whole number from 1 on, or the upgrades do not lead to it.

    Example:
        >>> def split_name(old):
        ...     first, _, last = old.pop("name").partition(" ")
        ...     return {**old, "first": first, "last": last}
        >>> people = DocumentType(Person, version=2, upgrades={1: split_name})
        >>> async with JsonDb.open("people", people) as db: ...
    """

    type: Any
    """The type of the documents' data."""
    version: int
    """The version that documents are written as. Those of no known version count as 1."""
    upgrades: Mapping[int, Upgrade] = field(converter=_read_only)
    """What makes of a document of that version one of the next: functions from plain value to plain
    value, each by the version that it begins with. They run one after another, up to `version`."""
    hooks: Sequence[HookSource]
    """How types are stored that reddb does not know: hooks, or functions that give the hook for a
    class, or None if they have none for it."""

    @overload
    def __init__(
        self,
        type: builtins.type[T],
        *,
        version: int = ...,
        upgrades: Mapping[int, Upgrade] = ...,
        hooks: Sequence[HookSource] = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: DocumentType[Any],
        type: Any,
        *,
        version: int = ...,
        upgrades: Mapping[int, Upgrade] = ...,
        hooks: Sequence[HookSource] = ...,
    ) -> None: ...

    def __init__(
        self,
        type: Any,  # noqa: A002  # It is the attribute's name.
        *,
        version: int = 1,
        upgrades: Mapping[int, Upgrade] = MappingProxyType({}),
        hooks: Sequence[HookSource] = (),
    ) -> None:
        self.__attrs_init__(type, version, upgrades, tuple(hooks))

    def __attrs_post_init__(self) -> None:
        if isinstance(self.type, DocumentType):
            raise TypeError("a DocumentType is made of a type, not of another DocumentType")
        Hooks(self.hooks)
        version: object = self.version
        if version.__class__ is not int or not 1 <= version <= VERSION_MAX:
            raise ValueError(f"a version is a whole number from 1 on, not {version!r}")
        self._check_upgrades()

    def _check_upgrades(self) -> None:
        name = type_name(self.type)
        for start, upgrade in self.upgrades.items():
            if not callable(upgrade):
                raise TypeError(f"the upgrade of {name} from version {start!r} is no function")
            if start not in range(1, self.version):
                raise ValueError(
                    f"{name} is of version {self.version}, and there is an upgrade of version "
                    f"{start!r}: upgrades go by the version that they begin with"
                )
        oldest = min(self.upgrades, default=max(1, self.version - 1))
        for start in range(oldest, self.version):
            if start not in self.upgrades:
                raise ValueError(f"{name} has no upgrade from version {start} to {start + 1}")

    @classmethod
    def of(cls, document_type: Any) -> DocumentType[Any]:
        """Give a document type as a `DocumentType`, which it may be already."""
        return document_type if isinstance(document_type, DocumentType) else cls(document_type)
