"""The one error of the RON reader, which says where in the text it happened."""

from __future__ import annotations


class RonError(ValueError):
    """The text is not RON. Mend it at the place that the message names.

    Attributes:
        message: What is wrong, such as ``expected `:` after field name``.
        line: The line of the mistake, from 1.
        column: Its place in that line in characters, from 1.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message, line, column)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


def error_at(text: str, position: int, message: str) -> RonError:
    """Make the error for a position in the text, given as an index from 0."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return RonError(message, line, column)
