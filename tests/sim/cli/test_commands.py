"""The other commands, and what all commands share."""

import json
from pathlib import Path
from typing import Any

import click
import pytest

from sim.cli.app import COMMANDS, sorsim
from sim.cli.listing import KINDS
from sim.report.expect import METRICS

Invoke = Any  # see conftest


@pytest.mark.parametrize("name", COMMANDS)
def test_command_of_the_table_loads_and_explains_itself(invoke: Invoke, name: str) -> None:
    command = sorsim.get_command(click.Context(sorsim), name)
    assert command is not None
    assert command.name == name
    code, out, err = invoke(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: sorsim {name} ")
    assert all(len(line) <= 100 for line in out.splitlines())


def test_help_names_every_command_and_exit_code(invoke: Invoke) -> None:
    out = invoke("--help").out
    assert all(f"  {name} " in out for name in COMMANDS)
    assert "130 interrupted" in out


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").out.startswith("sorsim 0.")


@pytest.mark.parametrize("args", [(), ("bogus",), ("run",), ("run", "a", "--bogus"), ("list", "x")])
def test_wrong_usage_is_exit_2_on_stderr(invoke: Invoke, args: tuple[str, ...]) -> None:
    code, out, err = invoke(*args)
    assert (code, out) == (2, "")
    assert "Usage: sorsim" in err
    document = json.loads(invoke(*args, "--json").out)
    assert document["error"]["kind"] == "usage"


def test_validate_checks_each_file_and_says_every_problem(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("schema_version: 1\nnmae: x\nduration: 5\n")
    code, out, err = invoke("validate", "fragmented", "bad.yaml", "partial_fill")
    assert code == 2
    assert out == "fragmented: ok\npartial_fill: ok\n"
    assert "bad.yaml:2:1: nmae: " in err
    assert "bad.yaml:3:11: duration: " in err
    assert invoke("validate", "fragmented") == (0, "fragmented: ok\n", "")


def test_validate_json_has_a_row_per_file(invoke: Invoke) -> None:
    code, out, _ = invoke("validate", "fragmented", "no_such", "--json")
    rows = json.loads(out)["scenarios"]
    assert code == 2
    assert [(row["scenario"], row["ok"]) for row in rows] == [
        ("fragmented", True),
        ("no_such", False),
    ]
    assert rows[1]["problems"][0]["file"] == "no_such"


@pytest.fixture
def run_folder(invoke: Invoke, tmp_path: Path) -> Path:
    invoke("run", "fragmented", "--quiet", "--out", "a")
    return tmp_path / "a"


def test_verify_takes_a_folder_or_its_log(invoke: Invoke, run_folder: Path) -> None:
    for name in ("a", "a/audit.jsonl"):
        code, out, _ = invoke("verify", name)
        assert code == 0
        assert "audit.jsonl: ok: " in out
    head = json.loads((run_folder / "summary.json").read_bytes())["audit_head"]
    assert invoke("verify", "a", "--expect-head", head).code == 0


def test_verify_names_the_first_bad_record(invoke: Invoke, run_folder: Path) -> None:
    log = run_folder / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:4], *lines[5:]]))
    code, out, _ = invoke("verify", "a")
    assert code == 1
    assert "audit.jsonl: NOT OK: record 4 " in out
    document = json.loads(invoke("verify", "a", "--json").out)
    assert (document["ok"], document["first_bad"]["seq"]) == (False, 4)


def test_verify_finds_another_head(invoke: Invoke, run_folder: Path) -> None:
    assert invoke("verify", "a", "--expect-head", "0" * 64).code == 1
    assert invoke("verify", "a", "--expect-head", "zero").code == 2


def test_verify_of_no_file_is_exit_2(invoke: Invoke) -> None:
    code, out, err = invoke("verify", "nowhere")
    assert (code, out) == (2, "")
    assert "No such file" in err


@pytest.mark.parametrize("kind", KINDS)
def test_list_says_what_everything_is_and_where_it_comes_from(invoke: Invoke, kind: str) -> None:
    code, out, _ = invoke("list", kind, "--json")
    rows = json.loads(out)[kind]
    assert code == 0
    assert rows
    for row in rows:
        assert list(row) == ["name", "about", "source"]
        assert row["name"]
        assert row["about"].endswith("."), f"{row['name']}: its docstring needs a first sentence"
        assert row["source"].endswith("."), f"{row['name']}: its docstring needs a line 'Source: '"
    people = invoke("list", kind).out
    assert all(row["name"] in people for row in rows)
    assert people.count("Source:") == len(rows)
    assert all(len(line) <= 100 for line in people.splitlines())


