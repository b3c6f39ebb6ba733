"""What our own trades do to a recorded price, which knows nothing of them: laws and their state.

A law turns signed lots that we traded, and when, into a displacement of the price in ticks: buys
push it up, sells down, and what was pushed relaxes by the law. ``ImpactCore`` displaces what a
replayed book shows by that much. Pure and without chance; whole ticks by ``round``: to the nearest,
a half to the even one.
"""

import math
from collections.abc import Sequence
from typing import Any, Final, Protocol

from sim.protocol.enums import Side
from sim.protocol.market_data import Trade
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.units import MAX_TICKS, TimeNs
from venues.core.api import VenueNote
from venues.core.around import CoreAround
from venues.core.replaying import ReplayingCore

_SECOND: Final = 1_000_000_000
_BUY: Final = Side.BUY


class ImpactLaw(Protocol):
    """What our trades did to the price."""

    def trade(self, t_ns: int, lots: int) -> None:
        """We bought (> 0) or sold (< 0) so many lots; times never go back."""
        ...

    def ticks(self, t_ns: int) -> float:
        """How far the price is displaced at this time, in ticks."""
        ...


class SquareRoot:
    """``sign(Q) * coefficient * sqrt(|Q|)`` of our net quantity ``Q``, which fades exponentially.

    Args:
        coefficient: Ticks per square root of a lot.
        relaxation_ns: Time in which an old trade's part of ``Q`` falls to 1/e; None: it stays.
    """

    def __init__(self, coefficient: float, relaxation_ns: int | None = None) -> None:
        self._coefficient = coefficient
        self._relaxation_ns = relaxation_ns
        self._net = 0.0
        self._at_ns = 0

    def trade(self, t_ns: int, lots: int) -> None:
        """See ``ImpactLaw``."""
        self._net = self._left(t_ns) + lots
        self._at_ns = t_ns

    def ticks(self, t_ns: int) -> float:
        """See ``ImpactLaw``."""
        net = self._left(t_ns)
        return math.copysign(self._coefficient * math.sqrt(abs(net)), net)

    def _left(self, t_ns: int) -> float:
        if self._relaxation_ns is None:
            return self._net
        return self._net * math.exp((self._at_ns - t_ns) / self._relaxation_ns)


class Propagator:
    """``scale * sum of G(t - s) * lots(s)`` over our trades, with a kernel that decays slowly.

    ``G(l) = gamma(l + 1 - beta) / (gamma(1 - beta) * gamma(l + 1))`` with ``l`` in units of time:
    1 at once, then like a power ``l ** -beta``. At whole ``l`` it is the product of
    ``(j - beta) / j``, the kernel under which a flow of fractional noise with memory
    ``gamma = 1 - 2 * beta`` gives a price whose steps are white.

    Args:
        scale: Ticks per lot at once.
        beta: Exponent of the decay, 0 < beta < 1.
        unit_ns: The unit of time.
    """

    def __init__(self, scale: float, beta: float, unit_ns: int) -> None:
        self._scale = scale
        self._beta = beta
        self._unit_ns = unit_ns
        self._trades: list[tuple[int, int]] = []

    def trade(self, t_ns: int, lots: int) -> None:
        """See ``ImpactLaw``."""
        if self._trades and self._trades[-1][0] == t_ns:
            lots += self._trades.pop()[1]
        self._trades.append((t_ns, lots))

    def ticks(self, t_ns: int) -> float:
        """See ``ImpactLaw``; the work grows with the number of our trades."""
        total = math.fsum(
            lots * kernel((t_ns - s_ns) / self._unit_ns, self._beta) for s_ns, lots in self._trades
        )
        return self._scale * total


def kernel(lag: float, beta: float) -> float:
    """``G`` of ``Propagator`` at a lag >= 0 in units of time."""
    if lag > 1e6:  # the difference of the logarithms would lose its digits; the error is below 1e-6
        return math.pow(lag, -beta) / math.gamma(1.0 - beta)
    return math.exp(
        math.lgamma(lag + 1.0 - beta) - math.lgamma(1.0 - beta) - math.lgamma(lag + 1.0)
    )


