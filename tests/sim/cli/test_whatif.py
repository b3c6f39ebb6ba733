"""``sorsim whatif`` and ``sorsim compare``."""

import json
from pathlib import Path
from typing import Any

import pytest

from sim.report.tca.costs import PARTS

DELAY = "venues[NYSE].latency.order.delay"


@pytest.fixture
def folder(tmp_path: Path, invoke: Any) -> Path:
    assert invoke("run", "two_parents", "--out", "a", "--quiet").code == 0
    return tmp_path


def test_whatif_says_what_why_and_what_it_costs(invoke: Any, folder: Path) -> None:
    found = invoke("whatif", "a", "--set", f"{DELAY}=40ms")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"Settings that differ\n  {DELAY}: 5ms -> 40ms\n\n33 differences\n")
    assert "First difference: decision of FIRST\n  log            line " in found.out
    assert f"    <- setting {DELAY}: 5ms -> 40ms" in found.out
    rows = {line.split()[0]: line.split()[1:] for line in found.out.splitlines() if line.strip()}
    assert rows["spread"] == ["0.8530", "1.0589", "0.2059"]
    assert rows["impact"] == ["0.9412", "0.7353", "-0.2059"]
    assert rows["total"] == ["1.7942", "1.7942", "0.0000"]
    assert rows["SECOND"] == ["2.5001", "2.5001", "0.0000"]
    assert sorted(path.name for path in folder.iterdir()) == ["a"]


def test_whatif_without_a_change_shows_no_difference(invoke: Any, folder: Path) -> None:
    found = invoke("whatif", "a/audit.jsonl")
    assert (found.code, found.err) == (0, "")
    assert "\n0 differences: the run is the same again.\n" in found.out
    document = json.loads(invoke("whatif", "a", "--json").out)
    assert (document["differences"], document["first"], document["causes"]) == (0, None, [])


def test_whatif_without_a_change_exits_1_if_the_log_is_not_the_runs(
    invoke: Any, folder: Path
) -> None:
    log = folder / "a" / "audit.jsonl"
    log.write_text(log.read_text().replace('"last_qty":15000', '"last_qty":14000', 1))
    done = invoke("whatif", "a")
    assert done.code == 1
    assert "First difference: fill of FIRST" in done.out
    assert "15,000" in done.out


def test_whatif_as_json(invoke: Any, folder: Path) -> None:
    done = invoke("whatif", "a", "--set", f"{DELAY}=40ms", "--json", "--out", "b")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert (document["log"], document["folder"]) == ("a", "b")
    assert document["differences"] == 33
    assert document["first"]["what"] == "decision of FIRST"
    assert document["causes"][-1] == f"setting {DELAY}: 5ms -> 40ms"
    assert document["cost_bps"]["total"] == "0.000000"
    assert list(document["cost_bps"]["parts"]) == list(PARTS)
    assert document["cost_bps"]["money"]["total"] == "0"
    assert [row["parent_id"] for row in document["parents"]] == ["FIRST", "SECOND", "THIRD"]


def test_the_kept_run_is_a_run_like_any_other(invoke: Any, folder: Path) -> None:
    assert invoke("whatif", "a", "--set", f"{DELAY}=40ms", "--out", "b").out.endswith(
        "The new run lies in b\n"
    )
    assert invoke("verify", "b").code == 0
    assert invoke("replay", "--check", "b").code == 0
    assert invoke("whatif", "b", "--set", f"{DELAY}=5ms", "--out", "c").code == 0
    assert (folder / "c" / "audit.jsonl").read_bytes() == (folder / "a/audit.jsonl").read_bytes()
    assert json.loads((folder / "b" / "manifest.json").read_bytes())["exit_code"] == 0
    assert invoke("diff", "a", "b").code == 1
    refused = invoke("whatif", "a", "--out", "b")
    assert refused.code == 2
    assert "holds a run already" in refused.err


@pytest.mark.parametrize("text", ["venues[NYSX].fees.taker=1", "nonsense=1", "duration=5"])
def test_a_wrong_override_is_told_as_run_tells_it(invoke: Any, folder: Path, text: str) -> None:
    of_run = invoke("run", "two_parents", "--set", text)
    of_log = invoke("whatif", "a", "--set", text)
    assert of_log.code == of_run.code == 2
    assert of_log.err == of_run.err


def test_undefined_costs_are_not_available(invoke: Any, tmp_path: Path) -> None:
    assert invoke("run", "fragmented", "--out", "f", "--quiet").code == 0
    done = invoke("whatif", "f", "--set", f"{DELAY}=170ms")
    assert "  not available: P1: log: there is no mid at arrival" in done.out
    assert "nan" not in done.out.lower().split()


def test_compare_shows_every_run_against_the_first(invoke: Any, folder: Path) -> None:
    change = ["--set", "venues[NASDAQ].fees.taker='0.003'"]
    assert invoke("run", "two_parents", "--out", "b", "--quiet", *change).code == 0
    done = invoke("compare", "a", "b", "a")
    assert (done.code, done.err) == (0, "")
    first = done.out.splitlines()[:4]
    assert first[0].split() == ["Runs", "bps", "difference", "differences"]
    assert first[1].split() == ["1.7942", "a"]
    assert first[3].split() == ["1.7942", "0.0000", "0", "a"]
    assert "\nb against a\n" in done.out
    assert "0 differences: the runs are the same, record by record." in done.out
    document = json.loads(invoke("compare", "a", "b", "a", "--json").out)
    assert document["base"] == "a"
    assert [row["run"] for row in document["runs"]] == ["b", "a"]
    rows = document["runs"]
    assert rows[0]["cost_bps"]["parts"]["fees"] != "0.000000"
    assert (rows[1]["differences"], rows[1]["cost_bps"]["total"]) == (0, "0.000000")


def test_names_from_a_log_are_escaped(invoke: Any, folder: Path) -> None:
    for name in ("a", "b"):
        assert invoke("run", "two_parents", "--out", name, "--quiet").code == 0 or name == "a"
    log = folder / "b" / "audit.jsonl"
    log.write_text(log.read_text().replace("SECOND", "\\u001b[31mX"))
    done = invoke("compare", "a", "b")
    assert done.code == 0
    assert (done.out + done.err).replace("\n", "").isprintable()


def test_names_of_files_are_escaped(invoke: Any, folder: Path) -> None:
    (folder / "a").rename(folder / "\x1b[31mx")
    done = invoke("compare", "\x1b[31mx", "\x1b[31mx")
    assert done.code == 0
    assert (done.out + done.err).replace("\n", "").isprintable()


def test_P01_an_interrupted_what_if_keeps_what_there_is(
    invoke: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.world import World

    start = World._start

    def start_then_stop(self: World, loop: Any, clock: Any) -> Any:
        clock.schedule(2_000_000, 9, lambda event: self.interrupt())
        return start(self, loop, clock)

    monkeypatch.setattr(World, "_start", start_then_stop)
    done = invoke("whatif", "a", "--set", f"{DELAY}=40ms", "--out", "b")
    assert (done.code, done.out) == (130, "")
    assert "what was written of the new run lies in b" in done.err
    assert json.loads((folder / "b" / "summary.json").read_bytes())["outcome"] == "aborted"
    assert json.loads((folder / "b" / "manifest.json").read_bytes())["exit_code"] == 130
