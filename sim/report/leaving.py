"""How sending is told: who waited for whom, what was protected, what was dropped."""

from collections.abc import Iterable, Iterator

from sim.audit.read import printable
from sim.audit.records import ChildDropped, ChildSent, Decision, Slice
from sim.protocol.enums import TimeInForce
from sim.report.words import Words, duration, words

NOT_ITS_TURN = "not_its_turn"
WOULD_SHOW = "would_show"
OWN = "own:"


def departure(decision: Decision, venue_id: str) -> str:
    """When the child to a venue leaves, as the end of a clause; empty where all leave at once."""
    planned = next((one for one in decision.leaves if one.venue_id == venue_id), None)
    if planned is None:
        return ""
    when = f"{duration(planned.wait_ns)} later" if planned.wait_ns else "at once"
    return f"; leaves {when}, as its way takes about {duration(planned.delay_ns)}"


def how_sent(decision: Decision, sent: ChildSent, w: Words) -> Iterator[str]:
    """What is special about the sending of one child."""
    venue = printable(sent.venue_id)
    planned = next((one for one in decision.leaves if one.venue_id == sent.venue_id), None)
    if planned is not None and planned.wait_ns:
        longest = max(decision.leaves, key=lambda one: one.delay_ns)
        yield (
            f"It was to leave {duration(planned.wait_ns)} later, so as to arrive together with "
            f"what goes to {printable(longest.venue_id)}: an order takes about "
            f"{duration(longest.delay_ns)} there and {duration(planned.delay_ns)} to {venue}."
        )
    for one in decision.protected:
        if one.venue_id == sent.venue_id and one.moved_qty:
            yield f"{_moved(w, one.moved_qty, one.price)} so that its quote was not passed by."
    if sent.min_qty:
        yield f"It asked for at least {w.qty(sent.min_qty)} in each execution."


def besides(decision: Decision, w: Words) -> Iterator[str]:
    """What there is to tell of a decision beside its split."""
    yield from doubts(decision, w)
    yield from protections(decision, w)
    yield from posts_lines(decision, w)


def doubts(decision: Decision, w: Words) -> Iterator[str]:
    """A line per venue whose quotes were doubted."""
    for one in decision.doubts:
        venue = printable(one.venue_id)
        prices = [
            f"{name} {w.px(px)}"
            for name, px in (("bid", one.bid_px), ("offer", one.ask_px))
            if px is not None
        ]
        shown = " and ".join(prices)
        match one.reason:
            case "stale":
                yield f"{venue} had said nothing new for {duration(one.silent_ns)}."
            case "jumped":
                yield f"A quote of {venue} was not believed ({shown}): the one before it stood."
            case _:
                yield f"The market was {words(one.reason)}: {venue} showed {shown}."


def protections(decision: Decision, w: Words) -> Iterator[str]:
    """A line per displayed quote that the split would have passed by."""
    for one in decision.protected:
        venue = printable(one.venue_id)
        shows = f"{venue} displays {w.qty(one.qty)} at {w.px(one.price)}"
        moved = _moved(w, one.moved_qty, one.price) if one.moved_qty else "Nothing was moved there"
        if one.exception is not None:
            yield f"{shows}, better than some of this. {moved}: {words(one.exception)}."
        else:
            yield f"{shows}. {moved} so that its quote was not passed by."


def posts_lines(decision: Decision, w: Words) -> Iterator[str]:
    """A line per limit order that the strategy posts."""
    for one in decision.posts:
        behind = _queue(decision, one.venue_id, w)
        yield f"  {printable(one.venue_id)}: {w.qty(one.qty)} posted at {w.px(one.price)}{behind}"


def posted(decision: Decision, sent: ChildSent, w: Words) -> str | None:
    """How a child was posted by its decision's strategy; None if it was not."""
    post = Slice(sent.venue_id, sent.price, sent.order_qty)
    if post not in decision.posts or sent.time_in_force is not TimeInForce.DAY:
        return None
    behind = _queue(decision, sent.venue_id, w)
    venue = printable(sent.venue_id)
    return f"It posted {w.qty(sent.order_qty)} at {venue}, at {w.px(sent.price)}{behind}."


def _queue(decision: Decision, venue_id: str, w: Words) -> str:
    ahead = [one.queue_qty for one in decision.queues if one.venue_id == venue_id]
    return f", behind {w.qty(ahead[0])} that it showed there" if ahead and ahead[0] else ""


def left_over(decision: Decision, left: int, w: Words, *, posts: bool) -> str:
    """What becomes of the lots that a decision has not placed."""
    if any(one.reason == NOT_ITS_TURN for one in decision.refused):
        return f"The other {w.qty(left)} wait until that child has ended."
    asks = any(one.stage == "ping" for one in decision.blind)
    if asks or any(one.reason == "pools_first" for one in decision.refused):
        return f"The other {w.qty(left)} wait until all that were asked have answered."
    if any(one.reason == WOULD_SHOW for one in decision.refused):
        return f"The other {w.qty(left)} would have shown too much, or nobody had them; they wait."
    if decision.strategy.startswith(OWN):
        return f"Your own code sent nothing for the other {w.qty(left)}."
    wait = "they rest or wait for quotes" if posts else "they wait for quotes"
    return f"No venue had the other {w.qty(left)}; {wait}."


def dropped_lines(dropped: Iterable[ChildDropped], w: Words) -> Iterator[str]:
    """A line per child that was planned and never left."""
    for one in dropped:
        why = words(one.reason)
        yield f"  {printable(one.cl_ord_id)}: {w.qty(one.order_qty)} never left: {why}"


def _moved(w: Words, qty: int, price: int) -> str:
    return f"{w.qty(qty)} were moved there at {w.px(price)}, from the worst of the split,"
