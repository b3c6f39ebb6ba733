"""The trail: one fold for logs and for runs, and what the market series say."""

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from sim.audit.read import read_records
from sim.protocol.errors import AuditFormatError
from sim.report.trail.build import LIT_KINDS, Trail, TrailBuilder, read_trail
from sim.report.trail.market import NO_PX, NbboSeries
from sim.scenario.load import load_scenario
from sim.world import run_world
from venues.kinds import VENUE_KINDS

SCENARIOS = (
    "fragmented",
    "partial_fill",
    "two_parents",
    "rejects_and_timeouts",
    "queue_position",
    "latency_cost",
    "controls",
)


def ran(name: str, tmp_path: Path, *sets: str) -> tuple[Trail, Path]:
    """The trail made while a scenario ran, and the run's folder."""
    builder = TrailBuilder()
    folder = tmp_path / name
    folder.mkdir()
    result = run_world(load_scenario(name, sets=sets), folder=folder, watch=[builder])
    return builder.trail(result.summary["audit_head"]), folder


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_trail_from_the_log_is_the_one_of_the_run(name: str, tmp_path: Path) -> None:
    live, folder = ran(name, tmp_path)
    assert read_trail(folder) == live


@pytest.mark.parametrize("name", SCENARIOS)
def test_sums_of_executions_are_those_of_the_summary(name: str) -> None:
    builder = TrailBuilder()
    summary = run_world(load_scenario(name), watch=[builder]).summary
    trail = builder.trail()
    assert list(trail.parents) == [row["parent_id"] for row in summary["parents"]]
    for row in summary["parents"]:
        parent = trail.parents[row["parent_id"]]
        assert parent.filled_qty == row["filled_qty"]
        assert trail.units.avg_px_text(parent.tick_lots, parent.filled_qty) == row["avg_px"]
        assert parent.fees == Decimal(row["fees"])
        assert len(parent.children) == row["children"]
        routed = sum(venue["routed_qty"] for venue in row["venues"].values())
        assert sum(child.sent.order_qty for child in parent.children) == routed


def test_venues_with_displayed_quotes_are_the_lit_ones() -> None:
    kinds = {get_args(one.model_fields["kind"].annotation)[0]: one for one in VENUE_KINDS}
    lit = {name for name, kind in kinds.items() if kind.visibility == "lit"}
    assert lit == LIT_KINDS


def test_the_best_displayed_prices_leave_dark_venues_out(tmp_path: Path) -> None:
    trail, _ = ran("fragmented", tmp_path)
    nbbo = trail.market.nbbo
    assert trail.lit == {"NYSE", "NASDAQ"}
    assert min(ask for ask in nbbo.ask if ask != NO_PX) == 10_000  # DARK_B has 9,999
    assert set(nbbo.bid) == {NO_PX}
    assert nbbo.mid_x2(len(nbbo) - 1) is None


def test_changes_of_our_making_are_marked(tmp_path: Path) -> None:
    trail, _ = ran("fragmented", tmp_path)
    nbbo = trail.market.nbbo
    moved = [(t, ask) for t, ask, own in zip(nbbo.t_ns, nbbo.ask, nbbo.own, strict=True) if own]
    assert moved == [(6_000_000, 10_002)]  # NASDAQ is emptied; NYSE keeps its price


def test_the_mid_moves_by_what_we_did_and_by_what_others_did() -> None:
    nbbo = NbboSeries()
    rows = [(0, 10, 12, 0), (5, 10, 14, 0), (7, NO_PX, 14, 1), (8, 8, 14, 1), (8, 9, 14, 0)]
    for t_ns, bid, ask, venue in rows:
        nbbo.t_ns.append(t_ns)
        nbbo.bid.append(bid)
        nbbo.ask.append(ask)
        nbbo.venue.append(venue)
        nbbo.opening.append(0)
    nbbo.mark_own({(0, 5), (1, 8)})
    assert list(nbbo.own) == [0, 1, 0, 1, 0]
    assert list(nbbo.own_mid_x2) == [0, 2, 2, 0, 0]
    assert nbbo.known_mid_row(2) == 1
    assert (nbbo.before_own(5), nbbo.before_own(8), nbbo.before_own(0)) == (0, 2, 0)
    assert (nbbo.at(8), nbbo.before(8), nbbo.before(0)) == (4, 2, -1)


def test_a_log_that_is_cut_off_gives_what_it_holds(tmp_path: Path) -> None:
    _, folder = ran("partial_fill", tmp_path)
    log = folder / "audit.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:12]) + lines[12][:20])
    trail = read_trail(cut)
    assert trail.records == 12
    assert "torn" in trail.fault
    assert trail.outcome is None


def test_a_log_that_contradicts_itself_is_read_up_to_there(tmp_path: Path) -> None:
    builder = TrailBuilder()
    _, folder = ran("partial_fill", tmp_path)
    for _, record in read_records(folder / "audit.jsonl"):
        builder.observe(record)
    text = (folder / "audit.jsonl").read_text(encoding="utf-8")
    forged = tmp_path / "forged.jsonl"
    forged.write_text(text.replace('"last_qty":', '"last_qty":9', 1), encoding="utf-8")
    trail = read_trail(forged)
    assert "lots open" in trail.fault
    assert trail.records < builder.trail().records


def test_no_records_have_no_trail() -> None:
    with pytest.raises(AuditFormatError, match="begin with run_started"):
        TrailBuilder().trail()
