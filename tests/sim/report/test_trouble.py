"""What went wrong and what became of it, reckoned a second time from the lines of random logs."""

import json
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from sim.protocol.units import Units
from sim.report.trail.build import TrailBuilder, read_trail
from sim.report.trouble import FaultRow, Trouble, VenueRow, fault_rows, had_trouble, trouble
from sim.report.trouble_words import at_venue, what_followed, what_struck, when, where
from sim.scenario.load import load_scenario
from sim.study.torture.case import draw_case
from sim.world import run_world

SCENARIOS: Final = ("fragmented", "two_parents", "partial_fill", "rejects_and_timeouts")
QUIET: Final = ("message_duplication", "duplicate_exec_id", "orphan_fill", "clock_fault")
NEWS: Final = (
    *("cancel_sent", "replace_sent", "cancel_rejected", "overfill", "status_requested"),
    *("status_reported", "bust", "correction", "child_rejected", "child_canceled"),
    *("written_off", "report_ignored"),
)
MISSING: Final = re.compile(r"\bgap\b(?:(?! (?:filled|given_up)\b).)*")
"""From one question for missing reports to the end of that, other questions included."""
Line = dict[str, Any]


class Recount:
    """The same account from the lines of a log, by looking at all of them again and again."""

    def __init__(self, log: bytes) -> None:
        self.lines: list[Line] = [json.loads(line) for line in log.splitlines()]
        self.end = self.lines[-1]["t_ns"]
        self.sent = {one["cl_ord_id"]: one for one in self.lines if one["kind"] == "child_sent"}
        self.names = {name: name for name in self.sent}
        for one in self.lines:
            if one["kind"] in {"cancel_sent", "replace_sent"}:
                self.names[one["cl_ord_id"]] = one["orig_cl_ord_id"]
        self.of: dict[str, list[Line]] = {name: [] for name in self.sent}
        for one in self.lines:
            name = self.names.get(one.get("orig_cl_ord_id") or one.get("cl_ord_id", ""))
            if name is not None and one["kind"] != "fault":
                self.of[name].append(one)

    def leaves(self, name: str, before_seq: int) -> tuple[int, int | None]:
        """Lots of a child that were open before a line, and when it had last ended."""
        open_qty, ended = self.sent[name]["order_qty"], None
        for one in self.of[name]:
            if one["seq"] >= before_seq:
                break
            kind = one["kind"]
            if kind in {"bust", "correction"}:
                open_qty += one.get("reopened_qty", 0)
                continue  # that is no end
            if kind == "overfill":  # what is booked of it follows as a fill
                open_qty = one["leaves_qty"] + one["booked_qty"]
            elif kind == "fill":
                open_qty = open_qty - one["last_qty"]
            elif kind == "child_replaced":
                open_qty = one["leaves_qty"]
            elif kind in {"child_canceled", "child_rejected", "written_off"}:
                open_qty = 0
            else:
                continue
            if not open_qty:
                ended = one["t_ns"]
        return open_qty, ended

    def sums(self, touched: dict[str, int]) -> dict[str, int]:
        """What became of children, each from a time on."""
        found: Counter[str] = Counter()
        for name, since in touched.items():
            later = [one for one in self.of[name] if one["t_ns"] >= since]
            lost = sum(one["written_off_qty"] for one in later if one["kind"] == "written_off")
            found["written_off_qty"] += lost
            found["unknown"] += any(
                (one["kind"] == "status_reported" and one["ord_status"] == "rejected")
                or (one["kind"] == "cancel_rejected" and one["reason"] == "unknown_order")
                for one in later
            )
            asked = [one for one in later if one["kind"] == "status_requested"]
            now, ended = self.leaves(name, len(self.lines))
            still = now if ended is None else 0
            if asked:
                then, _ = self.leaves(name, asked[0]["seq"])
                still = min(then, still)
                found["asked"] += 1
                found["asked_qty"] += then
                found["settled_qty"] += max(0, then - still - lost)
            found["open_qty"] += still
        keys = ("asked", "unknown", "asked_qty", "settled_qty", "written_off_qty", "open_qty")
        return {key: found[key] for key in keys}

    def holds(self, touched: dict[str, int]) -> list[str]:
        """Why venues were held back as the log told of these children."""
        return [
            hold["reason"]
            for hold in self.lines
            if hold["kind"] == "route_hold"
            and hold["reason"] != "answered"
            and any(
                one["kind"] in NEWS and one["t_ns"] == hold["t_ns"] >= since
                for name, since in touched.items()
                if self.sent[name]["venue_id"] == hold["venue_id"]
                for one in self.of[name]
            )
        ]

    def touched(self, records: list[Line]) -> dict[str, int]:
        """Children that a fault touched, and since when."""
        since: dict[str, int] = {}

        def note(name: str | None, t_ns: int) -> None:
            if name is not None:
                since[name] = min(since.get(name, t_ns), t_ns)

        start: Line | None = None
        states = [one for one in records if one["phase"] != "struck" and not one.get("leg")]
        for one in [*states, None]:
            if start is not None:
                stop = self.end if one is None else one["t_ns"]
                for name, sent in self.sent.items():
                    _, ended = self.leaves(name, len(self.lines))
                    there = start["fault"] == "router_crash"
                    there |= sent["venue_id"] == start.get("venue_id")
                    gone = ended is not None and ended < start["t_ns"]
                    if there and sent["t_ns"] <= stop and not gone:
                        note(name, max(start["t_ns"], sent["t_ns"]))
            start = one if one is not None and one["phase"] == "began" else None
        for one in records:
            if one["phase"] == "struck":
                note(self.names.get(one.get("cl_ord_id", "")), one["t_ns"])
        return since

    def fault(self, fault_id: str, kind: str, venue_id: str) -> dict[str, Any]:
        """All that is said of one fault."""
        records = [
            one
            for one in self.lines
            if one["kind"] == "fault" and one["fault_id"] == fault_id
            if fault_id or one.get("venue_id") == venue_id
        ]
        states = [one for one in records if one["phase"] != "struck"]
        struck = [one for one in records if one["phase"] == "struck"]
        leg = next((one.get("leg", "") for one in [*states, *struck]), None)
        times = [one["t_ns"] for one in records]
        lasts = bool(states) and states[-1]["phase"] == "began"
        touched = self.touched(records)
        holds = self.holds(touched)
        doubted = 0
        if leg == "feed" and times:
            last = self.end if lasts else times[-1]
            doubted = sum(
                any(each["venue_id"] == venue_id for each in one.get("doubts", ()))
                for one in self.lines
                if one["kind"] == "decision" and times[0] <= one["t_ns"] <= last
            )
        return {
            "began_ns": min(times, default=None),
            "ended_ns": None if lasts else max(times, default=None),
            "struck": len(struck),
            "orders": len(touched),
            **self.sums({} if kind in QUIET else touched),
            "holds": sum(one not in {"overfill", "conflict", "reset"} for one in holds),
            "quarantine": any(one in {"overfill", "conflict", "reset"} for one in holds),
            "doubted": doubted,
        }

    def venue(self, venue_id: str) -> dict[str, Any]:
        """All that is said of one venue."""
        here = [one for one in self.lines if one.get("venue_id") == venue_id]
        sessions = [one for one in here if one["kind"] == "session"]
        told = Counter(one["event"] for one in sessions)
        down, since = 0, None
        for one in [*sessions, {"event": "up", "t_ns": self.end}]:
            if one["event"] == "down":
                since = one["t_ns"] if since is None else since
            elif one["event"] == "up" and since is not None:
                down, since = down + one["t_ns"] - since, None
        holds = [one for one in here if one["kind"] == "route_hold" and one["reason"] != "answered"]
        ends = [one for one in holds if one["reason"] in {"overfill", "conflict", "reset"}]
        return {
            "down": told["down"],
            "down_ns": down,
            "gaps": len(MISSING.findall(" ".join(one["event"] for one in sessions))),
            "filled": told["filled"],
            "given_up": told["given_up"],
            **self.sums({k: 0 for k, one in self.sent.items() if one["venue_id"] == venue_id}),
            "holds": len(holds) - len(ends),
            "quarantine_ns": ends[0]["t_ns"] if ends else None,
        }


