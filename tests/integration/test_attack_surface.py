"""What a stranger may send: scenarios, data, logs, names. It ends in words, soon, and in place."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.cli import main
from sim.protocol.errors import DataFormatError, ScenarioError
from sim.scenario.load import load_scenario, resolve_file

_MEASURED = """
import resource, sys, time
from sim.cli import main
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
code = main(sys.argv[1:])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(code, time.process_time() - start, (after - before) // 1024, file=sys.stderr)
"""


def measured(*args: str) -> tuple[int, float, int, str]:
    """Exit code, CPU seconds, megabytes and stderr of a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *args], capture_output=True, text=True, check=True
    )
    *said, last = done.stderr.splitlines()
    code, seconds, megabytes = last.split()
    return int(code), float(seconds), int(megabytes), "\n".join(said)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["aliases", "nested", "members"])
def test_S04_a_hostile_scenario_ends_the_command_in_a_second_and_100_megabytes(
    tmp_path: Path, text: str
) -> None:
    made = {
        "aliases": "a0: &a0 [x]\n"
        + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 60)),
        "nested": "a: " + "[" * 1_000_000,
        "members": "venues: [" + "{}," * 90_000 + "]",
    }[text]
    path = tmp_path / "s.yaml"
    path.write_text(made)
    # The libraries that any command loads count too, so the bounds are for all of it.
    code, seconds, megabytes, _ = measured("validate", str(path))
    base = measured("validate", "fragmented")
    assert code == 2
    assert seconds - base[1] < 1
    assert megabytes - base[2] < 100


@pytest.mark.slow
@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_S04_what_unpacks_to_a_gigabyte_takes_no_memory(tmp_path: Path, pack: str) -> None:
    """Line by line it would be refused at once; as rows of a table it has to be read."""
    path = tmp_path / "f.csv"
    row = b"34200000,1000000,100,0,0,N,1,0\n" * 32_768
    if pack == "gzip":
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(200):
                file.write(row)
    else:
        import zstandard

        with path.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as packed:
            for _ in range(200):
                packed.write(row)
    assert path.stat().st_size < 4 << 20
    code = """
import resource, sys
from pathlib import Path
from sim.data.text_files import byte_blocks
total = sum(len(block) for block in byte_blocks(Path(sys.argv[1]), 65_536))
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    total, megabytes = map(int, done.stdout.split())
    assert total == len(row) * 200
    assert megabytes < 150


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "x\0y", "CON", "n" * 5_000, "pipe", "out", "zero", "."],
)
def test_S06_no_name_of_a_data_file_leads_out_of_its_folder_or_to_a_device(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "x").write_text("secret")
    os.mkfifo(folder / "pipe")
    (folder / "out").symlink_to(tmp_path / "x")
    (folder / "zero").symlink_to("/dev/zero")
    with pytest.raises(DataFormatError) as error:
        resolve_file(folder, name)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def test_S05_S08_a_scenario_can_neither_run_code_nor_reach_the_environment(
    tmp_path: Path, market: Callable[..., dict[str, Any]], lit: Callable[..., dict[str, Any]]
) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\nclass Evil: pass\n")
    data = market([lit("A", [["100.00", 1]])], name="${HOME}", plugins=["evil.py:Evil"])
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps(data))
    with pytest.raises(ScenarioError, match="only with --allow-code"):
        load_scenario(path)
    assert main(["run", str(path), "--quiet", "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_S07_the_page_of_a_hostile_log_holds_no_script_and_no_codes(
    tmp_path: Path, market: Callable[..., dict[str, Any]], lit: Callable[..., dict[str, Any]]
) -> None:
    from tests.fuzz.logs import edited

    path, folder = tmp_path / "s.yaml", tmp_path / "run"
    path.write_text(json.dumps(market([lit("A", [["100.00", 100]])])))
    assert main(["run", str(path), "--quiet", "--out", str(folder)]) == 0
    sound = (folder / "audit.jsonl").read_bytes()
    evil = "</script><script>alert(1)</script>\u202e\u200b\x1b[2J"
    rows = [json.loads(line) for line in sound.splitlines()]
    places = list(rows[0]["scenario"])
    edits = [["set", 0, 4 + n, evil] for n, key in enumerate(places) if key == "name"]
    log = edited(sound, b"\n".join(json.dumps(one).encode() for one in edits))
    log = log.replace(b'"name":"test"', b'"name":%b' % json.dumps(evil).encode())
    (folder / "audit.jsonl").write_bytes(edited(log, b""))
    page = tmp_path / "page.html"
    assert main(["report", str(folder), "--quiet", "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "\\u202e" in text  # it is there, and escaped
    assert "alert(1)</script>" not in text
    assert not {"\u202e", "\u200b", "\x1b"} & set(text)
