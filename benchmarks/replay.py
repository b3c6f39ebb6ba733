"""``audit_replay``: the state of a run (orders, last quotes and trades) from its log on the disk.

The mix, per 1,000 records: 480 quotes, 250 trades, 70 fills, 50 children sent, 50 books at arrival
of 5 levels, 50 acknowledged, 20 canceled, 20 decisions over 6 venues and 10 parents; lines of about
300 bytes.
Reading, decoding and checking every record's place counts; the hash chain is `audit_verify`'s.

The one peer, ``json``, decodes the lines with the standard library and keeps of each order its last
record: less than a state, but what a script over such a file usually does.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.audit import VENUES
from benchmarks.measure import compare, rate
from sim.audit.log import open_audit_log
from sim.audit.read import read_batches
from sim.audit.records import (
    SCHEMA,
    BookAtArrival,
    ChildAcked,
    ChildCanceled,
    ChildSent,
    Decision,
    Fill,
    KnownQuote,
    ParentReceived,
    Quote,
    Record,
    RunStarted,
    Slice,
    TradePrint,
)
from sim.audit.state import LogState
from sim.protocol.enums import DecisionReason, Outcome, Side, TimeInForce

ROUNDS: Final = 2_000
"""Blocks of 100 records."""
QUICK_ROUNDS: Final = 400
_QTY: Final = 600
_PX: Final = 1_000_000


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure; ``quick`` takes fewer records and rounds."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audit.jsonl")
        with open_audit_log(path, "end") as log:
            for record in mix(rounds):
                log.emit(record)
            log.finish(10**12, Outcome.COMPLETE)
            count = log.records
        return [
            compare(
                "audit_replay",
                "records/s",
                lambda: rate(count, lambda: _replay(path, count)),
                {"json": lambda: rate(count, lambda: _json_replay(path, count))},
                rounds=3 if quick else 5,
                value_min=250_000,
            )
        ]


def mix(rounds: int) -> Iterator[Record]:
    """A plausible run, in blocks of 100 records: market data, and one parent with 5 children."""
    yield RunStarted(
        t_ns=0,
        schema=SCHEMA,
        code_version="bench",
        seed=1,
        sync="end",
        market_data="touch",
        scenario={},
        files={},
    )
    for n in range(rounds):
        t_ns = 1_000_000 * (n + 1)
        orders = list(_orders(n, t_ns))
        market = list(_market(n, t_ns, 100 - len(orders)))
        # Three of four records are market data, as in a log of best quotes.
        yield from market[:40]
        yield from orders
        yield from market[40:]


def _market(n: int, t_ns: int, count: int) -> Iterator[Record]:
    for i in range(count):
        venue, px = VENUES[i % 6], _PX + (n + i) % 97
        if i % 3 == 0:
            yield TradePrint(
                t_ns=t_ns, venue_id=venue, venue_seq=n, price=px, qty=1 + i, aggressor=Side.SELL
            )
        else:
            yield Quote(
                t_ns=t_ns,
                venue_id=venue,
                venue_seq=n,
                bid_px=px,
                bid_qty=100 + i,
                ask_px=px + 2,
                ask_qty=100 + n % 700,
            )


def _orders(n: int, t_ns: int) -> Iterator[Record]:
    """A parent of five children in two decisions; seven fills, two cancels."""
    parent_id = f"P{n}"
    yield ParentReceived(
        t_ns=t_ns,
        parent_id=parent_id,
        side=Side.BUY,
        order_qty=5 * _QTY,
        limit_px=None,
        deadline_ns=None,
        bid_px=_PX,
        ask_px=_PX + 2,
    )
    for k in range(5):
        if k in {0, 3}:
            yield _decision(2 * n + k // 3, t_ns, parent_id)
        yield from _child(f"{parent_id}.{VENUES[k]}.1", parent_id, k, t_ns)


def _child(cl_ord_id: str, parent_id: str, k: int, t_ns: int) -> Iterator[Record]:
    stamps: dict[str, Any] = {
        "processed_ns": t_ns,
        "sent_ns": t_ns - 5_000,
        "drawn_ns": 4_000,
        "held_ns": 1_000,
    }
    here: dict[str, Any] = {"t_ns": t_ns, "cl_ord_id": cl_ord_id, "venue_id": VENUES[k]}
    yield ChildSent(
        **here,
        parent_id=parent_id,
        decision_id=k,
        side=Side.BUY,
        order_qty=_QTY,
        price=_PX,
        time_in_force=TimeInForce.IOC,
        shown_px=_PX,
        quote_seq=k,
    )
    yield BookAtArrival(**here, venue_seq=k, sent_ns=t_ns, drawn_ns=0, held_ns=0, levels=_levels(k))
    yield ChildAcked(**here, order_id=k, **stamps)
    for i in range(2 if k < 2 else 1):
        yield Fill(
            **here,
            **stamps,
            parent_id=parent_id,
            exec_id=k + i,
            last_px=_PX - i,
            last_qty=_QTY // 3,
            cum_qty=_QTY // 3 * (i + 1),
            leaves_qty=_QTY - _QTY // 3 * (i + 1),
            fee="0.0125",
            is_maker=False,
            best_px=_PX,
        )
    if k < 2:
        yield ChildCanceled(**here, **stamps, canceled_qty=_QTY // 3, cum_qty=_QTY // 3 * 2)


def _decision(decision_id: int, t_ns: int, parent_id: str) -> Record:
    levels = _levels(decision_id)
    return Decision(
        t_ns=t_ns,
        decision_id=decision_id,
        parent_id=parent_id,
        reason=DecisionReason.PARTIAL_FILL,
        strategy="greedy",
        unreserved_qty=_QTY,
        depth="full",
        effective_scale=10_000,
        quotes=tuple(KnownQuote(v, 1, 5_000_000, 5_000_000, levels, 10_000, 30) for v in VENUES),
        ranking=VENUES,
        split=(Slice("NYSE", _PX, 500), Slice("IEX", _PX + 1, 700)),
        refused=(),
    )


def _levels(n: int) -> tuple[tuple[int, int], ...]:
    return tuple((_PX + n % 97 + i, 100 + n % 400) for i in range(5))


def _replay(path: Path, count: int) -> None:
    state = LogState()
    for records in read_batches(path):
        state.take(records)
    if state.records != count or state.outcome is not Outcome.COMPLETE:
        raise AssertionError(f"{state.records} records, {state.outcome}")


def _json_replay(path: Path, count: int) -> None:
    last: dict[str, Any] = {}
    seq = -1
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            last[row.get("cl_ord_id") or row.get("venue_id")] = row
            seq = row["seq"]
    if seq != count - 1:
        raise AssertionError(f"{seq + 1} records")
