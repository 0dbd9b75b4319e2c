"""Writing a stream of bytes to a file while others run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reddb.actor.disk import DiskFile
from reddb.actor.turns import let_others_run

WRITE_BYTES = 256 * 1024
"""How much is gathered before it is written."""

_SLICE_PIECES = 16
"""How many pieces are made between two checkpoints: 2 ms of the slowest format."""


async def write_out(
    file: DiskFile, pieces: Iterable[bytes], report: Callable[[int], None], *, offset: int = 0
) -> int:
    """Write pieces one behind the other, as they are made; give where the last one ends.

    Nothing is synced.

    Args:
        file: Where to write.
        pieces: What to write, made on the way.
        report: Called with how many pieces are written, now and then and at the end.
        offset: Where to begin.
    """
    held: list[bytes] = []
    held_bytes = count = 0
    for count, piece in enumerate(pieces, 1):
        held.append(piece)
        held_bytes += len(piece)
        if held_bytes >= WRITE_BYTES:
            await file.write(offset, b"".join(held), sync=False)
            offset += held_bytes
            held, held_bytes = [], 0
            report(count)
        elif count % _SLICE_PIECES == 0:
            await let_others_run()
    await file.write(offset, b"".join(held), sync=False)
    report(count)
    return offset + held_bytes
