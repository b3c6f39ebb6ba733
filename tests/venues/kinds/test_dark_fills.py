"""What a dark venue's entry may say of fills, minimum quantity and prices, and what it builds."""

from collections.abc import Callable
from fractions import Fraction
from math import sqrt
from typing import Any

import pytest

from sim.kernel.streams import Keyed, Streams
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import NewOrderSingle
from sim.protocol.units import TimeNs, Units
from venues.core.api import VenueCore
from venues.kinds.dark import RandomFill

MakeConfig = Callable[..., Any]
MakeCore = Callable[..., VenueCore]
MakeOrder = Callable[..., NewOrderSingle]

BOOK = {"asks": [["99.99", 15_000], ["100.00", 10_000]]}
NOW = TimeNs(0)


@pytest.fixture
def chance() -> Keyed:
    return Streams(7).keyed("venue", "V")


def fills(core: VenueCore, order: NewOrderSingle) -> list[tuple[Any, int]]:
    reports = core.handle(order, NOW)
    core.check()
    return [(trade.price, trade.qty) for trade in core.trades if reports]


def test_fraction_is_exact_and_indications_show_all(make_core: MakeCore, order: MakeOrder) -> None:
    core = make_core(
        "dark", book=BOOK, indications=True, fill={"model": "fraction", "share": "0.6"}
    )
    assert core.published(10)[1] == ((9_999, 15_000), (10_000, 10_000))
    assert fills(core, order("buy", 15_000, 9_999)) == [(9_999, 9_000)]
    assert core.published(10)[1] == ((9_999, 6_000), (10_000, 10_000))
    assert fills(core, order("buy", 15_000, 10_000)) == [(9_999, 3_600), (10_000, 6_000)]


@pytest.mark.parametrize("share", ["-0.1", "1.1", 2])
def test_share_is_from_0_to_1(make_config: MakeConfig, share: Any) -> None:
    with pytest.raises(ValueError, match="share"):
        make_config("dark", fill={"model": "fraction", "share": share})


def test_bounds_of_a_random_share_are_in_order(make_config: MakeConfig) -> None:
    with pytest.raises(ValueError, match="low must be at most high"):
        make_config("dark", fill={"model": "random", "low": "0.5", "high": "0.4"})


def test_random_share_needs_chance(make_config: MakeConfig, units: Units) -> None:
    config = make_config("dark", book=BOOK, fill={"model": "random"})
    with pytest.raises(ValueError, match="needs chance"):
        config.build(units, lambda name: name)


def test_random_share_belongs_to_account_and_name(chance: Keyed) -> None:
    supply = RandomFill(model="random").supply(chance)
    assert supply is not None
    assert supply("SOR", "P1.V.1") == supply("SOR", "P1.V.1")
    assert len({supply("SOR", "P1.V.1"), supply("SOR", "P1.V.2"), supply("x", "P1.V.1")}) == 3


def test_random_shares_are_uniform_between_their_bounds(chance: Keyed) -> None:
    """Seed 7, 4,000 draws: mean and variance within 4 standard errors of the uniform law's."""
    config = RandomFill.model_validate({"model": "random", "low": "0.2", "high": "0.8"})
    supply = config.supply(chance)
    assert supply is not None
    n = 4_000
    draws = [float((supply("SOR", f"P.V.{k}") - Fraction(1, 5)) / Fraction(3, 5)) for k in range(n)]
    assert 0 < min(draws) < max(draws) < 1
    assert abs(sum(draws) / n - 1 / 2) <= 4 * sqrt(1 / 12 / n)
    # The variance of (u - 1/2)^2 is 1/80 - 1/144.
    spread = sum((u - 1 / 2) ** 2 for u in draws) / n
    assert abs(spread - 1 / 12) <= 4 * sqrt((1 / 80 - 1 / 144) / n)


def test_minimum_off_the_lot_and_a_script_at_the_midpoint_are_problems(
    make_config: MakeConfig, units: Units
) -> None:
    fill = {"model": "scripted", "at": [["99.99", 100]]}
    config = make_config(
        "dark", book=BOOK, lot_size=100, min_qty=150, fill=fill, pricing="midpoint"
    )
    assert [path for path, _ in config.problems(units)] == [("min_qty",), ("fill", "model")]
    assert config.uses_reference
    assert not make_config("dark").uses_reference


def test_entry_builds_a_pool_with_its_minimum_and_its_reference(
    make_core: MakeCore, order: MakeOrder
) -> None:
    core = make_core("dark", book={"asks": [["99.00", 300]]}, min_qty=100, pricing="midpoint")
    core.handle(BookSnapshot("L", 1, NOW, ((9_998, 1),), ((10_002, 1),)), NOW)
    assert fills(core, order("buy", 99, 10_100)) == []
    assert fills(core, order("buy", 100, 10_100)) == [(10_000, 100)]
