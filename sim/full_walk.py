"""The full walk: every venue's book and the router's own books against what the records say.

Constant-time checks look at what a record touched (`sim.audit.invariants`). A walk looks at
everything, at an instant at which nothing is half done: between two events of the loop. It only
reads, so a run with walks writes the same bytes as one without.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from router.core.orders import Parent
from router.core.router import RouterCore
from router.core.states import FINAL
from router.outside.book import OutsideBook
from sim.audit.invariants import Invariants
from sim.audit.log import AuditLog
from sim.audit.order_ledger import ParentBook
from sim.audit.order_rules import OrderRules
from sim.audit.records import RECORD_TYPES, Record, TradePrint
from sim.audit.state import LogState
from sim.protocol.errors import AuditFormatError, InvariantError
from sim.session_witness import SessionWitness
from venues.core.api import VenueCore
from venues.gateway import Gateway

Venues = Callable[[], Mapping[str, VenueCore]]
Router = Callable[[], RouterCore | OutsideBook]
Gateways = Callable[[], Mapping[str, Gateway]]

_BOOK: Final = "I7"
"""The rule that a venue's own check means where it names no other: its book is sound."""


class FullWalk:
    """Walks over one run after every so many records, and once more at its end.

    Args:
        every: Records between two walks; after them the walk is made as the event of the loop that
            wrote the last of them is over.
        invariants: What the records are checked by.
        log: The audit log of the run.
    """

    def __init__(self, every: int, invariants: Invariants, log: AuditLog) -> None:
        self.walks = 0
        self._every = every
        self._invariants = invariants
        self._log = log
        self._state = LogState()
        self._due = False
        self._printed: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._router: Router
        self._venues: Venues
        self._gateways: Gateways
        self._witnesses: Mapping[str, SessionWitness] = {}

    def observers(self) -> dict[type[Record], Callable[[Any], None]]:
        """What to call with each record: all of them count."""
        return {**dict.fromkeys(RECORD_TYPES, self._take), TradePrint: self._take_print}

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        router: Router,
        venues: Venues,
        gateways: Gateways,
        *,
        prints: bool,
        witnesses: Mapping[str, SessionWitness],
    ) -> None:
        """The parts are made: from now on they are walked over.

        Args:
            loop: Where the run runs.
            router: The router's core as it is at present.
            venues: The venues' cores as they are at present.
            gateways: Of the venues that a router is connected to and that speak the truth.
            prints: Whether every trade is printed in the log.
            witnesses: Who watches the sessions, by venue.
        """
        self._loop, self._router, self._venues = loop, router, venues
        self._gateways = gateways
        self._witnesses = witnesses
        if prints:
            self._before = {name: core.volume for name, core in venues().items()}

    def _take_print(self, record: TradePrint) -> None:
        self._printed[record.venue_id] = self._printed.get(record.venue_id, 0) + record.qty
        self._take(record)

    def _take(self, record: Record) -> None:
        if self._invariants.broken is not None:
            return
        try:
            self._state.take((record,))
        except AuditFormatError as error:
            raise self._invariants.breach(InvariantError(f"I13: {error}")) from None
        if self._state.records % self._every == 0 and not self._due and self._loop is not None:
            self._due = True
            self._loop.call_soon(self._walk_if_sound)

    def _walk_if_sound(self) -> None:
        """Walk between two events; a breach goes to who stops the run, not to the loop."""
        self._due = False
        if self._invariants.broken is None:
            try:
                self.walk()
            except InvariantError as error:
                self._invariants.breach(error)

    def walk(self) -> None:
        """Look at everything.

        Raises:
            InvariantError: Naming the rule that is broken, and where.
        """
        self.walks += 1
        invariants = self._invariants
        if not invariants.records == self._log.records == self._state.records:
            raise InvariantError(
                f"I15: {self._log.records} records are written, {invariants.records} were seen"
            )
        invariants.check()
        check_state(self._state, invariants.orders)
        if self._loop is None:
            return
        check_router(self._router(), invariants.orders)
        for name, core in self._venues().items():
            self._check_venue(name, core)

    def check_truth(self) -> None:
        """At the end: no fault has lost or invented a share between a venue and the router.

        Raises:
            InvariantError: Naming the order that the two have different fills of.
        """
        if self._loop is not None:
            core = self._router()
            check_truth(core, self._gateways())
            for child in core.children.values():
                witness = self._witnesses.get(child.venue_id)
                if witness is not None:
                    witness.check_order(child.name)

    def _check_venue(self, name: str, core: VenueCore) -> None:
        try:
            core.check()
        except InvariantError as error:
            error.invariant = error.invariant or _BOOK
            error.what = f"{error.invariant} venue {name}: {error.what}"
            raise
        before = self._before.get(name)
        if before is not None and core.volume - before != self._printed.get(name, 0):
            raise InvariantError(
                f"I10: venue {name} traded {core.volume - before} lots, it printed "
                f"{self._printed.get(name, 0)}"
            )


