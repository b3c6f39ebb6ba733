"""The faults of one run at work: triggers are watched, legs are wrapped, and all is recorded.

A leg that no fault concerns is not wrapped at all, so that it costs nothing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import log
from typing import Any

from sim.audit.records import RECORD_TYPES, Fault, Record
from sim.faults.base import Condition, Deliver, FaultConfig, Leg, MessageFault, StateFault, Tools
from sim.faults.messages import order_of
from sim.kernel.clock import Clock
from sim.kernel.loop import Event
from sim.kernel.streams import Streams
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
        self._strikers: list[_Striker] = []
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
                self._strikers.append(_Striker(config, tools, emit))
            elif isinstance(config, StateFault):
                self._states.append(_State(config, tools, emit))

    def deliver(self, venue_id: str, leg: Leg, deliver: Deliver) -> Deliver:
        """What a link shall deliver to: through the faults of this leg, in the file's order."""
        for striker in reversed(self._strikers):
            if striker.config.venue == venue_id and striker.config.on_leg == leg:
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

    def _set(self, config: FaultConfig, tools: Tools, come: Callable[[Event], None]) -> None:
        if config.at is not None:
            tools.do_at(config.at, come)
        elif config.on is not None:
            self._wait_for(config.on, tools, come)
        elif config.rate is not None:
            _Poisson(config, config.rate, tools, come).next_after(config.start or 0)

    def _wait_for(self, on: Condition, tools: Tools, come: Callable[[Event], None]) -> None:
        (kind,) = [kind for kind in RECORD_TYPES if kind.__struct_config__.tag == on.record]
        left = on.nth

        def told(record: Any) -> None:
            nonlocal left
            if on.venue is not None and getattr(record, "venue_id", None) != on.venue:
                return
            left -= 1
            if left == 0:
                tools.do_at(tools.now_ns, come)

        self._observe(kind, told)


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
        due_ns = t_ns + max(1, round(-log(self._tools.stream.uniform()) * self._mean_ns))
        if due_ns < self._stop_ns:
            self._tools.do_at(due_ns, self._due)

    def _due(self, event: Event) -> None:
        self._come(event)
        self.next_after(event.t_ns)


class _Striker:
    """One message fault: how many messages it shall still strike, and what it did."""

    def __init__(self, config: MessageFault, tools: Tools, emit: Emit) -> None:
        self.config = config
        self.tools = tools
        self._emit = emit
        self._armed = 0

    def arm(self, event: Event) -> None:
        """It has come: it strikes the next messages that it may strike."""
        self._armed += self.config.count

    def arrive(self, deliver: Deliver, event: Event) -> None:
        """A message arrives on the leg."""
        config = self.config
        if not config.may_strike(event.msg) or not self._is_hit():
            deliver(event)
            return
        tools = self.tools
        now_ns = tools.now_ns
        struck = config.strike(event, tools)
        self._emit(
            Fault(
                t_ns=now_ns,
                fault_id=tools.fault_id,
                fault=config.kind,
                phase="struck",
                venue_id=config.venue,
                leg=config.on_leg,
                cl_ord_id=order_of(event.msg),
                detail=struck.detail,
            )
        )
        for t_ns, arrival in struck.arrivals:
            if t_ns <= now_ns:
                deliver(arrival)
            else:  # in its rank there; what it waited counts as held
                tools.clock.schedule(
                    t_ns,
                    arrival.priority,
                    deliver,
                    arrival.msg,
                    arrival.sent_ns,
                    arrival.drawn_ns,
                )

    def _is_hit(self) -> bool:
        share = self.config.share
        if share is None:
            if not self._armed:
                return False
            self._armed -= 1
            return True
        start, stop = self.config.start or 0, self.config.stop
        now_ns = self.tools.now_ns
        drawn = self.tools.stream.uniform()  # one a message, so that the n-th has the n-th draw
        return drawn < share and now_ns >= start and (stop is None or now_ns < stop)


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
