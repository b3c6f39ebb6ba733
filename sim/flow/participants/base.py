"""What all participants have in common: others who hear the market late, and act on what they hear.

A participant is a config with a pure core. The core is handed what its own links have brought (the
feeds of the venues that it hears, reports on its orders, its own wake-ups) and answers with
actions; it knows no clock, task or log, and nothing of a venue beyond that. ``task.py`` is the
shell around it. Its orders carry its id as account, and reach a venue as everyone's do.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import Field

from sim.flow.base import FlowGrid, Problems
from sim.flow.participants.fundamental import Fundamental
from sim.kernel.latency import LatencyModel
from sim.kernel.streams import Keyed, Stream
from sim.protocol.config import Ident, ScenarioModel, Seq
from sim.protocol.enums import Side, TradingState
from sim.protocol.market_data import BookSnapshot, FeedMessage, TradingStatus
from sim.protocol.orders import OrderMessage, VenueReport


class SendTo(msgspec.Struct, frozen=True, gc=False):
    """Send ``msg`` to a venue."""

    venue_id: str
    msg: OrderMessage


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Call ``on_timer(tag)`` at ``t_ns``; an instant that is past means now."""

    t_ns: int
    tag: str


class Tell(msgspec.Struct, frozen=True, gc=False):
    """Write down what the participant does, for whoever reads the log: never for the market.

    ``event`` names it, ``venue_id`` is where it learned of it or acts; None: nowhere in particular.
    """

    event: str
    venue_id: str | None
    detail: str
    side: Side | None = None
    qty: int | None = None
    price: int | None = None


Action = SendTo | WakeAt | Tell
Actions = Sequence[Action]


class ReportFrom(msgspec.Struct, frozen=True, gc=False):
    """A report, and the venue whose link brought it."""

    venue_id: str
    report: VenueReport


@dataclass(frozen=True, slots=True)
class Setting:
    """What a core is built from.

    Attributes:
        account: Owner of its orders, and the prefix of their ids: the participant's id.
        grids: Tick and lot of each venue that it may trade at, in the order of the scenario.
        stream: Ordinal chance of this participant alone.
        keyed: Chance that belongs to things.
        fundamental: What the instrument is worth; for kinds that know something of it.
        end_ns: The run's duration.
    """

    account: str
    grids: Mapping[str, FlowGrid]
    stream: Stream
    keyed: Keyed
    fundamental: Fundamental | None
    end_ns: int


class ParticipantCore(ABC):
    """Decides what one participant does. Prices are ticks and quantities lots of the instrument.

    Attributes:
        view: The latest book of each venue that has reached it.
    """

    def __init__(self, setting: Setting) -> None:
        self.account = setting.account
        self.grids = setting.grids
        self.view: dict[str, BookSnapshot] = {}
        self._states: dict[str, TradingState] = {}

    def open(self, books: Sequence[BookSnapshot], states: Sequence[TradingStatus]) -> None:
        """Take what its subscriptions brought before the run; called once, before ``on_start``."""
        for book in books:
            self.view[book.venue_id] = book
        for status in states:
            self._states[status.venue_id] = status.state

    def is_open(self, venue_id: str) -> bool:
        """Whether a venue trades, as far as it has heard."""
        return self._states.get(venue_id, TradingState.OPEN) is TradingState.OPEN

    def on_market_data(self, venue_id: str, msg: FeedMessage, now_ns: int) -> Actions:
        """A quote or a change of the state of trading has come over a feed link."""
        if type(msg) is TradingStatus:
            self._states[venue_id] = msg.state
            return self.on_status(venue_id, now_ns)
        assert type(msg) is BookSnapshot
        before = self.view.get(venue_id)
        self.view[venue_id] = msg
        return self.on_quote(msg, before, now_ns)

    @abstractmethod
    def on_start(self, now_ns: int) -> Actions:
        """The run begins."""

    @abstractmethod
    def on_quote(self, book: BookSnapshot, before: BookSnapshot | None, now_ns: int) -> Actions:
        """A venue's book has come; ``view`` holds it already, ``before`` is the one it replaces."""

    @abstractmethod
    def on_report(self, venue_id: str, report: VenueReport, now_ns: int) -> Actions:
        """A report on one of its orders has come."""

    @abstractmethod
    def on_timer(self, tag: str, now_ns: int) -> Actions:
        """A wake-up that it asked for."""

    def on_status(self, venue_id: str, now_ns: int) -> Actions:
        """A venue trades from now on, or no longer; by default nothing follows."""
        return ()


class LegsConfig(ScenarioModel):
    """One-way delays between a participant and a venue; the venue's speed bumps come on top."""

    order: LatencyModel
    """From the participant to the venue."""
    report: LatencyModel
    """From the venue to the participant, on its own orders."""
    feed: LatencyModel | None = None
    """Market data from the venue; left out, it hears only what ``links`` bring it."""


class AccessConfig(ScenarioModel):
    """A venue that a participant trades at, and how it reaches it."""

    venue: Ident
    """Id of the venue."""
    latency: LegsConfig | None = None
    """Its own delays; left out: the participant's ``latency``."""


class ParticipantConfig(ScenarioModel, ABC):
    """Base of the participants' configs; each adds its tag, ``kind: Literal[...]``."""

    needs_feed: ClassVar[bool] = True
    """Whether it must hear every venue that it trades at."""
    needs_fundamental: ClassVar[bool] = False
    """Whether it knows something of what the instrument is worth."""
    rests: ClassVar[bool] = False
    """Whether some of its orders may rest in a book, which not every venue takes."""

    id: Ident
    """Names it in the log; also the account of its orders."""
    latency: LegsConfig | None = None
    """Delays from and to each of its venues that has none of its own."""
    venues: Annotated[Seq[AccessConfig], Field(min_length=1, max_length=200)]
    """Where it trades, and what it hears."""

    def legs(self, access: AccessConfig) -> LegsConfig:
        """The delays from and to one of its venues.

        Raises:
            ValueError: If neither the venue's entry nor the participant has any.
        """
        legs = access.latency or self.latency
        if legs is None:
            raise ValueError(f"{self.id} has no latency to {access.venue}")
        return legs

    def files(self) -> Iterator[str]:
        """Names of the files that its delays name."""
        for legs in (self.latency, *(access.latency for access in self.venues)):
            if legs is not None:
                for leg in (legs.order, legs.report, legs.feed):
                    if leg is not None:
                        yield from leg.files()

    @abstractmethod
    def build(self, setting: Setting) -> ParticipantCore:
        """The core that does what the config says."""

    def problems(self, grids: Mapping[str, FlowGrid]) -> Problems:
        """What the grids of its venues do not allow, with its path inside the entry.

        Args:
            grids: Tick and lot by venue; venues that are wrong or unknown are left out.
        """
        return []


def on_every_grid(
    grids: Mapping[str, FlowGrid], path: tuple[str | int, ...], unit: str, value: Any
) -> Problems:
    """The first problem that a price or quantity has at one of the venues, if any.

    Args:
        grids: Tick and lot by venue.
        path: Its place in the entry.
        unit: ``price`` or ``qty``.
        value: The decimal; None: nothing to check.
    """
    if value is None:
        return []
    for venue_id, grid in grids.items():
        try:
            getattr(grid, unit)(value)
        except ValueError as error:
            return [(path, f"{error} (venue {venue_id})")]
    return []
