"""Hooks: how a type that reddb does not know becomes a value of one that it knows, and back.

Here is what a program says of such a type; `hooked` plans it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import field, frozen

from reddb.codecs.plain import SCALARS, Misfit
from reddb.codecs.typed.annotations import type_name

T = TypeVar("T")

_PLAIN = SCALARS | {list, dict, object}


@frozen(eq=False)
class TypeHook(Generic[T]):
    """How a type that reddb does not know is stored. Give it to a `DocumentType`.

    When a value is stored, the hook is run both ways, and a value that would not come back equal
    is refused with `EncodeError`.

    Raises:
        TypeError: The type is no class or needs no hook, or one of the functions is none.

    Example:
        >>> address = TypeHook(
        ...     IPv4Address, to_plain=str, from_plain=IPv4Address, immutable=True
        ... )
        >>> servers = JsonDb.open("servers", DocumentType(Server, hooks=[address]))
    """

    type: type[T]
    """The class. Values must be exactly of it; a subclass needs a hook of its own."""
    to_plain: Callable[[T], Any] = field(kw_only=True)
    """Gives what is stored of a value: a value of the type `stored_as`."""
    from_plain: Callable[[Any], T] = field(kw_only=True)
    """Gives the value of what `to_plain` gave."""
    stored_as: Any = field(default=str, kw_only=True)
    """The type of what `to_plain` gives: any that a document may have; `str` if not given."""
    immutable: bool = field(default=False, kw_only=True)
    """Whether nobody can change a value, nor any part of it, so that readers may share one."""
    equal: Callable[[T, T], object] = field(default=operator.eq, kw_only=True)
    """Tells whether what came back is as good as the value; ``==`` if not given."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.type, type):
            raise TypeError(f"a hook is for a class, not for {type_name(self.type)}")
        if self.type in _PLAIN:
            raise TypeError(f"{self.type.__name__} is stored as it is; a hook cannot change that")
        for name in ("to_plain", "from_plain", "equal"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} of the hook for {type_name(self.type)} is no function")


HookSource: TypeAlias = "TypeHook[Any] | Callable[[type[Any]], TypeHook[Any] | None]"
"""A hook, or a function that gives the hook for a class, or None if it has none for it."""


@frozen(eq=False)
class Hooks:
    """The hooks of a document type, by class.

    Raises:
        TypeError: Something is no hook, or two are for one class.
    """

    _sources: Sequence[HookSource] = ()

    def __attrs_post_init__(self) -> None:
        classes = [each.type for each in self._sources if isinstance(each, TypeHook)]
        for each in self._sources:
            source: object = each
            if isinstance(source, TypeHook):
                continue
            if isinstance(source, type) or not callable(source):
                raise TypeError(f"a hook is a TypeHook or a function that gives one, not {each!r}")
        for cls in classes:
            if classes.count(cls) > 1:
                raise TypeError(f"there are two hooks for {type_name(cls)}")

    def get(self, cls: Any) -> TypeHook[Any] | None:
        """Give the hook for a class, or None; the first source that has one decides.

        Raises:
            Misfit: A function gave something else.
        """
        if not self._sources or not isinstance(cls, type) or cls in _PLAIN:
            return None
        for source in self._sources:
            hook: object = source if isinstance(source, TypeHook) else source(cls)
            if isinstance(hook, TypeHook) and hook.type is cls:
                return hook
            if hook is not None and hook is not source:
                raise Misfit(f"asked for a hook for {type_name(cls)}, {source!r} gave {hook!r}")
        return None
