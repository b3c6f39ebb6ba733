"""Text files of any size, plain or gzip, as blocks of whole lines in bounded memory.

Every reader of this package stands on ``line_blocks``. It knows no format; it only turns what can
be wrong with a file as a file (missing, cut off, damaged, one endless line) into
``DataFormatError``.
"""

import errno
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

from sim.kernel.files import open_regular
from sim.protocol.errors import DataFormatError

BLOCK_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"


def line_blocks(path: Path, max_line_bytes: int) -> Iterator[list[str]]:
    r"""Yield the lines of a file in blocks, without their line ends (``\n`` or ``\r\n``).

    Whether the file is gzip is read from its first bytes, not from its name. Bytes that are no
    UTF-8 come through as ``\xff`` text, so that the caller refuses them at the right line.

    Raises:
        DataFormatError: If the file cannot be read, is cut off or damaged, or has a line of more
            than ``max_line_bytes`` bytes.
    """
    lines = 0
    rest = b""
    for chunk in _chunks(path):
        data = rest + chunk
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if len(rest) > max_line_bytes:
            message = f"a line may have at most {max_line_bytes} bytes"
            raise DataFormatError(str(path), lines + data[:cut].count(b"\n") + 1, message)
        if cut:
            block = _split(data[: cut - 1])
            lines += len(block)
            yield block
    if rest:
        yield _split(rest)


def content_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's content, unpacked if it is gzip.

    Raises:
        DataFormatError: If the file cannot be read.
    """
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


class TextSink:
    """Writes text to ``path``, gzip when the name ends in ``.gz``; equal text gives equal bytes.

    The gzip header holds neither time nor file name. The text goes to ``path`` + ``.part`` and
    gets its name when the block ends without an error, so a reader never meets half a file.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "is there already, and no regular file", str(path))
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._raw: IO[bytes] = self._part.open("wb")
        packed = path.suffix == ".gz"
        self._gzip = (
            gzip.GzipFile("", mode="wb", compresslevel=9, fileobj=self._raw, mtime=0)
            if packed
            else None
        )
        self._text = io.TextIOWrapper(
            self._raw if self._gzip is None else self._gzip, encoding="ascii", newline="\n"
        )

    def write(self, text: str) -> None:
        """Add text (ASCII)."""
        self._text.write(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._text.close()
        self._raw.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink()


def _chunks(path: Path) -> Iterator[bytes]:
    """The unpacked content; what is wrong with the file as a file becomes DataFormatError."""
    done = 0
    try:
        with open_regular(path) as file:
            packed = file.read(2) == _GZIP_MAGIC
            file.seek(0)
            source = cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb")) if packed else file
            while chunk := source.read(BLOCK_BYTES):
                done += len(chunk)
                yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = (
            f"the gzip data is cut off or damaged within {BLOCK_BYTES} bytes after byte {done}"
        )
        raise DataFormatError(str(path), 0, f"{message} of its content ({error})") from error
    except OSError as error:
        raise DataFormatError(str(path), 0, f"cannot be read: {error.strerror}") from error


def _split(data: bytes) -> list[str]:
    text = data.decode("utf-8", "backslashreplace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    return text.split("\n")
