"""Every invariant of a book with special orders is looked at: what is tampered with is found."""

from collections.abc import Callable
from typing import Any

import pytest

from sim.protocol.enums import OrdType, PegReference, Side
from sim.protocol.errors import InvariantError
from sim.protocol.orders import NewOrderSingle, OrderInstructions, Peg
from sim.protocol.units import PriceTicks, QtyLots, TimeNs
from venues.core.lit import LitCore
from venues.core.matching_rules import MatchingRules
from venues.core.special_orders import Place, SpecialOrder

NOW = TimeNs(0)


def new(name: str, side: str, price: int | None, **extras: Any) -> NewOrderSingle:
    kind = OrdType.MARKET if price is None else OrdType.LIMIT
    kind = OrdType.STOP if "stop_px" in extras else kind
    kind = OrdType.PEGGED if "peg" in extras else kind
    return NewOrderSingle(
        name,
        Side(side),
        QtyLots(20),
        None if price is None else PriceTicks(price),
        kind,
        instructions=OrderInstructions(**extras) if extras else None,
    )


@pytest.fixture
def core() -> LitCore:
    """One order of each sort, two of which stand against each other."""
    made = LitCore(rules=MatchingRules(market_remainder="rest"))
    for msg in (
        new("bid", "buy", 95),
        new("ask", "sell", 105),
        new("ice", "sell", 104, display_qty=QtyLots(5), min_display_qty=QtyLots(2)),
        new("dim", "buy", 96, hidden=True),
        new("wait", "buy", None, stop_px=PriceTicks(110)),
        new("peg", "buy", None, peg=Peg(PegReference.PRIMARY, 1)),
        NewOrderSingle(
            "aon",
            Side.SELL,
            QtyLots(90),
            PriceTicks(95),
            instructions=OrderInstructions(all_or_none=True),
        ),
    ):
        made.handle(msg, NOW)
        made.check()
    return made


def special(core: LitCore, name: str) -> SpecialOrder:
    order = core.open_orders[name]
    assert isinstance(order, SpecialOrder)
    return order


def show_more(core: LitCore) -> None:
    ice = special(core, "ice")
    core._asks.level_at[104].qty += 3
    ice.leaves_qty, ice.reserve = 8, 12


def show_less(core: LitCore) -> None:
    ice = special(core, "ice")
    core._asks.level_at[104].qty -= 4
    ice.leaves_qty, ice.reserve = 1, 19


def forget_a_stop(core: LitCore) -> None:
    core._bid_places.stops.clear()


def forget_a_choosy_order(core: LitCore) -> None:
    core._ask_places.choosy.clear()


def miscount(core: LitCore) -> None:
    core._special += 1


def lose(core: LitCore) -> None:
    core._bid_places.hidden.leave(special(core, "dim"))


def misplace(core: LitCore) -> None:
    special(core, "dim").place = Place.NOWHERE


def keep_back(core: LitCore) -> None:
    dim = special(core, "dim")
    dim.reserve, dim.order_qty = 1, 21


def misplace_a_peg(core: LitCore) -> None:
    special(core, "peg").peg = Peg(PegReference.PRIMARY, 2)


def let_it_fit(core: LitCore) -> None:
    aon = special(core, "aon")
    core._asks.shrink(aon, 80)
    aon.order_qty = 10


def cross(core: LitCore) -> None:
    core._asks.leave(core.open_orders["ask"])
    core.open_orders["ask"].key = 96
    core._asks.join(core.open_orders["ask"])


def give_a_limit(core: LitCore) -> None:
    special(core, "dim").place = Place.MARKET


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (show_more, "I7: .* does not show what it should"),
        (show_less, "I7: .* does not show what it should"),
        (keep_back, "I7: .* keeps lots back"),
        (forget_a_stop, "stops that nobody elects"),
        (forget_a_choosy_order, "choosy orders are not those"),
        (miscount, "counts 6 special of 5"),
        (lose, "in the index"),
        (misplace, "is nowhere"),
        (misplace_a_peg, "is not where its reference puts it"),
        (let_it_fit, "I8: .*aon.* could trade"),
        (cross, "I8: .* could trade"),
        (give_a_limit, "has a limit"),
    ],
)
def test_what_is_wrong_is_named(
    core: LitCore, tamper: Callable[[LitCore], None], found: str
) -> None:
    tamper(core)
    with pytest.raises(InvariantError, match=found):
        core.check()


def test_a_better_price_that_traded_later_is_named(core: LitCore) -> None:
    reports = core.handle(
        NewOrderSingle("x", Side.BUY, QtyLots(30), PriceTicks(105), account="x"), NOW
    )
    core.check()
    reports[1:] = reversed(reports[1:])
    for n in range(1, len(reports) - 1, 2):
        reports[n], reports[n + 1] = reports[n + 1], reports[n]
    with pytest.raises(InvariantError, match=r"I9: .* met a better price later"):
        core.check()
