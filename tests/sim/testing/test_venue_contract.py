"""Every kind of venue keeps the contract; cores that are wrong on purpose do not."""

import importlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, get_args

import msgspec
import pytest
from pydantic import TypeAdapter

from sim.data.recorded import HEADER
from sim.kernel.streams import Streams
from sim.protocol.enums import ExecType
from sim.protocol.errors import InvariantError
from sim.protocol.market_data import Levels
from sim.protocol.orders import ExecutionReport, NewOrderSingle, OrderMessage, VenueReport
from sim.protocol.units import PriceTicks, QtyLots, TimeNs, Units
from sim.testing.contracts import ContractError, VenueCase, check_venue, impure_imports, venue_case
from venues.config import VenueConfig
from venues.core.lit import LitCore
from venues.kinds import VENUE_KINDS, Venue

BOOK = {"asks": [["1.02", 40], ["1.04", 30]], "bids": [["0.98", 20]]}
ENTRIES: dict[str, list[dict[str, Any]]] = {
    "lit": [
        {"book": BOOK},
        {"tick_size": "0.02", "lot_size": 5, "depth": 5},
        {
            "book": BOOK,
            "short_sale": {"reference": "1.00", "fall": "0.01", "action": "reprice"},
        },
        {"max_order_qty": 15, "price_band": "0.08", "throttle": {"messages": 50, "per": "1ms"}},
        {
            "trading": {
                "open": "5ms",
                "close": "400ms",
                "halts": [{"at": "50ms", "until": "90ms"}],
                "on_halt": "cancel",
            }
        },
    ],
    "dark": [
        {"book": BOOK, "indications": True, "indication_factor": "1.5"},
        {"book": BOOK, "min_qty": 5, "fill": {"model": "fraction", "share": "0.5"}},
        {"book": BOOK, "fill": {"model": "random"}},
        {"book": BOOK, "pricing": "midpoint", "indications": True},
        {
            "book": BOOK,
            "pricing": "midpoint",
            "min_qty": 2,
            "conditional": {
                "orders": [
                    {"id": "S", "side": "sell", "qty": 900, "price": "0.98", "min_qty": 5},
                    {"id": "B", "side": "buy", "qty": 900, "price": "1.02", "at": "30ms"},
                ],
                "within": "2ms",
                "after": "1ms",
                "firm_prob": "0.7",
                "share": "0.1",
                "barred": "9ms",
            },
            "trading": {"halts": [{"at": "50ms", "until": "90ms"}]},
        },
    ],
    "maker": [
        {"quote": {"bid": ["0.98", 200], "ask": ["1.02", 400], "more_asks": [["1.03", 100]]}},
        {
            "quote": {"bid": ["0.98", 200], "ask": ["1.02", 40]},
            "refresh": {"delay": "3ms", "shift": "0.01"},
        },
    ],
    "replayed": [{"file": "spot.l2.csv"}],
    "auction": [
        {"book": BOOK, "every": "5ms"},
        {"every": "3ms", "allocation": "pro_rata", "lot_size": 5, "indicative": True},
        {"every": "7ms", "first": "4ms", "reference": "market", "indicative": True},
        {
            "every": "5ms",
            "tick_size": "0.02",
            "trading": {"close": "300ms", "halts": [{"at": "50ms", "until": "92ms"}]},
        },
    ],
    "rfq": [
        {"spread": {"half": "0.01", "widening": "0.02", "size": 10}, "sizes": [5, 12]},
        {
            "spread": {"half": "0.005", "widening": "0.01", "size": 7, "law": "square_root"},
            "sizes": [20],
            "last_look": {"hold": "3ms", "tolerance": "0.005"},
        },
        {
            "spread": {"half": "0.01"},
            "sizes": [10, 20],
            "shown": False,
            "last_look": {"hold": "3ms", "symmetric": True},
            "trading": {"close": "300ms", "halts": [{"at": "50ms", "until": "90ms"}]},
        },
    ],
    "wholesaler": [
        {"improvement": "0.3"},
        {"max_order_qty": 10},
        {"short_sale": {"since": "20ms"}},
    ],
    "broker": [
        {"spread": {"half": "0.01"}, "delay": "3ms"},
        {"spread": {"half": "0"}, "delay": "0s"},
        {"spread": {"half": "0.01"}, "delay": "3ms", "trading": {"close": "300ms"}},
    ],
}
LEG = {"model": "fixed", "delay": "1ms"}
UNITS = Units(Decimal("0.01"), Decimal(1))
ROWS = "0,level,ask,1.02,500\n0,level,bid,0.98,500\n0,level,ask,1.05,100\n"
_ADAPTER: TypeAdapter[VenueConfig] = TypeAdapter(Venue)


def name_of(kind: type[VenueConfig]) -> str:
    return str(get_args(kind.model_fields["kind"].annotation)[0])


CASES = [
    pytest.param(name, n, id=f"{name}-{n}")
    for name in map(name_of, VENUE_KINDS)
    for n in range(len(ENTRIES[name]))
]
"""A kind without an entry above fails here: whoever adds one puts it to the test."""


