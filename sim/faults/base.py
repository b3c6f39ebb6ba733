"""What all faults have in common: when they strike, and what they may touch.

A fault stands in ``faults:`` of a scenario and has exactly one trigger. A *message fault* hits
messages on one leg between a venue and the router, at their arrival: the delay that the link drew
and the order on it are those of the run without the fault. A *state fault* begins, lasts, and ends:
a venue is down, a router is gone.

All chance of a fault comes from streams of its own name, so that adding one changes no other draw.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Self, get_args

import msgspec
from pydantic import BeforeValidator, Field, model_validator

from sim.audit.records import RECORD_TYPES, Record, RunFinished, RunStarted
from sim.kernel.clock import Clock
from sim.kernel.loop import Event
from sim.kernel.streams import Keyed, Stream
from sim.protocol.config import Duration, Ident, ScenarioModel
from sim.protocol.enums import Priority, Side
from sim.protocol.units import Units

Deliver = Callable[[Event], object]
Leg = Literal["order", "report", "feed"]
LEGS: Final[tuple[Leg, ...]] = get_args(Leg)
STRIKES_MAX: Final = 1_000_000

RECORD_KINDS: Final[dict[str, type[Record]]] = {
    str(kind.__struct_config__.tag): kind
    for kind in RECORD_TYPES
    if kind not in {RunStarted, RunFinished}
}
"""What a condition may wait for: not the first record, which is older than time, nor the last."""


def _record_kind(value: object) -> object:
    if isinstance(value, str) and value not in RECORD_KINDS:
        raise ValueError(f"must be a kind of audit record: {', '.join(RECORD_KINDS)}")
    return value


class Condition(ScenarioModel):
    """Something that the audit log tells: the fault comes just after it."""

    record: Annotated[
        str, BeforeValidator(_record_kind), Field(json_schema_extra={"enum": list(RECORD_KINDS)})
    ]
    """Kind of the record."""
    venue: Ident | None = None
    """Only records of this venue count; without it those of all."""
    nth: Annotated[int, Field(ge=1, le=STRIKES_MAX)] = 1
    """Which of them it is, counted from 1."""

    @model_validator(mode="after")
    def _of_a_venue(self) -> Self:
        if self.venue is not None and "venue_id" not in RECORD_KINDS[self.record].__struct_fields__:
            raise ValueError(f"a {self.record} record is about no venue: leave venue out")
        return self


class FaultConfig(ScenarioModel, ABC):
    """Base of all faults' configs; each adds its tag, ``kind: Literal[...]``."""

    kind: str
    id: Ident | None = None
    """Names it in the log; without it ``fault`` and its place in the list, from 0."""
    at: Duration | None = None
    """When it comes, since the start of the run."""
    on: Condition | None = None
    """After what it comes."""
    rate: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """How often it comes per second of the run, at random (Poisson), from ``start`` to ``stop``."""
    start: Duration | None = None
    """Before this nothing comes at random; without it from the start of the run."""
    stop: Duration | None = None
    """From here on nothing comes at random any more; without it to the end of the run."""

    triggers: ClassVar[tuple[str, ...]] = ("at", "on", "rate")

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        given = [name for name in self.triggers if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"must have one of {', '.join(self.triggers)}, found {found}")
        if given[0] in {"at", "on"} and (self.start is not None or self.stop is not None):
            raise ValueError(f"start and stop belong to what comes at random, not to {given[0]}")
        if self.stop is not None and self.stop <= (self.start or 0):
            raise ValueError("stop must be later than start: both count from the start of the run")
        return self

    def named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The ids of venues that it names, each behind its key."""
        if self.on is not None and self.on.venue is not None:
            yield ("on", "venue"), self.on.venue

    @property
    def venue_id(self) -> str:
        """The venue that it is about; empty where it is about none, or about all."""
        return ""


class StateFault(FaultConfig):
    """Base of the faults that begin, last, and end."""

    lasts: Annotated[Duration, Field(gt=0)] | None = None
    """How long it lasts; without it to the end of the run."""

    @property
    def detail(self) -> str:
        """What there is to say about it in its records, beside its kind and venue."""
        return ""

    @abstractmethod
    def begin(self, host: Any, tools: "Tools") -> None:
        """Begin; that is recorded already.

        Args:
            host: What it may do to venues and the router (``sim.faults.host``).
            tools: Time, chance and records of this fault.
        """

    @abstractmethod
    def end(self, host: Any, tools: "Tools") -> None:
        """End what ``begin`` did; called only where it has an end."""


class MessageFault(FaultConfig):
    """Base of the faults that strike messages on one leg.

    ``keeps_order`` says that what it holds back holds back all that comes behind it on the leg.
    ``notes_orders`` has ``tools.orders`` know what the router has asked the venue for.
    """

    venue: Ident
    """The venue whose messages it strikes."""
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Probability for each message that it may strike, from ``start`` to ``stop``."""
    count: Annotated[int, Field(ge=1, le=STRIKES_MAX)] | None = None
    """How many messages it strikes each time that it comes; without it one."""
    lasts: Annotated[Duration, Field(gt=0)] | None = None
    """Each time that it comes it strikes every message for so long, in place of a ``count``."""

    triggers: ClassVar[tuple[str, ...]] = ("at", "on", "rate", "share")
    keeps_order: ClassVar[bool] = False
    notes_orders: ClassVar[bool] = False

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        given = [name for name in ("share", "count", "lasts") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"must have one of share, count and lasts, found {' and '.join(given)}"
            )
        return self

    def named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """See the base."""
        yield ("venue",), self.venue
        yield from super().named()

    @property
    def venue_id(self) -> str:
        """See the base."""
        return self.venue

    @property
    @abstractmethod
    def on_leg(self) -> Leg:
        """The leg whose messages it strikes."""

    @abstractmethod
    def may_strike(self, msg: Any, tools: "Tools") -> bool:
        """Whether a message is one of those that it strikes."""

    @abstractmethod
    def strike(self, event: Event, tools: "Tools") -> "Struck":
        """What becomes of an arriving message: what is done, and what arrives in its place.

        Args:
            event: The message as its link delivers it, not to be changed.
            tools: Time and chance of this fault.
        """

    def passed(self, msg: Any, tools: "Tools") -> None:
        """A message of the leg arrives that it does not strike."""