class ObizhaevaWang:
    """A part that stays and a part that recovers exponentially, both linear in quantity.

    Args:
        permanent: Ticks per lot that stay.
        transient: Ticks per lot that recover.
        resilience: Speed of recovery per second: after ``t`` seconds ``exp(-resilience * t)`` of
            the transient part is left.
    """

    def __init__(self, permanent: float, transient: float, resilience: float) -> None:
        self._permanent = permanent
        self._transient = transient
        self._resilience = resilience
        self._net = 0
        self._pushed = 0.0
        self._at_ns = 0

    def trade(self, t_ns: int, lots: int) -> None:
        """See ``ImpactLaw``."""
        self._pushed = self._left(t_ns) + self._transient * lots
        self._at_ns = t_ns
        self._net += lots

    def ticks(self, t_ns: int) -> float:
        """See ``ImpactLaw``."""
        return self._permanent * self._net + self._left(t_ns)

    def _left(self, t_ns: int) -> float:
        return self._pushed * math.exp(self._resilience * (self._at_ns - t_ns) / _SECOND)


class ImpactCore(CoreAround):
    """A replayed book that our own trades displace.

    Reckoned anew after each message in which something of ours traded, and before the first message
    that comes ``step_ns`` or more after the last time. All that the recording shows moves, on both
    sides; our resting orders stay where they are. Each change by a tick or more is a note. Whoever
    trades with the recording is one of us, the router or others of the scenario: the recording
    knows neither. A displacement is at most ``MAX_TICKS``.

    Args:
        inner: The replayed book.
        name: The law's name for the notes.
        law: What our trades do to the price.
        tick: Ticks of the instrument that displacements are multiples of: the venue's tick.
        step_ns: Time after which a displacement is reckoned anew, > 0.
    """

    def __init__(
        self, inner: ReplayingCore, name: str, law: ImpactLaw, *, tick: int, step_ns: int
    ) -> None:
        super().__init__(inner)
        self._replaying = inner
        self._name = name
        self._law = law
        self._tick = tick
        self._step_ns = step_ns
        self._due_ns = 0
        self._net = 0
        self._has_traded = False
        self._moved = 0
        self._early: Sequence[Trade] = ()  # prints of a displacement before the message

    @property
    def trades(self) -> Sequence[Trade]:
        """The prints of the last ``handle`` call, also those of what it displaced first."""
        inner = self._inner.trades
        return [*self._early, *inner] if self._early else inner

    def handle(self, msg: Any, now_ns: TimeNs) -> list[VenueReport]:
        """Apply one message to the book as our trades have left it."""
        if self._has_traded and now_ns >= self._due_ns:
            old = len(self._inner.trades)
            before = self._reckon(now_ns)
            self._early = self._inner.trades[old:] if before else ()
            reports = self._inner.handle(msg, now_ns)
            return self._after(before + reports if before else reports, now_ns)
        self._early = ()
        return self._after(self._inner.handle(msg, now_ns), now_ns)

    def _after(self, reports: list[VenueReport], now_ns: TimeNs) -> list[VenueReport]:
        lots = _signed(reports)
        if lots is None:
            return reports
        self._has_traded = True
        self._net += lots
        self._law.trade(now_ns, lots)
        more = self._reckon(now_ns)
        # What the displacement itself fills counts from the next time on.
        late = _signed(more)
        if late is not None:
            self._net += late
            self._law.trade(now_ns, late)
        return reports + more

    def _reckon(self, now_ns: TimeNs) -> list[VenueReport]:
        self._due_ns = now_ns + self._step_ns
        # Whatever the coefficients: a price stays a number that the rest of the run can hold.
        ticks = min(max(self._law.ticks(now_ns), -MAX_TICKS), MAX_TICKS)
        moved = round(ticks / self._tick) * self._tick
        if moved == self._moved:
            return []
        self._moved = moved
        reports = self._replaying.displace(moved, now_ns)
        self.notes.append(
            VenueNote("own_impact", f"{self._name}: {moved:+d} ticks, net {self._net:+d} lots")
        )
        return reports


def _signed(reports: list[VenueReport]) -> int | None:
    """Lots that ours bought less those that they sold; None if nothing of ours traded."""
    lots: int | None = None
    for report in reports:
        if isinstance(report, ExecutionReport) and report.last_px is not None:
            lots = (lots or 0) + (report.last_qty if report.side is _BUY else -report.last_qty)
    return lots
