"""Ways of damaging a log: by accident, and with checksums that are right.

What an accident does, no checksum survives. What is *forged* here has its checksums made anew, so
that what lies behind them is reached: lengths, counts, numbers and documents that make no sense.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

from attrs import evolve, frozen

from reddb.actor.frames import (
    FRAME_HEADER_BYTES,
    HEADER_BYTES,
    MARKER,
    Fact,
    FrameKind,
    encode_frame,
    encode_header,
)
from tests.campaigns.damaged.corpus import Corpus
from tests.campaigns.damaged.documents import nasty_document

Mutation: TypeAlias = Callable[[Random, Corpus, Sequence[Corpus]], bytes]
"""Damages the log of a corpus; it may take something from the others."""

_SECTOR_BYTES = 512


@frozen
class Mutant:
    """A damaged log."""

    mutation: str
    log: bytes
    genuine: bool
    """Whether every document that is whole in it was stored by a database."""


def mutant(random: Random, corpus: Corpus, others: Sequence[Corpus]) -> Mutant:
    """Damage a log in a way that chance decides."""
    mutations = random.choice((ACCIDENTS, ACCIDENTS, FORGERIES, NASTY))
    name, mutate = random.choice(list(mutations.items()))
    log = mutate(random, corpus, others)
    if mutations is ACCIDENTS and random.random() < 0.2:
        more, mutate_more = random.choice(list(ACCIDENTS.items()))
        name, log = f"{name}, {more}", mutate_more(random, evolve(corpus, log=log), others)
    # Without its header, a log cannot be told from another one with a frame at the same place.
    same_header = log[:HEADER_BYTES] == corpus.log[:HEADER_BYTES]
    foreign = "another log" in name and not same_header
    return Mutant(name, log, genuine=not foreign and mutations is not NASTY)


def _stretch(random: Random, log: bytes) -> tuple[int, int]:
    """Choose a part of a log: its beginning and its end."""
    start = random.randrange(len(log) + 1)
    return start, min(start + random.choice((1, 4, 44, 100, _SECTOR_BYTES, 4096)), len(log))


def _frame(random: Random, corpus: Corpus) -> tuple[int, int]:
    """Choose a frame: its beginning and its end."""
    place = random.randrange(len(corpus.starts))
    return corpus.starts[place], corpus.frames[place].end


# Accidents.


def flip_bits(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    log = bytearray(corpus.log)
    for _flip in range(random.choice((1, 1, 2, 8)) if log else 0):
        log[random.randrange(len(log))] ^= 1 << random.randrange(8)
    return bytes(log)


def overwrite(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start, end = _stretch(random, corpus.log)
    return corpus.log[:start] + random.randbytes(end - start) + corpus.log[end:]


def zero(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start, end = _stretch(random, corpus.log)
    return corpus.log[:start] + bytes(end - start) + corpus.log[end:]


def zero_a_sector(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start = random.randrange(len(corpus.log) + 1) // _SECTOR_BYTES * _SECTOR_BYTES
    end = min(start + _SECTOR_BYTES, len(corpus.log))
    return corpus.log[:start] + bytes(end - start) + corpus.log[end:]


def truncate(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    return corpus.log[: random.randrange(len(corpus.log) + 1)]


def cut_off_the_beginning(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    return corpus.log[_stretch(random, corpus.log)[0] :]


def cut_out(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start, end = _stretch(random, corpus.log)
    return corpus.log[:start] + corpus.log[end:]


def insert(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    at, size = random.randrange(len(corpus.log) + 1), random.choice((1, 44, _SECTOR_BYTES))
    return corpus.log[:at] + random.randbytes(size) + corpus.log[at:]


def append_garbage(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    size = random.choice((1, 44, _SECTOR_BYTES, 10_000))
    return corpus.log + random.choice((bytes(size), random.randbytes(size), MARKER * (size // 8)))


def copy_over(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start, end = _stretch(random, corpus.log)
    at = random.randrange(len(corpus.log) + 1)
    return corpus.log[:at] + corpus.log[start:end] + corpus.log[at + end - start :]


def repeat_a_frame(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start, end = _frame(random, corpus)
    at = random.choice((*corpus.starts, len(corpus.log)))
    return corpus.log[:at] + corpus.log[start:end] + corpus.log[at:]


def swap_frames(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    (start, end), (start_2, end_2) = sorted((_frame(random, corpus), _frame(random, corpus)))
    if start == start_2:
        return corpus.log
    log = corpus.log
    return log[:start] + log[start_2:end_2] + log[end:start_2] + log[start:end] + log[end_2:]


def drop_a_frame(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    start, end = _frame(random, corpus)
    return corpus.log[:start] + corpus.log[end:]


def put_on_another_header(random: Random, corpus: Corpus, others: Sequence[Corpus]) -> bytes:
    return random.choice(others).log[:HEADER_BYTES] + corpus.log[HEADER_BYTES:]


def splice_another_log(random: Random, corpus: Corpus, others: Sequence[Corpus]) -> bytes:
    other = random.choice(others)
    start, end = _frame(random, other)
    at = random.choice(corpus.starts)
    length = random.choice((0, end - start))
    return corpus.log[:at] + other.log[start:end] + corpus.log[at + length :]


def garbage(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    size = random.choice((0, 1, HEADER_BYTES - 1, HEADER_BYTES, 5000))
    return random.choice((b"", corpus.log[:HEADER_BYTES])) + random.randbytes(size)


ACCIDENTS: dict[str, Mutation] = {
    mutation.__name__.replace("_", " "): mutation
    for mutation in (
        flip_bits,
        overwrite,
        zero,
        zero_a_sector,
        truncate,
        cut_off_the_beginning,
        cut_out,
        insert,
        append_garbage,
        copy_over,
        repeat_a_frame,
        swap_frames,
        drop_a_frame,
        put_on_another_header,
        splice_another_log,
        garbage,
    )
}


# Forgeries.


def _numbers(random: Random, size: int) -> int:
    """Choose a number of so many bytes that is worth trying."""
    most = (1 << 8 * size) - 1
    numbers = (0, 1, 2, most, most - 1, most >> 1, 1 << 20, random.getrandbits(8 * size))
    return random.choice(numbers) & most


def resealed(corpus: Corpus, start: int, frame: bytes) -> bytes:
    """Give a changed frame with checksums that hold at `start`."""
    origin = corpus.header.file_id + struct.pack("<Q", start)
    crc = zlib.crc32(origin + frame[: FRAME_HEADER_BYTES - 4])
    sealed = frame[: FRAME_HEADER_BYTES - 4] + struct.pack("<I", crc) + frame[FRAME_HEADER_BYTES:-4]
    return sealed + struct.pack("<I", zlib.crc32(frame[FRAME_HEADER_BYTES:-4], crc))


def _forge_field(at: int, size: int) -> Mutation:
    """Give a mutation of one field of a frame's header."""

    def forge(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
        start, end = _frame(random, corpus)
        frame = bytearray(corpus.log[start:end])
        frame[at : at + size] = _numbers(random, size).to_bytes(size, "little")
        return corpus.log[:start] + resealed(corpus, start, bytes(frame)) + corpus.log[end:]

    return forge


def many_giant_lengths(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    """Have many frame headers, each of which claims most of what follows as its payload."""
    log = bytearray(corpus.log)
    count = random.choice((10, 300))
    end = len(log) + count * FRAME_HEADER_BYTES
    for _header in range(count):
        at = len(log)
        length = random.choice((end - at - FRAME_HEADER_BYTES - 4, (end - at) // 2, 1 << 40))
        body = struct.pack("<4sB3xQQQI", MARKER, 1, 9, 0, max(length, 0), 1)
        log += resealed(corpus, at, body + bytes(8))[:-4]
    return bytes(log)


def malformed_payload(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    """Change the payload of a frame where it says what and how much follows."""
    start, end = _frame(random, corpus)
    frame = bytearray(corpus.log[start:end])
    operation, length = FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 17
    if random.random() < 0.5:
        frame[operation] = random.choice((0, 3, 255))
    else:
        size = int.from_bytes(frame[length : length + 4], "little")
        others = {size - 1, size + 1, (1 << 32) - 1, size + 21} - {-1}
        frame[length : length + 4] = random.choice(sorted(others)).to_bytes(4, "little")
    return corpus.log[:start] + resealed(corpus, start, bytes(frame)) + corpus.log[end:]


def an_id_twice(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    """Have a frame put or remove one document twice."""
    changed = random.randrange(len(corpus.frames))
    facts = [[*frame.facts] for frame in corpus.frames]
    facts[changed].append(random.choice(facts[changed]))
    return rebuilt(corpus, facts)


def forged_header(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    header = bytearray(corpus.log[: HEADER_BYTES - 4])
    at, size = random.choice(((6, 2), (8, 1), (8, 8), (16, 8), (40, 8), (48, 8)))
    header[at : at + size] = _numbers(random, size).to_bytes(size, "little")
    return bytes(header) + struct.pack("<I", zlib.crc32(header)) + corpus.log[HEADER_BYTES:]


FORGERIES: dict[str, Mutation] = {
    "forged kind": _forge_field(4, 1),
    "forged number": _forge_field(8, 8),
    "forged synced": _forge_field(16, 8),
    "forged length": _forge_field(24, 8),
    "forged count of facts": _forge_field(32, 4),
    "many giant lengths": many_giant_lengths,
    "malformed payload": malformed_payload,
    "an id twice": an_id_twice,
    "forged header": forged_header,
}


# Documents that no database stores.


def rebuilt(corpus: Corpus, facts: Sequence[Sequence[Fact]]) -> bytes:
    """Give the log with other facts in its frames, all whole and in order."""
    log = b""
    at = synced = HEADER_BYTES
    for frame, of_frame in zip(corpus.frames, facts, strict=True):
        kind = frame.header.kind
        log += encode_frame(corpus.header, at, kind, frame.header.seq, at, of_frame)
        at = HEADER_BYTES + len(log)
        if kind is FrameKind.CHECKPOINT:
            synced = at
    return encode_header(evolve(corpus.header, synced=synced)) + log


def nasty_documents(random: Random, corpus: Corpus, _: Sequence[Corpus]) -> bytes:
    facts = [[*frame.facts] for frame in corpus.frames]
    for _document in range(random.choice((1, 3))):
        of_frame = random.choice(facts)
        place = random.randrange(len(of_frame))
        key, data = of_frame[place]
        of_frame[place] = (key, nasty_document(random, corpus.codec.name, data or b""))
    return rebuilt(corpus, facts)


NASTY: dict[str, Mutation] = {"nasty documents": nasty_documents}
