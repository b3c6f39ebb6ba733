"""Runs one case and judges it: by the rules, by its log, and by when its parents ended."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from sim.audit.invariants import liveness
from sim.audit.order_ledger import Ledger, ParentBook
from sim.audit.read import printable, read_records
from sim.audit.records import Fault, ParentDone, ParentReceived, Record, RunFinished
from sim.audit.verify import verify
from sim.protocol.enums import Side
from sim.protocol.errors import InvariantError
from sim.report.document.build import report_document
from sim.report.summary import SummaryBuilder
from sim.report.trail.build import read_trail
from sim.scenario.load import LoadedScenario
from sim.study.torture.case import Case, patience_ns
from sim.study.torture.manners import Manners
from sim.study.torture.stops import Stops
from sim.world import RunResult, run_world

REPEAT_EVERY: Final = 8
"""Every so many seeds a case is run once more, and must give the same bytes."""
REPORT_EVERY: Final = 8
"""Every so many seeds a report is made of the log, which must not fail either."""
WALK_EVERY: Final = 128
"""Records between two full walks of books and ledgers, where it is not every one."""
MESSAGE_MAX: Final = 2_000


class Failure(msgspec.Struct, frozen=True):
    """What went wrong. Two failures of one ``rule`` are taken to be the same fault of ours."""

    rule: str
    """Number of the invariant, ``I18`` for one; else the class of the error, or a word for it."""
    message: str


class Verdict(msgspec.Struct, frozen=True):
    """What came of one case."""

    events: int
    """Records of its audit log."""
    faults: dict[str, int]
    """How often faults of each kind began or struck."""
    failure: Failure | None = None


def try_case(case: Case, *, thorough: bool = False) -> Verdict:
    """Run a case and judge it.

    Args:
        case: The case.
        thorough: Whether it is walked after every event, run twice and reported whatever its seed;
            otherwise that depends on the seed.

    Raises:
        ScenarioError: If its scenario is wrong.
        KeyboardInterrupt: If its run was interrupted.
    """
    loaded = case.load()
    watch = _Watch()
    with TemporaryDirectory(prefix="sorsim-torture-") as name:
        folder = Path(name)
        try:
            _judge(case, loaded, watch, folder, thorough=thorough)
        except _FoundError as found:
            return watch.verdict(Failure(found.rule, found.says))
        except Exception as error:
            return watch.verdict(failure_of(error))
    return watch.verdict()


def failure_of(error: Exception) -> Failure:
    """What an error says of a case."""
    rule = getattr(error, "invariant", "") if isinstance(error, InvariantError) else ""
    says = error.what if isinstance(error, InvariantError) else f"{type(error).__name__}: {error}"
    says = says.removeprefix(f"{rule}: ")  # said once
    return Failure(rule or type(error).__name__, printable(says)[:MESSAGE_MAX])


class _FoundError(Exception):
    def __init__(self, rule: str, says: str) -> None:
        self.rule = rule
        self.says = says
        super().__init__(says)


class _Watch:
    """What a run's records say that judging needs."""

    def __init__(self) -> None:
        self.count = 0
        self.faults: Counter[str] = Counter()
        self.last_fault_ns = 0
        self.ended_ns = 0
        self.parents = Ledger()

    def observers(self) -> Mapping[type[Record], Callable[[Any], None]]:
        """What to call with the records of these types."""
        return {
            Fault: self._on_fault,
            ParentReceived: self._on_parent,
            ParentDone: self._on_done,
            RunFinished: self._on_finished,
        }

    def _on_fault(self, record: Fault) -> None:
        if record.phase != "ended":
            self.faults[record.fault] += 1
        self.last_fault_ns = record.t_ns

    def _on_parent(self, record: ParentReceived) -> None:
        if record.deadline_ns is None:
            return  # only a case that somebody made by hand has such parents
        sign = 1 if record.side is Side.BUY else -1
        self.parents.parents[record.parent_id] = ParentBook(
            record.order_qty, sign, record.limit_px, record.t_ns, record.deadline_ns
        )

    def _on_done(self, record: ParentDone) -> None:
        parent = self.parents.parents.get(record.parent_id)
        if parent is not None:
            parent.done = record

    def _on_finished(self, record: RunFinished) -> None:
        self.ended_ns = record.t_ns

    def verdict(self, failure: Failure | None = None) -> Verdict:
        """What came of the case."""
        return Verdict(self.count, dict(self.faults), failure)


def _judge(
    case: Case, loaded: LoadedScenario, watch: _Watch, folder: Path, *, thorough: bool
) -> None:
    every = 1 if thorough or case.seed % WALK_EVERY == 0 else WALK_EVERY
    judges = Manners(loaded.scenario), Stops(loaded.scenario)
    result = _unless_interrupted(
        run_world(loaded, folder=folder, watch=[watch, *judges], check_every=every, ties=case.ties)
    )
    watch.count = result.records
    log = folder / "audit.jsonl"
    _check_log(result, log)
    _check_ends(loaded, watch)
    for judge in judges:
        judge.check()
    if thorough or case.seed % REPORT_EVERY == 1:
        report_document(read_trail(log))
    if thorough or case.seed % REPEAT_EVERY == 2:
        again = _unless_interrupted(run_world(loaded, ties=case.ties))
        if again.log != log.read_bytes():
            raise _FoundError("I12", "a second run of the same case gave other bytes")


def _unless_interrupted(result: RunResult) -> RunResult:
    """The run itself takes a signal for its own end; here it means all that would come after."""
    if result.exit_code == 130:
        raise KeyboardInterrupt
    return result


def _check_log(result: RunResult, log: Path) -> None:
    """The log verifies, and says by itself what the run said of itself."""
    found = verify(log, result.summary["audit_head"])
    if not found.ok:
        raise _FoundError("I15", f"the log does not verify: {found.message}")
    summary = SummaryBuilder()
    for _, record in read_records(log):
        summary.observe(record)
    if summary.summary(found.head) != result.summary:
        raise _FoundError("I13", "the log gives another summary than the run did")


def _check_ends(loaded: LoadedScenario, watch: _Watch) -> None:
    """Every parent with a deadline has ended by the time that it had, as long as the run was."""
    liveness(
        watch.parents,
        stopped_ns=watch.last_fault_ns,
        within_ns=patience_ns(loaded.scenario),
        ended_ns=watch.ended_ns,
    )
