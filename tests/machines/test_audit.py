"""A state machine over the audit log: written, flushed, cut, verified and read back.

The model is the list of records that were taken, the chain built anew with the plain means of this
file, and a blotter of sums. The disk may fill up in the middle of a line, or refuse to confirm.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sim.audit.log import AuditLog, ChainSink, Sync, open_audit_log
from sim.audit.read import read_records
from sim.audit.records import (
    SCHEMA,
    Bust,
    ChildAcked,
    ChildCanceled,
    ChildRejected,
    ChildSent,
    Fill,
    ParentDone,
    ParentReceived,
    Record,
    ReportIgnored,
    RunFinished,
    RunStarted,
    VenueEvent,
    WrittenOff,
)
from sim.audit.state import LogState
from sim.audit.verify import verify
from sim.protocol.enums import EndReason, Outcome, RejectReason, Side, TimeInForce
from sim.protocol.errors import AuditFormatError, AuditWriteError
from tests.machines.audit_parts import PoorDisk, Sums, seen_in

AT = st.integers(0, 999)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
STAMPS: dict[str, Any] = {"processed_ns": 0, "sent_ns": 0, "drawn_ns": 0, "held_ns": 0}


class AuditMachine(RuleBasedStateMachine):
    """A log in a file, and what must stand in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sorsim-"))
        self.path = self.folder / "audit.jsonl"
        self.begun = False

    @initialize(sync=st.sampled_from(["end", "interval", "each"]), seed=st.integers(0, 9))
    def begin(self, sync: Sync, seed: int) -> None:
        self.open(sync, replace=False)
        self.start(seed)

    def open(self, sync: Sync, *, replace: bool) -> None:
        self.disk = PoorDisk(self.path, replace=replace)
        self.log = AuditLog(ChainSink(self.disk, sync), (), {})
        self.taken: list[Record] = []
        self.lines: list[bytes] = []
        self.pictures: list[Any] = [({}, {})]
        self.parents: dict[str, Sums] = {}
        self.children: dict[str, Sums] = {}
        self.of: dict[str, str] = {}
        self.serial = self.now = 0
        self.flushed = 0
        self.finished = self.failed = self.closed = False
        self.state = LogState()
        self.begun = True

    def start(self, seed: int) -> None:
        self.emit(
            RunStarted(
                t_ns=0,
                schema=SCHEMA,
                code_version="1",
                seed=seed,
                sync=self.log.sync,
                market_data="none",
                files={},
                scenario={"name": "machine"},
            )
        )

    # ------------------------------------------------------------ what is written

    def emit(self, record: Record) -> None:
        """Emit a record; the log takes it, or is at its end and says so."""
        if self.finished or self.closed or self.failed:
            with pytest.raises(AuditWriteError):
                self.log.emit(record)
            return
        doomed = self.log.sync == "each" and not (self.disk.room is None and self.disk.confirms)
        if doomed:
            with pytest.raises(AuditWriteError):
                self.log.emit(record)
            self.failed = True
        else:
            self.log.emit(record)
        # What was refused by the disk may stand there all the same: it is in the chain.
        prev = hashlib.sha256(self.lines[-1]).hexdigest() if self.lines else "0" * 64
        line = b'{"seq":%d,' % len(self.lines) + msgspec.json.encode(record)[1:-1]
        line += b',"prev":"' + prev.encode() + b'"'
        if isinstance(record, RunFinished):
            line += b',"seal":"' + hashlib.sha256(line).hexdigest().encode() + b'"'
            self.finished = True
        self.lines.append(line + b"}")
        self.taken.append(record)
        if self.log.sync == "each" and not doomed:
            self.flushed = len(self.lines)
        self.state.take([record])
        self.pictures.append(self.picture())

    def picture(self) -> Any:
        return (
            {name: asdict(sums) for name, sums in self.parents.items()},
            {name: asdict(sums) for name, sums in self.children.items()},
        )

    @property
    def takes(self) -> bool:
        """Whether a record of orders can be told to the blotter."""
        return self.begun and not (self.finished or self.failed or self.closed)

    @precondition(lambda self: self.takes)
    @rule(ns=st.integers(0, 5))
    def later(self, ns: int) -> None:
        self.now += ns

    @precondition(lambda self: self.takes)
    @rule(lots=st.integers(1, 40))
    def parent(self, lots: int) -> None:
        name = f"P{len(self.parents)}"
        self.parents[name] = Sums(lots, 0)
        self.emit(
            ParentReceived(
                t_ns=self.now,
                parent_id=name,
                side=Side.BUY,
                order_qty=lots,
                limit_px=None,
                deadline_ns=None,
                bid_px=None,
                ask_px=None,
            )
        )

    @precondition(lambda self: self.takes and any(not p.over for p in self.parents.values()))
    @rule(at=AT, lots=st.integers(1, 20))
    def child(self, at: int, lots: int) -> None:
        names = [name for name, sums in self.parents.items() if not sums.over]
        parent = names[at % len(names)]
        of = self.parents[parent]
        lots = min(lots, of.ordered - of.filled - of.left)
        if not lots:
            return
        name = f"{parent}.A.{len(self.children)}"
        self.of[name] = parent
        self.children[name] = Sums(lots, lots)
        of.left += lots
        self.emit(
            ChildSent(
                t_ns=self.now,
                cl_ord_id=name,
                parent_id=parent,
                decision_id=1,
                venue_id="A",
                side=Side.BUY,
                order_qty=lots,
                price=100,
                time_in_force=TimeInForce.DAY,
                shown_px=None,
                quote_seq=None,
            )
        )

    @precondition(lambda self: self.takes and any(c.left for c in self.children.values()))
    @rule(
        at=AT,
        what=st.sampled_from(["ack", "fill", "fill", "fill", "cancel", "reject", "write_off"]),
        lots=st.integers(1, 20),
        px=st.integers(98, 102),
        fee=st.sampled_from(["0", "-0.002", "1.25"]),
    )
    def answer(self, at: int, what: str, lots: int, px: int, fee: str) -> None:
        names = [name for name, sums in self.children.items() if sums.left]
        name = names[at % len(names)]
        child, parent = self.children[name], self.parents[self.of[name]]
        known: dict[str, Any] = {"t_ns": self.now, "cl_ord_id": name, "venue_id": "A"}
        self.serial += 1
        if what == "ack":
            self.emit(ChildAcked(order_id=self.serial, **known, **STAMPS))
        elif what == "fill":
            lots = min(lots, child.left)
            for one in (child, parent):
                one.filled += lots
                one.left -= lots
                one.paid += px * lots
                one.fees += Decimal(fee)
            child.over = not child.left
            known |= {"parent_id": self.of[name], "cum_qty": child.filled, "fee": fee}
            known |= {"exec_id": self.serial, "last_px": px, "last_qty": lots, "best_px": None}
            self.emit(Fill(leaves_qty=child.left, is_maker=False, **known, **STAMPS))
        else:
            gone = child.left
            parent.left -= gone
            child.left, child.over = 0, True
            child.gone = 0 if what == "reject" else gone
            if what == "cancel":
                cum = child.filled
                self.emit(ChildCanceled(canceled_qty=gone, cum_qty=cum, **known, **STAMPS))
            elif what == "reject":
                reason = RejectReason.THROTTLED
                self.emit(ChildRejected(reason=reason, **known, **STAMPS))
            else:
                known["parent_id"] = self.of[name]
                self.emit(WrittenOff(written_off_qty=gone, cum_qty=child.filled, **known))

    @precondition(lambda self: self.takes and any(c.filled for c in self.children.values()))
    @rule(at=AT, lots=st.integers(1, 9), reopens=st.booleans())
    def bust(self, at: int, lots: int, reopens: bool) -> None:
        names = [name for name, sums in self.children.items() if sums.filled]
        name = names[at % len(names)]
        child, parent = self.children[name], self.parents[self.of[name]]
        lots = min(lots, child.filled)
        again = lots if reopens and not child.over else 0
        self.serial += 1
        for one in (child, parent):
            one.filled -= lots
            one.paid -= 100 * lots
            one.left += again
        if not child.over:
            child.ordered -= lots - again
        parent.gone += lots - again  # nobody sends them anew here
        self.emit(
            Bust(
                t_ns=self.now,
                cl_ord_id=name,
                parent_id=self.of[name],
                venue_id="A",
                exec_id=self.serial,
                exec_ref_id=1,
                was_px=100,
                was_qty=lots,
                reopened_qty=again,
                excess_qty=0,
                cum_qty=child.filled,
                leaves_qty=child.left,
                fee="0",
                **STAMPS,
            )
        )

    @precondition(lambda self: self.takes and any(not p.over for p in self.parents.values()))
    @rule(at=AT)
    def parent_is_done(self, at: int) -> None:
        names = [name for name, sums in self.parents.items() if not sums.over]
        name = names[at % len(names)]
        parent = self.parents[name]
        if parent.left:
            return
        parent.over, parent.gone = True, parent.ordered - parent.filled
        reason = EndReason.DEADLINE if parent.gone else EndReason.FILLED
        self.emit(
            ParentDone(
                t_ns=self.now,
                parent_id=name,
                filled_qty=parent.filled,
                canceled_qty=parent.gone,
                end_reason=reason,
            )
        )

    @rule(text=TEXTS, ignored=st.booleans())
    def any_text(self, text: str, ignored: bool) -> None:
        if ignored:
            self.emit(
                ReportIgnored(
                    t_ns=self.now, cl_ord_id=text, venue_id="A", reason="breach", report=text
                )
            )
        else:
            self.emit(VenueEvent(t_ns=self.now, venue_id=text, event="halt", detail=text))

    @rule()
    def what_json_cannot_hold(self) -> None:
        """It is refused, and the log goes on as if nothing had been."""
        with pytest.raises(AuditWriteError):
            self.log.emit(VenueEvent(t_ns=self.now, venue_id="A", event="halt", detail="\ud800"))

    # ------------------------------------------------------------ the disk, and the end

    @rule()
    def flush(self) -> None:
        waits = self.flushed < len(self.lines)
        fails = waits and (
            self.disk.room is not None or (self.log.sync != "end" and not self.disk.confirms)
        )
        if self.closed:
            return
        if self.failed or fails:
            with pytest.raises(AuditWriteError):
                self.log.flush()
            self.failed = True
        else:
            self.log.flush()
            self.flushed = len(self.lines)

    @precondition(lambda self: self.begun and not self.closed and not self.failed)
    @rule(room=st.none() | st.integers(0, 400), confirms=st.sampled_from([True, True, False]))
    def disk_changes(self, room: int | None, confirms: bool) -> None:
        waiting = sum(len(line) + 1 for line in self.lines[self.flushed :])
        # A disk with more room than is asked of it is no full one.
        self.disk.room = room if room is None or room < waiting else None
        self.disk.confirms = confirms

    @precondition(lambda self: self.takes)
    @rule(outcome=st.sampled_from(Outcome))
    def finish(self, outcome: Outcome) -> None:
        self.emit(RunFinished(t_ns=self.now, records=len(self.lines) + 1, outcome=outcome))

    @rule()
    def close(self) -> None:
        if self.closed:
            self.log.close()  # twice is fine
            return
        waits = self.flushed < len(self.lines)
        if self.failed or not self.disk.confirms or (waits and self.disk.room is not None):
            with pytest.raises(AuditWriteError):
                self.log.close()
            self.failed = True
        else:
            self.log.close()
            self.flushed = len(self.lines)
        self.closed = True

    @rule()
    def another_writer(self) -> None:
        """L07: refused, be it in use or an earlier log; and nothing has happened to it."""
        before = self.path.read_bytes()
        match = "another run is writing" if not self.closed else "it holds an earlier log"
        if self.closed and not before:
            return
        with pytest.raises(AuditWriteError, match=match):
            open_audit_log(self.path)
        assert self.path.read_bytes() == before

    @precondition(lambda self: self.begun and self.closed)
    @rule(sync=st.sampled_from(["end", "interval", "each"]), seed=st.integers(0, 9))
    def anew(self, sync: Sync, seed: int) -> None:
        self.open(sync, replace=True)
        self.start(seed)

    # ------------------------------------------------------------ what stands there

    @precondition(lambda self: self.begun)
    @invariant()
    def the_chain_is_the_models(self) -> None:
        head = hashlib.sha256(self.lines[-1]).hexdigest() if self.lines else "0" * 64
        assert self.log.head == head
        assert self.log.records == len(self.lines)
        whole = b"".join(line + b"\n" for line in self.lines)
        disk = self.path.read_bytes()
        assert whole.startswith(disk)
        if not self.failed:
            assert disk == b"".join(line + b"\n" for line in self.lines[: self.flushed])
        self.is_classified_rightly(disk)

    @rule(at=st.integers(0, 10**6))
    def cut(self, at: int) -> None:
        """L01: at any byte, of what stands on the disk and of what would."""
        whole = b"".join(line + b"\n" for line in self.lines)
        part = whole[: at % (len(whole) + 1)]
        self.is_classified_rightly(part)
        copy = self.folder / "cut.jsonl"
        copy.write_bytes(part)
        count = part.count(b"\n")
        state = LogState()
        reader = read_records(copy)
        for _ in range(count):
            state.take([next(reader)[1]])
        if part.endswith(b"\n") or not part:
            assert next(reader, None) is None
        else:
            with pytest.raises(AuditFormatError, match="torn"):
                next(reader)
        assert seen_in(state) == self.pictures[count], "I13"

    @rule(at=AT, bit=st.integers(0, 7))
    def flip(self, at: int, bit: int) -> None:
        """L02: one bit of what was written is another."""
        whole = bytearray(b"".join(line + b"\n" for line in self.lines))
        if not whole:
            return
        place = at % len(whole)
        whole[place] ^= 1 << bit
        copy = self.folder / "flipped.jsonl"
        copy.write_bytes(whole)
        result = verify(copy, self.log.head)
        assert not result.ok
        assert result.records <= len(self.lines)
        if self.finished:
            struck = bytes(whole[:place]).count(b"\n")
            assert result.first_bad is not None
            assert result.first_bad.seq in {struck, max(0, struck - 1)}

    def is_classified_rightly(self, data: bytes) -> None:
        copy = self.folder / "copy.jsonl"
        copy.write_bytes(data)
        count, torn = data.count(b"\n"), len(data) - (data.rfind(b"\n") + 1)
        result = verify(copy)
        done = self.finished and count == len(self.lines)
        assert result.records == count
        assert result.complete == done
        assert result.ok == (done and not torn)
        assert result.state == ("broken" if done and torn else "whole" if done else "cut")
        assert result.torn_bytes == (torn if result.state == "cut" else 0)
        head = hashlib.sha256(self.lines[count - 1]).hexdigest() if count else "0" * 64
        assert result.head == head
        if not result.ok:
            assert result.first_bad is not None
            assert result.first_bad.seq == count
            assert result.message.endswith(result.first_bad.reason)
        if torn and not done:
            assert f"torn tail of {torn} bytes" in result.message

    @precondition(lambda self: self.begun)
    @invariant()
    def the_state_is_the_models(self) -> None:
        """I13."""
        assert seen_in(self.state) == self.pictures[-1]
        assert self.state.records == len(self.taken)

    def teardown(self) -> None:
        if self.begun:
            self.disk.close()
        shutil.rmtree(self.folder)


def test_I13_I15_L01_L02_P03_P04_the_log_holds_what_was_taken_and_says_what_it_lacks(
    run_machine: Callable[..., None],
) -> None:
    run_machine(AuditMachine)
