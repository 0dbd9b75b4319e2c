"""Source text, written and compiled for one class: its fields, one after the other.

A loop over a class's fields costs several times what there is to do for each of them, and every
document goes through one. So, as attrs and dataclasses do for ``__init__``, the function is written
as text once, when the plan is made. It is what one would write by hand::

    def encode(instance):
        if type(instance) is not cls:
            raise mismatch('Note', instance)
        step = ''
        try:
            field_0 = instance.text
            if type(field_0) is not str:
                step = '.text'
                field_0 = convert_0(field_0)
        except Misfit as misfit:
            misfit.within(step)
            raise
        except AttributeError as error:
            check_set(instance, names, error)
            raise
        return {'text': field_0}

Nothing gets into the text but names that are identifiers, and strings by `repr`. `linecache` has
it, so that tracebacks and debuggers show it.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from keyword import iskeyword
from types import NoneType
from typing import Any

from attrs import frozen

from reddb.codecs.plain import Misfit, key_step
from reddb.codecs.typed.fields import Field
from reddb.codecs.typed.plan import Plan, mismatch

_Function = Callable[[Any], Any]

_KIND_NAMES = {NoneType: "NoneType", bool: "bool", int: "int", float: "float", str: "str"}
_KINDS_MAX = 3
"""To be one of more types than this is asked of their set, not of each in turn."""


@frozen(eq=False)
class Part:
    """A field and how it is stored."""

    field: Field
    plan: Plan


def write_encoder(
    cls: type, name: str, parts: Sequence[Part], finish: _Function | None
) -> _Function:
    """Give the function that makes an instance of exactly `cls` a dict of its fields.

    Args:
        cls: The class.
        name: Its name, for messages.
        parts: Its fields.
        finish: What is done with the dict, if anything.
    """
    body: list[str] = []
    for number, part in enumerate(parts):
        body.append(f"field_{number} = {_attribute(part.field.name)}")
        body += _converted(number, part.plan.kept, f".{part.field.name}")
    items = ", ".join(f"{part.field.key!r}: field_{number}" for number, part in enumerate(parts))
    lines = [
        "def encode(instance):",
        "    if type(instance) is not cls:",
        f"        raise mismatch({name!r}, instance)",
        *_tried(body),
        "    except AttributeError as error:",
        "        check_set(instance, names, error)",
        "        raise",
        f"    return {{{items}}}" if finish is None else f"    return finish({{{items}}})",
    ]
    names = _names(parts, [part.plan.encode for part in parts])
    names |= {"cls": cls, "finish": finish, "mismatch": mismatch, "check_set": _check_set}
    names["names"] = [part.field.name for part in parts]
    return _compiled("encode", name, lines, names)


def _attribute(name: str) -> str:
    """Write how an attribute is read; what made the class may have given it any name."""
    return f"instance.{name}" if _is_name(name) else f"getattr(instance, {name!r})"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _check_set(instance: Any, names: Sequence[str], error: AttributeError) -> None:
    """Refuse an instance that lacks an attribute, if that is what the error was about."""
    for name in names:
        if not hasattr(instance, name):
            raise Misfit(f"field {name!r} is not set", f".{name}") from error


def can_write_decoder(parts: Sequence[Part]) -> bool:
    """Tell whether ``__init__`` takes all fields, by names that text can have."""
    return all(_is_name(part.field.argument or "") for part in parts)


def write_decoder(
    cls: type,
    name: str,
    parts: Sequence[Part],
    fields_of: Callable[[str, Any], Mapping[str, Any]],
    otherwise: _Function,
) -> _Function:
    """Give the function that makes an instance of the dict of all its fields.

    Args:
        cls: The class.
        name: Its name, for messages.
        parts: Its fields.
        fields_of: Gives the fields of what is no dict.
        otherwise: Called in place of this where a field is missing.
    """
    # All keys are looked up before any value is converted. To find out afterwards that one is
    # missing would be to convert again, and again for each level on the way up.
    found = [f"field_{number} = fields[{part.field.key!r}]" for number, part in enumerate(parts)]
    body: list[str] = []
    for number, part in enumerate(parts):
        body += _converted(number, part.plan.kept, key_step(part.field.name))
    lines = [
        "def decode(stored):",
        "    fields = stored if type(stored) is dict else fields_of(name, stored)",
        "    try:",
        *_indented(found or ["pass"], 8),
        "    except KeyError:",
        "        return otherwise(stored)",
        *_tried(body),
        "    try:",
        f"        return cls({_arguments(cls, parts)})",
        "    except Exception as error:",
        "        raise Misfit(f'{name} refused its fields: {error}') from error",
    ]
    names = _names(parts, [part.plan.decode for part in parts])
    names |= {"cls": cls, "name": name, "fields_of": fields_of, "otherwise": otherwise}
    return _compiled("decode", name, lines, names)


def _arguments(cls: type, parts: Sequence[Part]) -> str:
    """Write the arguments of ``__init__``, by position where that goes, for it is quicker."""
    given = {part.field.argument or "": f"field_{number}" for number, part in enumerate(parts)}
    try:
        bound = inspect.signature(cls).bind(**given)
    except (ValueError, NameError, TypeError):  # It has none that Python can see.
        return ", ".join(f"{argument}={value}" for argument, value in given.items())
    by_name = [f"{argument}={value}" for argument, value in bound.kwargs.items()]
    return ", ".join([*bound.args, *by_name])


def _converted(number: int, kept: frozenset[type], step: str) -> list[str]:
    """Write how a field is converted, unless its value is kept as it is."""
    field = f"field_{number}"
    convert = [f"step = {step!r}", f"{field} = convert_{number}({field})"]
    if not kept:
        return convert
    if len(kept) > _KINDS_MAX or not kept <= _KIND_NAMES.keys():
        return [f"if type({field}) not in kept_{number}:", *_indented(convert, 4)]
    first, *others = sorted(_KIND_NAMES[kind] for kind in kept)
    if not others:
        return [f"if type({field}) is not {first}:", *_indented(convert, 4)]
    tests = [f"(kind := type({field})) is not {first}", *(f"kind is not {one}" for one in others)]
    return [f"if {' and '.join(tests)}:", *_indented(convert, 4)]


def _tried(body: Sequence[str]) -> list[str]:
    """Write the block that converts the fields, and tells the place of one that does not fit."""
    return [
        "    step = ''",
        "    try:",
        *_indented(body or ["pass"], 8),
        "    except Misfit as misfit:",
        "        misfit.within(step)",
        "        raise",
    ]


def _indented(lines: Sequence[str], columns: int) -> list[str]:
    return [" " * columns + line for line in lines]


def _names(parts: Sequence[Part], converters: Sequence[_Function]) -> dict[str, Any]:
    """Give what the text calls by a name."""
    names: dict[str, Any] = {"Misfit": Misfit, "NoneType": NoneType}
    for number, (part, convert) in enumerate(zip(parts, converters, strict=True)):
        names |= {f"convert_{number}": convert, f"kept_{number}": part.plan.kept}
    return names


def _compiled(function: str, of: str, lines: Sequence[str], names: dict[str, Any]) -> _Function:
    """Compile the text of a function; file it where whatever shows a traceback looks for it."""
    source = "\n".join(lines) + "\n"
    for number in count(1):
        file_name = f"<reddb {function} {of} {number}>"
        filed = (len(source), None, source.splitlines(keepends=True), file_name)
        if linecache.cache.setdefault(file_name, filed) == filed:  # Another class may be so called.
            break
    exec(compile(source, file_name, "exec"), names)  # noqa: S102  # The module says what is in it.
    made: _Function = names[function]
    return made