def compare(seed: int, log: Path) -> Counter[str]:
    """Run a random world; both accounts of it are equal. What the account has of each figure."""
    case = draw_case(SCENARIOS, seed)
    loaded, built = case.load(), TrailBuilder()
    result = run_world(loaded, watch=[built], ties=case.ties)
    assert result.log is not None  # no folder: it is in memory
    log.write_bytes(result.log)
    found, recount = trouble(read_trail(log)), Recount(result.log)
    assert trouble(built.trail()) == found
    assert len(found.faults) >= len(loaded.scenario.faults)
    seen: Counter[str] = Counter()
    kinds = {one["kind"] for one in recount.lines}
    if not loaded.scenario.faults and not kinds & {"fault", "session"}:
        assert found == Trouble([], [])
        return seen
    for row in found.faults:
        expected = recount.fault(row.fault_id, row.kind, row.venue_id or "")
        mine = {name: value for name, value in row._asdict().items() if name in expected}
        assert mine == expected, (seed, row)
        seen.update(name for name, value in expected.items() if value)
    rows = {one.venue_id: one for one in found.venues}
    for one in loaded.scenario.venues:
        expected = recount.venue(one.id)
        if one.id not in rows:
            assert not any((expected | {"open_qty": 0}).values()), (seed, one.id)
            continue
        assert rows[one.id]._asdict() == {"venue_id": one.id, **expected}, (seed, one.id)
        seen.update(f"venue {name}" for name, value in expected.items() if value)
    for row in found.faults:
        assert row.asked_qty <= row.settled_qty + row.written_off_qty + row.open_qty
    return seen


