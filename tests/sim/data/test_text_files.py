"""Files as files: missing, cut off, damaged, endless lines, repeatable bytes."""

import gzip
import os
import tracemalloc
from itertools import chain
from pathlib import Path

import pytest

from sim.data import packed as packed_files
from sim.data.text_files import TextSink, content_sha256, line_blocks
from sim.protocol.errors import DataFormatError


def lines(path: Path, limit: int = 1000) -> list[str]:
    return list(chain.from_iterable(line_blocks(path, limit)))


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_do_not_depend_on_the_block_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, packed: bool
) -> None:
    monkeypatch.setattr(packed_files, "BLOCK_BYTES", block_bytes)
    data = "a,b\n\nüñ\r\nlast".encode()
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(data) if packed else data)
    assert lines(path) == ["a,b", "", "üñ", "last"]


def test_a_final_line_end_adds_no_line(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\nb\n")
    assert lines(path) == ["a", "b"]


def test_bytes_that_are_no_text_come_through_escaped(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"a\n\xff\x00\n")
    assert lines(path) == ["a", "\\xff\x00"]


@pytest.mark.parametrize("place", ["name", "folder", "inside"])
def test_an_unreadable_file_is_named(tmp_path: Path, place: str) -> None:
    path = {"name": tmp_path / "none", "folder": tmp_path, "inside": tmp_path / "no" / "f"}[place]
    with pytest.raises(DataFormatError, match="cannot be read") as caught:
        lines(path)
    assert caught.value.file == str(path)


@pytest.mark.parametrize("cut", [3, 12, 40, -9, -1])
def test_a_cut_gzip_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"some,row\n" * 500)[:cut])
    with pytest.raises(DataFormatError, match="cut off or damaged"):
        lines(path)


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(bytes(range(32, 127)) * 40))
    data[60] ^= 255
    path = tmp_path / "f.gz"
    path.write_bytes(data)
    with pytest.raises(DataFormatError, match="cut off or damaged"):
        lines(path, 100_000)


def test_bytes_behind_the_gzip_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"row\n") + b"more")
    with pytest.raises(DataFormatError, match="cut off or damaged"):
        lines(path)


def test_a_line_without_end_is_refused_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_files, "BLOCK_BYTES", 64)
    path = tmp_path / "f"
    path.write_bytes(b"a\nb\n" + b"x" * 5000)
    with pytest.raises(DataFormatError, match="at most 1000 bytes") as caught:
        lines(path)
    assert caught.value.line == 3


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    plain, packed = tmp_path / "f", tmp_path / "f.gz"
    plain.write_bytes(b"abc")
    packed.write_bytes(gzip.compress(b"abc"))
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert content_sha256(plain) == known
    assert content_sha256(packed) == known


def test_packed_output_holds_neither_time_nor_name(tmp_path: Path) -> None:
    for name in ("one.gz", "two.gz"):
        with TextSink(tmp_path / name) as sink:
            sink.write("text\n")
    data = (tmp_path / "one.gz").read_bytes()
    assert data == (tmp_path / "two.gz").read_bytes()
    assert data[3] == 0  # no flags: no name, no comment
    assert data[4:8] == b"\0\0\0\0"  # no time
    assert gzip.decompress(data) == b"text\n"


def test_a_failed_output_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> None:
        with TextSink(tmp_path / "f.gz") as sink:
            sink.write("text")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_text("old")
    with TextSink(path) as sink:
        sink.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_S06_a_pipe_is_neither_read_nor_replaced(tmp_path: Path) -> None:
    """A file that is made ready beside it would take its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileExistsError, match="no regular file"):
        TextSink(pipe)
    assert pipe.is_fifo()
    with pytest.raises(DataFormatError, match="a pipe or a device"):
        list(line_blocks(pipe, 100))
    assert list(tmp_path.iterdir()) == [pipe]


def test_S04_a_packed_bomb_is_refused_at_its_first_line(tmp_path: Path) -> None:
    """64 MB of one line in 64 KB of gzip: a block of it is unpacked, no more."""
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(64 << 20), compresslevel=1, mtime=0))
    tracemalloc.start()
    with pytest.raises(DataFormatError, match="a line may have at most 4096 bytes"):
        list(line_blocks(bomb, 4096))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20
