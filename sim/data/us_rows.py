"""Rows of US equity files with exchange letters: quotes and trade prints, in two layouts.

``lean`` (QuantConnect's tick files, no header): ``ms,bid price,bid size,ask price,ask size,
exchange,condition,suspicious`` and ``ms,price,size,exchange,condition,suspicious``; milliseconds
since midnight in New York, prices in 1/10,000 USD, sizes in shares; a row sets one side, the other
side is 0. Zero rows say nothing and are refused.

``taq`` (as New York's TAQ, with a header): ``DT,EX,BID,BIDSIZ,OFR,OFRSIZ,SYMBOL`` and
``DT,EX,SYMBOL,COND,SIZE,PRICE,CORR``; seconds since 1970 (UTC), prices in USD, quote sizes in
round lots, trade sizes in shares; a row is one exchange's own two-sided quote. A price of 0 is no
quote on that side, which is noted; a bid at or above the offer, or a spread of more than
``MAX_SPREAD`` of the middle, is a placeholder, which is refused.

What an exchange's letter on a quote means (its own quote, or who sets the national best) no layout
says: that is for the user to know. See ``sim.data.us_quotes``.

Source: QuantConnect's description of its equity tick data; the NYSE TAQ client specification for
the letters; own convention: the rules for zeros and placeholders.
"""

from collections.abc import Iterator
from pathlib import Path
from re import compile as pattern
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.data.columns import Ints, Sheet, sheets
from sim.data.events import ASK, BID, SCALE
from sim.data.inspection import Problems
from sim.data.numbers import MAX_TIME_NS
from sim.data.quote_levels import Sides, two_sided

LEAN_QUOTE: Final = (
    "ms", "bid price", "bid size", "ask price", "ask size", "exchange", "condition", "suspicious"
)  # fmt: skip
LEAN_TRADE: Final = ("ms", "price", "size", "exchange", "condition", "suspicious")
TAQ_QUOTE: Final = ("DT", "EX", "BID", "BIDSIZ", "OFR", "OFRSIZ", "SYMBOL")
TAQ_TRADE: Final = ("DT", "EX", "SYMBOL", "COND", "SIZE", "PRICE", "CORR")

EXCHANGES: Final = {
    "A": "NYSE American", "B": "Nasdaq BX", "C": "NYSE National", "D": "FINRA (off exchange)",
    "I": "ISE", "J": "Cboe EDGA", "K": "Cboe EDGX", "M": "Chicago", "N": "NYSE", "P": "NYSE Arca",
    "Q": "Nasdaq", "S": "consolidated tape", "T": "Nasdaq", "V": "IEX", "W": "CBOE",
    "X": "Nasdaq PSX", "Y": "Cboe BYX", "Z": "Cboe BZX",
}  # fmt: skip
OFF_EXCHANGE: Final = "D"
MAX_SPREAD: Final = 0.1
ROUND_LOT: Final = 100
MS: Final = 1_000_000
_TICK: Final = SCALE // 10_000
_DAY_MS: Final = 86_400_000

_LEAN_QUOTE: Final = pattern(rb"\d+,\d+,\d+,\d+,\d+,[A-Z],[0-9A-Fa-f]+,[01]")
_LEAN_TRADE: Final = pattern(rb"\d+,\d+,\d+,[A-Z],[0-9A-Fa-f]+,[01]")


class Prints(NamedTuple):
    """Trade prints; the aggressor is not known."""

    t_ns: Ints
    venue: Ints
    price: Ints
    qty: Ints
    line: Ints


def layout(first_bytes: bytes) -> str:
    """``lean_quotes``, ``lean_trades``, ``taq_quotes`` or ``taq_trades``; empty if none."""
    first = first_bytes.partition(b"\n")[0].rstrip(b"\r")
    for name, names in (("taq_quotes", TAQ_QUOTE), ("taq_trades", TAQ_TRADE)):
        if first == ",".join(names).encode():
            return name
    if _LEAN_QUOTE.fullmatch(first):
        return "lean_quotes"
    return "lean_trades" if _LEAN_TRADE.fullmatch(first) else ""


