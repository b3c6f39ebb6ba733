"""The router's part of a scenario file."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from router.allocate import AnyStrategy
from router.allocate.base import USUAL_TIE, TieRule
from router.schedule import ScheduleConfig
from router.settings.backoff import BackoffConfig
from router.settings.controls import ControlsConfig
from router.settings.cost import CostConfig
from router.settings.leakage import LeakageConfig
from router.settings.market import MarketConfig
from router.settings.own import AnyOwn
from router.settings.reallocation import RerouteConfig
from router.settings.recovery import RecoveryConfig
from router.settings.sending import SendingConfig
from sim.protocol.config import DecimalText, Duration, Ident, ScenarioModel, Seq

StrategyChoice = Annotated[AnyStrategy | AnyOwn, Field(discriminator="kind")]
"""A strategy of ours, or code of the user's; ``kind`` says which."""


class PingConfig(ScenarioModel):
    """A small blind order that asks first; the committed part follows if it is filled whole."""

    lots: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """Its size, in lots of the instrument; rounded down to the venue's lot, but at least that."""


class BlindConfig(ScenarioModel):
    """Orders to dark venues that never show anything, before the strategy splits what is left.

    Each such venue gets one per parent, nearest first: immediate or cancel, at the best displayed
    lit price of the other side as received, or at the parent's limit where that is tighter.
    """

    fraction: Annotated[DecimalText, Field(gt=0, le=1, decimal_places=8)] = Decimal(1)
    """The part of what is left to place that each of them gets, rounded down to its lot."""
    slack_bps: Annotated[DecimalText, Field(ge=0, le=10_000, decimal_places=8)] = Decimal(0)
    """How far beyond the best displayed lit price they may trade, in basis points of it: a broker
    whose price has its spread in asks for more than what is displayed."""
    ping: PingConfig | None = None
    """Whether a small order asks first. The lots that are meant for the venue wait for the answer,
    and what the strategy has not sent by then waits too. Without it the part goes at once."""
    venues: Annotated[Seq[Ident], Field(max_length=200)] = ()
    """Which venues get one; without it all that never show anything."""


class RestConfig(ScenarioModel):
    """How lots rest in a book that nobody offers within the parent's limit.

    They are posted at one lit venue that takes resting orders. When somebody shows lots that the
    parent may take, as many are taken out of the book first; with ``first``, not before
    ``take_after``.
    """

    price: Literal["touch", "limit"] = "touch"
    """At the best price of the own side as received, but not beyond the parent's limit, and
    following it as it moves away; or at the limit itself. What is missing is replaced by the
    other; with neither, nothing is posted."""
    venue: Ident | None = None
    """Where; without it the nearest lit venue that may be used."""
    tif: Literal["DAY", "GTC"] = "DAY"
    """How long it stays: until the venue closes, or until it is canceled."""
    move_after: Duration = Field(10_000_000, ge=0, json_schema_extra={"default": "10ms"})
    """The least time between two requests to move one order."""
    max_moves: Annotated[int, Field(ge=0, le=100_000)] = 20
    """How often one order is replaced at most; then it stays as it is."""
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """With ``price: touch``, how many ticks behind that price it rests."""
    chase_max: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """With ``price: touch``, how many ticks one order follows at most, from the price at which it
    was first posted; without it as far as the limit allows."""
    first: bool = False
    """Whether lots are posted before any are taken, even if somebody offers them. Where nothing
    can be posted, they are taken at once."""
    take_after: Duration | None = Field(None, gt=0)
    """How long after a parent's first post what it has posted is canceled; from then on it only
    takes. Without it what rests does so until it is filled or the parent ends."""

    @model_validator(mode="after")
    def _a_limit_does_not_move(self) -> "RestConfig":
        for name, value in (("offset", self.offset), ("chase_max", self.chase_max)):
            if value and self.price == "limit":
                raise ValueError(f"{name} goes with price: touch: a limit does not move")
        return self


class RouterConfig(ScenarioModel):
    """How the router splits, waits and re-routes."""

    strategy: StrategyChoice
    """How a parent is split."""
    market_data: Literal["direct", "tape"] = "direct"
    """Where quotes of lit venues come from: their own feeds, or the scenario's ``tape``, which has
    best levels only."""
    ack_timeout: Duration = Field(1_000_000_000, gt=0, json_schema_extra={"default": "1s"})
    """Without any answer of the venue for this long, a child is canceled."""
    reroute: RerouteConfig = RerouteConfig()
    """Where lots go that a venue did not fill."""
    blind: BlindConfig | None = None
    """Whether dark venues that never show anything get orders, and how large; without it none."""
    schedule: ScheduleConfig | None = None
    """When the lots of parents are sent that have no schedule of their own; without it at once."""
    tie: Seq[TieRule] = USUAL_TIE
    """What ranks levels; the first rule that tells two apart decides."""
    max_attempts: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    """Decisions with children that one parent may have."""
    cancel_resends: Annotated[int, Field(ge=0, le=1_000)] = 3
    """How often a cancel without an answer is sent again, each time after ``ack_timeout``. Then the
    venue is asked what became of the child (``recovery``); without an answer it keeps its lots."""
    backoff: BackoffConfig = BackoffConfig()
    """When a venue that refuses or is silent is left alone."""
    recovery: RecoveryConfig = RecoveryConfig()
    """How what was lost between router and venues is found again."""
    controls: ControlsConfig | None = None
    """What is looked at as an order leaves for its venue; without it nothing is."""
    cost: CostConfig | None = None
    """What counts as the cost of a venue, and where its chances come from; without it as the venues
    state it."""
    leakage: LeakageConfig | None = None
    """Whether the log says how likely parents are to be noticed, and how likely they may be."""
    market: MarketConfig | None = Field(None, exclude_if=lambda value: value is None)
    """Which quotes are doubted; without it none, and decisions note nothing of it."""
    rest: RestConfig | None = None
    """Whether and how lots rest in a book that nobody offers; without it they wait for quotes."""
    sending: SendingConfig = SendingConfig()
    """How the children of a decision leave."""

    @model_validator(mode="after")
    def _what_shows_is_split(self) -> "RouterConfig":
        if self.leakage is None or self.leakage.max_detect is None:
            return self
        for name, there in (
            ("rest", self.rest is not None),
            ("sending.protect", self.sending.protect),
        ):
            if there:
                raise ValueError(f"leakage.max_detect and {name}: one would have to give way")
        return self

    @field_validator("tie")
    @classmethod
    def _each_rule_once(cls, tie: tuple[TieRule, ...]) -> tuple[TieRule, ...]:
        missing = [rule for rule in USUAL_TIE if rule not in tie]
        twice = sorted({rule for rule in tie if tie.count(rule) > 1})
        if missing or twice:
            wrong = [f"{rule} is missing" for rule in missing]
            wrong += [f"{rule} stands there twice" for rule in twice]
            raise ValueError(
                "must name price, latency and id once each, and visibility at most once: "
                + ", ".join(wrong)
            )
        return tie
