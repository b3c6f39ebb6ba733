"""Of any run: every lot that was asked for and not filled has one cause, and they add up."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.audit.records import Depth
from sim.protocol.enums import TimeInForce
from sim.report.attribution.attribute import Attribution, ChildShort, attribute
from sim.report.attribution.causes import Cause
from sim.report.trail.build import Trail, TrailBuilder, read_trail

if TYPE_CHECKING:
    from tests.conftest import Ran

Data = dict[str, Any]
ON_THE_WAY = Cause.TAKEN_BY_OTHERS, Cause.GONE_BEFORE_ARRIVAL, Cause.FADED


@pytest.mark.slow
@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([100, 600, 2_000]),
    delays=st.tuples(st.integers(0, 25), st.integers(1, 25)),
    mode=st.sampled_from(["full", "full", "touch"]),
)
def test_losses_in_busy_books_are_those_of_the_books(
    seed: int,
    rate: int,
    delays: tuple[int, int],
    mode: str,
    run_data: Callable[..., "Ran"],
) -> None:
    """Parents far apart buy and sell where others come, take and go all the time."""
    check_run(run_data(busy(seed, rate, delays, mode)), mode)


@pytest.mark.parametrize("mode", ["full", "touch"])
def test_losses_in_one_busy_book_are_those_of_the_book(
    mode: str, run_data: Callable[..., "Ran"]
) -> None:
    """The same for one seed."""
    found = check_run(run_data(busy(7, 600, (20, 10), mode)), mode)
    told = [cause for one in found.children.values() for cause in one.causes]
    assert {Cause.STALE_QUOTE, Cause.TAKEN_BY_OTHERS, Cause.GONE_BEFORE_ARRIVAL} <= set(told)


def check_run(ran: "Ran", mode: str) -> Attribution:
    """Sums, and causes against what happened."""
    builder = TrailBuilder()
    for record in ran.records:
        builder.observe(record)
    trail = builder.trail()
    found = attribute(trail)
    check_sums(found, trail)
    for child in found.children.values():
        check_causes(child, trail)
        assert (Cause.NOT_RECORDED in child.causes) <= (mode == "none")
        if mode == "full":
            check_staleness(child, trail, ran.of(Depth))
    return found


def busy(seed: int, rate: int, delays: tuple[int, int], mode: str) -> Data:
    legs = [{"model": "fixed", "delay": f"{ms}ms"} for ms in delays]
    flow = {"kind": "poisson", "rate": rate, "centre": "100.00", "levels": 5, "lots": 40}
    book = {"asks": [["100.01", 60], ["100.03", 90]], "bids": [["99.99", 60], ["99.97", 90]]}
    venues = [
        {
            "id": name,
            "kind": "lit",
            "latency": {"order": legs[n], "report": legs[1], "feed": legs[1 - n]},
            "book": book,
            "depth": 100,
            "flow": [{**flow, "take": 0.3, "cancel": 0.4}],
        }
        for n, name in enumerate("AB")
    ]
    parents = [
        {
            "id": f"P{n}",
            "side": "buy" if n % 2 else "sell",
            "qty": 40 + 37 * n % 200,
            "at": f"{40 + 150 * n}ms",
            "limit": "100.04" if n % 2 else "99.96",
            "deadline": f"{90 + 150 * n}ms",
        }
        for n in range(7)
    ]
    return {
        "schema_version": 1,
        "name": "busy",
        "seed": seed,
        "duration": "1100ms",
        "instrument": {"symbol": "ACME", "tick_size": "0.01", "lot_size": 1},
        "venues": venues,
        "router": {"strategy": {"kind": "greedy"}},
        "parents": parents,
        "audit": {"market_data": mode},
    }


@pytest.mark.slow
@settings(max_examples=15)
@given(data=st.data())
def test_causes_at_dealers_and_auctions_add_up(
    data: st.DataObject, run_data: Callable[..., "Ran"], project_root: Path
) -> None:
    """Each kind that answers orders in its own way, with other times, limits and patience."""
    text = (project_root / "scenarios" / "venue_kinds.yaml").read_text(encoding="utf-8")
    scenario = yaml.safe_load(text) | {"expect": {}}
    lit, whole, call, broker, rfq = scenario["venues"]
    lit["book"]["bids"] = data.draw(st.sampled_from([[], [["99.98", 5000]]]))
    whole["max_order_qty"] = data.draw(st.sampled_from([5_000, 25_000]))
    call["every"] = data.draw(st.sampled_from(["5ms", "50ms"]))
    broker["delay"] = data.draw(st.sampled_from(["0ms", "20ms"]))
    rfq["last_look"] = data.draw(
        st.sampled_from([None, {"hold": "10ms", "tolerance": "0.004"}, {"hold": "90ms"}])
    )
    rfq["shown"] = data.draw(st.booleans())
    scenario["router"]["ack_timeout"] = data.draw(st.sampled_from(["8ms", "250ms"]))
    scenario["router"]["blind"]["slack_bps"] = data.draw(st.sampled_from([0, 5]))
    (parent,) = scenario["parents"]
    parent |= data.draw(
        st.sampled_from([{}, {"limit": "100.01"}, {"limit": "100.015", "deadline": "30ms"}])
    )
    parent["side"] = data.draw(st.sampled_from(["buy", "sell"]))
    scenario["audit"] = {"market_data": data.draw(st.sampled_from(["full", "touch", "none"]))}
    check_run(run_data(scenario), scenario["audit"]["market_data"])


# Lots that rest, and makers that give way: the worlds of other tests have neither.
resting = st.sampled_from(
    [
        {},
        {"rest": {"price": "touch", "move_after": "5ms"}},
        {"rest": {"price": "touch", "first": True, "take_after": "40ms"}},
        {"rest": {"price": "touch", "offset": 2, "move_after": "0ns", "chase_max": 1}},
    ]
)


def makers(venues: list[str]) -> st.SearchStrategy[list[Data]]:
    legs = {leg: {"model": "fixed", "delay": "1ms"} for leg in ("order", "report", "feed")}
    one = {
        "id": "MAKER",
        "kind": "market_maker",
        "latency": legs,
        "venues": [{"venue": name} for name in venues],
        "half_spread": "0.05",
        "start": "100.00",
        "qty": 15,
        "levels": 2,
        "hold": "50ms",
    }
    ways = [{"fade": "cancel"}, {"fade": "shift", "shift": "0.05"}, {"learns": "trades"}]
    return st.sampled_from([[], *([one | way] for way in ways)])


@pytest.mark.slow
@settings(max_examples=20)
@given(data=st.data())
def test_causes_of_any_run_add_up(
    data: st.DataObject,
    any_world: st.SearchStrategy[Data],
    run_checked: Callable[[Data], "Ran"],
    tmp_path_factory: Any,
) -> None:
    world = data.draw(any_world)
    mode = data.draw(st.sampled_from(["full", "touch", "none"]))
    scenario = world["scenario"]
    scenario["audit"]["market_data"] = mode
    lit = [one["id"] for one in scenario["venues"] if one["kind"] == "lit"]
    if lit:
        scenario["router"] |= data.draw(resting)
        scenario["participants"] = data.draw(makers(lit))
    ran = run_checked(world)
    found = check_run(ran, mode)
    cut = TrailBuilder()
    for record in ran.records[: data.draw(st.integers(1, len(ran.records)))]:
        cut.observe(record)
    check_sums(attribute(cut.trail()), cut.trail())
    path = Path(tmp_path_factory.getbasetemp(), "drawn_causes.jsonl")
    assert ran.result.log is not None
    path.write_bytes(ran.result.log)
    assert rows(attribute(read_trail(path))) == rows(found), "the log alone tells the same"


def rows(found: Attribution) -> list[Data]:
    parents = [one.row() for one in found.parents.values()]
    return parents + [one.row() for one in found.children.values()]


def check_sums(found: Attribution, trail: Trail) -> None:
    for name, parent in trail.parents.items():
        asked = sum(child.requested_qty for child in parent.children)
        row = found.parents[name].row()
        assert row["short_shares"] == asked - parent.filled_qty
        assert sum(row["causes"].values()) == row["short_shares"]
        assert sum(row["worse"]["causes"].values()) == row["worse"]["qty"]
    for one in found.children.values():
        assert one.short_qty == one.child.requested_qty - one.child.filled_qty
        assert sum(one.causes.values()) == one.short_qty
        assert sum(one.worse.causes.values()) == one.worse.qty
        assert all(qty > 0 for qty in (*one.causes.values(), *one.worse.causes.values()))
        assert one.worse.tick_lots >= one.worse.qty, "worse is a tick at least"
        assert one.worse.qty + one.worse.unquoted_qty <= one.child.filled_qty


def check_causes(found: ChildShort, trail: Trail) -> None:
    """What a cause says must have happened."""
    child, causes = found.child, found.causes
    takes = child.sent.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}
    events = trail.participant_events
    assert (Cause.FADED in causes) <= any(one.event == "faded" for one in events)
    assert (Cause.QUEUE in causes) <= (not takes)
    assert (Cause.REJECTED in causes) <= (child.rejected is not None)
    assert (Cause.STILL_OPEN in causes) <= (child.leaves_qty > 0)
    if child.arrival is None:
        assert not any(cause in causes for cause in ON_THE_WAY)
        return
    taken = causes.get(Cause.TAKEN_BY_OTHERS, 0)
    prints = trail.market.prints.get(child.venue_id)
    if taken:
        assert prints is not None
        traded = sum(
            prints.qty[row]
            for row in range(len(prints))
            if child.sent.t_ns < prints.t_ns[row] <= child.arrival.t_ns
            and prints.aggressor[row] == child.sign
            and child.sign * (prints.price[row] - child.sent.price) <= 0
        )
        assert taken <= traded, "no more than was printed on the way"
    if child.known is not None and causes:
        shown = sum(
            qty for px, qty in child.known.levels if child.sign * (px - child.sent.price) <= 0
        )
        unshown = causes.get(Cause.NOT_SHOWN, 0) + causes.get(Cause.PRICE_LIMIT, 0)
        rejected = child.rejected is not None
        assert rejected or unshown <= max(0, child.requested_qty - shown) or not takes


def check_staleness(found: ChildShort, trail: Trail, depths: list[Depth]) -> None:
    """From whole books: what was gone as a child left, and what could be had until it came.

    Of children that were alone on their side of a lit venue, so that nobody else is reckoned with.
    """
    child, causes = found.child, found.causes
    arrival, sent = child.arrival, child.sent
    known, is_lit = child.known, trail.kinds[child.venue_id] == "lit"
    if not is_lit or arrival is None or known is None or child.rejected is not None:
        return
    if sent.time_in_force is not TimeInForce.IOC:
        return
    for one in trail.children.values():
        if one is not child and (one.venue_id, one.sign) == (child.venue_id, child.sign):
            met = one.arrival
            is_before = met is not None and met.venue_seq < known.venue_seq
            if not is_before and one.sent.t_ns <= arrival.t_ns:
                return
    books = [
        one
        for one in depths
        if one.venue_id == child.venue_id and known.venue_seq <= one.venue_seq <= arrival.venue_seq
    ]
    had = [(one.t_ns, min(sent.order_qty, within(one, child.sign, sent.price))) for one in books]
    shown = min(
        sent.order_qty,
        sum(qty for px, qty in known.levels if child.sign * (px - sent.price) <= 0),
    )
    as_it_left = [qty for t_ns, qty in had if t_ns <= sent.t_ns]
    stale = causes.get(Cause.STALE_QUOTE, 0)
    assert stale <= shown - min([shown, *as_it_left]), "no more was stale than ever was less"
    late = [as_it_left[-1] if as_it_left else shown]
    late += [qty for t_ns, qty in had if t_ns > sent.t_ns]
    went = sum(max(0, before - after) for before, after in pairwise(late))
    on_the_way = sum(causes.get(cause, 0) for cause in ON_THE_WAY)
    assert on_the_way <= went, "no more went on the way than the books show"
    if not had or max(qty for _, qty in had) == min(qty for _, qty in had) == shown:
        assert not stale
        assert not on_the_way


def within(book: Depth, sign: int, limit: int) -> int:
    side = book.asks if sign > 0 else book.bids
    return sum(qty for px, qty in side if sign * (px - limit) <= 0)
