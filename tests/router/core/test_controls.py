"""The controls between router and venues by themselves: each limit at its edge, exact windows."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from router.core.controls import Breach, Controls, Leaving, Window
from router.core.orders import Parent
from router.core.profile import VenueProfile
from router.core.view import MarketView
from router.settings.controls import ControlsConfig
from sim.protocol.enums import FIX_CONTROL_REJ_REASON, Control, Side
from sim.protocol.market_data import BookSnapshot
from sim.protocol.units import TimeNs, Units

FREE = (Fraction(1), Fraction(0))
CENTS = Units(Decimal("0.01"), Decimal(100))
BUY, SELL = Side.BUY, Side.SELL


class Room:
    """Controls over venues A and B, whose books are 99/101 (A) and 98/102 (B)."""

    def __init__(self, units: Units = CENTS, *, books: bool = True, **settings: Any) -> None:
        view = MarketView(
            tuple([VenueProfile(v, "lit", n, 1, 1, FREE, FREE) for n, v in enumerate("AB")])
        )
        self.view = view
        if books:
            self.quote("A", 99, 101)
            self.quote("B", 98, 102)
        self.parents = {name: Parent(name, BUY, 1_000, number=n) for n, name in enumerate("PQ")}
        config = ControlsConfig.model_validate(settings)
        self.controls = Controls(config, units, view, self.parents)

    def quote(self, venue: str, bid: int | None, ask: int | None, seq: int = 1) -> None:
        bids = () if bid is None else ((bid, 10),)
        asks = () if ask is None else ((ask, 10),)
        self.view.venues[venue].on_quote(BookSnapshot(venue, seq, TimeNs(0), bids, asks))

    def check(self, qty: int, price: int = 100, now: int = 0, **more: Any) -> Breach | None:
        parent = self.parents[more.pop("parent", "P")]
        side, lot = more.pop("side", BUY), more.pop("lot", 1)
        venue = more.pop("venue", "A")
        return self.controls.check(Leaving(parent, venue, side, qty, price, lot, **more), now)


def control(breach: Breach | None) -> Control | None:
    return None if breach is None else breach.control


def test_without_settings_everything_leaves() -> None:
    room = Room()
    assert room.check(10**9, 10**9) is None


def test_every_control_has_a_fix_code() -> None:
    assert set(FIX_CONTROL_REJ_REASON) == set(Control)


# ------------------------------------------------------------ price collar


@pytest.mark.parametrize(
    ("side", "reference", "at_worst"),
    [(BUY, "touch", 106), (SELL, "touch", 94), (BUY, "mid", 105), (SELL, "mid", 95)],
)
def test_a_limit_on_the_collar_passes_and_one_tick_beyond_does_not(
    side: Side, reference: str, at_worst: int
) -> None:
    room = Room(price_collar={"ticks": 5, "reference": reference})
    beyond = at_worst + (1 if side is BUY else -1)
    assert room.check(1, at_worst, side=side) is None
    assert room.check(1, beyond, side=side) == Breach(Control.PRICE_COLLAR, beyond, at_worst)


def test_only_the_dear_side_counts() -> None:
    room = Room(price_collar={"ticks": 0})
    assert room.check(1, 1) is None
    assert room.check(1, 10**6, side=SELL) is None


@pytest.mark.parametrize(
    ("bps", "at_worst"), [("0", 101), ("99", 101), ("99.01", 102), ("200", 103)]
)
def test_basis_points_are_exact_and_rounded_to_the_strict_side(bps: str, at_worst: int) -> None:
    """Of 101: 99 bps are 0.9999 ticks, 99.01 bps are 1.000001, 200 are 2.02."""
    room = Room(price_collar={"bps": bps})
    assert room.check(1, at_worst) is None
    assert control(room.check(1, at_worst + 1)) is Control.PRICE_COLLAR


def test_a_middle_between_two_ticks_is_exact() -> None:
    room = Room(price_collar={"ticks": 1, "reference": "mid"})
    room.quote("A", 99, 100, seq=2)  # 99.5 in the middle
    assert room.check(1, 100) is None
    assert room.check(1, 101) == Breach(Control.PRICE_COLLAR, 101, 100)
    assert room.check(1, 99, side=SELL) is None
    assert room.check(1, 98, side=SELL) == Breach(Control.PRICE_COLLAR, 98, 99)


def test_of_basis_points_and_ticks_the_wider_counts() -> None:
    assert Room(price_collar={"bps": "100", "ticks": 4}).check(1, 105) is None
    assert Room(price_collar={"bps": "400", "ticks": 1}).check(1, 105) is None


def test_D03_without_a_reference_the_setting_decides() -> None:
    blocks = Room(books=False, price_collar={"ticks": 5})
    assert blocks.check(1, 100) == Breach(Control.NO_REFERENCE, 100, 0)
    passes = Room(books=False, price_collar={"ticks": 5, "without_reference": "pass"})
    assert passes.check(1, 100) is None
    one_sided = Room(books=False, price_collar={"ticks": 5, "reference": "mid"})
    one_sided.quote("A", None, 101)
    assert control(one_sided.check(1, 100)) is Control.NO_REFERENCE


# ------------------------------------------------------------ size and value


def test_an_order_of_the_largest_quantity_passes() -> None:
    room = Room(max_order_qty="1000")  # 10 lots of 100
    assert room.check(10) is None
    assert room.check(11) == Breach(Control.MAX_ORDER_QTY, 11, 10, 10)


def test_what_may_leave_instead_fits_the_venues_lot() -> None:
    room = Room(max_order_qty="1000")
    found = room.check(12, lot=4)
    assert found is not None
    assert found.allowed_qty == 8


def test_a_largest_quantity_off_the_lot_counts_its_whole_lots() -> None:
    room = Room(max_order_qty="1099")
    assert room.check(10) is None
    assert control(room.check(11)) is Control.MAX_ORDER_QTY


def test_the_value_of_an_order_is_its_limit_times_its_quantity() -> None:
    """1.00 a share, 100 shares a lot: 1,000 of money are 10 lots."""
    room = Room(max_order_value="1000")
    assert room.check(10, 100) is None
    assert room.check(11, 100) == Breach(Control.MAX_ORDER_VALUE, 1_100, 1_000, 10)
    assert room.check(10, 101) == Breach(Control.MAX_ORDER_VALUE, 1_010, 1_000, 9)


# ------------------------------------------------------------ open and in all


def test_what_is_open_of_a_parent_is_limited_by_what_is_open_already() -> None:
    room = Room(max_open={"qty": "1000"})
    room.parents["P"].reserved_qty = 7
    assert room.check(3) is None
    assert room.check(4) == Breach(Control.MAX_OPEN, 11, 10, 3)
    assert room.check(10, parent="Q") is None  # each parent by itself
    assert room.controls.room(room.parents["P"]) == 3


def test_what_is_open_in_the_run_is_limited_over_all_parents() -> None:
    room = Room(max_open={"qty": "1000", "per": "run"})
    room.parents["P"].reserved_qty = 7
    assert room.check(4, parent="Q") == Breach(Control.MAX_OPEN, 11, 10, 3)


def test_in_all_counts_what_is_filled_and_open() -> None:
    room = Room(max_total={"qty": "1000"})
    parent = room.parents["P"]
    parent.reserved_qty, parent.filled_qty = 3, 4
    assert room.check(3) is None
    assert room.check(4) == Breach(Control.MAX_TOTAL, 11, 10, 3)
    assert not room.controls.used_up(parent)
    parent.reserved_qty, parent.filled_qty = 0, 10
    assert room.controls.used_up(parent)
    assert room.check(1) == Breach(Control.MAX_TOTAL, 11, 10, 0)


def test_a_replace_adds_nothing_to_what_is_open() -> None:
    room = Room(max_open={"qty": "1000"}, max_total={"qty": "1000"})
    room.parents["P"].reserved_qty = 10
    assert room.check(10, replaces=True) is None
    assert room.check(1) is not None


# ------------------------------------------------------------ windows


def test_a_message_counts_until_just_before_the_window_has_passed() -> None:
    room = Room(messages={"most": 2, "within": "10ns"})
    room.controls.left("A", 5)
    assert room.check(1, now=5) is None
    room.controls.left("A", 8)
    assert room.check(1, now=8) == Breach(Control.MESSAGES, 3, 2, until_ns=15)
    assert control(room.check(1, now=14)) is Control.MESSAGES
    assert room.check(1, now=15) is None
    room.controls.left("A", 15)
    assert room.check(1, now=17) == Breach(Control.MESSAGES, 3, 2, until_ns=18)


def test_venues_are_counted_by_themselves_or_together() -> None:
    alone = Room(messages={"most": 1, "within": "10ns"})
    alone.controls.left("A", 0)
    assert alone.check(1, venue="B", now=1) is None
    together = Room(messages={"most": 1, "within": "10ns", "per": "all"})
    together.controls.left("A", 0)
    assert control(together.check(1, venue="B", now=1)) is Control.MESSAGES


def test_cancels_beyond_the_most_put_the_next_order_off_further() -> None:
    """Cancels always leave, so more than the most can be in the window."""
    window = Window(2, 10)
    for t_ns in (0, 1, 2, 3):
        window.add(t_ns)
    assert window.free_at(3) == 12  # then only what left at 3 counts


@given(st.lists(st.integers(0, 60), max_size=30).map(sorted), st.integers(1, 4), st.integers(1, 20))
def test_no_window_ever_holds_more_than_it_may(times: list[int], most: int, within: int) -> None:
    window = Window(most, within)
    left: list[int] = []
    for now in times:
        free_at = window.free_at(now)
        counted = sum(now - within < t <= now for t in left)
        assert (free_at == now) == (counted < most)
        later = sum(free_at - within < t <= free_at for t in left)
        assert later < most
        if free_at > now:
            just_before = sum(free_at - 1 - within < t <= free_at - 1 for t in left)
            assert just_before >= most
        else:
            window.add(now)
            left.append(now)


@pytest.mark.parametrize("release", ["7ns", None])
def test_a_parent_is_held_at_the_fill_that_is_one_too_many(release: str | None) -> None:
    room = Room(executions={"most": 3, "within": "10ns", "release": release})
    parent = room.parents["P"]
    assert [room.controls.on_fill(parent, t) for t in (0, 5)] == [None, None]
    assert room.controls.on_fill(parent, 10) is None  # the first has just left the window
    held = room.controls.on_fill(parent, 14)
    until = None if release is None else 21
    assert held == Breach(Control.EXECUTIONS, 3, 3, until_ns=until)
    assert room.controls.on_fill(parent, 14) is None  # the count begins anew


def test_fills_of_other_parents_do_not_count() -> None:
    room = Room(executions={"most": 2, "within": "10ns"})
    assert room.controls.on_fill(room.parents["P"], 0) is None
    assert room.controls.on_fill(room.parents["Q"], 0) is None


# ------------------------------------------------------------ kill switch


def test_the_kill_switch_is_pulled_at_the_quantity_and_not_before() -> None:
    room = Room(kill={"qty": "1000"})
    room.controls.book(BUY, 9, 900, Decimal(0))
    assert room.controls.killed_by() is None
    room.controls.book(SELL, 1, 100, Decimal(0))
    assert room.controls.killed_by() == Breach(Control.KILL_SWITCH, 10, 10)
    room.controls.book(SELL, -1, -100, Decimal(0))
    assert room.controls.killed_by() is None


@pytest.mark.parametrize("side", [BUY, SELL])
def test_the_loss_is_against_the_middle_with_fees(side: Side) -> None:
    """10 lots of 100 shares, 5 cents from the middle at 1.00, are 50; with a fee of 1, 51."""
    price = 105 if side is BUY else 95
    for limit, kills in (("51.01", False), ("51", True), ("50.5", True)):
        room = Room(kill={"loss": limit})
        room.controls.book(side, 10, 10 * price, Decimal(1))
        assert (room.controls.killed_by() is not None) is kills


def test_a_gain_is_no_loss_and_without_a_middle_there_is_none() -> None:
    room = Room(kill={"loss": "1"})
    room.controls.book(BUY, 10, 900, Decimal(0))
    assert room.controls.killed_by() is None
    blind = Room(books=False, kill={"loss": "1"})
    blind.controls.book(BUY, 10, 10**6, Decimal(0))
    assert blind.controls.killed_by() is None


def test_the_kill_switch_is_pulled_at_the_breaches() -> None:
    room = Room(kill={"breaches": 2})
    room.controls.breaches = 1
    assert room.controls.killed_by() is None
    room.controls.breaches = 2
    assert room.controls.killed_by() == Breach(Control.KILL_SWITCH, 2, 2)


# ------------------------------------------------------------ order and settings


def test_of_several_breaches_the_first_in_the_order_of_controls_is_named() -> None:
    every = Room(
        price_collar={"ticks": 0},
        max_order_qty="1000",
        max_order_value="100",
        max_open={"qty": "100"},
        max_total={"qty": "100"},
        messages={"most": 1, "within": "1s"},
    )
    every.controls.left("A", 0)
    assert control(every.check(11, 102)) is Control.PRICE_COLLAR
    assert control(every.check(11, 101)) is Control.MAX_ORDER_QTY
    assert control(every.check(10, 101)) is Control.MAX_ORDER_VALUE
    assert control(every.check(2, 1)) is Control.MAX_OPEN
    assert control(every.check(1, 1)) is Control.MESSAGES


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"price_collar": {}}, "must have bps or ticks"),
        ({"kill": {}}, "must have at least one of"),
        ({"max_order_qty": "0"}, "greater than 0"),
        ({"messages": {"most": 0, "within": "1s"}}, "greater than or equal to 1"),
        ({"messages": {"most": 1, "within": "0s"}}, "greater than 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        ControlsConfig.model_validate(settings)
