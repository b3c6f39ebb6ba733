"""Builders for the venues' tests; async tests here run in virtual time."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from sim.audit.records import Record
from sim.kernel.inbox import Inbox
from sim.kernel.loop import Event, SimLoop
from sim.kernel.source import Source
from sim.protocol.enums import OrdType, Priority, Side, TimeInForce
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import NewOrderSingle, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, Units
from venues.config import VenueConfig
from venues.core.api import VenueCore
from venues.fees import Fees, FeeSchedule
from venues.kinds import Venue
from venues.task import MarketData, VenuePorts, run_venue

OURS = "router"
_LEG = {"model": "fixed", "delay": "1ms"}
_ADAPTER: TypeAdapter[VenueConfig] = TypeAdapter(Venue)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": SimLoop}


@pytest.fixture
def units() -> Units:
    """Cents and single shares."""
    return Units(Decimal("0.01"), Decimal(1))


@pytest.fixture
def make_config() -> Callable[..., VenueConfig]:
    """``make_config("lit", book=...)``: an entry as the scenario loader makes it."""

    def make(kind: str, **settings: Any) -> VenueConfig:
        legs = {"order": _LEG, "report": _LEG, "feed": _LEG}
        return _ADAPTER.validate_python({"id": "V", "kind": kind, "latency": legs, **settings})

    return make


@pytest.fixture
def make_core(
    make_config: Callable[..., VenueConfig], units: Units, tmp_path: Path
) -> Callable[..., VenueCore]:
    """``make_core("lit", book=...)``: a core from settings in which ``problems`` finds nothing."""

    def make(kind: str, **settings: Any) -> VenueCore:
        config = make_config(kind, **settings)
        assert config.problems(units) == []
        return config.build(units, tmp_path.joinpath)

    return make


@pytest.fixture
def order() -> Callable[..., NewOrderSingle]:
    """``order("buy", 100, 10_001)``: an IOC limit order of ours; no price makes it a market order.

    Orders are numbered o1, o2, ... within a test.
    """
    count = 0

    def make(
        side: str, qty: int, price: int | None = None, tif: str = "IOC", **more: Any
    ) -> NewOrderSingle:
        nonlocal count
        count += 1
        return NewOrderSingle(
            more.pop("cl_ord_id", f"o{count}"),
            Side(side),
            QtyLots(qty),
            None if price is None else PriceTicks(price),
            more.pop("ord_type", OrdType.MARKET if price is None else OrdType.LIMIT),
            TimeInForce(tif),
            more.pop("account", OURS),
            **more,
        )

    return make


@dataclass
class Heard:
    """Everything that left a venue, in its order, and by sort."""

    all: list[object] = field(default_factory=list)
    reports: list[VenueReport] = field(default_factory=list)
    feed: list[BookSnapshot] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)


Serve = Callable[..., Any]


@pytest.fixture
def serve(units: Units) -> Serve:
    """``await serve(core, [(t_ns, msg), ...])``: run the shell until all is handled."""

    async def run(
        core: VenueCore,
        messages: Iterable[tuple[int, Any]],
        *,
        fees: Fees | None = None,
        market_data: MarketData = "touch",
        depth: int = 10,
    ) -> Heard:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimLoop)
        heard = Heard()

        def hear(sort: list[Any]) -> Callable[[Any], None]:
            def take(item: Any) -> None:
                heard.all.append(item)
                sort.append(item)

            return take

        ports = VenuePorts({OURS: hear(heard.reports)}, hear(heard.feed), hear(heard.records))
        inbox: Inbox[Event] = Inbox(loop, "V")
        task = loop.create_task(
            run_venue(
                "V",
                core,
                inbox,
                ports,
                fees=fees or Fees(FeeSchedule(), units),
                depth=depth,
                market_data=market_data,
                clock=loop,
            )
        )
        Source(loop, iter(messages), inbox.deliver, Priority.ORDER).start()
        try:
            await asyncio.sleep(3600)
        finally:
            if task.done():
                task.result()
            task.cancel()
        core.check()
        return heard

    return run
