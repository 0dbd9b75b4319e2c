"""The filter language of ``reddb find``: a text such as ``done and priority > 3`` as a predicate.

A filter looks at plain values and computes nothing but yes or no: no names but the document's own
fields, no calls, no evaluation of Python. `tokens` cuts the text up, `parser` makes conditions of
the tokens, `conditions` says what they mean, `values` compares.
"""

from reddb.cli.filters.conditions import MISSING, Condition, Field
from reddb.cli.filters.parser import parse_field, parse_filter
from reddb.cli.filters.tokens import FilterError
from reddb.cli.filters.values import order_of

__all__ = [
    "MISSING",
    "Condition",
    "Field",
    "FilterError",
    "order_of",
    "parse_field",
    "parse_filter",
]
