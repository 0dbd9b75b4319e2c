"""Reading a filter: by recursive descent, one method a rule of the grammar.

.. code-block:: text

    filter    = part { "or" part }
    part      = item { "and" item }
    item      = "not" item | test
    test      = operand [ operator operand ] | operand "matches" string
              | "exists" "(" field ")" | "(" filter ")"
    operator  = "==" | "!=" | "<" | "<=" | ">" | ">=" | [ "not" ] "in" | "contains"
    operand   = field | literal
    field     = ( name | "$" ) { "." name | "[" integer "]" | "[" string "]" }
    literal   = number | string | "true" | "false" | "null" | "[" [ literal { "," literal } ] "]"

The words of the language are no names of fields; ``$.in`` is the field that is called so. In the
string after ``matches`` every backslash belongs to the regular expression.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from attrs import define, field

from reddb.cli.filters.conditions import (
    COMPARISONS,
    All,
    Compares,
    Condition,
    Exists,
    Field,
    IsTrue,
    Literal,
    Matches,
    Not,
    Operand,
    Some,
)
from reddb.cli.filters.tokens import FilterError, Token, TokenKind, string_of, tokens_of

_DEPTH_MAX: Final = 50
"""How many brackets and ``not`` may stand inside each other: far below what recursion allows."""

_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_WORDS: Final = {"and", "or", "not", "in", "contains", "matches", "exists", *_CONSTANTS}


def parse_filter(text: str) -> Condition:
    """Read a filter.

    Raises:
        FilterError: It is not one; the message says what is wrong, and where.

    Example:
        >>> parse_filter("done and priority > 3").holds({"done": True, "priority": 5})
        True
    """
    parser = _Parser(text)
    condition = parser.filter()
    parser.expect_end("'and', 'or' or the end")
    return condition


def parse_field(text: str) -> Field:
    """Read the path of a field, such as ``address.zip``.

    Raises:
        FilterError: It is not one; the message says what is wrong, and where.
    """
    parser = _Parser(text)
    found = parser.field()
    parser.expect_end("'.', '[' or the end")
    return found


@define
class _Parser:
    _text: str
    _tokens: list[Token] = field(init=False)
    _at: int = field(default=0, init=False)
    _depth: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._tokens = list(tokens_of(self._text))

    # The rules.

    def filter(self) -> Condition:
        parts = [self._part()]
        while self._take("or"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _part(self) -> Condition:
        items = [self._item()]
        while self._take("and"):
            items.append(self._item())
        return items[0] if len(items) == 1 else All(tuple(items))

    def _item(self) -> Condition:
        if self._take("not"):
            self._deeper()
            condition = Not(self._item())
            self._depth -= 1
            return condition
        return self._test()

    def _test(self) -> Condition:
        if self._take("("):
            self._deeper()
            condition = self.filter()
            self._expect(")", "this bracket is not closed")
            self._depth -= 1
            return condition
        if self._take("exists"):
            self._expect("(", "write exists(field)")
            found = Exists(self.field())
            self._expect(")", "this bracket is not closed")
            return found
        return self._comparison(self._operand())

    def _comparison(self, left: Operand) -> Condition:
        if self._take("matches"):
            condition: Condition = Matches(left, self._pattern())
        elif operator := self._operator():
            condition = Compares(left, COMPARISONS[operator], self._operand())
        else:
            return IsTrue(left)
        at = self._at
        if self._operator():
            self._at = at
            raise self._wrong("only two values are compared at a time: write 'and' in between")
        return condition

    def _operator(self) -> str | None:
        """Go past the next token or two if they are an operator, and give it."""
        if self._next.text == "not" and self._tokens[self._at + 1].text == "in":
            self._at += 2
            return "not in"
        return next((each for each in COMPARISONS if self._take(each)), None)

    def _pattern(self) -> re.Pattern[str]:
        token = self._next
        if token.kind is not TokenKind.STRING:
            raise self._wrong("a regular expression, in quotes, comes after 'matches'")
        self._at += 1
        try:
            with warnings.catch_warnings(action="ignore", category=FutureWarning):
                return re.compile(token.text[1:-1])
        except re.error as error:
            at = token.column + 1 + (error.pos or 0)
            message = f"the regular expression cannot be read: {error.msg}"
            raise FilterError(message, self._text, at) from None
        except (OverflowError, RecursionError):
            message = "the regular expression is too large"
            raise FilterError(message, self._text, token.column) from None

    def _operand(self) -> Operand:
        token = self._next
        name = token.kind is TokenKind.NAME and token.text not in _WORDS
        return self.field() if name or token.text == "$" else Literal(self._literal())

    def field(self) -> Field:
        token = self._next
        if token.kind is TokenKind.NAME and token.text in _WORDS:
            raise self._wrong(f"{token.text!r} means something else; the field is $.{token.text}")
        steps: list[str | int] = []
        if not self._take("$"):
            steps.append(self._name())
        while True:
            if self._take("."):
                steps.append(self._name())
            elif self._take("["):
                steps.append(self._key())
                self._expect("]", "this bracket is not closed")
            else:
                return Field(tuple(steps))

    def _name(self) -> str:
        token = self._next
        if token.kind is not TokenKind.NAME:
            raise self._wrong("the name of a field is expected")
        self._at += 1
        return token.text

    def _key(self) -> str | int:
        key = self._literal()
        if type(key) not in {str, int}:
            self._at -= 1
            raise self._wrong("a key in quotes or a whole number is expected")
        found: str | int = key
        return found

    def _literal(self) -> Any:
        token = self._next
        match token.kind:
            case TokenKind.STRING:
                self._at += 1
                return string_of(token, self._text)
            case TokenKind.NUMBER:
                self._at += 1
                return self._number(token)
            case TokenKind.NAME if token.text in _CONSTANTS:
                self._at += 1
                return _CONSTANTS[token.text]
            case TokenKind.SIGN if token.text == "[":
                return self._list()
        raise self._wrong("a field or a value is expected")

    def _list(self) -> list[Any]:
        self._at += 1
        self._deeper()
        items: list[Any] = []
        while not self._take("]"):
            if items:
                self._expect(",", "',' or ']' is expected")
            items.append(self._literal())
        self._depth -= 1
        return items

    def _number(self, token: Token) -> int | float:
        try:
            return float(token.text) if set(token.text) & set(".eE") else int(token.text)
        except ValueError:  # Python converts some thousand digits, not more.
            raise FilterError("the number is too long", self._text, token.column) from None

    # The tokens.

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, text: str) -> bool:
        """Go past the next token if it is the word or the sign `text`."""
        found = self._next.text == text and self._next.kind is not TokenKind.STRING
        self._at += found
        return found

    def _expect(self, text: str, otherwise: str) -> None:
        if not self._take(text):
            raise self._wrong(otherwise)

    def expect_end(self, expected: str) -> None:
        if self._next.kind is not TokenKind.END:
            raise self._wrong(f"{expected} is expected")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise self._wrong(f"more than {_DEPTH_MAX} brackets stand inside each other")

    def _wrong(self, message: str) -> FilterError:
        return FilterError(message, self._text, self._next.column)
