"""What a run's orders cost, exactly, from its summary alone: what variants are ranked by.

Money counts fees. A buy's cash is what it paid, a sale's what it received; of two runs that filled
the same, the one that paid less or received more is better. Runs that filled different quantities
are not compared: what is not filled costs nothing, so that doing nothing would always win.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

from sim.protocol.units import parse_decimal

BPS: Final = 10_000


class Cost(NamedTuple):
    """All parents of one run together.

    Attributes:
        buys: Whether they buy; else they sell.
        ordered: Lots.
        filled: Lots.
        cash: Paid or received, with fees.
        fees: Part of it.
        at_mid: The filled quantity at the mid as each parent arrived; None where one had none.
        lot: Quantity of a lot.
    """

    buys: bool
    ordered: int
    filled: int
    cash: Fraction
    fees: Fraction
    at_mid: Fraction | None
    lot: Fraction

    @property
    def is_whole(self) -> bool:
        """Whether all that was ordered is filled."""
        return self.filled == self.ordered

    @property
    def loss(self) -> Fraction:
        """What is to be small: the cash of a buy, less the cash of a sale."""
        return self.cash if self.buys else -self.cash

    @property
    def avg_px(self) -> Fraction | None:
        """Cash per unit of quantity, fees included; None without a fill."""
        return self.cash / (self.filled * self.lot) if self.filled else None

    @property
    def bps(self) -> Fraction | None:
        """Cost with fees against the mid at arrival; None without a fill or a mid."""
        if not self.at_mid or not self.filled:
            return None
        return BPS * (self.loss + (self.at_mid if not self.buys else -self.at_mid)) / self.at_mid


def cost_of(summary: Mapping[str, Any]) -> Cost:
    """The cost of all parents of a run.

    Args:
        summary: The content of ``summary.json``.

    Raises:
        ValueError: If parents are of both sides, or there are none.
    """
    parents: Sequence[Mapping[str, Any]] = summary["parents"]
    buys = {parent["side"] == "buy" for parent in parents}
    if len(buys) != 1:
        raise ValueError("parents must be there and of one side to have one cost")
    lot = Fraction(parse_decimal(summary["instrument"]["lot_size"]))
    sign = 1 if buys == {True} else -1
    cash = fees = Fraction(0)
    at_mid: Fraction | None = Fraction(0)
    for parent in parents:
        fee = Fraction(parse_decimal(parent["fees"]))
        cash += Fraction(parse_decimal(parent["notional"])) + sign * fee
        fees += fee
        if parent["arrival_mid"] is None or at_mid is None:
            at_mid = None
        else:
            mid = Fraction(parse_decimal(parent["arrival_mid"]))
            at_mid += mid * parent["filled_qty"] * lot
    return Cost(
        buys=sign == 1,
        ordered=sum(parent["order_qty"] for parent in parents),
        filled=sum(parent["filled_qty"] for parent in parents),
        cash=cash,
        fees=fees,
        at_mid=at_mid,
        lot=lot,
    )


def savings_bps(of: Cost, against: Cost) -> Fraction:
    """How much better ``of`` is, in bps of the other's cash; negative: worse.

    Raises:
        ValueError: If they did not fill the same, or nothing.
    """
    if of.filled != against.filled or not against.cash:
        raise ValueError(
            f"equal quantities compare, were {of.filled} and {against.filled} lots for "
            f"{float(against.cash):g}"
        )
    return BPS * (against.loss - of.loss) / abs(against.cash)
