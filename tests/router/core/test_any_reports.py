"""I1 to I6 and I18 of the router core under random reports: any order, repeated, late, wrong."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.config import RouterConfig
from router.core.events import Outcome, ParentOrder, WakeAt
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from sim.protocol.enums import (
    Side,
)
from sim.protocol.market_data import BookSnapshot
from sim.protocol.units import TimeNs
from tests.router.core.chaos import END, FREE, RESTS, VENUES, Chaos, controls, policies


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_I1_to_I6_and_I18_hold_whatever_venues_say(data: st.DataObject) -> None:
    _run(data, Chaos(data.draw, schedules=data.draw(st.booleans())))  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=200)
@given(st.data())
def test_F17_F18_I1_to_I6_and_I18_hold_with_any_controls_and_policies(data: st.DataObject) -> None:
    chaos = Chaos(data.draw, controls=data.draw(controls()), reroute=data.draw(policies()))  # type: ignore[arg-type]
    _run(data, chaos)
    chaos.check_controls()


@pytest.mark.slow
@settings(max_examples=250)
@given(st.data())
def test_I1_to_I6_and_I18_hold_in_rounds_of_silent_pools(data: st.DataObject) -> None:
    """Also after a ping; what was learnt of wrong answers must not break anything either."""
    kinds = ["exponentiated_gradient", "stochastic_split", "reinforcement", "kaplan_meier"]
    chosen: dict[str, Any] = {"kind": data.draw(st.sampled_from(kinds))}
    if chosen["kind"] == "kaplan_meier":
        chosen |= {"needed": 1, "step": 5}
    chosen |= {"rounds": data.draw(st.integers(1, 3)), "rest": data.draw(st.sampled_from(RESTS))}
    blind = {"ping": {"lots": 3}, "fraction": data.draw(st.sampled_from(["0.5", "1"]))}
    tried: list[dict[str, Any]] = [{"strategy": chosen}, {"blind": blind}]
    more = data.draw(st.sampled_from(tried))
    silent = data.draw(st.sampled_from(["B", "BC"]))
    _run(data, Chaos(data.draw, silent=silent, reroute=data.draw(policies()), **more))  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=120)
@given(st.data())
def test_F03_F23_I1_to_I6_and_I18_hold_whatever_sessions_do(data: st.DataObject) -> None:
    """Sessions come and go, numbers are wrong, and answers say anything."""
    chaos = Chaos(data.draw, reroute=data.draw(policies()))  # type: ignore[arg-type]
    _run(data, chaos, sessions=True)


def _run(data: st.DataObject, chaos: Chaos, *, sessions: bool = False) -> None:
    names = iter([f"P{n}" for n in range(4)])
    chaos.quote()
    chaos.parent(next(names))
    for _ in range(data.draw(st.integers(1, 60))):
        act = data.draw(st.sampled_from("rrrrrrrqqtttps" + "nnnnaaa" * sessions))
        if act == "r":
            chaos.report()
        elif act == "q":
            chaos.quote()
        elif act == "t":
            chaos.later(data.draw(st.integers(0, 15)))
        elif act == "s":
            chaos.status()
        elif act == "n":
            chaos.session()
        elif act == "a":
            chaos.answer()
        elif (name := next(names, None)) is not None:
            chaos.parent(name)
    if data.draw(st.booleans()):
        chaos._take(chaos.core.stop_all(chaos.now))
    chaos.later(END)  # venues are silent from now on; every parent has a deadline
    desk = chaos.core._desk

    assert chaos.core.done, f"I18: {list(desk.active)} are active, {desk.requests.open} open"
    chaos.check_records()


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 40), st.integers(99, 103)), min_size=2, max_size=6
    ),
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=3),
)
def test_parents_of_one_instant_never_send_twice_for_the_same_lots(
    wishes: list[tuple[bool, int, int]], books: list[tuple[int, int]]
) -> None:
    profiles = [VenueProfile(v, "lit", n, 1, 1, FREE, FREE) for n, v in enumerate(VENUES)]
    config = RouterConfig.model_validate_json('{"strategy": {"kind": "greedy"}}')
    core = RouterCore(tuple(profiles), config)
    shown: Counter[tuple[str, int]] = Counter()
    for venue, sizes in zip(VENUES, books, strict=False):
        levels = tuple([(100 + n, lots) for n, lots in enumerate(sizes)])
        shown.update({(venue, price): lots for price, lots in levels})
        core.on_quote(BookSnapshot(venue, 1, TimeNs(0), (), levels), 0)
    out: list[Outcome] = []
    for n, (limited, qty, limit) in enumerate(wishes):
        order = ParentOrder(f"P{n}", Side.BUY, qty, limit if limited else None)
        out += core.on_parent(order, 0)
    wakes = [o.token for o in out if isinstance(o, WakeAt)]
    decided = [r for token in wakes for r in core.on_wake(token, 0)]
    used: Counter[tuple[str, int]] = Counter()
    turns = []
    for record in decided:
        for part in getattr(record, "split", ()):
            used[part.venue_id, part.price] += part.qty
        if hasattr(record, "split"):
            turns.append(record.parent_id)  # type: ignore[union-attr]
    assert all(lots <= shown[level] for level, lots in used.items())
    assert turns == sorted(turns), "by arrival"