class UsRows:
    """Reads quotes or prints of one file.

    Attributes:
        venues: Exchange letters met so far.
        rows: Data rows so far, bad ones included.
        suspicious: Rows so far that the vendor marked as suspicious.

    Args:
        path: The file.
        found: What ``layout`` says of it.
        problems: Where bad rows go.
        offset_ns: Added to each time.
    """

    def __init__(self, path: Path, found: str, problems: Problems, offset_ns: int = 0) -> None:
        self.venues: list[str] = []
        self.rows = 0
        self.suspicious = 0
        self._path = path
        self._layout = found
        self._problems = problems
        self._offset_ns = offset_ns
        self._last_ns = -(1 << 62)

    @property
    def alternating(self) -> bool:
        """Whether a row sets one side only."""
        return self._layout == "lean_quotes"

    def quotes(self) -> Iterator[Sides]:
        """The quotes.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        taq = self._layout == "taq_quotes"
        names, header = (TAQ_QUOTE, ",".join(TAQ_QUOTE)) if taq else (LEAN_QUOTE, None)
        for sheet in sheets(self._path, header, names, self._problems):
            self.rows += sheet.lines_read
            yield self._taq_quotes(sheet) if taq else self._lean_quotes(sheet)

    def prints(self) -> Iterator[Prints]:
        """The trade prints.

        Raises:
            DataFormatError: At the first bad row, if the problems are strict.
        """
        taq = self._layout == "taq_trades"
        names, header = (TAQ_TRADE, ",".join(TAQ_TRADE)) if taq else (LEAN_TRADE, None)
        for sheet in sheets(self._path, header, names, self._problems):
            self.rows += sheet.lines_read
            if taq:
                t_ns, venue = self._taq_time(sheet), sheet.name(1, self.venues, 1)
                price, qty = sheet.decimal(5), sheet.decimal(4)
            else:
                t_ns, venue = self._lean_time(sheet), sheet.name(3, self.venues, 1)
                price, qty = _small(sheet, 1) * _TICK, _small(sheet, 2) * SCALE
                self._mark(sheet, 5)
            sheet.refuse((price <= 0) | (qty <= 0), "price and size of a trade must be > 0")
            good = self._finish(sheet, t_ns)
            yield Prints(*(column[good] for column in (t_ns, venue, price, qty, sheet.line)))

    def _lean_quotes(self, sheet: Sheet) -> Sides:
        t_ns, venue = self._lean_time(sheet), sheet.name(5, self.venues, 1)
        bid, bid_size, ask, ask_size = (_small(sheet, column) for column in range(1, 5))
        self._mark(sheet, 7)
        one = (bid > 0) != (ask > 0)
        sheet.refuse(~one, "exactly one of bid price and ask price must be > 0")
        good = self._finish(sheet, t_ns)
        is_bid = bid > 0
        columns = (
            t_ns,
            venue,
            np.where(is_bid, BID, ASK).astype(np.int64),
            np.where(is_bid, bid, ask) * _TICK,
            np.where(is_bid, bid_size, ask_size) * SCALE,
            sheet.line,
        )
        return Sides(*(column[good] for column in columns))

    def _taq_quotes(self, sheet: Sheet) -> Sides:
        t_ns, venue = self._taq_time(sheet), sheet.name(1, self.venues, 1)
        bid, ask = sheet.decimal(2), sheet.decimal(4)
        sizes = [_small(sheet, column) * SCALE * ROUND_LOT for column in (3, 5)]
        sheet.refuse((bid < 0) | (ask < 0), "a price must not be negative")
        both = (bid > 0) & (ask > 0)
        sheet.refuse(both & (bid >= ask), lambda row: _placeholder(bid[row], ask[row]))
        wide = both & (ask - bid > MAX_SPREAD / 2 * (ask.astype(np.float64) + bid))
        sheet.refuse(wide, lambda row: _placeholder(bid[row], ask[row]))
        good = self._finish(sheet, t_ns)
        for name, price in (("bid", bid), ("offer", ask)):
            lines = sheet.line[good & (price == 0)].tolist()
            what = f"zero {name}: this exchange has no {name}"
            self._problems.note_all([(line, what) for line in lines], f"zero {name}")
        sides = two_sided(t_ns, venue, (bid, sizes[0]), (ask, sizes[1]), sheet.line)
        which = np.repeat(good, 2)
        return Sides(
            *(
                column[which]
                for column in (
                    sides.t_ns, sides.venue, sides.side, sides.price, sides.qty, sides.line
                )
            )
        )  # fmt: skip

    def _lean_time(self, sheet: Sheet) -> Ints:
        ms = sheet.unsigned(0, bound=_DAY_MS).astype(np.int64)
        return ms * MS + self._offset_ns

    def _taq_time(self, sheet: Sheet) -> Ints:
        t_ns = sheet.decimal(0)
        wrong = (t_ns < 0) | (t_ns > MAX_TIME_NS)
        sheet.refuse(wrong, f"time must be from 0 to {MAX_TIME_NS // SCALE} seconds")
        return t_ns + self._offset_ns

    def _mark(self, sheet: Sheet, column: int) -> None:
        self.suspicious += int(sheet.choice(column, {"0": 0, "1": 1}).sum())

    def _finish(self, sheet: Sheet, t_ns: Ints) -> NDArray[np.bool_]:
        sheet.refuse_back(t_ns, self._last_ns, "time")
        good = sheet.finish()
        if good.any():
            self._last_ns = int(t_ns[good][-1])
        return good


def _small(sheet: Sheet, column: int) -> Ints:
    """A whole number that leaves room for the scale."""
    return sheet.unsigned(column, bound=10**9 // 10).astype(np.int64)


def _placeholder(bid: int, ask: int) -> str:
    return (
        f"bid {bid / SCALE:g} and offer {ask / SCALE:g} are placeholders: a bid must be below the "
        f"offer, by at most {MAX_SPREAD:.0%} of their middle"
    )
