"""A file, served through FUSE, that keeps a record of every write and flush in order.

A loop device on this file is a disk whose every block can be looked at afterwards. It speaks the
kernel's own protocol (``include/uapi/linux/fuse.h``), of which one regular file needs little: its
mount has that file for a root, so there are no names and no directories.

This is a process of its own, since a file system must not be served by who uses it. It is run as
``python -m tests.campaigns.kernel.fuse_file IMAGE MOUNT_POINT RECORD``, says ``ready`` when it is
mounted, and ends when it is unmounted. Writes go to the image and to the record before they are
answered, so that whoever knows of a write finds it there.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Final

from attrs import frozen

_IN = struct.Struct("<IIQQIIIHH")
"""``fuse_in_header``: length, opcode, unique, node, user, group, process, extensions."""
_OUT = struct.Struct("<IiQ")
"""``fuse_out_header``: length, error, unique."""
_INIT_IN = struct.Struct("<IIII")
_INIT_OUT = struct.Struct("<IIIIHHIIHHI28x")
_ATTRIBUTES = struct.Struct("<QIIQQQQQQIIIIIIIIII")
_OPEN_OUT = struct.Struct("<QII")
_READ_WRITE_IN = struct.Struct("<QQIIQII")
"""``fuse_read_in`` and ``fuse_write_in``: handle, offset, size, and more."""
_WRITE_OUT = struct.Struct("<II")

_MAJOR, _MINOR = 7, 31
_WRITE_BYTES_MAX = 1 << 17
_BUFFER_BYTES = _WRITE_BYTES_MAX + 4096
_MODE = stat.S_IFREG | 0o600
_BLOCK_BYTES = 4096

RECORD: Final = struct.Struct("<cQI")
"""Begins each entry of the record: its kind, the offset and the size of the data behind it."""
WRITE: Final = b"W"
FLUSH: Final = b"F"


class _Opcode(IntEnum):
    """The requests that a file without a name gets."""

    FORGET = 2
    GETATTR = 3
    OPEN = 14
    READ = 15
    WRITE = 16
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    INTERRUPT = 36


@frozen(eq=False)
class _Server:
    """Serves one image on one FUSE connection."""

    device: int
    image: int
    record: int
    size: int

    def serve(self) -> None:
        """Answer requests until the file is unmounted."""
        while True:
            try:
                request = os.read(self.device, _BUFFER_BYTES)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in {errno.EINTR, errno.ENOENT}:  # The request was taken back.
                    continue
                raise
            _, opcode, unique, *_ = _IN.unpack_from(request)
            if opcode not in {_Opcode.FORGET, _Opcode.INTERRUPT}:
                self.answer(unique, opcode, request[_IN.size :])

    def answer(self, unique: int, opcode: int, body: bytes) -> None:
        """Do what a request asks for, and tell what came of it."""
        try:
            result = self.result(opcode, body)
            head = _OUT.pack(_OUT.size + len(result), 0, unique)
        except OSError as error:
            result = b""
            head = _OUT.pack(_OUT.size, -(error.errno or errno.EIO), unique)
        os.write(self.device, head + result)

    def result(self, opcode: int, body: bytes) -> bytes:
        """Give the answer to a request."""
        match opcode:
            case _Opcode.INIT:
                _, _, readahead, _ = _INIT_IN.unpack_from(body)
                limits = (16, 12, _WRITE_BYTES_MAX, 1, 0, 0, 0)
                return _INIT_OUT.pack(_MAJOR, _MINOR, readahead, 0, *limits)
            case _Opcode.GETATTR:
                return self.attributes()
            case _Opcode.OPEN:
                return _OPEN_OUT.pack(0, 0, 0)
            case _Opcode.READ:
                _, offset, size, *_ = _READ_WRITE_IN.unpack_from(body)
                return os.pread(self.image, size, offset)
            case _Opcode.WRITE:
                _, offset, size, *_ = _READ_WRITE_IN.unpack_from(body)
                data = body[_READ_WRITE_IN.size :]
                self.write(offset, data)
                return _WRITE_OUT.pack(size, 0)
            case _Opcode.FSYNC:
                os.write(self.record, RECORD.pack(FLUSH, 0, 0))
                return b""
            case _Opcode.FLUSH | _Opcode.RELEASE:  # These are about close(), not about the disk.
                return b""
            case _:
                raise OSError(errno.ENOSYS, "not served")

    def write(self, offset: int, data: bytes) -> None:
        """Write to the image and, in one piece, to the record."""
        os.pwrite(self.image, data, offset)
        os.writev(self.record, [RECORD.pack(WRITE, offset, len(data)), data])

    def attributes(self) -> bytes:
        """Give ``fuse_attr_out``: valid for a second, and for ever the same."""
        times = (0,) * 3
        return _ATTRIBUTES.pack(
            *(1, 0, 0),
            *(1, self.size, self.size // 512, *times),
            *(*times, _MODE, 1, 0, 0, 0, _BLOCK_BYTES, 0),
        )


@frozen
class Entry:
    """A write, or a flush of all writes before it."""

    data: bytes | None
    """What was written; None for a flush."""
    offset: int
    end: int
    """How long the record was when this had happened."""


def read_record(path: Path) -> Iterator[Entry]:
    """Give what was done to a file, in order."""
    with path.open("rb") as record:
        while head := record.read(RECORD.size):
            kind, offset, size = RECORD.unpack(head)
            data = record.read(size)
            yield Entry(data if kind == WRITE else None, offset, record.tell())


def main() -> None:
    """Serve an image until it is unmounted."""
    image_path, at, record_path = sys.argv[1:]
    image = os.open(image_path, os.O_RDWR)
    record = os.open(record_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode={_MODE:o},user_id=0,group_id=0,default_permissions"
    command = ["mount", "-i", "-t", "fuse", "-o", options, "reddb-campaign", at]
    subprocess.run(command, check=True, pass_fds=[device])
    os.write(sys.stdout.fileno(), b"ready\n")
    _Server(device, image, record, os.fstat(image).st_size).serve()


if __name__ == "__main__":
    main()
