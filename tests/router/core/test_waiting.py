"""Whose turn it is, and what many waiting parents cost."""

from fractions import Fraction

from router.config import RouterConfig
from router.core.events import Decide, Outcome, ParentOrder, SendTo, WakeAt
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from sim.audit.records import Decision
from sim.protocol.enums import Side
from sim.protocol.market_data import BookSnapshot, Levels
from sim.protocol.units import TimeNs

FREE = (Fraction(1), Fraction(0))


class Crowd:
    """A router over A and B, its parents, and how many decisions were asked of it."""

    def __init__(self, strategy: str = '{"kind": "greedy"}') -> None:
        profiles = tuple([VenueProfile(v, "lit", n, 1, 1, FREE, FREE) for n, v in enumerate("AB")])
        config = RouterConfig.model_validate_json(f'{{"strategy": {strategy}}}')
        self.core = RouterCore(profiles, config)
        self.asked = 0
        self.now = 0
        decider = self.core._desk._decider
        decide = decider.decide

        def counted(*args: object) -> object:
            self.asked += 1
            return decide(*args)  # type: ignore[arg-type]

        decider.decide = counted  # type: ignore[assignment]

    def parent(self, name: str, qty: int, limit: int | None = None, side: Side = Side.BUY) -> None:
        self._do(self.core.on_parent(ParentOrder(name, side, qty, limit), self.now))

    def quote(self, venue: str, asks: Levels = (), bids: Levels = ()) -> list[str]:
        """A book one nanosecond later; the parents that send, in their order."""
        self.now += 1
        book = BookSnapshot(venue, self.now, TimeNs(self.now), bids, asks)
        out = self._do(list(self.core.on_quote(book, self.now)))
        return [o.parent_id for o in out if isinstance(o, Decision) and o.split]

    def _do(self, outcomes: list[Outcome]) -> list[Outcome]:
        out = list(outcomes)
        for outcome in outcomes:
            if isinstance(outcome, WakeAt) and isinstance(outcome.token, Decide):
                out += self._do(self.core.on_wake(outcome.token, self.now))
        return out


def test_turns_go_by_arrival_over_all_limits() -> None:
    crowd = Crowd()
    for name, limit in (("P", 101), ("Q", None), ("R", 99), ("S", 100), ("T", 101)):
        crowd.parent(name, 10, limit)
    assert crowd.quote("A", ((100, 35),)) == ["P", "Q", "S", "T"]


def test_turns_end_when_nothing_is_left() -> None:
    crowd = Crowd()
    for n in range(50):
        crowd.parent(f"P{n}", 10)
    crowd.asked = 0
    assert crowd.quote("A", ((100, 25),)) == ["P0", "P1", "P2"]
    assert crowd.asked == 3


def test_nobody_is_asked_about_a_price_that_no_limit_allows() -> None:
    crowd = Crowd()
    for n in range(50):
        crowd.parent(f"P{n}", 10, 90 + n % 5)
    crowd.asked = 0
    assert crowd.quote("A", ((95, 100),)) == []
    assert crowd.asked == 0


def test_both_sides_have_their_own_queues() -> None:
    crowd = Crowd()
    crowd.parent("B", 10, 100)
    crowd.parent("S", 10, 100, Side.SELL)
    assert crowd.quote("A", ((101, 50),), ((99, 50),)) == []
    assert crowd.quote("A", ((101, 50),), ((100, 50),)) == ["S"]
    assert crowd.quote("B", ((100, 50),)) == ["B"]


def test_what_one_cannot_use_serves_no_other_that_asks_for_the_same() -> None:
    """A strategy that leaves a venue alone: its books give nobody anything."""
    crowd = Crowd('{"kind": "single_venue", "venue": "B"}')
    for n in range(50):
        crowd.parent(f"P{n}", 10)
    crowd.asked = 0
    assert crowd.quote("A", ((100, 500),)) == []
    assert crowd.asked == 1


def test_I17_many_waiting_parents_cost_little_under_a_busy_feed() -> None:
    """2,000 wait; a quote that offers some lots asks as many as it serves, and one more."""
    crowd = Crowd()
    for n in range(2_000):
        crowd.parent(f"P{n}", 10, 100 + n % 7)
    crowd.asked = 0
    served = 0
    for n in range(200):
        served += len(crowd.quote("AB"[n % 2], ((100, 5 * n + 5),)))  # more each time
    assert 100 < served < 500
    assert crowd.asked <= served + 200


def test_a_parent_that_was_served_leaves_its_queue() -> None:
    crowd = Crowd()
    crowd.parent("P", 10)
    crowd.parent("Q", 10)
    assert crowd.quote("A", ((100, 10),)) == ["P"]
    assert crowd.quote("B", ((100, 10),)) == ["Q"]
    assert crowd.quote("B", ((100, 20),)) == []
    assert not crowd.core._desk.waiting.short
    assert [o.venue_id for o in crowd.core.stop_all(9) if isinstance(o, SendTo)] == ["A", "B"]
