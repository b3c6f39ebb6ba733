"""What a file holds, unpacked: told by its content, and never a short answer."""

import gzip
from pathlib import Path

import pytest
import zstandard

from sim.data import packed
from sim.data.packed import chunks, first_bytes
from sim.kernel.extras import load_extra
from sim.protocol.errors import DataFormatError, MissingExtraError

TEXT = b"".join(b"%d,some text\n" % n for n in range(20_000))


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:]),
        zst(TEXT),
        zst(TEXT[:5]) + zst(b"") + zst(TEXT[5:]),
        b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip" + zst(TEXT),
    ],
    ids=["plain", "gzip", "gzip members", "zstd", "zstd frames", "skippable frame"],
)
@pytest.mark.parametrize("name", ["a", "a.gz", "a.zst"])
def test_the_content_tells_how_it_is_packed(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert b"".join(chunks(path)) == TEXT
    assert first_bytes(path, 100) == TEXT[:100]


@pytest.mark.parametrize("cut", [1, 100, 5000])
@pytest.mark.parametrize("pack", [gzip.compress, zst])
def test_cut_files_are_errors(tmp_path: Path, pack: object, cut: int) -> None:
    path = tmp_path / "a"
    assert callable(pack)
    path.write_bytes(pack(TEXT)[:-cut])
    with pytest.raises(DataFormatError, match="is cut off or damaged"):
        list(chunks(path))
    assert TEXT.startswith(first_bytes(path, 100))


def test_damaged_zstd_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(TEXT))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(bytes(data))
    with pytest.raises(DataFormatError, match="the zstd data is cut off or damaged"):
        list(chunks(path))


def test_first_bytes_of_what_is_cut_at_once_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(b"x")[:5])
    with pytest.raises(DataFormatError, match="cut off"):
        first_bytes(path)


def test_a_folder_and_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(DataFormatError, match="cannot be read"):
            list(chunks(path))


def test_a_missing_library_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingExtraError, match=r"reading x needs .* pip install 'sorsim\[data\]'"):
        load_extra("no_such_library", "data", "reading x")

    def gone(module: str) -> None:
        raise ImportError(module)

    monkeypatch.setattr("sim.kernel.extras.import_module", gone)
    path = tmp_path / "a.zst"
    path.write_bytes(zst(TEXT))
    with pytest.raises(MissingExtraError, match="zstandard"):
        list(chunks(path))


def test_blocks_are_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte of zstd may hold megabytes of zeros."""
    monkeypatch.setattr(packed, "BLOCK_BYTES", 1 << 16)
    path = tmp_path / "a"
    path.write_bytes(zst(bytes(1 << 24)))
    sizes = [len(chunk) for chunk in chunks(path)]
    assert sum(sizes) == 1 << 24
