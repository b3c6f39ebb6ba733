"""A planted race in a router that is not ours: not seen as it stands, found by the search."""

import asyncio

import pytest

from sim.protocol.enums import ExecType
from sim.protocol.orders import ExecutionReport, NewOrderSingle
from sim.scenario.load import LoadedScenario
from sim.testing import Market, Session, assert_log_valid, assert_no_overfill, scenario, search
from sim.testing import venue as entry


class Chaser:
    """Rests at one venue, and after a while takes what is left at another.

    ``careless`` routes on as it sends its cancel, not as that is answered: a fill may be under way.
    """

    def __init__(self, market: Market, *, careless: bool) -> None:
        self.careless = careless
        self.home, self.other = market.connect("HOME"), market.connect("OTHER")
        self.left = 100
        self.canceled = asyncio.Event()

    async def work(self) -> None:
        """Work 100 shares."""
        order = self.home.buy(self.left, "100.00", "DAY")
        await self.home.send(order)
        listening = asyncio.create_task(self.listen(self.home, order))
        await asyncio.sleep(0.0109)
        if self.left:
            await self.home.send(self.home.cancel(order))
            if not self.careless:
                await self.canceled.wait()
            if self.left:
                await self.other.send(self.other.buy(self.left, "100.05"))
        await asyncio.sleep(0.01)
        listening.cancel()

    async def listen(self, session: Session, order: NewOrderSingle) -> None:
        """Count what is filled, until the order has ended."""
        async for report in session:
            if not isinstance(report, ExecutionReport):
                self.canceled.set()
            elif report.exec_type is ExecType.TRADE:
                self.left -= report.last_qty
            elif report.exec_type is ExecType.CANCELED:
                self.canceled.set()


@pytest.fixture
def someone_sells() -> LoadedScenario:
    flow = {"at": "9ms", "id": "S", "side": "sell", "qty": 100, "price": "100.00"}
    return scenario(
        entry("HOME", bids=[("99.99", 100)], flow=[{"kind": "scripted", "orders": [flow]}]),
        entry("OTHER", asks=[("100.05", 500)]),
    )


async def chase(market: Market, *, careless: bool) -> None:
    market.parent("P1", "buy", 100)
    await Chaser(market, careless=careless).work()
    assert_no_overfill(market)
    assert_log_valid(market)


async def careless(market: Market) -> None:
    await chase(market, careless=True)


async def careful(market: Market) -> None:
    await chase(market, careless=False)


def test_F13_the_race_is_not_seen_as_the_scenario_stands(someone_sells: LoadedScenario) -> None:
    assert search(careless, someone_sells, seeds=1) is None


def test_F13_the_search_finds_it_and_says_its_smallest_seed(someone_sells: LoadedScenario) -> None:
    found = search(careless, someone_sells, seeds=200)
    assert found is not None
    assert found.seed > 0
    assert str(found) == (
        f"interleaving {found.seed} fails ({found.seed + 1} tried): "
        "AssertionError: parent P1: 200 lots are filled, 100 more than were ordered"
    )
    assert any("fill" in line for line in found.audit)
    # The same seed fails again, and none below it does.
    again = search(careless, someone_sells, seeds=[found.seed])
    assert again is not None
    assert again.audit == found.audit
    assert search(careless, someone_sells, seeds=found.seed) is None


def test_F13_the_mended_router_passes_where_the_other_failed(
    someone_sells: LoadedScenario,
) -> None:
    found = search(careless, someone_sells)
    assert found is not None
    assert search(careful, someone_sells, seeds=[0, found.seed]) is None


@pytest.mark.slow
def test_F13_the_mended_router_passes_them_all(someone_sells: LoadedScenario) -> None:
    assert search(careful, someone_sells, seeds=200) is None


def test_a_seed_is_not_negative(someone_sells: LoadedScenario) -> None:
    with pytest.raises(ValueError, match="an interleaving has a number >= 0, was -1"):
        search(careful, someone_sells, seeds=[-1])
