"""The format of conformance cases, as ``README.md`` beside this file describes it.

Whatever a file says in a way that the format does not know is an error.
"""

from pathlib import Path
from typing import Literal

import msgspec

from venues.core.matching_rules import (
    IcebergResidual,
    IcebergSizeUp,
    IcebergSweep,
    MarketRemainder,
    MatchingRules,
    PegWithoutReference,
    StopElection,
    StopOnEntry,
)

Status = Literal["open", "partial", "filled", "canceled", "rejected", "parked"]


class CaseFormatError(Exception):
    """The file of cases is not one: says the file, the line and what is wrong there."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of a case that must not say more than we look at."""


class Expect(Strict, frozen=True):
    """What must come of one step; what is absent is not stated."""

    trades: list[tuple[str, str, int, int]] | None = None
    status: Status | None = None
    cum: int | None = None
    leaves: int | None = None
    also_canceled: list[str] = []


class PegTo(Strict, frozen=True):
    """What the price of a pegged order follows."""

    ref: Literal["bid", "ask", "mid", "primary"]
    offset: int = 0
    cap: int | None = None


class New(Strict, frozen=True, tag="new", tag_field="op"):
    """A new order."""

    id: str
    side: Literal["buy", "sell"]
    qty: int
    type: Literal["limit", "market", "mtl", "stop", "stop_limit", "midpoint"]
    expect: Expect
    price: int | None = None
    tif: Literal["DAY", "GTC", "IOC", "FOK"] = "GTC"
    account: str = ""
    post_only: bool = False
    stp: Literal["none", "cancel_resting", "cancel_incoming", "cancel_both", "decrement"] = "none"
    aon: bool = False
    hidden: bool = False
    display: int | None = None
    min_visible: int | None = None
    min_qty: int | None = None
    stop: int | None = None
    peg: PegTo | None = None
    basis: str = ""


class Cancel(Strict, frozen=True, tag="cancel", tag_field="op"):
    """A request to cancel an order; without an account the owner asks."""

    id: str
    expect: Expect
    account: str | None = None
    basis: str = ""


class Replace(Strict, frozen=True, tag="replace", tag_field="op"):
    """A request for a new price and a new open quantity; without a price it stays as it is."""

    id: str
    qty: int
    expect: Expect
    price: int | None = None
    account: str | None = None
    min_qty: int | None = None
    stop: int | None = None
    basis: str = ""


class Reduce(Strict, frozen=True, tag="reduce", tag_field="op"):
    """A request to take lots off an order."""

    id: str
    by: int
    expect: Expect
    account: str | None = None
    basis: str = ""


class Last(Strict, frozen=True, tag="last", tag_field="op"):
    """Sets the reference price."""

    price: int
    basis: str = ""


class Quote(Strict, frozen=True, tag="quote", tag_field="op"):
    """Sets the external quote of a midpoint book."""

    bid: int
    ask: int
    basis: str = ""


class CheckQueue(Strict, frozen=True, tag="check_queue", tag_field="op"):
    """Order ids with their open lots, in order of priority, for the sides given."""

    queue: dict[Literal["bids", "asks"], list[tuple[str, int]]]
    basis: str = ""


Order = New | Cancel | Replace | Reduce
Step = Order | Last | Quote | CheckQueue


class Profile(Strict, frozen=True):
    """Settings of the venue, with the format's defaults."""

    tick: int = 1
    lot: int = 1
    last: int | None = None
    market_remainder: MarketRemainder = "cancel"
    stop_on_entry: StopOnEntry = "trigger"
    stop_election: StopElection = "fifo"
    iceberg_residual: IcebergResidual = "full_peak"
    iceberg_sweep: IcebergSweep = "slices"
    iceberg_size_up: IcebergSizeUp = "loses_priority"
    peg_without_reference: PegWithoutReference = "park"
    hidden_improvement: int | None = None
    hidden_min_remainder: int = 0
    book: Literal["lit", "midpoint"] = "lit"

    def rules(self) -> MatchingRules:
        """The settings as a core takes them."""
        return MatchingRules(
            self.market_remainder,
            self.last,
            self.stop_on_entry,
            self.stop_election,
            self.iceberg_residual,
            self.iceberg_sweep,
            self.iceberg_size_up,
            self.peg_without_reference,
            self.hidden_improvement,
            self.hidden_min_remainder,
        )


class FinalOrder(Strict, frozen=True):
    """State of an order at the end."""

    cum: int
    leaves: int
    status: Status


class FinalBook(Strict, frozen=True):
    """Levels at the end, best first: price, displayed lots, number of orders."""

    bids: list[tuple[int | Literal["MKT"], int, int]]
    asks: list[tuple[int | Literal["MKT"], int, int]]


class Final(Strict, frozen=True):
    """The end of a case."""

    book: FinalBook
    orders: dict[str, FinalOrder]
    basis: str = ""


class Case(msgspec.Struct, frozen=True):
    """One case; of its source and remarks only what a reader of a failure needs."""

    id: str
    level: Literal["core", "optional", "dialect"]
    features: list[str]
    profile: Profile
    steps: list[Step]
    final: Final


def read_cases(path: Path) -> list[Case]:
    """The cases of a file, one JSON object per line.

    Raises:
        CaseFormatError: If the file cannot be read, a line is not a case, an id comes twice, or
            there is no case at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CaseFormatError(f"{path}: cannot be read: {error}") from error
    cases: dict[str, Case] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = msgspec.json.decode(line, type=Case)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise CaseFormatError(f"{path}:{number}: {error}") from error
        if case.id in cases:
            raise CaseFormatError(f"{path}:{number}: a second case with the id {case.id}")
        cases[case.id] = case
    if not cases:
        raise CaseFormatError(f"{path}: holds no case")
    return list(cases.values())
