import os
from pathlib import Path

import pytest

from sim.kernel.files import open_regular


def test_a_regular_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one\r\ntwo")
    with open_regular(path) as file:
        assert file.read() == b"one\r\ntwo"


def test_a_link_to_a_regular_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").symlink_to("a")
    with open_regular(tmp_path / "b") as file:
        assert file.read() == b"x"


def test_S06_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a pipe or a device"):
        open_regular(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/dev/zero", "a pipe or a device"),
        ("/dev/null", "a pipe or a device"),
        ("/", "Is a directory"),
        ("no such file", "No such file"),
        ("x" * 5_000, "too long"),
        ("nul\0byte", "NUL"),
    ],
)
def test_S06_devices_folders_and_names_that_cannot_be_are_refused(name: str, words: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match=words):
        open_regular(Path(name))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
