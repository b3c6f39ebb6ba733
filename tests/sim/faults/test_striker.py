"""One message fault on its leg: which messages it strikes, and when they arrive."""

from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from sim.audit.records import Fault, Record
from sim.faults import FaultEntry
from sim.faults.base import FaultConfig
from sim.faults.plan import Faults
from sim.kernel.latency import LatencySampler
from sim.kernel.link import make_link
from sim.kernel.loop import Event, SimLoop
from sim.kernel.shuffle import ShuffledLoop
from sim.kernel.streams import Streams
from sim.protocol.enums import Priority
from sim.protocol.market_data import BookSnapshot
from sim.protocol.units import TimeNs, Units

MS = 1_000_000
_ADAPTER: TypeAdapter[FaultConfig] = TypeAdapter(FaultEntry)


class Line:
    """A feed of A that takes a millisecond, with faults; ``came`` is what arrived."""

    def __init__(self, *faults: dict[str, Any], seed: int = 1, loop: SimLoop | None = None) -> None:
        self.loop = SimLoop() if loop is None else loop
        self.records: list[Record] = []
        self.came: list[tuple[int, int]] = []
        self.held: list[int] = []
        configs = [_ADAPTER.validate_python({"venue": "A", **fault}) for fault in faults]
        self.faults = Faults(
            configs,
            Streams(seed),
            clock=self.loop,
            emit=self.records.append,
            observe=lambda kind, call: None,
            units=Units(Decimal("0.01"), Decimal(1)),
            end_ns=1_000 * MS,
        )
        delay = LatencySampler(lambda: [MS] * 64, MS)
        deliver = self.faults.deliver("A", "feed", self._arrive)
        self._send = make_link(self.loop, delay, deliver, Priority.FEED).send
        self.faults.start(None)

    def _arrive(self, event: Event) -> None:
        self.came.append((self.loop.now_ns // MS, event.msg.venue_seq))
        self.held.append(event.held_ns // MS)

    def _leave(self, event: Event) -> None:
        self._send(event.msg)

    def send(self, *at_ms: int) -> "Line":
        """Let the n-th quote leave at the n-th of these times; run to the end."""
        for n, ms in enumerate(at_ms, 1):
            quote = BookSnapshot("A", n, TimeNs(ms * MS), ((99, 1),), ((101, 1),))
            self.loop.schedule(ms * MS, Priority.FLOW, self._leave, quote)
        self.loop.run_until_complete(_until(self.loop, 900 * MS))
        self.loop.close()
        return self

    @property
    def struck(self) -> list[int]:
        """When it struck, in ms."""
        found = [one for one in self.records if isinstance(one, Fault)]
        return [one.t_ns // MS for one in found if one.phase == "struck"]


async def _until(loop: SimLoop, t_ns: int) -> None:
    done = loop.create_future()
    loop.call_at_ns(t_ns, done.set_result, None)
    await done


def leg(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "leg": "feed", **more}


def test_what_is_behind_a_message_that_is_held_up_arrives_behind_it() -> None:
    line = Line(leg("latency_spike", at="0ms", by="10ms")).send(1, 3, 5, 20)
    assert line.came == [(12, 1), (12, 2), (12, 3), (21, 4)]
    assert line.held == [10, 8, 6, 0]


def test_one_that_arrives_at_the_very_instant_of_the_release_stays_behind() -> None:
    """The second leaves at 11 ms, so it would be there at 12 ms too: by its link's own event."""
    line = Line(leg("latency_spike", at="0ms", by="10ms")).send(1, 11)
    assert line.came == [(12, 1), (12, 2)]


def test_after_a_burst_the_last_that_it_held_is_still_first() -> None:
    line = Line(leg("latency_burst", at="0ms", lasts="6ms", by="10ms")).send(1, 3, 5, 6, 30)
    assert line.came == [(12, 1), (14, 2), (14, 3), (14, 4), (31, 5)]


def test_what_is_held_up_together_keeps_its_order_under_shuffled_ties() -> None:
    spike = leg("latency_spike", at="0ms", by="10ms")
    for ties in range(20):
        line = Line(spike, loop=ShuffledLoop(ties)).send(1, 3, 5, 7, 9, 20)
        assert [seq for _, seq in line.came] == [1, 2, 3, 4, 5, 6]


def test_a_random_burst_keeps_the_order_and_is_the_same_each_time() -> None:
    burst = leg("latency_burst", at="0ms", lasts="100ms", by="10ms", law="exponential")
    first, again = Line(burst).send(*range(1, 40)), Line(burst).send(*range(1, 40))
    assert first.came == again.came
    assert [seq for _, seq in first.came] == list(range(1, 40))
    assert Line(burst, seed=2).send(*range(1, 40)).came != first.came


def test_one_that_is_overtaken_by_two_arrives_with_the_second_of_them() -> None:
    line = Line(leg("message_reordering", at="0ms", behind=2)).send(1, 3, 5, 7)
    assert line.came == [(4, 2), (6, 3), (6, 1), (8, 4)]


def test_one_that_nobody_overtakes_arrives_after_its_wait() -> None:
    line = Line(leg("message_reordering", at="0ms", wait="20ms")).send(1)
    assert line.came == [(22, 1)]


def test_count_is_how_many_each_time_and_lasts_is_for_how_long() -> None:
    assert Line(leg("message_loss", at="4ms", count=2)).send(1, 3, 5, 7).came == [(2, 1), (8, 4)]
    lasting = Line(leg("message_loss", at="4ms", lasts="3ms")).send(1, 3, 5, 7)
    assert lasting.came == [(2, 1), (8, 4)]


def test_what_came_at_random_before_the_stop_strikes_nothing_after_it() -> None:
    """It comes some thousand times in the first 10 ms, when nothing is sent."""
    line = Line(leg("message_loss", rate=100_000.0, stop="10ms")).send(20, 30)
    assert line.struck == []
    assert len(line.came) == 2


def test_the_nth_message_has_the_nth_draw_whatever_the_window() -> None:
    times = range(1, 101)
    always = Line(leg("message_loss", share=0.3)).send(*times).struck
    window = Line(leg("message_loss", share=0.3, start="40ms", stop="70ms")).send(*times).struck
    assert 20 <= len(always) <= 40
    assert window == [ms for ms in always if 40 <= ms < 70]


def test_after_the_run_is_over_everything_passes() -> None:
    line = Line(leg("message_loss", share=1.0))
    line.faults.stop()
    assert line.send(1, 2).came == [(2, 1), (3, 2)]
    assert line.records == []


def test_a_leg_that_no_fault_concerns_is_not_wrapped() -> None:
    line = Line(leg("message_loss", share=1.0))
    deliver = line._arrive
    assert line.faults.deliver("A", "report", deliver) == deliver
    assert line.faults.deliver("B", "feed", deliver) == deliver
    line.loop.close()