def check_router(core: RouterCore | OutsideBook, orders: OrderRules) -> None:
    """The router's own books agree with the ledger of the records, parent by parent.

    Raises:
        InvariantError: Naming the rule that is broken, and the parent.
    """
    if list(core.parents) != list(orders.parents):
        raise InvariantError(
            f"I13: the router has parents {list(core.parents)}, the records {list(orders.parents)}"
        )
    for name, parent in core.parents.items():
        if orders.is_ours:
            parent.check()
        _check_parent(parent, orders.parents[name], orders)
    account: dict[str, int] = {}
    for (venue_id, _), lots in core.overfilled.items():
        account[venue_id] = account.get(venue_id, 0) + lots
    for venue_id in sorted({*account, *orders.account}):
        has, said = account.get(venue_id, 0), orders.account.get(venue_id, 0)
        if has != said:
            raise InvariantError(
                f"I1: the account apart holds {has} lots of {venue_id}, the records say {said}"
            )


def _check_parent(parent: Parent, book: ParentBook, orders: OrderRules) -> None:
    name = parent.parent_id
    if (parent.end_reason is None) != (book.done is None):
        raise InvariantError(
            f"I3: parent {name} is {parent.end_reason}, the records say {book.done}"
        )
    if (parent.filled_qty, parent.busted_qty) != (book.filled, book.busted):
        raise InvariantError(
            f"I5: parent {name} has {parent.filled_qty} filled and {parent.busted_qty} busted, the "
            f"records say {book.filled} and {book.busted}"
        )
    if parent.end_reason is not None:
        return  # what it had open is nobody's any more
    waiting = sum(child.leaves_qty for child in parent.leaving.values())
    held = sum(child.leaves_qty for child in parent.open.values())
    if not parent.reserved_qty - waiting == held == book.working:
        raise InvariantError(
            f"I1: parent {name} has {parent.reserved_qty} lots reserved, {waiting} of them wait to "
            f"leave and {held} are in open children; the records say {book.working} are open"
        )
    silent = sum(child.leaves_qty for child in parent.open.values() if child.unanswered)
    if silent != parent.unanswered_qty:
        raise InvariantError(
            f"I1: parent {name} counts {parent.unanswered_qty} lots without an answer of {silent}"
        )
    for child in parent.open.values():
        known = orders.children.get(child.cl_ord_id)
        said = None if known is None else (known.cum, known.leaves, known.excess)
        if said != (child.cum_qty, child.leaves_qty, child.excess_qty):
            raise InvariantError(
                f"I1: child {child.cl_ord_id} has {child.cum_qty} filled, {child.leaves_qty} open "
                f"and {child.excess_qty} apart; the records say {said}"
            )


def check_truth(core: RouterCore | OutsideBook, gateways: Mapping[str, Gateway]) -> None:
    """I5: what has ended at the router has filled there what its venue says that it filled.

    Not so what was written off, which is a rule of its own, what a venue has lost all memory of,
    and where reports of a venue are on their way yet, or were given up: the last of a session, as
    a bust after the end of its order, may be lost without a trace.

    Raises:
        InvariantError: Naming the order that differs.
    """
    if isinstance(core, OutsideBook):
        return  # what another makes of reports is its own affair
    for child in core.children.values():
        gateway = gateways.get(child.venue_id)
        if gateway is None or child.written_off or child.status not in FINAL:
            continue
        if not core.has_heard(child.venue_id, gateway.session, gateway.seq):
            continue
        truth = gateway.filled(child.name)
        if truth is not None and truth != child.told_qty:
            raise InvariantError(
                f"I5: child {child.cl_ord_id} has ended with {child.told_qty} lots filled, venue "
                f"{child.venue_id} filled {truth}"
            )


def check_state(state: LogState, orders: OrderRules) -> None:
    """I13: what a log rebuilds is what the ledger says, which was kept apart from it.

    Raises:
        InvariantError: Naming the first parent or child that differs.
    """
    for name, book in orders.parents.items():
        parent = state.parents.get(name)
        kept = book.filled, book.working, book.tick_lots
        if parent is None or (parent.filled_qty, parent.working_qty, parent.tick_lots) != kept:
            raise InvariantError(f"I13: parent {name} is {kept}, the log rebuilds {parent}")
    for name, child in orders.children.items():
        rebuilt = state.children.get(name)
        if (
            rebuilt is None
            or (rebuilt.cum_qty, rebuilt.leaves_qty) != (child.cum, child.leaves)
            or rebuilt.is_open == bool(child.end)
        ):
            raise InvariantError(f"I13: child {name} is {child}, the log rebuilds {rebuilt}")
