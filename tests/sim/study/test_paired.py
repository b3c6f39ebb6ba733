"""Paired differences: the interval is that of Student, and what was paired is said."""

import pytest

from sim.study.paired import (
    Measure,
    Variant,
    basket_shortfall_bps,
    mean_shortfall_bps,
    over_seeds,
    paired,
    t_quantile,
)


@pytest.mark.parametrize(
    ("p", "freedom", "expected"),
    [
        # Published tables of Student's t.
        (0.975, 1, 12.706205),
        (0.975, 2, 4.302653),
        (0.95, 5, 2.015048),
        (0.975, 9, 2.262157),
        (0.995, 30, 2.749996),
        (0.975, 120, 1.979930),
    ],
)
def test_quantiles_of_students_t(p: float, freedom: int, expected: float) -> None:
    assert t_quantile(p, freedom) == pytest.approx(expected, abs=1e-6)
    assert t_quantile(1 - p, freedom) == pytest.approx(-expected, abs=1e-6)


@pytest.mark.parametrize(("p", "freedom"), [(0.0, 3), (1.0, 3), (float("nan"), 3), (0.9, 0)])
def test_a_quantile_outside_its_range_is_refused(p: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        t_quantile(p, freedom)


def test_the_interval_of_a_small_sample_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1/sqrt(3), t of 2 degrees of freedom 4.302653."""
    found = paired("bps", [10.0, 10.0, 10.0], [11.0, 12.0, 13.0])
    assert found.n == 3
    assert found.mean == 2
    assert found.stderr == pytest.approx(3**-0.5)
    assert found.high - found.mean == pytest.approx(4.302653 / 3**0.5, abs=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert (found.first, found.second) == (10, 12)
    assert str(found).startswith("+2.000 [-0.484, +4.484] (95% confidence, 3 pairs: bps")


@pytest.mark.parametrize(
    ("first", "second", "confidence", "says"),
    [
        ([1.0], [1.0, 2.0], 0.95, "must be pairs"),
        ([1.0], [2.0], 0.95, "at least 2 pairs"),
        ([1.0, 2.0], [1.0, 2.0], 1.0, "confidence"),
        ([1.0, 2.0], [1.0, 2.0], float("nan"), "confidence"),
    ],
)
def test_what_is_no_sample_of_pairs_is_refused(
    first: list[float], second: list[float], confidence: float, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        paired("", first, second, confidence)


PARENT = {
    "parent_id": "P",
    "side": "buy",
    "order_qty": 10,
    "filled_qty": 10,
    "avg_px": "100.02",
    "arrival_mid": "100",
    "shortfall_bps": "2",
}


def test_a_basket_is_measured_from_the_first_arrival() -> None:
    late = {
        **PARENT,
        "filled_qty": 30,
        "order_qty": 30,
        "avg_px": "100.06",
        "arrival_mid": "100.05",
    }
    assert basket_shortfall_bps({"parents": [PARENT, late]}) == pytest.approx(5.0)
    sells = [{**one, "side": "sell"} for one in (PARENT, late)]
    assert basket_shortfall_bps({"parents": sells}) == pytest.approx(-5.0)
    assert mean_shortfall_bps({"parents": [PARENT, {**late, "shortfall_bps": "1"}]}) == 1.5


@pytest.mark.parametrize("measure", [basket_shortfall_bps, mean_shortfall_bps])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"filled_qty": 9}, "filled 9 of 10 lots"),
        ({"arrival_mid": None, "shortfall_bps": None}, "parent P has no arrival mid"),
    ],
)
def test_costs_that_do_not_compare_are_refused(
    measure: Measure, change: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        measure({"parents": [{**PARENT, **change}]})


def test_sides_of_a_basket_must_agree() -> None:
    with pytest.raises(ValueError, match="one side"):
        basket_shortfall_bps({"parents": [PARENT, {**PARENT, "side": "sell"}]})


def test_equal_variants_differ_by_nothing_and_say_what_they_are() -> None:
    one = Variant("dark_first", ("parents[P1].at=1ms",))
    found = over_seeds(Variant("dark_first"), one, [3, 5], mean_shortfall_bps, what="bps")
    assert found.mean == 0
    assert found.stderr == 0
    assert found.what == (
        "bps, dark_first with parents[P1].at=1ms less dark_first, pairs of equal seed, seeds 3, 5"
    )


def test_a_seed_twice_is_no_pair() -> None:
    with pytest.raises(ValueError, match="seeds must differ"):
        over_seeds(Variant("dark_first"), Variant("dark_first"), [1, 1], mean_shortfall_bps)