def test_list_has_what_the_tables_have(invoke: Invoke) -> None:
    def names(kind: str) -> list[str]:
        return [row["name"] for row in json.loads(invoke("list", kind, "--json").out)[kind]]

    assert {"fragmented", "partial_fill"} <= set(names("scenarios"))
    assert {"lit", "dark", "maker", "replayed"} <= set(names("venues"))
    assert {"greedy", "top_of_book", "min_impact", "single_venue"} <= set(names("strategies"))
    assert names("metrics") == list(METRICS)


def test_schema_is_a_json_schema_of_the_scenario(invoke: Invoke) -> None:
    code, out, _ = invoke("schema")
    schema = json.loads(out)
    assert code == 0
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"venues", "router", "parents", "seed"} <= set(schema["required"])
    assert schema["additionalProperties"] is False


def test_convert_writes_what_the_format_makes(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "Timestamp,Order_ID,Status\n1000,1,PENDING_CREATE\n1012,1,CREATED\n"
    )
    code, out, _ = invoke("convert", "order_latency", "in.csv", "out.csv", "-o", "source=a test")
    assert code == 0
    assert "1 rows to out.csv" in out
    assert "create,12" in (tmp_path / "out.csv").read_text()
    args = ("convert", "order_latency", "in.csv", "again.csv", "-o", "source=a test", "--json")
    assert json.loads(invoke(*args).out)["rows"] == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("nope", "a", "b"), "none of binance_l2"),
        (("order_latency", "a"), "output last"),
        (("order_latency", "a", "b", "-o", "source"), "NAME=VALUE"),
        (("order_latency", "a", "b", "-o", "source=x", "-o", "source=y"), "each name once"),
        (("order_latency", "a", "b", "-o", "source=x"), "a: "),
        (("order_latency", "in.csv", "b", "-o", "colour=x"), "option"),
    ],
)
def test_convert_of_something_wrong_is_exit_2(
    invoke: Invoke, tmp_path: Path, args: tuple[str, ...], words: str
) -> None:
    (tmp_path / "in.csv").write_text("Timestamp,Order_ID,Status\n")
    code, out, err = invoke("convert", *args)
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "b").exists()


def rows(met: bool) -> dict[str, Any]:
    return {
        "bench": [
            {
                "name": "loop_deliveries",
                "value": 800_000,
                "unit": "deliveries/s",
                "peers": {"simpy": 100_000},
                "ratio": {"simpy": 8.0},
                "target": {"value": None, "ratio": {"simpy": 4.0}, "aim": None},
                "met": met,
            }
        ]
    }


@pytest.mark.parametrize("met", [True, False])
def test_bench_shows_ratios_and_judges(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, met: bool
) -> None:
    monkeypatch.setattr("benchmarks.run.collect", lambda quick: rows(met))
    code, out, err = invoke("bench", "--quick")
    assert code == (0 if met else 1)
    assert "Compared with nothing" in err
    assert "8 x simpy" in out
    assert ("NOT MET" in out) is not met
    monkeypatch.setattr("benchmarks.gate.read_figures", list)
    assert json.loads(invoke("bench", "--json").out) == {**rows(met), "losses": []}


def test_bench_fails_where_a_ratio_was_lost(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = rows(True)["bench"]
    committed[0]["ratio"]["simpy"] = 9.5
    monkeypatch.setattr("benchmarks.run.collect", lambda quick: rows(True))
    monkeypatch.setattr("benchmarks.gate.read_figures", lambda: committed)
    code, out, err = invoke("bench")
    assert (code, err) == (1, "")
    assert "loop_deliveries: the ratio to simpy was 9.5 and is now 8" in out
    lost = [{"name": "loop_deliveries", "peer": "simpy", "was": 9.5, "now": 8.0}]
    assert json.loads(invoke("bench", "--json").out)["losses"] == lost
    assert invoke("bench", "--quick").code == 0  # measures something else


def test_bench_writes_the_figures_that_it_compares_with(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr("benchmarks.run.collect", lambda quick: rows(True))
    monkeypatch.setattr("benchmarks.gate.write_figures", written.extend)
    monkeypatch.setattr("benchmarks.gate.read_figures", lambda: written)
    assert invoke("bench", "--write").code == 0
    assert written == rows(True)["bench"]
    code, _, err = invoke("bench", "--write", "--quick")
    assert code == 2
    assert "--quick" in err


def test_bench_outside_a_checkout_says_so(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sim.cli.bench.__file__", str(tmp_path / "site" / "sim" / "cli" / "b.py"))
    code, _, err = invoke("bench")
    assert code == 2
    assert "checkout" in err


def test_bench_without_its_peers_names_the_extra(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collect(quick: bool) -> None:
        raise ModuleNotFoundError("No module named 'simpy'", name="simpy")

    monkeypatch.setattr("benchmarks.run.collect", collect)
    code, _, err = invoke("bench")
    assert code == 2
    assert "simpy is missing" in err
