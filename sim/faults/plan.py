"""The faults of one run at work: triggers are watched, legs are wrapped, and all is recorded.

A leg that no fault concerns is not wrapped at all, so that it costs nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import log
from typing import Any

from sim.audit.records import Fault, Record
from sim.faults.base import (
    RECORD_KINDS,
    Asked,
    Condition,
    Deliver,
    FaultConfig,
    Leg,
    MessageFault,
    StateFault,
    Tools,
)
from sim.faults.router_crash import RouterCrash
from sim.faults.striker import Striker
from sim.kernel.clock import Clock
from sim.kernel.loop import Event
from sim.kernel.streams import Streams
from sim.protocol.orders import NewOrderSingle, OrderCancelReplaceRequest
from sim.protocol.units import Units

Emit = Callable[[Record], None]
Observe = Callable[[type[Any], Callable[[Any], None]], None]


class Faults:
    """All faults of one run.

    Args:
        configs: As the scenario has them.
        streams: All chance of the run; each fault takes streams of its own name.
        clock: Time and scheduling.
        emit: Takes each audit record.
        observe: Calls back with each record of a type (``AuditLog.observe``).
        units: Of the instrument.
        end_ns: The run's duration.
    """

    def __init__(
        self,
        configs: Sequence[FaultConfig],
        streams: Streams,
        *,
        clock: Clock,
        emit: Emit,
        observe: Observe,
        units: Units,
        end_ns: int,
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._observe = observe
        self._strikers: list[Striker] = []
        self._states: list[_State] = []
        for n, config in enumerate(configs):
            name = config.id or f"fault{n}"
            tools = Tools(
                name,
                clock,
                streams.get("fault", name),
                streams.keyed("fault", name),
                units=units,
                end_ns=end_ns,
            )
            if isinstance(config, MessageFault):
                self._strikers.append(Striker(config, tools, emit))
            elif isinstance(config, StateFault):
                self._states.append(_State(config, tools, emit))

    @property
    def stop_the_router(self) -> bool:
        """Whether one of them is about the router itself, and so about all its lines."""
        return any(isinstance(one.config, RouterCrash) for one in self._states)

    @property
    def stopped(self) -> frozenset[str]:
        """The venues that state faults are about, beside those of the router."""
        return frozenset([one.config.venue_id for one in self._states if one.config.venue_id])

    def deliver(self, venue_id: str, leg: Leg, deliver: Deliver) -> Deliver:
        """What a link shall deliver to: through the faults of this leg, in the file's order.

        Faults that must know what the router has asked for look on at what the venue really gets.
        """
        here = [striker for striker in self._strikers if striker.config.venue == venue_id]
        noting = [one.tools.orders for one in here if one.config.notes_orders]
        if leg == "order" and noting:
            deliver = partial(_note, noting, deliver)
        for striker in reversed(here):
            if striker.config.on_leg == leg:
                deliver = partial(striker.arrive, deliver)
        return deliver

    def start(self, host: Any) -> None:
        """Set the triggers. To be called once, before time begins.

        Args:
            host: What state faults may do to venues and the router.
        """
        for state in self._states:
            state.host = host
            self._set(state.config, state.tools, state.begin)
        for striker in self._strikers:
            if striker.config.share is None:
                self._set(striker.config, striker.tools, striker.arm)

    def stop(self) -> None:
        """The run is over: nothing more happens, whatever is scheduled still."""
        for striker in self._strikers:
            striker.tools.over = True
        for state in self._states:
            state.tools.over = True

    def _set(self, config: FaultConfig, tools: Tools, come: Callable[[Event], None]) -> None:
        if config.at is not None:
            tools.do_at(config.at, come)
        elif config.on is not None:
            self._wait_for(config.on, tools, come)
        elif config.rate is not None:
            _Poisson(config, config.rate, tools, come).next_after(config.start or 0)

    def _wait_for(self, on: Condition, tools: Tools, come: Callable[[Event], None]) -> None:
        left = on.nth

        def told(record: Any) -> None:
            nonlocal left
            if on.venue is not None and getattr(record, "venue_id", None) != on.venue:
                return
            left -= 1
            if left == 0:
                tools.do_at(tools.now_ns, come)

        self._observe(RECORD_KINDS[on.record], told)


def _note(noting: Sequence[dict[str, Asked]], deliver: Deliver, event: Event) -> None:
    """Note what a venue is asked for, and let it have that."""
    msg = event.msg
    if type(msg) is NewOrderSingle:
        for orders in noting:
            orders[msg.cl_ord_id] = Asked(msg.side, msg.price)
    elif type(msg) is OrderCancelReplaceRequest:
        for orders in noting:
            if msg.orig_cl_ord_id in orders:
                orders[msg.cl_ord_id] = Asked(orders[msg.orig_cl_ord_id].side, msg.price)
    deliver(event)


class _Poisson:
    """Comes again and again, after times that are drawn from an exponential law."""

    def __init__(
        self, config: FaultConfig, rate: float, tools: Tools, come: Callable[[Event], None]
    ) -> None:
        self._mean_ns = 1e9 / rate
        self._tools = tools
        self._come = come
        self._stop_ns = tools.end_ns if config.stop is None else min(config.stop, tools.end_ns)

    def next_after(self, t_ns: int) -> None:
        drawn_ns = round(-log(self._tools.stream.uniform()) * self._mean_ns)
        due_ns = t_ns + max(1, drawn_ns)
        if due_ns < self._stop_ns:
            self._tools.do_at(due_ns, self._due)

    def _due(self, event: Event) -> None:
        self._come(event)
        self.next_after(event.t_ns)


class _State:
    """One state fault: whether it lasts at present."""

    def __init__(self, config: StateFault, tools: Tools, emit: Emit) -> None:
        self.config = config
        self.tools = tools
        self.host: Any = None
        self._emit = emit
        self._lasts = False

    def begin(self, event: Event) -> None:
        """It has come. While it lasts it does not begin again."""
        if self._lasts:
            return
        self._lasts = True
        self._tell("began")
        self.config.begin(self.host, self.tools)
        if self.config.lasts is not None:
            self.tools.do_at(self.tools.now_ns + self.config.lasts, self._end)

    def _end(self, event: Event) -> None:
        self._lasts = False
        self._tell("ended")
        self.config.end(self.host, self.tools)

    def _tell(self, phase: str) -> None:
        self._emit(
            Fault(
                t_ns=self.tools.now_ns,
                fault_id=self.tools.fault_id,
                fault=self.config.kind,
                phase=phase,
                venue_id=self.config.venue_id,
                detail=self.config.detail,
            )
        )