class Struck(NamedTuple):
    """What a strike makes of a message.

    ``arrivals`` are the messages that arrive in its place, each with its time, not before that of
    the message. With ``behind`` there is one of them, and it arrives as soon as so many messages of
    the leg have come behind it, at the latest at its time.
    """

    detail: str
    arrivals: Sequence[tuple[int, Event]] = ()
    behind: int = 0


class Asked(NamedTuple):
    """What the router has asked a venue for, as the venue got it."""

    side: Side
    limit: int | None


class Tools:
    """What one fault has of its run.

    Attributes:
        fault_id: Its name in the log.
        stream: Its own chance, draw by draw.
        keyed: Its own chance, by meaning.
        units: Of the instrument.
        end_ns: The run's duration.
        memory: Whatever the fault must remember between two strikes.
        orders: What the router has asked its venue for, by id, where its kind has it noted.
        over: Whether the run is: then nothing is done any more.
    """

    def __init__(
        self,
        fault_id: str,
        clock: Clock,
        stream: Stream,
        keyed: Keyed,
        *,
        units: Units,
        end_ns: int,
    ) -> None:
        self.fault_id = fault_id
        self.clock = clock
        self.stream = stream
        self.keyed = keyed
        self.units = units
        self.end_ns = end_ns
        self.memory: dict[str, Any] = {}
        self.orders: dict[str, Asked] = {}
        self.over = False

    @property
    def now_ns(self) -> int:
        """Time of the run."""
        return self.clock.now_ns

    def do_at(self, t_ns: int, do: Callable[[Event], object]) -> None:
        """Have something done at ``t_ns``, before all else at that instant."""
        self.clock.schedule(t_ns, Priority.FAULT, partial(self._do, do))

    def _do(self, do: Callable[[Event], object], event: Event) -> None:
        if not self.over:
            do(event)


def changed(event: Event, msg: Any) -> Event:
    """The same arrival with another message."""
    return msgspec.structs.replace(event, msg=msg)
