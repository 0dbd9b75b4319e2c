"""Every type in every surrounding and every format: what goes in comes out, of the same type."""

from __future__ import annotations

import pytest
from typed_table import FORMATS, SURROUNDINGS, TABLE, Surrounding, come_back, fingerprint

from reddb.codecs import Codec


@pytest.mark.parametrize("codec", FORMATS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("surrounding", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize("name", TABLE)
def test_what_goes_in_comes_out(name: str, surrounding: Surrounding, codec: Codec) -> None:
    annotation, values = TABLE[name]
    surround_type, surround_values = surrounding
    outer = surround_type(annotation)
    given = surround_values(outer, values)
    assert fingerprint(come_back(outer, given, codec)) == fingerprint(given)
