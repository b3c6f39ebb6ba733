"""What a decision costs, term by term, and what it shows to others, in words.

Knows the records alone: the terms were worked out by the router and add up to what they say.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from sim.audit.read import printable
from sim.audit.records import Decision
from sim.protocol.enums import Side
from sim.protocol.units import Units, quotient_text
from sim.report.words import Words, count, listed

_CENT: Final = Decimal("0.01")
_PERCENT: Final = 100


def cost_lines(decision: Decision, side: Side, units: Units) -> Iterator[str]:
    """A line per venue of the split, and one for all of them where they are several."""
    scale = decision.effective_scale
    if not scale:
        return

    def money(amount: int) -> str:
        text = quotient_text(units.notional(amount), Decimal(scale), _CENT)
        return f"{Decimal(text):,}"

    buys = side is Side.BUY
    sign = 1 if buys else -1
    words, verb = Words(units), "costs" if buys else "brings"
    for one in decision.costs:
        terms = (
            ("fees", one.fees),
            ("own impact", one.impact),
            ("delay", one.latency),
            ("fill risk", one.fill_risk),
        )
        more = [f"{name} of {money(amount)}" for name, amount in terms if amount]
        # What is a cost to both sides is taken off what a seller gets.
        how = f" with {listed(more)}" if more and buys else f" less {listed(more)}" if more else ""
        prices = f" at prices of {money(sign * one.price)}{how}:" if how else ""
        yield (
            f"  {printable(one.venue_id)}: {words.qty(one.qty)}{prices} {verb} "
            f"{money(sign * one.total)}"
        )
    if len(decision.costs) > 1:
        total = sum(one.total for one in decision.costs)
        yield f"  All of it: {verb} {money(sign * total)}"


def exposure_lines(decision: Decision, units: Units) -> Iterator[str]:
    """What the parent shows with this decision, and how likely it is to be noticed."""
    shown = decision.leakage
    if shown is None:
        return
    if not shown.visible_qty:
        yield "Nothing of the order shows at a lit venue."
    else:
        where = count(shown.children, "lit venue")
        yield (
            f"{Words(units).qty(shown.visible_qty)} of the order show at {where} at once: that is "
            f"noticed with a probability of {_percent(shown.detect_prob)}."
        )
    if shown.detect_prob_max != shown.detect_prob:
        yield f"At most it was {_percent(shown.detect_prob_max)} so far."


def _percent(chance: str) -> str:
    """A probability from a log, which may be anybody's, in percent."""
    try:
        return f"{float(chance) * _PERCENT:.4g} %"
    except ValueError:
        return printable(chance)
