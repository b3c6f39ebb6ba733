"""What the router has learnt of each venue from its own orders and the venue's reports.

Delays are medians of the last answers, so that a stall or a retransmission changes little; chances
are credibility estimates, which begin at what the venue's profile states and move to what was
observed as children end. All of it is a function of the reports so far, in bounded memory. Knows no
price and decides nothing.

Source: own convention for the delays; for the chances Bühlmann's credibility (ASTIN Bulletin 4,
1967), which for outcomes of all or nothing is the mean of a Beta law with the stated chance as its
prior mean and ``prior_weight`` children as its weight.
"""

from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

from router.core.cost import millionths
from router.core.orders import Child
from router.core.profile import VenueProfile
from sim.protocol.enums import DecisionReason, OrdStatus

WINDOW: Final = 63
"""Delays that a median is taken of: odd, so that it is one of them."""
PRIOR_WEIGHT: Final = 20
"""The stated chance counts as much as this many children."""
MEMORY: Final = 1_000
"""Children that a chance remembers; older ones are forgotten."""

_PARTS: Final = 1_000_000
"""Fill ratios are kept in millionths, rounded down, so that sums stay small whole numbers."""


class _Delays:
    """The last delays of one way, and their median, found when it is asked for."""

    __slots__ = ("_median", "last")

    def __init__(self, nominal_ns: int) -> None:
        self.last: deque[int] = deque(maxlen=WINDOW)
        self._median: int | None = nominal_ns

    def add(self, ns: int) -> None:
        self.last.append(ns)
        self._median = None

    def median(self) -> int:
        """The lower median; the nominal delay before any answer."""
        if self._median is None:
            self._median = sorted(self.last)[(len(self.last) - 1) // 2]
        return self._median


class _Ratios:
    """The last ratios of one kind, in millionths, and their sum."""

    __slots__ = ("last", "total")

    def __init__(self) -> None:
        self.last: deque[int] = deque()
        self.total = 0

    def add(self, part: int, whole: int) -> None:
        millionths = part * _PARTS // whole
        self.last.append(millionths)
        self.total += millionths
        if len(self.last) > MEMORY:
            self.total -= self.last.popleft()

    def estimate(self, stated: Fraction, weight: int) -> Fraction:
        """The credibility estimate: ``stated`` counts as ``weight`` children that filled so far."""
        count = weight + len(self.last)
        if not count:
            return stated
        return (weight * stated + Fraction(self.total, _PARTS)) / count


class _Venue:
    __slots__ = ("answers", "fills", "orders", "responses", "risk", "stated")

    def __init__(self, profile: VenueProfile) -> None:
        self.orders = _Delays(profile.latency_ns)
        self.responses = _Delays(0)
        self.stated = 1 - profile.fill_risk
        self.fills = _Ratios()
        self.answers = _Ratios()
        self.risk: Fraction | None = profile.fill_risk


class Experience:
    """What was learnt of all venues; the hooks are called by the desk and the reports.

    Args:
        profiles: The venues; expected delay and ``fill_risk`` are what is believed at first.
        prior_weight: How many children the stated chances count as, >= 1.

    Raises:
        ValueError: If ``prior_weight`` is below 1.
    """

    def __init__(self, profiles: Iterable[VenueProfile], prior_weight: int = PRIOR_WEIGHT) -> None:
        if prior_weight < 1:
            raise ValueError(f"prior_weight must be >= 1 child, was {prior_weight}")
        self._venues = {profile.venue_id: _Venue(profile) for profile in profiles}
        self._weight = prior_weight

    # What is heard

    def on_first_report(self, child: Child, processed_ns: int, now_ns: int) -> None:
        """A venue says something of a child for the first time.

        Args:
            child: Sent at ``child.sent_ns``.
            processed_ns: The venue's stamp of it.
            now_ns: When it reached the router.
        """
        venue = self._venues[child.venue_id]
        # A venue's clock may be wrong: a way takes no less than no time, and no more than both.
        took_ns = max(0, now_ns - child.sent_ns)
        venue.orders.add(min(max(0, processed_ns - child.sent_ns), took_ns))
        venue.responses.add(min(max(0, now_ns - processed_ns), took_ns))

    def on_over(self, child: Child) -> None:
        """A child has ended; called once for each.

        A refusal and a silence say nothing about the lots there, and count against the venue's
        reliability alone. A child that we asked to cancel before its venue ended it says nothing
        about them either, unless it filled.
        """
        venue = self._venues[child.venue_id]
        venue.risk = None
        if child.cancel_reason is DecisionReason.TIMEOUT:
            return  # the silence has been counted
        if child.status is OrdStatus.REJECTED:
            venue.answers.add(0, 1)
            return
        venue.answers.add(1, 1)
        if not child.order_qty:
            return  # replaced down to nothing: no lots were asked for in the end
        if child.rests:
            return  # what fills of posts teach depends on the queue: strategies that post learn it
        if not child.cancels or child.cum_qty == child.order_qty:
            venue.fills.add(child.cum_qty, child.order_qty)

    def on_silence(self, venue_id: str) -> None:
        """A child got no answer in time."""
        venue = self._venues[venue_id]
        venue.risk = None
        venue.answers.add(0, 1)

    # What is believed

    def order_delay_ns(self, venue_id: str) -> int:
        """How long an order takes until the venue has worked on it, in ns.

        The lower median of the last ``WINDOW`` first answers of the venue: its stamp less that of
        our sending, so its queue and processing count too. The profile's expected delay before
        any. Half of the answers may be arbitrarily late without moving it beyond the others.
        """
        return self._venues[venue_id].orders.median()

    def response_delay_ns(self, venue_id: str) -> int:
        """How long the venue's first answers took to reach us, in ns; 0 before any."""
        return self._venues[venue_id].responses.median()

    def fill_probability(self, venue_id: str) -> Fraction:
        """The part of what is sent there at once that is had, above 0 and at most 1.

        ``(w * stated + sum of cum/order over children) / (w + children)`` over the immediate-or-
        cancel children of the last ``MEMORY`` that the venue answered, ``stated`` being 1 less
        the profile's ``fill_risk`` and w the prior weight.
        """
        venue = self._venues[venue_id]
        return venue.fills.estimate(venue.stated, self._weight)

    def reliability(self, venue_id: str) -> Fraction:
        """The part of orders that get a proper answer, neither a refusal nor silence.

        Begins at 1 with the prior weight; above 0 and at most 1.
        """
        return self._venues[venue_id].answers.estimate(Fraction(1), self._weight)

    def fill_risk(self, venue_id: str) -> Fraction:
        """The chance that lots are not had: refused, not answered, or gone; >= 0 and below 1.

        Rounded to millionths once something is known, so that exact costs keep small numbers.
        """
        venue = self._venues[venue_id]
        if venue.risk is None:
            chance = self.fill_probability(venue_id) * self.reliability(venue_id)
            venue.risk = millionths(1 - chance)
        return venue.risk
