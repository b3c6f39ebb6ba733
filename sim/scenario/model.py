"""The scenario file as a model: it puts the rooms' own configs side by side.

What no single part can check (ids, grids, names that must exist) stands in ``checks.py``.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final, Literal, Self, cast, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    create_model,
)

from router.config import RouterConfig
from router.schedule import ScheduleConfig
from sim.faults import FaultEntry
from sim.faults.base import FaultConfig
from sim.flow import Flow
from sim.flow.participants import Participant
from sim.flow.participants.base import ParticipantConfig
from sim.flow.participants.fundamental import FundamentalConfig
from sim.kernel.latency import LatencyModel
from sim.protocol.config import Duration, Ident, PositiveDecimal, ScenarioModel, Seq
from sim.scenario.plugin_names import PluginRef, plugin_files
from sim.scenario.studying import ComparisonConfig, StudyConfig
from venues.config import VenueConfig
from venues.kinds import VENUE_KINDS

STEP_DECIMALS_MAX: Final = 12


def _not_like_one(value: object) -> object:
    if value == 1 and type(value) is not int:  # true and 1.0 are equal to 1
        raise ValueError("must be the integer 1")
    return value


def _step(value: Decimal) -> Decimal:
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -STEP_DECIMALS_MAX:
        raise ValueError(f"must have at most {STEP_DECIMALS_MAX} decimals")
    return value


class InstrumentConfig(ScenarioModel):
    """What is traded, and in which steps."""

    symbol: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,32}$")]
    """Name in tables: letters, digits, ``. _ / -``, at most 32 of them."""
    tick_size: Annotated[PositiveDecimal, AfterValidator(_step)]
    """One tick: every price is a whole multiple of it."""
    lot_size: Annotated[PositiveDecimal, AfterValidator(_step)] = Decimal(1)
    """One lot: every quantity is a whole multiple of it, and ``summary.json`` counts lots."""


class VenueEntry(VenueConfig):
    """A venue and the background flow to it; the kinds' own keys come on top."""

    flow: Annotated[Seq[Flow], Field(max_length=16)] = ()
    """Background flow to this venue."""


def _entry(kind: type[VenueConfig]) -> type[VenueEntry]:
    bases: Any = (kind, VenueEntry)
    made = create_model(
        kind.__name__,
        __base__=bases,
        __doc__=kind.__doc__,
        __module__=kind.__module__,
    )
    return cast("type[VenueEntry]", made)


VENUE_ENTRIES: Final[dict[str, type[VenueEntry]]] = {
    get_args(kind.model_fields["kind"].annotation)[0]: _entry(kind) for kind in VENUE_KINDS
}
"""A venue's entry by its kind."""
_ANY_ENTRY: Any = reduce(or_, VENUE_ENTRIES.values())
AnyVenue: Any = Annotated[_ANY_ENTRY, Field(discriminator="kind")]


class RepeatConfig(ScenarioModel):
    """The same order again and again."""

    count: Annotated[int, Field(ge=2, le=100_000)]
    """How many orders there are, the first one counted."""
    every: Annotated[Duration, Field(gt=0)]
    """How much later each is than the one before, its deadline too."""


class ParentConfig(ScenarioModel):
    """A client's order."""

    id: Ident
    """Names it in the log and in tables."""
    side: Literal["buy", "sell", "sell_short"]
    """A short sale matches as a sale."""
    qty: PositiveDecimal
    """Quantity, not lots."""
    at: Duration = Field(0, json_schema_extra={"default": "0ns"})
    """When it reaches the router, since the start of the run; at most ``duration``."""
    limit: PositiveDecimal | None = None
    """Buys no higher, sells no lower; without it at any price."""
    deadline: Duration | None = None
    """When it ends at the latest, **since the start of the run**; later than ``at``."""
    schedule: ScheduleConfig | None = None
    """When its lots are sent; without it as ``router.schedule`` says, or all at once."""
    repeat: RepeatConfig | None = None
    """Whether the same order comes again, under the names ``id.1``, ``id.2`` and so on."""

    def each(self) -> Iterator[Self]:
        """The orders that it stands for, one by one, by the time at which they come."""
        repeat = self.repeat
        if repeat is None:
            yield self
            return
        for n in range(repeat.count):
            later = n * repeat.every
            yield self.model_copy(
                update={
                    "id": f"{self.id}.{n + 1}",
                    "at": self.at + later,
                    "deadline": None if self.deadline is None else self.deadline + later,
                    "repeat": None,
                }
            )


