"""A second reckoning of a session, made from what goes into a venue's gateway and what comes out.

A full walk puts it there, so that a run without walks pays nothing. The venue's reports pass it on
their way in, and all that leaves passes it on its way out, so it needs nothing that the gateway
itself remembers: each report leaves once, under the next number; what is sent again is what was
sent; an answer counts the lots that the venue reported, and knows the order if it did.
"""

from collections.abc import Callable

from sim.protocol.enums import ExecType, RejectReason
from sim.protocol.errors import InvariantError
from sim.protocol.orders import ExecutionReport, VenueReport
from sim.protocol.session import FromVenue, OrderStatusRequest, ResendRequest
from venues.gateway import KEPT, Gateway

Tell = Callable[[InvariantError], object]


class SessionWitness:
    """Watches one session.

    Args:
        venue_id: The venue.
        gateway: Its end of the session.
        breach: Told of what cannot be.
    """

    def __init__(self, venue_id: str, gateway: Gateway, breach: Tell) -> None:
        self._venue_id = venue_id
        self._gateway = gateway
        self._breach = breach
        self._begin(gateway.session)
        gateway.watch(self._leaves, self._answered)

    def _begin(self, session: int) -> None:
        """Count a session from its start."""
        self._session = session
        self._seq = 0
        self._said: dict[int, VenueReport] = {}  # the newest ones, by number
        self._again: list[int] = []  # numbers that were sent again since the last answer
        self._new: list[VenueReport] = []  # those that have left under new numbers since then
        self._fills: dict[int, int] = {}  # lots, by the number of the execution
        self._totals: dict[int, int] = {}  # lots filled, by the venue's number of the order
        self._names: dict[str, set[int]] = {}  # the venue's numbers of the orders of a name

    def passing(self, report: Callable[[VenueReport], None]) -> Callable[[VenueReport], None]:
        """What the venue calls with each report in place of ``report``."""

        def given(said: VenueReport) -> None:
            self._follow()
            self._note(said)
            report(said)
            new, self._new = self._new, []
            if len(new) != 1 or new[0] is not said:
                self._tell(f"it reported of {said.cl_ord_id}, and {len(new)} reports left")

        return given

    # What leaves

    def _follow(self) -> None:
        """Begin anew with a new session."""
        if self._gateway.session != self._session:
            self._begin(self._gateway.session)

    def _leaves(self, msg: FromVenue) -> None:
        self._follow()
        seq = msg.seq
        if seq == self._seq + 1:
            self._seq = seq
            self._said[seq] = msg.report
            self._said.pop(seq - KEPT, None)
            self._new.append(msg.report)
        elif seq > self._seq:
            self._tell(f"number {seq} follows number {self._seq}")
        else:
            self._again.append(seq)
            known = self._said.get(seq)
            if known is not None and known is not msg.report:
                self._tell(f"number {seq} is sent again with another report")

    def _answered(self, msg: OrderStatusRequest | ResendRequest) -> None:
        """A question has been answered."""
        self._follow()
        again, self._again = self._again, []
        new, self._new = self._new, []
        if isinstance(msg, ResendRequest):
            last = self._seq if msg.end_seq == 0 else min(msg.end_seq, self._seq)
            first = max(msg.begin_seq, 1)
            due = range(max(first, self._seq - KEPT + 1), last + 1)
            older = [seq for seq in again if first <= seq < due.start]  # may be kept yet
            if again != [*older, *due]:
                self._tell(f"{first} to {last} were asked for again, {again} were sent")
        elif len(new) != 1:
            self._tell(f"it was asked about {msg.cl_ord_id}, and gave {len(new)} answers")
        else:
            self._check_answer(msg, new[0])

    def _check_answer(self, msg: OrderStatusRequest, answer: VenueReport) -> None:
        """An answer says of an order what was reported of it."""
        known = self._names.get(msg.cl_ord_id)
        if (
            not isinstance(answer, ExecutionReport)
            or answer.exec_type is not ExecType.ORDER_STATUS
            or answer.cl_ord_id != msg.cl_ord_id
        ):
            self._tell(f"it was asked about {msg.cl_ord_id}, and said something else")
        elif known is None:
            return  # it was asked before it had said anything: then its book is all it knows
        elif answer.reject_reason is RejectReason.UNKNOWN_ORDER or answer.order_id not in known:
            self._tell(f"it says that it does not know {msg.cl_ord_id}, of which it has reported")
        elif answer.cum_qty != (filled := self._filled({answer.order_id})):
            self._tell(
                f"it says that {answer.cum_qty} lots of {msg.cl_ord_id} are filled, it has "
                f"reported {filled}"
            )

    # What the venue has reported

    def _note(self, report: VenueReport) -> None:
        """Count the fills of an order, whatever the report itself counts."""
        if not isinstance(report, ExecutionReport):
            return
        name, order_id = report.orig_cl_ord_id or report.cl_ord_id, report.order_id
        ids = self._names.setdefault(name, set())
        if not (report.exec_type is ExecType.REJECTED and ids):  # else an id was used twice
            ids.add(order_id)
        if report.exec_type is ExecType.REPLACED:
            self._names[report.cl_ord_id] = ids  # it answers to both names
        if report.exec_type is ExecType.TRADE:
            self._count(report.exec_id, order_id, report.last_qty)
        elif report.exec_type is ExecType.TRADE_CORRECT and report.exec_ref_id is not None:
            self._count(report.exec_ref_id, order_id, report.last_qty)
        elif report.exec_type is ExecType.TRADE_CANCEL and report.exec_ref_id is not None:
            self._count(report.exec_ref_id, order_id, 0)

    def _count(self, exec_id: int, order_id: int, lots: int) -> None:
        """From now on a fill has so many lots."""
        before = self._fills.get(exec_id, 0)
        self._fills[exec_id] = lots
        self._totals[order_id] = self._totals.get(order_id, 0) + lots - before

    def _filled(self, ids: set[int]) -> int:
        return sum(self._totals.get(order_id, 0) for order_id in ids)

    def check_order(self, cl_ord_id: str) -> None:
        """What the gateway counts as filled of an order is what its fills add up to.

        Raises:
            InvariantError: If it is not.
        """
        if self._gateway.session != self._session:
            return  # a new session, in which nothing was said yet
        ids = self._names.get(cl_ord_id)
        filled, counted = (
            None if ids is None else self._filled(ids),
            self._gateway.filled(cl_ord_id),
        )
        if filled != counted:
            raise self._error(f"it counts {counted} lots of {cl_ord_id}, and reported {filled}")

    def _tell(self, what: str) -> None:
        self._breach(self._error(what))

    def _error(self, what: str) -> InvariantError:
        return InvariantError(f"I15: venue {self._venue_id}, session {self._session}: {what}")
