"""A parcel gives the run that the scenario gives, wherever its files are, and no other."""

import pickle
from pathlib import Path

import msgspec
import pytest

from sim.protocol.errors import DataFormatError
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.study import parcel as module
from sim.study.parcel import Parcel, pack, store, unpack
from sim.world import run_world


@pytest.fixture(autouse=True)
def _as_a_new_process() -> None:
    module._loaded.cache_clear()
    module._came_along.clear()


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_travels(name: str) -> None:
    loaded = load_scenario(name, seed=5)
    parcel = pickle.loads(pickle.dumps(pack(loaded)))
    again = unpack(parcel, 5).resolved()
    wanted = loaded.resolved() | {"study": again["study"]}
    assert msgspec.json.encode(again) == msgspec.json.encode(wanted)
    assert unpack(parcel, 6).scenario.seed == 6
    assert unpack(parcel, 5).file_hashes() == loaded.file_hashes()
    assert parcel == pack(load_scenario(name, seed=7))  # the seed is no part of it


def test_it_runs_as_the_scenario_does() -> None:
    loaded = load_scenario("fragmented", sets=["venues[NYSE].latency.order.delay=7ms"], seed=3)
    assert run_world(unpack(pack(loaded), 3)).summary == run_world(loaded).summary


def with_file(folder: Path, digits: str = "100.00") -> Parcel:
    (folder / "A.l2.csv").write_text(
        f"t_ns,event,side,price,qty\n0,level,ask,{digits},10\n0,level,bid,99.00,10\n"
    )
    scenario = {
        "schema_version": 1,
        "name": "one_file",
        "seed": 1,
        "duration": "1s",
        "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 1},
        "venues": [
            {
                "id": "A",
                "kind": "replayed",
                "file": "A.l2.csv",
                "latency": {
                    leg: {"model": "fixed", "delay": "1ms"} for leg in ("order", "report", "feed")
                },
            }
        ],
        "router": {"strategy": {"kind": "greedy"}},
        "parents": [{"id": "P", "side": "buy", "qty": 5, "at": "10ms"}],
    }
    (folder / "s.yaml").write_bytes(msgspec.json.encode(scenario))
    return pack(load_scenario(folder / "s.yaml"))


def test_files_are_part_of_what_it_is(tmp_path: Path) -> None:
    one = with_file(tmp_path)
    other = with_file(tmp_path, "100.01")
    assert one.what() != other.what()
    assert one.files_key() != other.files_key()


def test_files_that_came_along_stand_in_for_missing_ones(tmp_path: Path) -> None:
    parcel = with_file(tmp_path)
    before = run_world(unpack(parcel, 1))
    content = (tmp_path / "A.l2.csv").read_bytes()
    (tmp_path / "A.l2.csv").write_bytes(content + b"\n")
    _as_a_new_process_now()
    with pytest.raises(DataFormatError, match=r"csv: found [0-9a-f]{64}; allowed: the study's"):
        unpack(parcel, 1)
    (tmp_path / "A.l2.csv").unlink()
    with pytest.raises(DataFormatError, match=r"csv: found no such file; allowed: the study"):
        unpack(parcel, 1)
    store(parcel.files_key(), {"A.l2.csv": content}, tmp_path / "there")
    after = run_world(unpack(parcel, 1))
    assert before.summary["parents"][0]["filled_qty"] == 5
    assert (after.summary, after.log) == (before.summary, before.log)


def _as_a_new_process_now() -> None:
    module._loaded.cache_clear()


def test_a_plug_in_that_is_a_module_counts_by_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    keys = []
    for source in ("class Mine: ...\n", "class Mine: pass\n"):
        (tmp_path / "parcel_plug_in.py").write_text(source)
        sets = (
            'plugins=["parcel_plug_in:Mine"]',
            "router={strategy: {kind: own, plugin: Mine}}",
        )
        parcel = pack(load_scenario("fragmented", sets=sets, allow_code=True))
        assert parcel.files == ()
        keys.append(parcel.what())
    assert keys[0] != keys[1]
