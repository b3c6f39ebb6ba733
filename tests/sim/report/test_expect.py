"""Thresholds and metrics."""

from decimal import Decimal
from typing import Any

import pytest

from sim.protocol.units import UnitError
from sim.report.expect import METRICS, judge, measure, parse_threshold


def parent(**fields: Any) -> dict[str, Any]:
    return {
        "side": "buy",
        "order_qty": 100,
        "filled_qty": 100,
        "leaves_qty": 0,
        "canceled_qty": 0,
        "notional": "1000",
        "fees": "0",
        "arrival_mid": "10",
        "shortfall_bps": "0.000000",
        "children": 1,
        "reallocations": 0,
        **fields,
    }


def summary(*parents: dict[str, Any]) -> dict[str, Any]:
    return {"instrument": {"lot_size": "1"}, "parents": list(parents), "venues": {}}


@pytest.mark.parametrize(
    ("text", "below", "at", "above"),
    [
        ("== 1.5", False, True, False),
        ("!= 1.5", True, False, True),
        ("< 1.5", True, False, False),
        ("<= 1.5", True, True, False),
        ("> 1.5", False, False, True),
        (">=1.5", False, True, True),
    ],
)
def test_threshold_compares_exactly(text: str, below: bool, at: bool, above: bool) -> None:
    threshold = parse_threshold(text)
    step = Decimal("1e-20")
    assert threshold.met_by(Decimal("1.5") - step) is below
    assert threshold.met_by(Decimal("1.50")) is at
    assert threshold.met_by(Decimal("1.5") + step) is above
    assert threshold.met_by(None) is False


@pytest.mark.parametrize(
    "text",
    ["", "1", "= 1", "=> 1", "== ", "==  1", "== one", "== NaN", "== 1e3", "== 1 2", "<" * 99],
)
def test_threshold_of_another_form_says_what_is_allowed(text: str) -> None:
    with pytest.raises(UnitError, match="must be"):
        parse_threshold(text)


def test_one_lot_short_of_a_huge_order_is_not_all_of_it() -> None:
    huge = 10**15
    missed = summary(parent(order_qty=huge, filled_qty=huge - 1))
    assert measure("fill_rate", missed) == Decimal("0.999999999999999")
    assert judge({"fill_rate": "== 1"}, missed)[0]["met"] is False


def test_a_metric_is_taken_over_all_parents() -> None:
    both = summary(
        parent(notional="1010", shortfall_bps="100.000000"),
        parent(side="sell", filled_qty=50, notional="500"),
    )
    assert measure("fill_rate", both) == Decimal("0.75")
    assert measure("filled_qty", both) == 150
    assert measure("avg_px", both) == Decimal("10.06666667")
    assert measure("shortfall_bps", both) == Decimal("66.666667")


def test_shortfall_is_undefined_if_a_filled_parent_has_no_arrival_mid() -> None:
    nothing = {"arrival_mid": None, "shortfall_bps": None}
    assert measure("shortfall_bps", summary(parent(), parent(**nothing))) is None
    unfilled = parent(filled_qty=0, notional="0", **nothing)
    assert measure("shortfall_bps", summary(parent(), unfilled)) == 0


def test_undefined_is_not_met() -> None:
    empty = summary()
    for name in ("fill_rate", "avg_px", "shortfall_bps"):
        assert judge({name: ">= 0"}, empty) == [
            {"metric": name, "threshold": ">= 0", "value": None, "met": False}
        ]


def test_money_beyond_the_usual_precision_stays_exact() -> None:
    large = "123456789012345678901234567890.12345678"
    total = measure("notional", summary(parent(notional=large), parent(notional="0.00000001")))
    assert str(total) == "123456789012345678901234567890.12345679"


def test_unknown_metric_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="fill_rate"):
        judge({"fillrate": "== 1"}, summary())


def test_every_metric_has_a_line_for_the_list() -> None:
    assert all((metric.__doc__ or "").strip() for metric in METRICS.values())
