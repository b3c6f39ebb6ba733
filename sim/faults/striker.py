"""One message fault at work on its leg: which messages it strikes, and what arrives then.

What is struck is recorded before anything follows from it.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from sim.audit.records import Fault, Record
from sim.faults.base import Deliver, MessageFault, Tools
from sim.faults.messages import order_of
from sim.kernel.loop import Event
from sim.kernel.shuffle import one_source


class Striker:
    """One message fault: how many messages it shall still strike, and what it holds back.

    Args:
        config: The fault.
        tools: Its time and chance.
        emit: Takes the records.
    """

    def __init__(self, config: MessageFault, tools: Tools, emit: Callable[[Record], None]) -> None:
        self.config = config
        self.tools = tools
        self._emit = emit
        self._clock = one_source(tools.clock)  # what it holds back stays in its order
        self._armed = 0
        self._lasts_to_ns = -1
        self._start_ns = config.start or 0
        self._stop_ns = config.stop
        self._waiting = 0  # messages that are held back, where the order is kept
        self._last_ns = 0  # when the last of them arrives
        self._parked: list[_Parked] = []

    def arm(self, event: Event) -> None:
        """It has come: it strikes the next messages that it may strike."""
        config, now_ns = self.config, self.tools.now_ns
        if config.lasts is None:
            self._armed += config.count or 1
            return
        if self._lasts_to_ns < 0:
            self._tell("began")
        self._lasts_to_ns = now_ns + config.lasts
        self.tools.do_at(self._lasts_to_ns, self._end)

    def _end(self, event: Event) -> None:
        if self.tools.now_ns >= self._lasts_to_ns >= 0:  # else it has come again meanwhile
            self._lasts_to_ns = -1
            self._tell("ended")

    def arrive(self, deliver: Deliver, event: Event) -> None:
        """A message arrives on the leg."""
        config, tools = self.config, self.tools
        if tools.over:
            deliver(event)
            return
        if not config.may_strike(event.msg, tools) or not self._is_hit():
            config.passed(event.msg, tools)
            if self._waiting:
                self._hold(deliver, event, self._last_ns)
            else:
                deliver(event)
        else:
            self._strike(deliver, event)
        if self._parked:
            self._overtaken(event)

    def _strike(self, deliver: Deliver, event: Event) -> None:
        struck = self.config.strike(event, self.tools)
        self._tell("struck", order_of(event.msg), struck.detail)
        for t_ns, arrival in struck.arrivals:
            if struck.behind:
                parked = _Parked(deliver, event, struck.behind)
                self._parked.append(parked)
                self.tools.clock.schedule(t_ns, event.priority, partial(self._at_last, parked))
            elif t_ns > event.t_ns or self._waiting:
                self._hold(deliver, arrival, t_ns)
            else:
                deliver(arrival)

    def _hold(self, deliver: Deliver, event: Event, t_ns: int) -> None:
        """Let a message arrive later, in its rank there; what it waited counts as held."""
        then = deliver
        if self.config.keeps_order:
            self._waiting += 1
            self._last_ns = t_ns = max(t_ns, self._last_ns)
            then = partial(self._release, deliver)
        self._clock.schedule(t_ns, event.priority, then, event.msg, event.sent_ns, event.drawn_ns)

    def _release(self, deliver: Deliver, event: Event) -> None:
        self._waiting -= 1
        deliver(event)

    # What others overtake

    def _overtaken(self, by: Event) -> None:
        """A message has come behind those that wait to be overtaken."""
        for parked in list(self._parked):
            if parked.event is by:
                continue
            parked.behind -= 1
            if not parked.behind:
                self._at_last(parked, by)

    def _at_last(self, parked: "_Parked", event: Event) -> None:
        """A message that was overtaken, or that nobody overtakes, arrives now."""
        if parked in self._parked:
            self._parked.remove(parked)
            parked.deliver(msgspec.structs.replace(parked.event, t_ns=event.t_ns))

    # Whether

    def _is_hit(self) -> bool:
        share, now_ns = self.config.share, self.tools.now_ns
        if share is not None:
            # One draw a message whenever it is, so that the n-th has the n-th draw.
            drawn = self.tools.stream.uniform()
            hit = drawn < share and now_ns >= self._start_ns and not self._has_stopped(now_ns)
            return hit and not self._parked
        if self._parked:  # one at a time: those behind it are to overtake it
            return False
        if self._lasts_to_ns >= 0:
            return now_ns < self._lasts_to_ns and not self._has_stopped(now_ns)
        if not self._armed:
            return False
        if self._has_stopped(now_ns):
            self._armed = 0  # what has found no message by then finds none
            return False
        self._armed -= 1
        return True

    def _has_stopped(self, now_ns: int) -> bool:
        return self._stop_ns is not None and now_ns >= self._stop_ns

    def _tell(self, phase: str, cl_ord_id: str = "", detail: str = "") -> None:
        self._emit(
            Fault(
                t_ns=self.tools.now_ns,
                fault_id=self.tools.fault_id,
                fault=self.config.kind,
                phase=phase,
                venue_id=self.config.venue,
                leg=self.config.on_leg,
                cl_ord_id=cl_ord_id,
                detail=detail,
            )
        )


class _Parked:
    """A message that waits until ``behind`` others of its leg have overtaken it."""

    __slots__ = ("behind", "deliver", "event")

    def __init__(self, deliver: Deliver, event: Event, behind: int) -> None:
        self.deliver = deliver
        self.event = event
        self.behind = behind
