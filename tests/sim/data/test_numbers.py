"""The short cut from text to ticks gives what ``Units`` gives, for every text."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.data import numbers
from sim.data.numbers import PriceTable, QtyTable, ShiftTable, exact_steps
from sim.protocol.units import UnitError, Units

STEPS = [Decimal(text) for text in ("0.01", "0.00001", "0.1", "1", "0.25", "0.05", "10", "0.010")]
TEXTS = st.one_of(
    st.decimals(-(10**14), 10**14, places=5).map(lambda value: format(value, "f")),
    st.text(alphabet="0123456789.+-_e \uff11\uff12٣ \n", max_size=16),
    st.from_regex(r"[0-9]{1,14}\.[0-9]{1,6}", fullmatch=True),
)


def outcome(convert: object, text: str) -> int | str:
    assert callable(convert)
    try:
        return int(convert(text))
    except UnitError:
        return "refused"


@settings(max_examples=60)
@given(st.sampled_from(STEPS), TEXTS)
def test_the_short_cut_never_differs(step: Decimal, text: str) -> None:
    units = Units(step, Decimal(1))
    fast = exact_steps(step, units.price_to_ticks)
    assert outcome(fast, text) == outcome(units.price_to_ticks, text)


@pytest.mark.parametrize(
    ("text", "ticks"), [("61837.63", 6183763), ("61837.6", 6183760), ("5", 500), ("0.01", 1)]
)
def test_prices(units: Units, text: str, ticks: int) -> None:
    table = PriceTable(units)
    assert table[text] == ticks
    assert table[text] == ticks


@pytest.mark.parametrize(
    "text",
    ["0.00", "-1.00", "0", "", "nan", "1e5", "1_0.00", "\uff11.00", "1.005", ".01", "1.", " 1.00"],
)
def test_what_is_no_price(units: Units, text: str) -> None:
    with pytest.raises(UnitError):
        PriceTable(units)[text]


@pytest.mark.parametrize("text", ["-0.00001", "0.000001", "NaN", "inf", "", "9" * 39])
def test_what_is_no_quantity(units: Units, text: str) -> None:
    with pytest.raises(UnitError):
        QtyTable(units)[text]


def test_shifts_are_signed(units: Units) -> None:
    table = ShiftTable(units)
    assert [table[text] for text in ("-1.25", "0.00", "+3", "7.01")] == [-125, 0, 300, 701]


def test_a_table_stays_bounded(units: Units, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_TABLE_SIZE", 3)
    table = QtyTable(units)
    found = [table[f"{n}.00000"] for n in range(10)]
    assert found == [n * 100_000 for n in range(10)]
    assert len(table) <= 3
