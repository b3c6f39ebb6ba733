"""What a venue charges: a schedule as scenarios write it, and exact money from it.

Per-share fees are money per unit of quantity, fees in basis points are a part of the notional; a
negative fee is a rebate, so an inverted venue has a negative taker fee and a positive maker fee.
Rates may depend on how much an account has traded, and an order's fees may be capped. Knows no
book.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Final, Literal, Self

import msgspec
from pydantic import Field, model_validator

from sim.protocol.config import DecimalText, PositiveDecimal, ScenarioModel, Seq
from sim.protocol.enums import ExecType, Side
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.units import UnitError, Units

_BPS: Final = 10_000
# Wide enough for the longest tick, lot and fee times the largest price and quantity.
_EXACT: Final = Context(prec=250, traps=[Inexact])

Fee = Annotated[DecimalText, Field(gt=-_BPS, lt=_BPS, decimal_places=8)]
"""Money per unit of quantity, or basis points of the notional; so never the whole notional."""


class FeeTier(ScenarioModel):
    """Rates for what an account trades beyond a volume."""

    volume: PositiveDecimal
    """Quantity that the account has traded at this venue, from which on these rates hold."""
    taker: Fee
    """As in the schedule."""
    maker: Fee
    """As in the schedule."""


class FeeSchedule(ScenarioModel):
    """Fees of one venue; nothing by default."""

    taker: Fee = Decimal(0)
    """Charged on what an order takes from the book; negative: a rebate."""
    maker: Fee = Decimal(0)
    """Charged on what a resting order gives; negative: a rebate."""
    unit: Literal["per_share", "bps"] = "per_share"
    """per_share: money per unit of quantity; bps: hundredths of a percent of the notional."""
    tiers: Annotated[Seq[FeeTier], Field(max_length=1_000)] = ()
    """Other rates from certain volumes on, rising; a fill that reaches over a border pays each part
    at its own rate. The router reckons with the rates at ``volume_before``."""
    volume_before: Annotated[DecimalText, Field(ge=0)] = Decimal(0)
    """Quantity that each account has traded here before the run."""
    cap_per_order: Annotated[PositiveDecimal, Field(decimal_places=8)] | None = None
    """The most that one order pays, as money; rebates are paid whole. The router does not reckon
    with it."""

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        for n, (before, after) in enumerate(pairwise(self.tiers)):
            if after.volume <= before.volume:
                raise ValueError(f"tiers[{n + 1}].volume must be above that of the tier before it")
        if self.volume_before and not self.tiers:
            raise ValueError("volume_before needs tiers, which it would matter to")
        return self

    @property
    def depends_on_history(self) -> bool:
        """Whether the fee of a fill depends on what was traded before it."""
        return bool(self.tiers) or self.cap_per_order is not None

    def problems(self, units: Units) -> list[tuple[tuple[str | int, ...], str]]:
        """Volumes that are no whole lots."""
        volumes = [(("tiers", n, "volume"), tier.volume) for n, tier in enumerate(self.tiers)]
        if self.volume_before:
            volumes.append((("volume_before",), self.volume_before))  # type: ignore[arg-type]
        found: list[tuple[tuple[str | int, ...], str]] = []
        for path, volume in volumes:
            try:
                units.qty_to_lots(volume)
            except UnitError as error:
                found.append((path, str(error)))
        return found


class Fees:
    """A schedule in the units of one instrument.

    Attributes:
        schedule: What it was made from.
        volume_before: Lots that each account has traded before the run.
        cap: The most that one order pays, in the instrument's currency; None: no cap.
        borders: Lots from which on the rates of each tier hold, rising.
    """

    __slots__ = (
        "_in_bps",
        "_maker",
        "_maker_line",
        "_rates",
        "_taker",
        "_taker_line",
        "borders",
        "cap",
        "schedule",
        "volume_before",
    )

    def __init__(self, schedule: FeeSchedule, units: Units) -> None:
        self._in_bps = schedule.unit == "bps"
        money = units.money if not self._in_bps else _unchanged
        step = units.lot_size
        if self._in_bps:
            step = _EXACT.multiply(_EXACT.multiply(step, units.tick_size), Decimal("0.0001"))
        self._taker = _EXACT.multiply(money(schedule.taker), step)
        self._maker = _EXACT.multiply(money(schedule.maker), step)
        self.schedule = schedule
        before = schedule.volume_before
        self.volume_before: int = units.qty_to_lots(before) if before else 0
        self.borders: list[int] = [units.qty_to_lots(tier.volume) for tier in schedule.tiers]
        self._rates = [(self._taker, self._maker)]
        for tier in schedule.tiers:
            rates = (money(tier.taker), money(tier.maker))
            self._rates.append((_EXACT.multiply(rates[0], step), _EXACT.multiply(rates[1], step)))
        cap = schedule.cap_per_order
        self.cap = None if cap is None else units.money(cap)
        at_start = bisect_right(self.borders, self.volume_before)
        first = schedule.tiers[at_start - 1] if at_start else schedule
        self._taker_line = self._line(Fraction(money(first.taker)), units)
        self._maker_line = self._line(Fraction(money(first.maker)), units)

    def _line(self, rate: Fraction, units: Units) -> tuple[Fraction, Fraction]:
        """What a rate adds to a price: a part of it, and ticks."""
        if self._in_bps:
            return rate / _BPS, Fraction(0)
        return Fraction(0), rate / Fraction(units.tick_size)

    def charge(self, price_ticks: int, qty_lots: int, is_maker: bool) -> Decimal:
        """The fee of one fill as exact money; negative is a rebate."""
        rate = self._maker if is_maker else self._taker
        return _EXACT.multiply(rate, Decimal(price_ticks * qty_lots if self._in_bps else qty_lots))

    def charge_from(self, volume: int, price_ticks: int, qty_lots: int, is_maker: bool) -> Decimal:
        """The fee of a fill after ``volume`` lots of its account, each part by its tier."""
        fee, left = Decimal(0), qty_lots
        while left:
            tier = bisect_right(self.borders, volume)
            part = left
            if tier < len(self.borders):
                part = min(left, self.borders[tier] - volume)
            rate = self._rates[tier][is_maker]
            fee = _EXACT.add(
                fee, _EXACT.multiply(rate, Decimal(price_ticks * part if self._in_bps else part))
            )
            volume, left = volume + part, left - part
        return fee

    def effective(self, side: Side) -> tuple[Fraction, Fraction]:
        """``(slope, intercept)`` of a taker's price with the fee in it.

        ``price_ticks * slope + intercept``, in ticks: a buyer pays the fee on top, a seller
        receives that much less.
        """
        return _with_fee(self._taker_line, side)

    def effective_maker(self, side: Side) -> tuple[Fraction, Fraction]:
        """``(slope, intercept)`` of a maker's price with the fee or rebate in it, as for takers."""
        return _with_fee(self._maker_line, side)


