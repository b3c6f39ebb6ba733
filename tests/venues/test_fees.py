"""Fees are exact, whatever the tick, the lot and the fee."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.protocol.enums import ExecType, OrdStatus, Side
from sim.protocol.orders import ExecutionReport
from sim.protocol.units import MAX_LOTS, MAX_TICKS, PriceTicks, QtyLots, TimeNs, Units
from venues.fees import Fees, FeeSchedule, commission_of

fee_texts = st.decimals(-9999, 9999, allow_nan=False, places=8).map(lambda d: format(d, "f"))
steps = st.sampled_from(["0.01", "1", "0.00001", "0.00000000000000000000000000000000000001", "25"])


def schedule(**fields: Any) -> FeeSchedule:
    return FeeSchedule.model_validate(fields)


def test_per_share_fee_counts_shares_and_not_lots() -> None:
    fees = Fees(schedule(taker="0.0030", maker="-0.0020"), Units(Decimal("0.01"), Decimal(100)))
    assert fees.charge(10_002, 400, False) == Decimal("120")
    assert fees.charge(10_002, 400, True) == Decimal("-80")


def test_bps_fee_is_part_of_the_notional() -> None:
    fees = Fees(schedule(taker="1.5", maker=0, unit="bps"), Units(Decimal("0.01"), Decimal("0.1")))
    assert fees.charge(10_000, 10, False) == Decimal("0.015")
    assert fees.charge(10_000, 10, True) == 0


def test_nothing_is_charged_by_default() -> None:
    assert Fees(FeeSchedule(), Units(Decimal("0.01"), Decimal(1))).charge(10_000, 7, False) == 0


@given(fee_texts, st.sampled_from(["per_share", "bps"]), steps, steps, st.data())
def test_charge_is_exact_to_the_last_digit(
    fee: str, unit: str, tick: str, lot: str, data: st.DataObject
) -> None:
    price = data.draw(st.integers(1, MAX_TICKS))
    qty = data.draw(st.integers(1, MAX_LOTS))
    units = Units(Decimal(tick), Decimal(lot))
    charged = Fees(schedule(taker=fee, unit=unit), units).charge(price, qty, False)
    shares = qty * Fraction(lot)
    expected = Fraction(fee) * shares
    if unit == "bps":
        expected = expected * price * Fraction(tick) / 10_000
    assert Fraction(charged) == expected


@given(fee_texts, st.sampled_from(["per_share", "bps"]), st.integers(1, 10**9))
def test_effective_price_is_the_price_with_the_fee_of_one_share_in_it(
    fee: str, unit: str, price: int
) -> None:
    units = Units(Decimal("0.05"), Decimal(1))
    fees = Fees(schedule(taker=fee, unit=unit), units)
    charge_ticks = Fraction(fees.charge(price, 1, False)) / Fraction(units.tick_size)
    for side, sign in ((Side.BUY, 1), (Side.SELL, -1), (Side.SELL_SHORT, -1)):
        slope, intercept = fees.effective(side)
        assert price * slope + intercept == price + sign * charge_ticks


@pytest.mark.parametrize("fee", ["10000", "-10000", "0.000000001", "1e3", "nan", 0.5])
def test_absurd_fees_are_refused(fee: object) -> None:
    with pytest.raises(ValidationError):
        schedule(taker=fee)


# ------------------------------------------------------------ tiers and caps

CENTS = Units(Decimal("0.01"), Decimal(1))
TIERS = [
    {"volume": 1000, "taker": "0.0020", "maker": "-0.0020"},
    {"volume": 5000, "taker": "-0.0010", "maker": "0.0005"},
]


def fill(qty: int, exec_id: int, **more: Any) -> ExecutionReport:
    """A fill of an order of 10,000 at 100.00, by account A unless another is named."""
    known: dict[str, Any] = {
        "exec_type": ExecType.TRADE,
        "ord_status": OrdStatus.PARTIALLY_FILLED,
        "cl_ord_id": "O",
        "account": "A",
        "order_id": 1,
        "exec_id": exec_id,
        "side": Side.BUY,
        "order_qty": QtyLots(10_000),
        "cum_qty": QtyLots(qty),
        "leaves_qty": QtyLots(10_000 - qty),
        "transact_ns": TimeNs(0),
        "venue_seq": exec_id,
        "last_px": PriceTicks(10_000),
        "last_qty": QtyLots(qty),
    }
    return ExecutionReport(**(known | more))


def charged(fees: FeeSchedule, *reports: ExecutionReport) -> list[Decimal | None]:
    set_fee = commission_of(Fees(fees, CENTS))
    found = []
    for report in reports:
        done = set_fee(report)
        assert isinstance(done, ExecutionReport)
        found.append(done.commission)
    return found


def test_a_fill_over_a_border_pays_each_part_by_its_tier() -> None:
    fees = schedule(taker="0.0030", maker="-0.0010", tiers=TIERS)
    assert charged(fees, fill(600, 1), fill(600, 2), fill(5_000, 3)) == [
        Decimal("1.8"),
        400 * Decimal("0.0030") + 200 * Decimal("0.0020"),
        3_800 * Decimal("0.0020") - 1_200 * Decimal("0.0010"),
    ]


def test_each_account_has_a_volume_of_its_own_and_begins_with_the_one_before() -> None:
    fees = schedule(taker="0.0030", tiers=TIERS, volume_before=900)
    assert charged(fees, fill(200, 1), fill(200, 2, account="B"), fill(1, 3)) == [
        Decimal("0.5"),
        Decimal("0.5"),
        Decimal("0.0020"),
    ]


def test_makers_have_their_own_rates_in_each_tier() -> None:
    fees = schedule(maker="-0.0010", tiers=TIERS, volume_before=4_999)
    assert charged(fees, fill(2, 1, is_maker=True)) == [Decimal("-0.0020") + Decimal("0.0005")]


def test_an_order_pays_no_more_than_the_cap_and_gets_rebates_whole() -> None:
    fees = schedule(taker="0.01", maker="-0.01", cap_per_order="5")
    sent = [fill(300, 1), fill(300, 2), fill(300, 3), fill(300, 4, order_id=2)]
    assert charged(fees, *sent) == [3, 2, 0, 3]
    assert charged(fees, *[fill(900, n, is_maker=True) for n in (1, 2)]) == [-9, -9]


def test_a_corrected_fill_is_charged_as_it_would_have_been() -> None:
    fees = schedule(taker="0.01", cap_per_order="5", tiers=[{**TIERS[0], "volume": 700}])
    correct = fill(200, 9, exec_type=ExecType.TRADE_CORRECT, exec_ref_id=2)
    found = charged(fees, fill(300, 1), fill(300, 2), fill(300, 3), correct)
    assert found[:2] + found[3:] == [3, 2, 2]


def test_bps_tiers_are_part_of_the_notional() -> None:
    fees = schedule(taker="2", unit="bps", tiers=[{"volume": 100, "taker": "1", "maker": "0"}])
    assert charged(fees, fill(150, 1)) == [Decimal("2") + Decimal("0.5")]


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), st.integers(0, 6_000))
def test_how_a_volume_is_cut_into_fills_changes_no_sum(parts: list[int], before: int) -> None:
    fees = schedule(taker="0.0030", tiers=TIERS, volume_before=before)
    pieces = charged(fees, *[fill(qty, n) for n, qty in enumerate(parts)])
    whole = charged(fees, fill(sum(parts), 1))
    assert sum(fee for fee in pieces if fee is not None) == whole[0]


def test_router_reckons_with_the_rates_of_the_volume_before() -> None:
    for before, rate in ((0, "0.0030"), (999, "0.0030"), (1000, "0.0020"), (9_999, "-0.0010")):
        fees = Fees(schedule(taker="0.0030", tiers=TIERS, volume_before=before), CENTS)
        assert fees.effective(Side.BUY) == (Fraction(1), Fraction(rate) * 100)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"tiers": [TIERS[1], TIERS[0]]}, r"tiers\[1\].volume must be above"),
        ({"tiers": [TIERS[0], TIERS[0]]}, r"tiers\[1\].volume must be above"),
        ({"cap_per_order": 0}, "cap_per_order"),
        ({"volume_before": 5}, "volume_before needs tiers"),
        ({"volume_before": -1}, "volume_before"),
    ],
)
def test_bad_tiers_and_caps_are_refused(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        schedule(**fields)


def test_volumes_off_the_lot_are_refused_with_their_place() -> None:
    fees = schedule(tiers=[{**TIERS[0], "volume": 150}], volume_before=50)
    found = fees.problems(Units(Decimal("0.01"), Decimal(100)))
    assert [path for path, _ in found] == [("tiers", 0, "volume"), ("volume_before",)]
