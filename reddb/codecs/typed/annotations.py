"""Annotations taken apart: wrappers stripped, fields' types resolved, names for people."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from inspect import get_annotations
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NewType,
    Self,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import attrs

from reddb.codecs.plain import Misfit

_WRAPPERS = {Annotated, Final, typing.Required, typing.NotRequired} | {
    getattr(typing, "ReadOnly", Annotated)  # Python 3.13 has it.
}
_SAME_AS = {None: NoneType, object: Any, Final: Any, typing.Tuple: tuple}  # noqa: UP006


def bare(annotation: Any) -> Any:
    """Strip what says nothing about how a value is stored.

    That is ``Annotated`` and its like, a ``NewType``, a type alias's name, and a type variable
    that nobody has filled in.

    Example:
        >>> bare(Annotated[NewType("UserId", int), "metadata"])
        <class 'int'>
    """
    while True:
        inner = _unwrapped(annotation)
        if inner is annotation:
            break
        annotation = inner
    try:
        return _SAME_AS.get(annotation, annotation)
    except TypeError:  # Metadata or a Literal's value that cannot be hashed.
        return annotation


def is_wrapped(annotation: Any) -> bool:
    """Tell whether an annotation is ``Annotated[T, ...]``, ``Required[T]`` or their like."""
    return get_origin(annotation) in _WRAPPERS


def _unwrapped(annotation: Any) -> Any:
    origin = get_origin(annotation)
    if is_wrapped(annotation):
        return get_args(annotation)[0]
    if isinstance(annotation, NewType):
        return annotation.__supertype__
    if isinstance(annotation, TypeVar):
        return _unfilled(annotation)
    alias = annotation if origin is None else origin
    if type(alias).__name__ == "TypeAliasType":  # typing's since Python 3.12, or an extension.
        return fill(
            alias.__value__, dict(zip(alias.__type_params__, get_args(annotation), strict=False))
        )
    return annotation


def _unfilled(variable: TypeVar) -> Any:
    if getattr(variable, "has_default", bool)():  # Python 3.13 has it.
        return variable.__default__  # type: ignore[attr-defined]
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007  # Made at run time.
    return Any if variable.__bound__ is None else variable.__bound__


def fill(annotation: Any, variables: Mapping[Any, Any]) -> Any:
    """Replace the type variables in an annotation.

    Example:
        >>> T = TypeVar("T")
        >>> fill(dict[str, list[T]], {T: int})
        dict[str, list[int]]
    """
    if isinstance(annotation, TypeVar):
        return variables.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or isinstance(annotation, type):  # A class without arguments keeps none.
        return annotation
    return annotation[tuple(variables.get(each, each) for each in parameters)]


def field_types(annotation: Any) -> dict[str, Any]:
    """Give the types of a class's fields, with forward references, ``Self`` and variables resolved.

    Args:
        annotation: The class, with its type arguments if it has any.

    Raises:
        Misfit: A forward reference names nothing.
    """
    cls = get_origin(annotation) or annotation
    variables = dict(_variables(annotation))
    # A TypedDict repeats its bases' annotations, and has no bases by the time it is a class.
    owners = list(reversed(variables)) if is_typed_dict(cls) else cls.__mro__
    return {
        name: _with_self(fill(hint, variables.get(_owner(owners, name, cls), {})), annotation)
        for name, hint in _hints(cls).items()
    }


def _with_self(annotation: Any, cls: Any) -> Any:
    """Replace ``Self`` in the annotation of a class's field by the class."""
    if annotation is Self:
        return cls
    origin, arguments = get_origin(annotation), get_args(annotation)
    filled = tuple(_with_self(each, cls) for each in arguments)
    if all(one is other for one, other in zip(filled, arguments, strict=True)):
        return annotation
    if origin is Annotated:
        return Annotated[(filled[0], *annotation.__metadata__)]
    return Union[filled] if is_union(annotation) else origin[filled]  # noqa: UP007  # At run time.


def _hints(cls: Any) -> dict[str, Any]:
    try:
        try:
            return _hints_among(cls, None)
        except NameError:  # A class made in a function may at least name itself.
            return _hints_among(cls, {cls.__name__: cls})
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise Misfit(f"an annotation of {type_name(cls)} cannot be resolved: {error}") from error


def _hints_among(cls: Any, names: dict[str, Any] | None) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, localns=names, include_extras=True)
    if not attrs.has(cls):
        return hints
    types = {each.name: Any if each.type is None else each.type for each in attrs.fields(cls)}
    return {name: hints.get(name, kind) for name, kind in types.items()}


def _owner(classes: Iterable[type], name: str, default: type) -> type:
    """Give the class that annotates the field, whose type variables the annotation has."""
    return next((each for each in classes if name in get_annotations(each)), default)


def _variables(annotation: Any) -> Iterator[tuple[type, dict[Any, Any]]]:
    """Give what the type variables of a class and of its bases stand for."""
    cls = get_origin(annotation) or annotation
    if isinstance(cls, type):
        own = dict(zip(getattr(cls, "__parameters__", ()), get_args(annotation), strict=False))
        yield cls, own
        for base in vars(cls).get("__orig_bases__", cls.__bases__):
            if get_origin(base) is not Generic:
                yield from _variables(fill(base, own))


def is_typed_dict(annotation: Any) -> bool:
    """Tell whether a class is a TypedDict, be it of `typing` or of `typing_extensions`."""
    return hasattr(annotation, "__required_keys__")


def is_union(annotation: Any) -> bool:
    """Tell whether an annotation is ``A | B`` or ``Union[A, B]``."""
    return get_origin(annotation) in {Union, UnionType}


def type_name(annotation: Any) -> str:
    """Name a type as a person would write it.

    Example:
        >>> type_name(dict[str, None | int])
        'dict[str, None | int]'
    """
    if annotation is NoneType:
        return "None"
    if annotation is ...:
        return "..."
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    names = [type_name(each) for each in arguments]
    if is_union(annotation):
        return " | ".join(names)
    if names and get_origin(annotation) is not None:
        return f"{type_name(get_origin(annotation))}[{', '.join(names)}]"
    return getattr(annotation, "__qualname__", None) or str(annotation).removeprefix("typing.")