class LinkConfig(ScenarioModel):
    """Market data of one venue on its way to another venue, or to a participant."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: Ident = Field(alias="from")
    """Id of a venue; towards another venue it must be a lit one."""
    to: Ident
    """Id of a venue that uses the quotes of others, or of a participant."""
    latency: LatencyModel
    """Its own one-way delay; the speed bump of the sender's feed comes on top."""


class TapeConfig(ScenarioModel):
    """A consolidated feed of the best levels and prints of all lit venues.

    Who hears it: the venues in ``to``, and the router with ``router: {market_data: tape}``.
    """

    inbound: LatencyModel
    """From each lit venue to the tape; the speed bump of the venue's feed comes on top."""
    outbound: LatencyModel
    """From the tape to each of who hears it."""
    to: Annotated[Seq[Ident], Field(max_length=200)] = ()
    """Ids of venues that refer to the tape's quotes."""


class AuditConfig(ScenarioModel):
    """What the audit log holds of the market, and how it is flushed."""

    market_data: Literal["full", "touch", "none"] = "touch"
    """Every published book, the best bid and offer, or nothing but our own orders."""
    sync: Literal["end", "interval", "each"] = "interval"
    """Confirmed on the disk at the end, in steps, or record by record."""


class Scenario(ScenarioModel):
    """One simulation: a market, a router, the orders it works."""

    schema_version: Annotated[Literal[1], BeforeValidator(_not_like_one)]
    """Version of this format."""
    name: Ident
    """Names the run and its folder."""
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    """All chance of the run comes from it."""
    duration: Annotated[Duration, Field(gt=0)]
    """The run ends here at the latest."""
    instrument: InstrumentConfig
    """What is traded, and in which steps."""
    venues: Annotated[Seq[AnyVenue], Field(min_length=1, max_length=200)]
    """Where it is traded; ids must differ."""
    router: RouterConfig
    """Strategy, timeouts, re-routing."""
    parents: Annotated[Seq[ParentConfig], Field(min_length=1, max_length=8_000)]
    """The client's orders; ids must differ."""
    audit: AuditConfig = AuditConfig()
    """What the audit log holds."""
    expect: Annotated[dict[str, str], Field(max_length=100)] = Field(default_factory=dict)
    """Thresholds by metric; an unmet one makes the run exit with 1."""
    links: Annotated[Seq[LinkConfig], Field(max_length=1_000)] = ()
    """Market data from venue to venue or participant, each way with its own delay."""
    tape: TapeConfig | None = None
    """A consolidated feed with its own delays."""
    fundamental: FundamentalConfig | None = None
    """What the instrument is worth; only those participants know it that their kind says so of."""
    participants: Annotated[Seq[Participant], Field(max_length=100)] = ()
    """Others who trade at several venues and react to what reaches them; ids must differ."""
    faults: Annotated[Seq[FaultEntry], Field(max_length=100)] = ()
    """What goes wrong; ids must differ. Every fault that strikes is in the audit log."""
    comparison: ComparisonConfig | None = None
    """Strategies that `sorsim run` compares after the base case; in Python
    ``sim.study.comparison.compare``."""
    study: StudyConfig = StudyConfig()
    """What `sorsim tune` and `sorsim sweep` vary; a run makes nothing of it."""
    plugins: Annotated[Seq[PluginRef], Field(max_length=10)] = ()
    """Your own classes, which run only with ``--allow-code``: ``my_router.py:MyRouter`` in a file
    in the scenario's folder, or ``my_pkg.my_router:MyRouter`` in a module that can be imported."""

    def files(self) -> Iterator[str]:
        """Names of all files that the scenario names, as it writes them."""
        for venue in self.venues:
            yield from venue.files()
        for link in self.links:
            yield from link.latency.files()
        for participant in self.participants:
            yield from participant.files()
        yield from plugin_files(self.plugins)
        if self.tape is not None:
            yield from self.tape.inbound.files() + self.tape.outbound.files()


FAULT_ADAPTER: TypeAdapter[FaultConfig] = TypeAdapter(FaultEntry)
PARTICIPANT_ADAPTER: TypeAdapter[ParticipantConfig] = TypeAdapter(Participant)
VENUE_ADAPTER: TypeAdapter[VenueEntry] = TypeAdapter(AnyVenue)
