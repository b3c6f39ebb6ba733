"""Run folders and their manifests."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim import manifest
from sim.manifest import (
    FolderError,
    discard_if_empty,
    given_run_folder,
    new_run_folder,
    now,
    write_manifest,
)


class FrozenTime(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return datetime(2026, 11, 21, 3, 55, 1, tzinfo=UTC)


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "datetime", FrozenTime)


@pytest.mark.usefixtures("frozen")
def test_new_folders_of_one_second_do_not_collide(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "logs"
    names = [new_run_folder(root, "fragmented").name for _ in range(3)]
    assert names == [
        "20261121-035501-fragmented",
        "20261121-035501-fragmented-2",
        "20261121-035501-fragmented-3",
    ]
    assert all(list((root / name).iterdir()) == [] for name in names)


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("name", ["../../etc", "a/b", "x" * 500, "", "naïve name"])
def test_new_folder_stays_below_its_root(tmp_path: Path, name: str) -> None:
    folder = new_run_folder(tmp_path, name)
    assert folder.parent == tmp_path
    assert folder.name.isascii()


def test_given_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    assert given_run_folder(tmp_path / "a" / "b").is_dir()


def test_given_folder_may_hold_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert given_run_folder(tmp_path) == tmp_path
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", manifest.RUN_FILES)
def test_given_folder_with_any_file_of_a_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(FolderError, match="holds a run already"):
        given_run_folder(tmp_path)


def test_place_that_cannot_hold_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for make in (given_run_folder, lambda folder: new_run_folder(folder, "x")):
        with pytest.raises(FolderError, match="file/run: cannot hold a run: Not a directory"):
            make(tmp_path / "file" / "run")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FolderError, match="Permission denied"):
        given_run_folder(tmp_path)


def test_disk_that_takes_no_byte_is_found_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that is always full stands in for the disk."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    monkeypatch.setattr(manifest, "_PROBE", "/dev/full")
    with pytest.raises(FolderError, match="No space left"):
        given_run_folder(tmp_path)


def test_only_empty_folders_are_discarded(tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    kept.mkdir()
    gone.mkdir()
    (kept / "audit.jsonl").write_text("")
    for folder in (kept, gone, tmp_path / "never made"):
        discard_if_empty(folder)
    assert [folder.name for folder in tmp_path.iterdir()] == ["kept"]


def test_manifest_says_who_ran_what_and_when(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(b"abc")
    (tmp_path / "folder").mkdir()
    started = now()
    argv = ["sorsim", "run", "na\udcefve"]  # a byte that was no UTF-8, as Python hands it over
    path = write_manifest(tmp_path, started=started, exit_code=1, argv=argv)
    content = json.loads(path.read_bytes())
    assert content["schema"] == "sorsim-manifest/1"
    assert content["argv"] == ["sorsim", "run", "na\\udcefve"]
    assert content["exit_code"] == 1
    assert content["wall_seconds"] >= 0
    assert datetime.fromisoformat(content["started"]) == started
    assert content["packages"]["numpy"]
    assert content["files"] == {
        "audit.jsonl": {
            "bytes": 3,
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        }
    }


def test_manifest_is_replaced_and_never_counts_itself(tmp_path: Path) -> None:
    for code in (0, 1):
        write_manifest(tmp_path, started=now(), exit_code=code, argv=[])
    content = json.loads((tmp_path / manifest.NAME).read_bytes())
    assert (content["exit_code"], content["files"]) == (1, {})


def test_half_a_manifest_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_disk(path: Path, content: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(FolderError, match="No space left"):
        write_manifest(tmp_path, started=now(), exit_code=0, argv=[])
    assert list(tmp_path.iterdir()) == []


def test_manifest_that_cannot_be_written_is_a_folder_error(tmp_path: Path) -> None:
    with pytest.raises(FolderError):
        write_manifest(tmp_path / "absent", started=now(), exit_code=0, argv=[])
