"""The cost model of one run: its formulas with what is known of the venues.

The formulas are those of ``router.core.cost``. Here stands where the terms come from: fees, impact
and stated risk from the profiles, delay and learnt risk from the router's own reports, ages from
the quotes. Changes nothing.
"""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from router.allocate.base import Offer, Strategy
from router.allocate.min_risk import terms_of
from router.core.blind import Part
from router.core.cost import Terms, Variant, chases, cost_of, latency_charge
from router.core.experience import Experience
from router.core.making import Wanted
from router.core.profile import EffectivePrices, VenueProfile
from router.settings.cost import CostConfig
from sim.audit.records import KnownQuote, VenueCost
from sim.protocol.enums import Side
from sim.protocol.units import plain

FINER: Final = 1_000
"""Steps of a tick in which what delays cost is counted."""


class Costing:
    """Prices offers for strategies, and chosen splits for the record.

    Args:
        config: What counts.
        profiles: The venues.
        effective: Their prices with fees.
        experience: What was learnt of them.
    """

    def __init__(
        self,
        config: CostConfig,
        profiles: tuple[VenueProfile, ...],
        effective: EffectivePrices,
        experience: Experience,
    ) -> None:
        self.variant: Variant = config.variant
        self._learnt = config.risk == "learnt"
        self._volatility = Fraction(config.volatility_ticks)
        self._experience = experience
        self._scale = effective.scale
        self._profiles = {profile.venue_id: profile for profile in profiles}
        self._effective = effective
        self._texts: dict[Fraction, str] = {}
        risky = any(profile.impact or profile.fill_risk for profile in profiles)
        self._plain = not (risky or self._learnt or self._volatility)
        self._lines = {
            buys: {name: effective.line(name, side) for name in self._profiles}
            for buys, side in ((True, Side.BUY), (False, Side.SELL))
        }

    def fill_risk(self, venue_id: str) -> Fraction:
        """The chance that lots are not had there, as stated or as learnt so far."""
        if self._learnt:
            return self._experience.fill_risk(venue_id)
        return self._profiles[venue_id].fill_risk

    def latency_cost(self, venue_id: str, age_ns: int) -> int:
        """What a price published ``age_ns`` ago may have moved until an order is there."""
        if not self._volatility:
            return 0
        if self._learnt:
            delay_ns = self._experience.order_delay_ns(venue_id)
        else:
            delay_ns = self._profiles[venue_id].latency_ns
        return latency_charge(self._volatility, age_ns + delay_ns, self._scale)

    def priced(self, offer: Offer, age_ns: int) -> Offer:
        """The offer with the risk and the cost of delay of now."""
        if not (self._learnt or self._volatility):
            return offer
        return msgspec.structs.replace(
            offer,
            fill_risk=self.fill_risk(offer.venue_id),
            latency_cost=self.latency_cost(offer.venue_id, age_ns),
        )

    def known(self, known: KnownQuote, offer: Offer) -> KnownQuote:
        """The record of what was known, with these terms."""
        text = self._texts.get(offer.fill_risk)
        if text is None:
            if len(self._texts) > 4 * len(self._profiles):
                self._texts.clear()
            risk = offer.fill_risk
            text = plain(Decimal(risk.numerator) / Decimal(risk.denominator))
            self._texts[risk] = text
        latency = offer.latency_cost if self._volatility else None
        return msgspec.structs.replace(
            known, impact=offer.impact, fill_risk=text, latency_cost=latency
        )

    def costs(
        self, side: Side, parts: Iterable[Part], offers: tuple[Offer, ...], so_far: Wanted
    ) -> tuple[VenueCost, ...]:
        """What the chosen split costs at each venue, term by term, in the order of the split.

        A blind order costs what its limit allows; no quote of its venue has an age.

        Args:
            side: The parent's.
            parts: The split.
            offers: What it was chosen from.
            so_far: The same split by venue.
        """
        if self._plain:
            return self._price_and_fees(side, so_far)
        buys = side is Side.BUY
        wanted: dict[str, list[tuple[int, int]]] = {}
        for venue_id, price, qty in parts:
            wanted.setdefault(venue_id, []).append((price, qty))
        all_terms = {offer.venue_id: terms_of(offer) for offer in offers}
        for venue_id in wanted:
            if venue_id not in all_terms:
                all_terms[venue_id] = self._unquoted(venue_id, side)
        places = {venue_id: n for n, venue_id in enumerate(all_terms)}
        elsewhere = chases(list(all_terms.values()), self.variant, buys=buys)
        found: list[VenueCost] = []
        for venue_id, levels in wanted.items():
            chase = elsewhere[places[venue_id]]
            cost = cost_of(all_terms[venue_id], levels, chase, self._scale, buys=buys)
            found.append(
                VenueCost(
                    venue_id,
                    cost.qty,
                    cost.price,
                    cost.fees,
                    cost.total,
                    cost.impact,
                    cost.latency,
                    cost.fill_risk,
                )
            )
        return tuple(found)

    def _price_and_fees(self, side: Side, wanted: Wanted) -> tuple[VenueCost, ...]:
        """The same where no venue has any other term: most runs, and in a fraction of the time."""
        buys = side is Side.BUY
        lines, scale = self._lines[buys], self._scale
        found: list[VenueCost] = []
        for venue_id, (_, qty, price_lots) in wanted.items():
            slope, intercept = lines[venue_id]
            price, total = scale * price_lots, slope * price_lots + intercept * qty
            if not buys:
                price, total = -price, -total
            found.append(VenueCost(venue_id, qty, price, total - price, total))
        return tuple(found)

    def _unquoted(self, venue_id: str, side: Side) -> Terms:
        slope, intercept = self._effective.line(venue_id, side)
        return Terms(
            slope,
            intercept,
            self._effective.impact(venue_id),
            self.latency_cost(venue_id, 0),
            self.fill_risk(venue_id),
        )


def finer_for(config: CostConfig | None) -> int:
    """How much finer the scale of prices is: delays of milliseconds cost parts of a tick."""
    return FINER if config is not None and config.volatility_ticks else 1


def costing_of(
    config: CostConfig | None,
    strategy: Strategy,
    profiles: tuple[VenueProfile, ...],
    effective: EffectivePrices,
    experience: Experience | None,
) -> Costing:
    """The cost model of a run, told to its strategy."""
    config = config or CostConfig()
    strategy.variant = config.variant
    return Costing(config, profiles, effective, experience or Experience(profiles))