def test_the_account_of_random_worlds_is_what_their_lines_say(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(3):
        seen += compare(seed, tmp_path / "audit.jsonl")
    assert seen["struck"]
    assert seen["orders"]


@pytest.mark.slow
def test_the_account_of_many_random_worlds_is_what_their_lines_say(tmp_path: Path) -> None:
    """Every figure of it is more than nothing in some of them, else nothing would be compared."""
    seen: Counter[str] = Counter()
    for seed in (*range(1_000, 1_120), 1_398):  # the last one: missing reports given up
        seen += compare(seed, tmp_path / "audit.jsonl")
    wanted = {*FaultRow._fields[4:], *(f"venue {name}" for name in VenueRow._fields[1:])}
    assert wanted - {*seen} == set()


def test_a_run_without_faults_and_with_sound_sessions_has_no_account() -> None:
    built = TrailBuilder()
    run_world(load_scenario("partial_fill"), watch=[built])
    trail = built.trail()
    assert not had_trouble(trail)
    assert trouble(trail) == Trouble([], [])
    assert trouble(trail).document() == {"faults": [], "venues": []}


def faulty_day() -> Trouble:
    built = TrailBuilder()
    run_world(load_scenario("faulty_day"), watch=[built])
    return trouble(built.trail())


def test_a_bad_day_in_words() -> None:
    """As the comments of the scenario tell it."""
    found, units = faulty_day(), Units(Decimal("0.01"), Decimal(1))
    assert what_struck(found) == [
        "The scenario has 9 faults: all of them came, and 58 messages were struck."
    ]
    told = {
        one.fault_id: (where(one), when(one), "; ".join(what_followed(one, units)))
        for one in found.faults
    }
    doubted = "quotes doubted in 1 decision"
    assert told == {
        "lost_order": ("NYSE order", "52 ms", "1 order unknown there; venue held back once"),
        "lost_fill": ("NASDAQ report", "206 ms", "venue held back once"),
        "doubled": ("BATS report", "60 ms to 660 ms", ""),
        "late_feed": ("NASDAQ feed", "270 ms to 360 ms", doubted),
        "mad_feed": ("BATS feed", "460 ms to 520 ms", doubted),
        "crossed_feed": ("NYSE feed", "620 ms to 680 ms", doubted),
        "wrong_clock": ("BATS report", "60 ms to 875 ms", ""),
        "outage": (
            "BATS",
            "800 ms to 860 ms",
            "asked about 1 order; 142 settled; 1 order unknown there",
        ),
        "two_stories": ("NYSE report", "804 ms", "venue in quarantine"),
    }
    assert {one.venue_id: "; ".join(at_venue(one, units)) for one in found.venues} == {
        "NYSE": "1 order unknown there; held back once; in quarantine from 804 ms",
        "NASDAQ": "reports missing once (once filled); held back once",
        "BATS": "session down once, for 60 ms; asked about 1 order; 142 settled; "
        "1 order unknown there",
    }


NOTHING: Final = FaultRow(
    fault_id="f",
    kind="router_crash",
    venue_id=None,
    leg=None,
    began_ns=None,
    ended_ns=None,
    struck=0,
    orders=0,
    asked=0,
    unknown=0,
    asked_qty=0,
    settled_qty=0,
    written_off_qty=0,
    open_qty=0,
    holds=0,
    quarantine=False,
    doubted=0,
)


def test_words_of_what_did_not_come_and_of_what_did_not_end() -> None:
    units = Units(Decimal("0.01"), Decimal(100))
    assert (where(NOTHING), when(NOTHING)) == ("router", "did not come")
    assert what_followed(NOTHING, units) == []
    assert what_struck(Trouble([NOTHING], [])) == [
        "The scenario has 1 fault: it did not come, and no messages were struck."
    ]
    lasts = NOTHING._replace(began_ns=1_200_000_000, struck=1)
    assert when(lasts) == "from 1.2 s"
    assert what_struck(Trouble([lasts], [])) == [
        "The scenario has 1 fault: it came, and 1 message was struck."
    ]
    assert what_struck(Trouble([NOTHING, lasts], [])) == [
        "The scenario has 2 faults: 1 of them came, and 1 message was struck."
    ]
    assert what_struck(Trouble([NOTHING, NOTHING], [])) == [
        "The scenario has 2 faults: none of them came, and no messages were struck."
    ]
    much = NOTHING._replace(asked=2, asked_qty=60, settled_qty=30, written_off_qty=20, open_qty=10)
    assert what_followed(much, units) == [
        "asked about 2 orders",
        "3,000 settled, 2,000 written off, 1,000 still open",
    ]
    assert what_followed(much._replace(settled_qty=0, written_off_qty=0, open_qty=0), units) == [
        "asked about 2 orders",
        "none of it open",
    ]
    given_up = NOTHING._replace(written_off_qty=20, holds=3, quarantine=True, doubted=2)
    assert what_followed(given_up, units) == [
        "2,000 written off",
        "venue held back 3 times",
        "venue in quarantine",
        "quotes doubted in 2 decisions",
    ]


def test_F01_a_venue_that_dies_of_itself_is_no_fault_of_the_scenario() -> None:
    """The messages that it loses have no fault's id: they have a row of their own, by venue."""
    built = TrailBuilder()
    run_world(load_scenario("faulty_day"), watch=[built])
    trail = built.trail()
    scenario = {**trail.scenario, "faults": []}
    strikes = [msgspec.structs.replace(one, fault_id="") for one in trail.faults]
    rows = fault_rows(replace(trail, scenario=scenario, faults=strikes))
    assert [(one.fault_id, one.venue_id) for one in rows] == [
        ("", "NYSE"),
        ("", "BATS"),
        ("", "NASDAQ"),
    ]


def account_of(fault: str) -> Trouble:
    built = TrailBuilder()
    run_world(load_scenario("fragmented", sets=[f"faults=[{fault}]"]), watch=[built])
    return trouble(built.trail())


def test_F03_lots_behind_a_line_that_stays_cut_are_told() -> None:
    """Nobody could be asked about them: that is no reason to say that nothing followed."""
    found = account_of("{kind: disconnect, venue: DARK_B, at: 20ms}")
    (row,) = found.faults
    assert (row.asked, row.open_qty) == (0, 25_000)
    assert what_followed(row, Units(Decimal("0.01"), Decimal(1))) == ["25,000 still open"]
    assert [(one.venue_id, one.open_qty) for one in found.venues] == [("DARK_B", 25_000)]


def test_F06_missing_reports_count_once_however_often_they_are_asked_for() -> None:
    lost = "{kind: message_loss, venue: DARK_B, at: 0s, leg: %s, messages: %s}"
    found = account_of(f"{lost % ('report', 'fill')}, {lost % ('order', 'resend_request')}")
    assert [one.struck for one in found.faults] == [1, 1]
    assert [(one.gaps, one.filled, one.given_up) for one in found.venues] == [(1, 1, 0)]
