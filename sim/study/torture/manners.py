"""Judges how venues and router behave to each other, from the records and the scenario.

The rules of a run hold whatever venues do, so a fault of ours on one side often hides behind the
defences of the other: a router that frees lots too early books the fills that follow apart, and
accuses a venue that said nothing wrong. Here it counts what the scenario has ordered: nobody is
accused of what no fault makes him do, no report is missing where nothing was cut or lost, no order
ends with fewer lots than its venue counted, and nothing is sent on a quote that is older than the
router may use.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sim.audit.records import (
    Bust,
    ChildCanceled,
    Correction,
    Decision,
    Overfill,
    Record,
    RouteHold,
    SessionEvent,
    StatusReported,
)
from sim.faults.base import FaultConfig
from sim.faults.disconnect import Disconnect
from sim.faults.message_duplication import MessageDuplication
from sim.faults.message_loss import MessageLoss
from sim.faults.message_reordering import MessageReordering
from sim.faults.router_crash import RouterCrash
from sim.faults.venue_crash import VenueCrash
from sim.faults.wrong_reports import ReportFault
from sim.scenario.model import Scenario
from sim.study.torture.judge import Judge
from sim.study.torture.stops import hears_ns

_ACCUSED: Final = frozenset({"overfill", "conflict", "reset"})
_MISSING: Final = frozenset({"gap", "given_up", "reset"})


class Manners(Judge):
    """Watches one run.

    Args:
        scenario: What is run.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        faults = scenario.faults
        self._accusable = {f.venue_id for f in faults if _may_be_accused(f)}
        self._lossy = {f.venue_id for f in faults if _may_lose_reports(f)}
        if any(isinstance(fault, RouterCrash) for fault in faults):
            self._lossy |= {venue.id for venue in scenario.venues}
        self._too_old = _too_old_ns(scenario)
        self._told: dict[str, int] = {}  # by child, lots that its venue counted when asked

    def observers(self) -> Mapping[type[Record], Callable[[Any], None]]:
        """What to call with the records of these types."""
        return {
            RouteHold: self._on_hold,
            SessionEvent: self._on_session,
            StatusReported: self._on_status,
            Decision: self._on_decision,
            ChildCanceled: self._on_canceled,
            Bust: self._on_changed,
            Correction: self._on_changed,
            Overfill: self._on_changed,
        }

    # What one says of the other

    def _on_hold(self, record: RouteHold) -> None:
        """I3: who said nothing that cannot be is not in quarantine for it."""
        name, reason = record.venue_id, record.reason
        if record.until_ns is None and reason in _ACCUSED and name not in self._accusable:
            says = f"I3: {name} is in quarantine ({reason}), no fault has it say what is not so,"
            self._tell(says, record.t_ns)

    def _on_session(self, record: SessionEvent) -> None:
        """I15: no report is missing where none can have been lost."""
        name = record.venue_id
        if record.event == "up":
            self._told.clear()  # a venue that lost its orders counts nothing any more
        if record.event in _MISSING and name not in self._lossy:
            says = f"I15: reports of {name} are missing ({record.event} {record.detail})"
            self._tell(f"{says}, no fault loses any,", record.t_ns)

    def _on_status(self, record: StatusReported) -> None:
        if record.venue_id not in self._accusable:
            self._told[record.cl_ord_id] = record.cum_qty

    def _on_changed(self, record: Bust | Correction | Overfill) -> None:
        self._told.pop(record.cl_ord_id, None)  # not all that was filled counts as filled

    def _on_canceled(self, record: ChildCanceled) -> None:
        """I2: lots are free only once the fills that their venue counts have come."""
        told = self._told.pop(record.cl_ord_id, 0)
        if record.cum_qty < told:
            says = f"I2: child {record.cl_ord_id} is canceled with {record.cum_qty} lots filled,"
            self._tell(f"{says} {record.venue_id} has counted {told},", record.t_ns)

    # What the router uses

    def _on_decision(self, record: Decision) -> None:
        """I14: no lots go to a venue that has been silent for longer than it may be."""
        if not self._too_old:
            return
        used = {part.venue_id for part in record.split}
        for quote in record.quotes:
            name = quote.venue_id
            if name in used and quote.age_ns > self._too_old.get(name, quote.age_ns):
                says = f"I14: decision {record.decision_id} uses a quote of {name} that"
                self._tell(f"{says} is {quote.age_ns} ns old", record.t_ns)


def _too_old_ns(scenario: Scenario) -> dict[str, int]:
    """By venue, what age of a quote is too much by any clock; without those where it may vary."""
    market = scenario.router.market
    if market is None:
        return {}
    own, hears = market.age_limits(), hears_ns(scenario)
    found = {}
    for venue in scenario.venues:
        limit = own.get(venue.id, market.max_age)
        if limit is not None and venue.id in hears and not venue.silent:
            found[venue.id] = limit + hears[venue.id]
    return found


def _may_be_accused(fault: FaultConfig) -> bool:
    """Whether a fault has a venue say what cannot be, or what cannot be told from that.

    Of orders that overtake others, or come twice, a venue may truly say that it does not know one
    that arrives later, or fill one twice.
    """
    if isinstance(fault, MessageReordering | MessageDuplication):
        return fault.leg == "order"
    return isinstance(fault, ReportFault)


def _may_lose_reports(fault: FaultConfig) -> bool:
    """Whether reports of a venue may be lost, or overtaken, by a fault."""
    if isinstance(fault, VenueCrash | Disconnect):
        return True
    return isinstance(fault, MessageLoss | MessageReordering) and fault.leg == "report"