def _with_fee(line: tuple[Fraction, Fraction], side: Side) -> tuple[Fraction, Fraction]:
    """The line of a price with its fee, from that of the fee alone."""
    slope, intercept = line
    return (1 + slope, intercept) if side is Side.BUY else (1 - slope, -intercept)


def _unchanged(value: Decimal) -> Decimal:
    return value


Commission = Callable[[VenueReport], VenueReport]
"""The report with the fee of its fill, if it is one."""

_MEMORY: Final = 4_096


def commission_of(fees: Fees) -> Commission:
    """What sets the fees on the reports of one venue, in their order."""
    if fees.schedule.depends_on_history:
        return Commissions(fees).set
    charge = fees.charge

    def set_fee(report: VenueReport) -> VenueReport:
        if isinstance(report, ExecutionReport) and report.last_px is not None:
            fee = charge(report.last_px, report.last_qty, report.is_maker)
            return msgspec.structs.replace(report, commission=fee)
        return report

    return set_fee


@dataclass(slots=True)
class _Account:
    """Lots that an account has traded, and what its open orders have paid."""

    volume: int
    paid: dict[int, Decimal] = field(default_factory=dict)


class Commissions:
    """Fees that depend on what each account, and each order, has traded before.

    A correction of a fill is charged as the fill would have been; a bust or a correction changes no
    volume and no other fill's fee.
    """

    def __init__(self, fees: Fees) -> None:
        self._fees = fees
        self._cap = fees.cap
        self._accounts: dict[str, _Account] = {}
        # By execution: the volume before it, and the most that it could be charged.
        self._basis: dict[tuple[str, int], tuple[int, Decimal | None]] = {}
        self._basis_before: dict[tuple[str, int], tuple[int, Decimal | None]] = {}

    def set(self, report: VenueReport) -> VenueReport:
        """The report with the fee of its fill, if it is one."""
        if not isinstance(report, ExecutionReport):
            return report
        account = self._accounts.get(report.account)
        if account is None:
            account = self._accounts[report.account] = _Account(self._fees.volume_before)
        done = report
        if report.last_px is not None:
            corrects = report.exec_type is ExecType.TRADE_CORRECT
            set_fee = self._corrected if corrects else self._filled
            done = set_fee(account, report, report.last_px)
        if not report.leaves_qty:
            account.paid.pop(report.order_id, None)
        return done

    def _filled(self, account: _Account, report: ExecutionReport, px: int) -> ExecutionReport:
        paid = account.paid.get(report.order_id, Decimal(0))
        room = None if self._cap is None else _EXACT.subtract(self._cap, paid)
        self._basis[report.account, report.exec_id] = account.volume, room
        if len(self._basis) >= _MEMORY:
            self._basis_before, self._basis = self._basis, {}
        fee = self._charge(account.volume, room, report, px)
        account.volume += report.last_qty
        if fee > 0:
            account.paid[report.order_id] = _EXACT.add(paid, fee)
        return msgspec.structs.replace(report, commission=fee)

    def _corrected(self, account: _Account, report: ExecutionReport, px: int) -> ExecutionReport:
        key = report.account, report.exec_ref_id or 0
        basis = self._basis.get(key) or self._basis_before.get(key)
        volume, room = (account.volume, self._cap) if basis is None else basis
        return msgspec.structs.replace(report, commission=self._charge(volume, room, report, px))

    def _charge(
        self, volume: int, room: Decimal | None, report: ExecutionReport, px: int
    ) -> Decimal:
        fee = self._fees.charge_from(volume, px, report.last_qty, report.is_maker)
        return fee if room is None else min(fee, room)