@pytest.fixture
def case_of(tmp_path: Path) -> Callable[[str, int], VenueCase]:
    """``case_of("lit", 0)``: the case of an entry above."""
    (tmp_path / "spot.l2.csv").write_text(f"{HEADER}\n{ROWS}", encoding="utf-8")

    def make(name: str, n: int) -> VenueCase:
        legs = {"order": LEG, "report": LEG, "feed": LEG}
        entry = {"id": "V", "kind": name, "latency": legs, **ENTRIES[name][n]}
        return venue_case(
            _ADAPTER.validate_python(entry),
            UNITS,
            tmp_path.joinpath,
            low=90,
            high=110,
            chance=lambda: Streams(1).keyed("venue", "V"),
            both_sides=name != "replayed",  # whose lots of a recording they were, nobody knows
        )

    return make


@pytest.mark.parametrize(("name", "n"), CASES)
def test_every_kind_of_venue_keeps_the_contract(
    name: str, n: int, case_of: Callable[[str, int], VenueCase]
) -> None:
    tally = check_venue(case_of(name, n), steps=150)
    assert tally.fills > 0
    assert tally.refused > 30
    assert tally.ends["canceled"] + tally.ends["trade"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
@pytest.mark.parametrize(("name", "n"), CASES)
def test_every_kind_of_venue_keeps_the_contract_for_long(
    name: str, n: int, seed: int, case_of: Callable[[str, int], VenueCase]
) -> None:
    check_venue(case_of(name, n), seed=seed, steps=800)


# ---------------------------------------------------------------- what the contract finds

Reports = list[VenueReport]


class Lying(LitCore):
    """A lit book that tells its reports otherwise than they are."""

    def __init__(self, tell: Callable[[Reports], Reports]) -> None:
        super().__init__()
        self._tell = tell

    def handle(self, msg: OrderMessage, now_ns: TimeNs) -> Reports:
        return self._tell(super().handle(msg, now_ns))


def each(change: Callable[[ExecutionReport], VenueReport]) -> Callable[[Reports], Reports]:
    return lambda reports: [change(r) if isinstance(r, ExecutionReport) else r for r in reports]


def of_fills(**changes: Any) -> Callable[[Reports], Reports]:
    return each(lambda r: msgspec.structs.replace(r, **changes) if r.last_qty else r)


def without(kind: ExecType, *, maker: bool = False) -> Callable[[Reports], Reports]:
    def told(reports: Reports) -> Reports:
        return [
            r
            for r in reports
            if not (isinstance(r, ExecutionReport) and r.exec_type is kind and r.is_maker is maker)
        ]

    return told


def twice(kind: ExecType) -> Callable[[Reports], Reports]:
    """The same again under a number of its own."""

    def told(reports: Reports) -> Reports:
        again = [
            msgspec.structs.replace(r, exec_id=r.exec_id + 10**9)
            for r in reports
            if isinstance(r, ExecutionReport) and r.exec_type is kind
        ]
        return [*reports, *again]

    return told


LIES: dict[str, tuple[Callable[[Reports], Reports], str]] = {
    "fill beyond the limit": (of_fills(last_px=PriceTicks(1)), "I6"),
    "one side of a trade": (without(ExecType.TRADE, maker=True), "I10"),
    "no acknowledgement": (without(ExecType.NEW), "acknowledge|first report"),
    "no end": (without(ExecType.CANCELED), "."),
    "two ends": (twice(ExecType.CANCELED), "I3"),
    "two fills": (twice(ExecType.TRADE), "I2|I3"),
    "one number for all": (each(lambda r: msgspec.structs.replace(r, exec_id=1)), "F08"),
    "more leaves": (of_fills(leaves_qty=QtyLots(1)), "I1"),
    "too much filled": (of_fills(cum_qty=QtyLots(10**6)), "I2"),
    "somebody else's report": (
        each(lambda r: msgspec.structs.replace(r, account="Z")),
        "owner|answers|without an order",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_core_that_lies_is_found_out(lie: str) -> None:
    tell, rule = LIES[lie]
    with pytest.raises(ContractError, match=rule):
        check_venue(VenueCase(lambda: Lying(tell), 90, 110))


class Forgetful(LitCore):
    """A book that takes every bad order for a good one."""

    def _refusal(self, msg: NewOrderSingle) -> None:
        return None


class Boastful(LitCore):
    """A book that shows a level that is not there."""

    def published(self, depth: int) -> tuple[Levels, Levels]:
        bids, asks = super().published(depth)
        return bids, (*asks, (200, 5)) if len(asks) < depth else asks


class Fickle(LitCore):
    """A book that numbers its states as it likes."""

    made: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        Fickle.made += 1
        self._serial = Fickle.made


@pytest.mark.parametrize(
    ("core", "rule"),
    [(Forgetful, "."), (Boastful, "same object|within reach"), (Fickle, "byte by byte")],
)
def test_core_that_is_wrong_is_found_out(core: Callable[[], LitCore], rule: str) -> None:
    with pytest.raises((ContractError, InvariantError, IndexError), match=rule):
        check_venue(VenueCase(core, 90, 110))


def test_core_that_imports_a_clock_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import time\nfrom asyncio import sleep\n\n\nclass Core:\n    pass\n"
    (tmp_path / "clocked_core.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    core = importlib.import_module("clocked_core").Core
    assert impure_imports(core) == ("asyncio", "time")
    assert impure_imports(LitCore) == ()
