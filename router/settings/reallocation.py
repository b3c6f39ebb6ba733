"""Settings of what happens to lots that a venue did not fill (``router.reroute``)."""

from typing import Literal

from pydantic import Field

from sim.protocol.config import Duration, ScenarioModel

BackAction = Literal["reallocate", "wait_for_quote", "same_venue", "other_venues", "leave"]


class OnConfig(ScenarioModel):
    """What follows when lots are free again, by what made them so.

    ``reallocate`` decides at once, over all venues. ``other_venues`` does so too, but the parent
    does not use the venue again that the lots came back from; ``same_venue``: the parent uses no
    other venue from then on, as long as that one may be used. ``wait_for_quote`` leaves the lots
    until a venue shows a new book. ``leave``: the parent takes no more, and ends with its open
    children.

    Source: own convention, after the re-routing of the customer's document.
    """

    partial_fill: BackAction = "reallocate"
    """An order that may not rest ended with lots left."""
    cancel: BackAction = "reallocate"
    """A venue ended a resting order by itself: canceled, expired, done for the day."""
    reject: BackAction = "reallocate"
    """A venue refused an order. One that refused it for good is not used again in any case."""
    timeout: BackAction = "reallocate"
    """An order was canceled because its venue was silent, or its lots were written off."""
    quote_change: Literal["reallocate", "wait"] = "reallocate"
    """A venue shows a new book while lots are free: they are decided anew, or wait for one of the
    other events."""
    halt: Literal["leave", "cancel"] = "leave"
    """A venue stops trading: what is open there stays, or is canceled and then decided anew."""
    price_collar: Literal["wait_for_quote", "other_venues"] = "wait_for_quote"
    """An order was beyond the price collar: its venue is left out for the parent until it shows a
    new book or the reference is another, or for good. Other venues may be used at once."""
    order_size: Literal["smaller", "leave"] = "smaller"
    """An order was too large or worth too much: as much as may leaves instead, the rest is decided
    when the venue has answered."""
    volume: Literal["smaller", "leave"] = "smaller"
    """Too much would be open or filled in all: as much as may leaves instead, the rest waits until
    a venue has answered."""


class CrossConfig(ScenarioModel):
    """As the deadline nears, the spread is crossed.

    What rests is canceled and taken instead, all that a schedule still holds back is released,
    and nothing is posted any more.
    """

    before: Duration = Field(gt=0)
    """How long before the parent's deadline."""
    limit: Literal["parent", "touch"] = "parent"
    """How deep the parent then takes: as far as its own limit allows, or the best level of each
    venue."""


class RerouteConfig(ScenarioModel):
    """Where lots go that a venue did not fill."""

    levels: Literal["top", "all"] = "all"
    """Best level of each venue only, or the full depth."""
    venues: Literal["all", "others"] = "all"
    """Whether a venue that filled short may be used again for the same parent."""
    fresh_quote: bool = True
    """Use the newest quotes received; else those of the parent's first decision, less what was
    used of them."""
    prefer: Literal["strategy", "dark"] = "strategy"
    """Where lots go that a dark pool did not fill: as the strategy splits, or to other dark pools
    that are better than the best lit price, then to lit venues."""
    busted: bool = False
    """Whether lots that a venue took back from an order that had ended are sent anew; if not, they
    count as canceled."""
    on: OnConfig = OnConfig()
    """What follows when lots are free again, by what made them so."""
    reserve_unanswered: Duration | None = Field(None, gt=0)
    """How long the lots of a child that stays without an answer are kept for it; without it until
    the end. Then they are written off and free again, and what it fills later goes to the account
    apart."""
    cross: CrossConfig | None = None
    """When the spread is crossed as the deadline nears; without it not."""
