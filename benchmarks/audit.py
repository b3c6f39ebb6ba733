"""``audit_write`` and ``audit_verify``: chained records through structlog to the disk, and back.

The mix, per 1,000 records: 450 quotes, 230 trades, 90 books at arrival of 5 levels, 80 fills,
50 children sent, 50 acknowledged, 30 canceled and 20 decisions over 6 venues; lines of about 300
bytes. Written with sync ``interval``, to a temporary file, finished and closed.

No package of the registry writes such a log, so the peers are context: they write the same fields
**without chain, seal or sync**. ``structlog`` is its stock JSON renderer with its ``WriteLogger``;
``logging`` the standard library's file handler with ``json`` as formatter. The one peer of
``audit_verify``, ``json``, checks sequence and chain with the standard library alone: no types, no
canonical form.
"""

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from benchmarks.measure import compare, rate
from sim.audit.log import open_audit_log
from sim.audit.records import (
    SCHEMA,
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildSent,
    Decision,
    Fill,
    KnownQuote,
    Quote,
    Record,
    RunStarted,
    Slice,
    TradePrint,
)
from sim.audit.verify import verify
from sim.protocol.enums import DecisionReason, Outcome, Side, TimeInForce

COUNT: Final = 200_000
QUICK_COUNT: Final = 40_000
VENUES: Final = ("NYSE", "NASDAQ", "BATS", "IEX", "DARK_A", "DARK_B")


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer records and rounds."""
    count = QUICK_COUNT if quick else COUNT
    rounds = 3 if quick else 5
    records = list(mix(count))
    # The peers are slow: a part of the records gives their rate as well.
    rows = [msgspec.to_builtins(record) for record in records[: count // 4]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        audit = path / "audit.jsonl"
        return [
            compare(
                "audit_write",
                "records/s",
                lambda: rate(count, lambda: _write(audit, records)),
                {
                    "structlog": lambda: _structlog_rate(path / "structlog", rows),
                    "logging": lambda: _logging_rate(path / "logging", rows),
                },
                rounds=rounds,
                value_min=250_000,
                aim=350_000,
            ),
            compare(
                "audit_verify",
                "records/s",
                lambda: rate(count, lambda: _verify(audit)),
                {"json": lambda: rate(count, lambda: _json_verify(audit))},
                rounds=rounds,
                value_min=250_000,
                aim=400_000,
            ),
        ]


def mix(count: int) -> Iterator[Record]:
    """``count`` records of a plausible run; no two are equal."""
    yield RunStarted(
        t_ns=0,
        schema=SCHEMA,
        code_version="bench",
        seed=1,
        sync="interval",
        market_data="touch",
        scenario={},
        files={},
    )
    makers = [maker for maker, share in _SHARES.items() for _ in range(share)]
    # A step that shares no factor with the 100 slots walks them all, well mixed.
    for n in range(1, count - 1):
        yield makers[n * 37 % 100](n, 1_000_000 + n * 1_733, VENUES[n % 6])


def _quote(n: int, t_ns: int, venue: str) -> Record:
    mid = 1_000_000 + n % 97
    return Quote(
        t_ns=t_ns,
        venue_id=venue,
        venue_seq=n,
        bid_px=mid,
        bid_qty=100 + n % 900,
        ask_px=mid + 2,
        ask_qty=100 + n % 700,
    )


def _trade(n: int, t_ns: int, venue: str) -> Record:
    side = Side.BUY if n % 2 else Side.SELL
    return TradePrint(
        t_ns=t_ns,
        venue_id=venue,
        venue_seq=n,
        price=1_000_000 + n % 97,
        qty=1 + n % 500,
        aggressor=side,
    )


def _book(n: int, t_ns: int, venue: str) -> Record:
    return BookAtArrival(
        t_ns=t_ns,
        cl_ord_id=f"P{n % 50}-{venue}-{n}",
        venue_id=venue,
        venue_seq=n,
        sent_ns=t_ns - 5_000_000,
        drawn_ns=4_999_000,
        held_ns=1_000,
        levels=_levels(n),
    )


def _fill(n: int, t_ns: int, venue: str) -> Record:
    return Fill(
        t_ns=t_ns,
        cl_ord_id=f"P{n % 50}-{venue}-{n}",
        parent_id=f"P{n % 50}",
        venue_id=venue,
        exec_id=n,
        last_px=1_000_000 + n % 97,
        last_qty=1 + n % 500,
        cum_qty=1 + n % 1_500,
        leaves_qty=n % 2_000,
        fee="0.0125",
        is_maker=False,
        best_px=1_000_000 + n % 97,
        **_stamps(t_ns),
    )


def _child_sent(n: int, t_ns: int, venue: str) -> Record:
    return ChildSent(
        t_ns=t_ns,
        cl_ord_id=f"P{n % 50}-{venue}-{n}",
        parent_id=f"P{n % 50}",
        decision_id=n,
        venue_id=venue,
        side=Side.BUY,
        order_qty=1 + n % 2_000,
        price=1_000_000 + n % 97,
        time_in_force=TimeInForce.IOC,
        shown_px=1_000_000 + n % 97,
        quote_seq=n,
    )


def _child_acked(n: int, t_ns: int, venue: str) -> Record:
    return ChildAcked(
        t_ns=t_ns,
        cl_ord_id=f"P{n % 50}-{venue}-{n}",
        venue_id=venue,
        order_id=n,
        **_stamps(t_ns),
    )


def _child_canceled(n: int, t_ns: int, venue: str) -> Record:
    return ChildCanceled(
        t_ns=t_ns,
        cl_ord_id=f"P{n % 50}-{venue}-{n}",
        venue_id=venue,
        canceled_qty=n % 900,
        cum_qty=n % 700,
        **_stamps(t_ns),
    )


def _decision(n: int, t_ns: int, venue: str) -> Record:
    levels = _levels(n)
    return Decision(
        t_ns=t_ns,
        decision_id=n,
        parent_id=f"P{n % 50}",
        reason=DecisionReason.PARTIAL_FILL,
        strategy="greedy",
        unreserved_qty=n % 5_000,
        depth="full",
        effective_scale=10_000,
        quotes=tuple(KnownQuote(v, n, 5_000_000, 5_000_000, levels, 10_000, 30) for v in VENUES),
        ranking=VENUES,
        split=(Slice(venue, 1_000_000, 500), Slice("IEX", 1_000_001, n % 700)),
        refused=(),
    )


def _levels(n: int) -> tuple[tuple[int, int], ...]:
    return tuple((1_000_000 + n % 97 + i, 100 + n % 400) for i in range(5))


def _stamps(t_ns: int) -> dict[str, int]:
    return {
        "processed_ns": t_ns - 5_000_000,
        "sent_ns": t_ns - 5_000_000,
        "drawn_ns": 4_999_000,
        "held_ns": 1_000,
    }


_SHARES: Final[dict[Callable[[int, int, str], Record], int]] = {
    _quote: 45,
    _trade: 23,
    _book: 9,
    _fill: 8,
    _child_sent: 5,
    _child_acked: 5,
    _child_canceled: 3,
    _decision: 2,
}


def _write(path: Path, records: list[Record]) -> None:
    with open_audit_log(path, "interval", if_exists="replace") as log:
        emit = log.emit
        for record in records:
            emit(record)
        log.finish(1_000_000_000_000, Outcome.COMPLETE)


def _verify(path: Path) -> None:
    result = verify(path)
    if not result.ok:
        raise AssertionError(result.message)


def _structlog_rate(path: Path, rows: list[dict[str, Any]]) -> float:
    with path.open("w", encoding="utf-8") as file:
        log = structlog.wrap_logger(
            structlog.WriteLogger(file),
            processors=[structlog.processors.JSONRenderer()],
            wrapper_class=structlog.BoundLogger,
            context_class=dict,
        ).bind()

        def work() -> None:
            for row in rows:
                log.info(**row)

        return rate(len(rows), work)


def _logging_rate(path: Path, rows: list[dict[str, Any]]) -> float:
    class Formatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps(record.msg)

    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(Formatter())
    log = logging.Logger("audit", logging.INFO)
    log.addHandler(handler)

    def work() -> None:
        for row in rows:
            log.info(row)

    try:
        return rate(len(rows), work)
    finally:
        handler.close()


def _json_verify(path: Path) -> None:
    prev = "0" * 64
    with path.open("rb") as file:
        for seq, raw in enumerate(file):
            line = raw[:-1]
            row = json.loads(line)
            if row["seq"] != seq or row["prev"] != prev:
                raise AssertionError(f"record {seq}")
            prev = hashlib.sha256(line).hexdigest()
