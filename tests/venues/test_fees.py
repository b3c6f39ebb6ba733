"""Fees are exact, whatever the tick, the lot and the fee."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.protocol.enums import Side
from sim.protocol.units import MAX_LOTS, MAX_TICKS, Units
from venues.fees import Fees, FeeSchedule

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
