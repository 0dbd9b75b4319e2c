"""Hooked types: stored as some other type, with two functions of the program's around it.

The plan of `TypeHook.stored_as` writes the value in every format, tells it apart in unions, and
lets it be a dict's key where it may be one. What the functions give is checked like everything
else, and what would not come back equal is refused when it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, get_origin

from reddb.codecs.plain import Misfit, shown
from reddb.codecs.protocol import Plain
from reddb.codecs.typed.annotations import type_name
from reddb.codecs.typed.hooks import TypeHook
from reddb.codecs.typed.plan import Plan, Planner, mismatch


def plan_hooked(annotation: Any, planner: Planner) -> Plan | None:
    """Plan a type that has a hook."""
    hook = planner.hooks.get(get_origin(annotation) or annotation)
    if hook is None:
        return None
    name = type_name(hook.type)
    with planner.hooking(hook.type):
        inner = planner.plan_at(f"<{name}>", hook.stored_as)
    decode = _decoder(hook, name, inner)
    return Plan(
        _encoder(hook, name, inner, decode),
        decode,
        takes=frozenset({hook.type}),
        forms=inner.forms,
        scalars=inner.scalars,
        immutable=hook.immutable,
    )


def _encoder(
    hook: TypeHook[Any], name: str, inner: Plan, decode: Callable[[Plain], Any]
) -> Callable[[Any], Plain]:
    expected = type_name(hook.stored_as)

    def encode(value: Any) -> Plain:
        if type(value) is not hook.type:
            raise mismatch(name, value)
        try:
            stored = hook.to_plain(value)
        except Exception as error:
            raise Misfit(f"to_plain of the hook for {name} failed: {error!r}") from error
        try:
            plain = inner.encode(stored)
        except Misfit as misfit:
            reason = f"to_plain of the hook for {name} gave no {expected}: {misfit.message}"
            raise Misfit(reason, *misfit.steps) from misfit
        # The value's own parts may be in what is stored: `from_plain` gets others to play with.
        came_back = decode(plain if inner.immutable else deepcopy(plain))
        if not _is_equal(hook, value, came_back):
            raise Misfit(f"the hook for {name} makes {shown(came_back)} of {shown(value)}")
        return plain

    return encode


def _is_equal(hook: TypeHook[Any], value: Any, came_back: Any) -> bool:
    try:
        return bool(hook.equal(value, came_back) or value != value)  # noqa: PLR0124  # As NaN is.
    except Exception as error:  # Arrays, say, have no single answer.
        name = type_name(hook.type)
        raise Misfit(
            f"equal of the hook for {name} cannot tell whether a value came back: {error!r}"
        ) from error


def _decoder(hook: TypeHook[Any], name: str, inner: Plan) -> Callable[[Plain], Any]:
    def decode(plain: Plain) -> Any:
        stored = inner.decode(plain)
        try:
            value = hook.from_plain(stored)
        except Exception as error:
            reason = f"from_plain of the hook for {name} failed: {error!r}"
            raise Misfit(reason) from error
        if type(value) is not hook.type:
            found = type(value).__qualname__
            raise Misfit(f"from_plain of the hook for {name} gave no {name} but {found}")
        return value

    return decode
