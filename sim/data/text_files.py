"""Text files of any size, plain, gzip or zstd, as blocks of whole lines in bounded memory.

Every reader of this package stands on ``line_blocks``. It knows no format; it only turns what can
be wrong with a file as a file (missing, cut off, damaged, one endless line) into
``DataFormatError``.
"""

import errno
import gzip
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from sim.data.packed import chunks
from sim.kernel.extras import load_extra
from sim.protocol.errors import DataFormatError


def byte_blocks(path: Path, max_line_bytes: int) -> Iterator[bytes]:
    r"""Yield the content in blocks of whole lines; each line ends with ``\n``, the last one too.

    Whether the file is packed is read from its first bytes, not from its name. A line end of
    ``\r\n`` becomes ``\n``.

    Raises:
        DataFormatError: If the file cannot be read, is cut off or damaged, or has a line of more
            than ``max_line_bytes`` bytes.
    """
    lines = 0
    rest = b""
    try:
        for chunk in chunks(path):
            data = rest + chunk
            cut = data.rfind(b"\n") + 1
            rest = data[cut:]
            if cut:
                block = data[:cut]
                if b"\r" in block:
                    block = block.replace(b"\r\n", b"\n")
                lines += block.count(b"\n")
                yield block
            # After the lines before it, which a lenient reader keeps.
            if len(rest) > max_line_bytes:
                message = f"a line may have at most {max_line_bytes} bytes"
                raise DataFormatError(str(path), lines + 1, message)
    except DataFormatError as error:
        if error.line or not lines:
            raise
        # What cannot be unpacked is unpacked up to there: name the line that it struck.
        raise DataFormatError(str(path), lines + 1, error.message) from error
    if rest:
        yield rest.removesuffix(b"\r") + b"\n"


def line_blocks(path: Path, max_line_bytes: int) -> Iterator[list[str]]:
    r"""Yield the lines of a file in blocks, without their line ends (``\n`` or ``\r\n``).

    Bytes that are no UTF-8 come through as ``\xff`` text, so that the caller refuses them at the
    right line.

    Raises:
        DataFormatError: See ``byte_blocks``.
    """
    for block in byte_blocks(path, max_line_bytes):
        yield block[:-1].decode("utf-8", "backslashreplace").split("\n")


def content_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's content, unpacked if it is gzip.

    Raises:
        DataFormatError: If the file cannot be read.
    """
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


class TextSink:
    """Writes text to ``path``, packed when the name ends in ``.gz`` or ``.zst``.

    Equal text gives equal bytes: the gzip header holds neither time nor file name. The text goes to
    ``path`` + ``.part`` and gets its name when the block ends without an error, so a reader never
    meets half a file.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise FileExistsError(errno.EEXIST, "is there already, and no regular file", str(path))
        pack = _PACKERS.get(path.suffix, _plain)
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._raw: IO[bytes] = self._part.open("wb")
        try:
            packed = pack(self._raw)
        except BaseException:
            self._raw.close()
            self._part.unlink()
            raise
        self._text = io.TextIOWrapper(packed, encoding="ascii", newline="\n")

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


def _plain(raw: IO[bytes]) -> Any:
    return raw


def _gzip(raw: IO[bytes]) -> Any:
    return gzip.GzipFile("", mode="wb", compresslevel=9, fileobj=raw, mtime=0)


def _zstd(raw: IO[bytes]) -> Any:
    zstandard = load_extra("zstandard", "data", "writing zstd files")
    return zstandard.ZstdCompressor(level=9).stream_writer(raw, closefd=False)


_PACKERS: Final[dict[str, Callable[[IO[bytes]], Any]]] = {".gz": _gzip, ".zst": _zstd}
