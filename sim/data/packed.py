"""What a file holds, unpacked: plain, gzip or zstd, told apart by its first bytes.

A file may be several gzip members or zstd frames, one after the other; a cut or damaged file is an
error, never a short answer. zstd needs the extra ``data``. Knows no format of what is inside.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from sim.kernel.extras import load_extra
from sim.kernel.files import open_regular
from sim.protocol.errors import DataFormatError

BLOCK_BYTES: Final = 1 << 20
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"
# A byte of zstd may unpack to tens of kilobytes, so a frame is fed in small pieces.
_ZSTD_PIECE: Final = 1024


def chunks(path: Path) -> Iterator[bytes]:
    """Yield the unpacked content in pieces of about ``BLOCK_BYTES``, none of them empty.

    Raises:
        DataFormatError: If the file cannot be read, is cut off or damaged.
        MissingExtraError: If it is zstd and the extra ``data`` is not installed.
    """
    done = 0
    try:
        with open_regular(path) as file:
            magic = file.read(4)
            file.seek(0)
            for chunk in _unpacked(file, magic):
                done += len(chunk)
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, "gzip", done, error) from error
    except _DamagedZstdError as error:
        raise _damaged(path, "zstd", done, error) from error
    except OSError as error:
        raise DataFormatError(str(path), 0, f"cannot be read: {error.strerror}") from error


def first_bytes(path: Path, count: int = 1 << 16) -> bytes:
    """The first bytes of the unpacked content, at most ``count``.

    Raises:
        DataFormatError: If nothing can be read or unpacked.
        MissingExtraError: If it is zstd and the extra ``data`` is not installed.
    """
    found = b""
    try:
        for chunk in chunks(path):
            found += chunk
            if len(found) >= count:
                break
    except DataFormatError:
        if not found:
            raise
    return found[:count]


class _DamagedZstdError(Exception):
    """A zstd frame that is cut off or damaged."""


def _unpacked(file: IO[bytes], magic: bytes) -> Iterator[bytes]:
    if magic == ZSTD_MAGIC or magic[1:] == _ZSTD_SKIPPABLE:
        yield from _zstd(file)
        return
    if magic[:2] == GZIP_MAGIC:
        yield from _gzip(file)
        return
    while chunk := file.read(BLOCK_BYTES):
        yield chunk


def _gzip(file: IO[bytes]) -> Iterator[bytes]:
    """All members; what can be unpacked of a damaged file comes before its error."""
    source = gzip.GzipFile(fileobj=file, mode="rb")
    found: list[bytes] = []
    size = 0
    try:
        while piece := source.read1(BLOCK_BYTES):
            found.append(piece)
            size += len(piece)
            if size >= BLOCK_BYTES:
                yield b"".join(found)
                found, size = [], 0
    except (EOFError, gzip.BadGzipFile, zlib.error):
        if found:
            yield b"".join(found)
        raise
    if found:
        yield b"".join(found)


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    """All frames; the library's own stream reader says nothing of a frame that is cut off."""
    zstandard = load_extra("zstandard", "data", "reading zstd files")
    context = zstandard.ZstdDecompressor()
    frame = context.decompressobj()
    fresh = True
    found: list[bytes] = []
    size = 0
    try:
        while piece := file.read(_ZSTD_PIECE):
            while piece:
                part = frame.decompress(piece)
                size += len(part)
                found.append(part)
                fresh = frame.eof
                piece = frame.unused_data if fresh else b""
                if fresh:
                    frame = context.decompressobj()
            if size >= BLOCK_BYTES:
                yield b"".join(found)
                found, size = [], 0
    except zstandard.ZstdError as error:
        if size:
            yield b"".join(found)
        raise _DamagedZstdError(str(error)) from error
    if size:
        yield b"".join(found)
    if not fresh:
        raise _DamagedZstdError("the last frame does not end")


def _damaged(path: Path, kind: str, done: int, error: Exception) -> DataFormatError:
    message = (
        f"the {kind} data is cut off or damaged within {BLOCK_BYTES} bytes after byte {done} "
        f"of its content ({error})"
    )
    return DataFormatError(str(path), 0, message)
