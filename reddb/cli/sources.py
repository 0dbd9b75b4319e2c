"""What commands open: files to look at, databases to change, and the classes of their documents."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import trio
from attrs import field, frozen

from reddb.actor.disk import RealDisk
from reddb.actor.file_storage import FileStorage
from reddb.actor.reading import LogReader
from reddb.api.config import DbConfig
from reddb.api.database import RedDb
from reddb.api.first_aid import opened_for_reading
from reddb.api.reading import read_snapshot
from reddb.api.snapshot import Snapshot
from reddb.cli.failures import CommandError, ExitCode
from reddb.cli.progress import Bar
from reddb.cli.watched_disk import WatchedDisk
from reddb.codecs import Codec, Notation, Schema
from reddb.codecs.builtin import BUILTIN_CODECS
from reddb.errors import CodecMismatch


@frozen
class Kind:
    """Of what type the documents are, and how they look without it.

    Args:
        document_type: The type; `typing.Any` for plain values.
    """

    document_type: Any = Any
    _schema: Schema[Any] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_schema", Schema(self.document_type, Notation.PLAIN))

    @property
    def typed(self) -> bool:
        """Whether there is a type."""
        return self.document_type is not Any

    def plain(self, data: Any) -> Any:
        """Give the plain value of a document's data: what JSON and filters see of it.

        Raises:
            EncodeError: The data does not fit its own type.
        """
        return self._schema.to_plain(data) if self.typed else data


@frozen
class Source:
    """A database file as the command line names it."""

    path: Path
    kind: Kind = field(factory=Kind)
    codec: Codec | None = None
    """The format, for a file of somebody's own codec."""

    async def snapshot(self, bar: Bar) -> Snapshot[Any]:
        """Read the file, which may be in use.

        Raises:
            Exception: As `read_snapshot`.
        """
        disk = reading_disk(self.path, bar)
        return await read_snapshot(self.path, self.kind.document_type, codec=self.codec, disk=disk)

    def _real_path(self) -> str:
        """Give the path without links: through a link a file has the same lock."""
        return os.path.realpath(self.path)

    @contextlib.asynccontextmanager
    async def log(self, bar: Bar) -> AsyncIterator[LogReader]:
        """Open the file to walk along its log; it may be in use.

        Raises:
            DataCorrupted: It is no log of this version.
            OSError: It cannot be read.
        """
        async with opened_for_reading(reading_disk(self.path, bar), self.path) as file:
            yield await LogReader.of(file, self.path)

    def codec_of(self, log: LogReader) -> Codec:
        """Give the codec that wrote a log.

        Raises:
            CodecMismatch: It is not the one that was named, nor one of reddb's own.
        """
        found = log.header.codec
        codec = self.codec or BUILTIN_CODECS.get(found)
        if codec is None or codec.name != found:
            expected = "one of reddb's own" if codec is None else codec.name
            raise CodecMismatch(str(self.path), expected=expected, found=found)
        return codec

    @contextlib.asynccontextmanager
    async def database(self, disk: WatchedDisk) -> AsyncIterator[RedDb[Any]]:
        """Open the database, which must be there, to change it.

        Raises:
            Exception: As `RedDb.open`; FileNotFoundError, as nothing is created.
        """
        looking = WatchedDisk(RealDisk(read_only=True), _not_told, _not_told)
        async with opened_for_reading(looking, self.path) as file:
            codec = self.codec_of(await LogReader.of(file, self.path))
        async with self._opened(codec, FileStorage(self._real_path(), disk=disk)) as db:
            yield db

    @contextlib.asynccontextmanager
    async def database_or_new(self, *, keep: bool = False) -> AsyncIterator[RedDb[Any]]:
        """Open the database or, if there is none, make one in the format of its name's ending.

        Args:
            keep: Whether a new one stays if the body fails; otherwise it is removed then.

        Raises:
            CommandError: The ending names no format.
            Exception: As `RedDb.open`.
        """
        path = trio.Path(self.path)
        if await path.exists():
            async with self.database(WatchedDisk(RealDisk(), _not_told, _not_told)) as db:
                yield db
            return
        codec = self.codec or _BY_SUFFIX.get(self.path.suffix)
        if codec is None:
            message = f"the name of a database ends in .bin, .json, .ron or .yaml: {self.path}"
            raise CommandError(ExitCode.USAGE, message)
        try:
            async with self._opened(codec, FileStorage(self._real_path())) as db:
                yield db
        except BaseException:
            if not keep:
                with trio.CancelScope(shield=True):
                    await path.unlink(missing_ok=True)
            raise

    def _opened(
        self, codec: Codec, storage: FileStorage
    ) -> contextlib.AbstractAsyncContextManager[RedDb[Any]]:
        config = DbConfig(self.path.stem or "database")
        return RedDb.open(config, self.kind.document_type, codec=codec, storage=storage)


_BY_SUFFIX: Final = {codec.suffix: codec for codec in BUILTIN_CODECS.values()}


def reading_disk(path: Path, bar: Bar) -> WatchedDisk:
    """Give a disk for reading files and writing new ones, that moves a bar while `path` is read."""
    try:
        total: int | None = path.stat().st_size
    except OSError:  # Opening it will say so.
        total = None

    def read(offset: int) -> None:
        bar(offset, total)

    return WatchedDisk(RealDisk(read_only=True), read, _not_told)


def _not_told(_: int) -> None:
    pass


def imported(name: str) -> Any:
    """Give what ``package.module:Name`` names; modules of the working directory are found, too.

    Raises:
        CommandError: There is no such module or name in it, or importing it fails.
    """
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise CommandError(ExitCode.USAGE, f"{name!r} is not of the form MODULE:NAME")
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        found = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # Importing runs somebody's code, which may raise anything.
        reason = f"{type(error).__name__}: {error}"
        raise CommandError(ExitCode.USAGE, f"{name} cannot be imported: {reason}") from error
    return found
