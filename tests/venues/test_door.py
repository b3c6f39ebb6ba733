"""What comes to a venue that hangs waits; what comes to one that is down, or cut off, is lost."""

import asyncio
from typing import Any

import pytest

from sim.kernel.loop import Event, SimLoop
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot
from sim.protocol.orders import OrderCancelRequest, VenueReport
from sim.protocol.session import FromVenue, OrderStatusRequest, SessionStatus
from sim.protocol.units import TimeNs
from venues.door import Door
from venues.line import Line


class Reader:
    """A venue's task that notes what it reads, with the time and how long it was held."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.door = Door(loop, "V", loop)
        self.read: list[tuple[int, Any, int]] = []
        self.lost: list[Any] = []
        self.asked: list[Any] = []
        self.door.lost = lambda event: self.lost.append(event.msg)
        self.door.answer = lambda event: self.asked.append((loop.now_ns, event.msg))
        self.task = loop.create_task(self.serve())

    async def serve(self) -> None:
        while True:
            await self.door
            while self.door.items:
                event = self.door.items.popleft()
                if event.msg == "die":
                    return
                self.read.append((self.loop.now_ns, event.msg, event.held_ns))

    def at(self, t_ns: int, do: Any, *args: Any) -> None:
        self.loop.schedule(t_ns, Priority.FAULT, lambda _: do(*args))

    def send(self, t_ns: int, msg: Any, sent_ns: int | None = None) -> None:
        sent = t_ns if sent_ns is None else sent_ns
        self.loop.schedule(t_ns, Priority.ORDER, self.door.deliver, msg, sent, t_ns - sent)


@pytest.fixture
async def reader() -> Any:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    made = Reader(loop)
    yield made
    made.task.cancel()


def cancel(name: str) -> OrderCancelRequest:
    return OrderCancelRequest(name, name, "us")


def book(venue_id: str, seq: int) -> BookSnapshot:
    return BookSnapshot(venue_id, seq, TimeNs(0), (), ())


async def test_F02_what_comes_in_a_hang_waits_and_keeps_its_order(reader: Reader) -> None:
    question = OrderStatusRequest("a", "Q")
    reader.at(10, reader.door.hold)
    for t_ns, msg in ((5, "before"), (11, cancel("a")), (12, "wake"), (13, question), (14, "b")):
        reader.send(t_ns, msg)
    reader.at(50, reader.door.release)
    reader.send(60, "after")
    await asyncio.sleep(1e-6)
    assert reader.read == [
        (5, "before", 0),
        (50, cancel("a"), 39),
        (50, "wake", 38),
        (50, "b", 36),
        (60, "after", 0),
    ]
    assert reader.asked == [(50, question)]
    assert reader.lost == []


async def test_F01_what_is_sent_to_nobody_is_lost_and_what_is_its_own_waits(
    reader: Reader,
) -> None:
    reader.at(10, reader.door.kill, "die")
    reader.at(11, reader.door.shut)
    reader.send(20, cancel("a"))
    reader.send(21, "its own")
    reader.send(22, book("X", 1))
    reader.send(23, book("X", 2))

    def back() -> None:
        reader.door.open_anew()
        reader.task = reader.loop.create_task(reader.serve())
        reader.door.catch_up()

    reader.at(50, back)
    reader.send(60, cancel("on its way"), 40)
    reader.send(61, cancel("new"), 55)
    await asyncio.sleep(1e-6)
    assert [msg for _, msg, _ in reader.read] == [book("X", 2), "its own", cancel("new")]
    assert reader.lost == [cancel("a"), cancel("on its way")]


async def test_F01_a_venue_that_hangs_and_dies_loses_what_waited(reader: Reader) -> None:
    reader.at(10, reader.door.hold)
    reader.send(11, cancel("a"))
    reader.send(12, "its own")
    reader.at(20, reader.door.kill, "die")
    reader.at(20, reader.door.shut)
    reader.at(30, reader.door.release)  # nobody is there
    await asyncio.sleep(1e-6)
    assert reader.task.done()
    assert (reader.read, reader.lost) == ([], [cancel("a")])


def test_F03_a_line_loses_what_is_under_way_as_it_is_cut_but_no_news_of_the_session() -> None:
    loop = SimLoop()
    line = Line(loop)
    arrived: list[Any] = []
    lost: list[Any] = []
    line.lost = lambda leg, event: lost.append((leg, event.msg))
    report: VenueReport = cancel("r")  # type: ignore[assignment]
    for leg in ("order", "report", "feed"):
        deliver = line.through(leg, lambda event: arrived.append(event.msg))
        for sent_ns, t_ns in ((0, 5), (8, 12), (12, 15), (15, 25), (21, 26)):
            loop.schedule(t_ns, Priority.ORDER, deliver, (leg, t_ns), sent_ns)
    to_router = line.through("report", lambda event: arrived.append(event.msg))
    loop.schedule(14, Priority.REPORT, to_router, SessionStatus("V", 1, is_up=False), 10)
    loop.schedule(14, Priority.REPORT, to_router, FromVenue("V", report), 10)
    loop.schedule(10, Priority.FAULT, lambda _: line.cut("order", "report"))
    loop.schedule(20, Priority.FAULT, lambda _: line.mend())
    loop.run_forever()
    got = [msg for msg in arrived if isinstance(msg, tuple)]
    assert [t for leg, t in got if leg == "order"] == [5, 26]
    assert [t for leg, t in got if leg == "report"] == [5, 26]
    assert [t for leg, t in got if leg == "feed"] == [5, 12, 15, 25, 26]
    assert SessionStatus("V", 1, is_up=False) in arrived
    assert ("report", FromVenue("V", report)) in lost
    assert len(lost) == 7


async def test_nobody_need_be_told_what_is_lost() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    door, line = Door(loop, "V", loop), Line(loop)
    door.shut()
    door.deliver(Event(0, 0, 0, door.deliver, cancel("a")))
    line.cut("order")
    arrived: list[Event] = []
    line.through("order", arrived.append)(Event(0, 0, 0, door.deliver, cancel("a")))
    assert arrived == []
