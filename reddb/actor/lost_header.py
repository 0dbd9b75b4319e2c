"""Reading frames whose file has lost its header. Pure: no file is touched.

Every frame's checksum is seeded with the file's id, and only the header holds the id. But all that
a CRC-32 takes from the 16 bytes of an id are 32 bits, and a CRC-32 can be run backwards. So from
one frame alone an id can be made with which its checksum holds. The checksum of that frame then
says nothing any more, but the one of its payload does; and if other frames hold with the same id,
it is as good as the file's own.
"""

from __future__ import annotations

import zlib
from typing import Final

from reddb.actor.frames import FRAME_HEADER_BYTES

_ID_BYTES: Final = 16

_ALL_ONES: Final = 0xFFFFFFFF
"""What zlib begins with, and what it inverts at the end."""

_TABLE: Final = [zlib.crc32(bytes([byte ^ 0xFF])) ^ 0xFF000000 for byte in range(256)]
"""What one byte does to the register, as in the sample code of RFC 1952."""

_BYTE_OF: Final = {entry >> 24: byte for byte, entry in enumerate(_TABLE)}
"""Which byte did it, as the register's top byte tells: no two are equal."""


def stand_in_id(offset: int, frame_header: bytes) -> bytes:
    """Give an id of a file in which the header of a frame holds.

    Args:
        offset: Where in the file the frame begins, in bytes.
        frame_header: The frame's first `FRAME_HEADER_BYTES` bytes.

    Example:
        >>> header = Header("json", stand_in_id(64, data), base_seq=0, synced=64)
        >>> decode_frame_header(header, 64, data)
    """
    assert len(frame_header) == FRAME_HEADER_BYTES
    body, stored = frame_header[:-4], int.from_bytes(frame_header[-4:], "little")
    crc_of_id = run_back(stored, offset.to_bytes(8, "little") + body)
    # Whatever the id begins with, there are four bytes to follow it that give this CRC-32.
    beginning = bytes(_ID_BYTES - 4)
    end = run_back(crc_of_id, bytes(4)) ^ zlib.crc32(beginning)
    return beginning + end.to_bytes(4, "little")


def run_back(crc: int, data: bytes) -> int:
    """Give the CRC-32 of what came before `data`, if with `data` it was `crc`."""
    register = crc ^ _ALL_ONES
    for byte in reversed(data):
        index = _BYTE_OF[register >> 24]
        register = ((register ^ _TABLE[index]) << 8 | index ^ byte) & _ALL_ONES
    return register ^ _ALL_ONES
