"""Assertions over what a run has written down: of a market, or of what ``sim.run`` gave back.

Each raises ``AssertionError`` with what was found, order by order. They read the audit log alone.
"""

from typing import Any, Final, Literal, NamedTuple, NoReturn

from sim.audit.invariants import Invariants
from sim.audit.order_state import ParentState
from sim.audit.read import printable
from sim.audit.records import RunStarted
from sim.audit.state import LogState
from sim.protocol.errors import AuditFormatError, InvariantError
from sim.protocol.units import Units
from sim.report.evidence.receipts import best_prices, received_ns
from sim.report.trail.build import Trail, TrailBuilder
from sim.report.trail.orders import Child
from sim.report.words import instant
from sim.scenario.load import load_scenario
from sim.scenario.shipped import shipped_names
from sim.testing.market import Market
from sim.testing.messages import Number, lots_of
from sim.testing.parents import MarketParent
from sim.testing.trail import AuditTrail
from sim.world import RunResult

Run = Market | RunResult | AuditTrail
Who = MarketParent | str | None
_SHOWN_MAX: Final = 20


class _Worse(NamedTuple):
    child: Child
    t_ns: int
    px: int
    qty: int
    best: int
    by: int


def assert_filled(run: Run, parent: Who = None, qty: Number | None = None) -> None:
    """A client's order is filled: all of it, or exactly ``qty``.

    Args:
        run: A market, the result of a run, or its audit trail.
        parent: Which one; None: every one.
        qty: How much must be filled, as people write it; None: what was ordered.

    Raises:
        AssertionError: If it is not; it tells what became of each of its children.
        ValueError: If there is no such parent.
    """
    __tracebackhide__ = True
    trail = _read(run)
    for name, state in _parents(trail, parent).items():
        ordered = state.received.order_qty
        wanted = ordered if qty is None else lots_of(trail.units, qty, "qty")
        if state.filled_qty != wanted:
            what = f"{state.filled_qty} of {ordered} lots are filled"
            wish = "" if qty is None else f", not {wanted}"
            _fail(run, f"parent {printable(name)}: {what}{wish}", _told(trail, state))


def assert_no_overfill(run: Run, parent: Who = None, *, committed: bool = False) -> None:
    """No client's order got more than was ordered.

    What a router sends for no other parent after one of that side was done counts as too much for
    that one. Lots that no order can have had (beyond its own size or limit, or after its end) are a
    fault of the venue: they stand apart, in records ``overfill``.

    Args:
        run: A market, the result of a run, or its audit trail.
        parent: Which one; None: every one.
        committed: Whether what was filled and what was open together may not have been more at any
            time either: else a router passes that was only lucky.

    Raises:
        AssertionError: If one did; it tells the children.
        ValueError: If there is no such parent.
    """
    __tracebackhide__ = True
    trail = _read(run)
    late = _late(trail)
    for name, state in _parents(trail, parent).items():
        ordered, filled = state.received.order_qty, state.filled_qty
        if filled > ordered:
            what = f"{filled} lots are filled, {filled - ordered} more than were ordered"
            _fail(run, f"parent {printable(name)}: {what}", _told(trail, state))
        if name in late:
            what = f"{sum(one.filled_qty for one in late[name])} lots are filled after it was done"
            lines = [line for one in late[name][:_SHOWN_MAX] for line in _told(trail, one)]
            _fail(run, f"parent {printable(name)}: {what}", [*_told(trail, state), *lines])
        if committed:
            t_ns, most = _most_committed(trail, name)
            if most > ordered:
                what = f"at {instant(t_ns)} {most} lots were filled or open, {ordered} are ordered"
                _fail(run, f"parent {printable(name)}: {what}", _told(trail, state))


def assert_best_execution(
    run: Run,
    parent: Who = None,
    tolerance: Number = 0,
    *,
    against: Literal["true", "known"] = "true",
) -> None:
    """No fill was worse than the best displayed lit price of its side by more than ``tolerance``.

    ``true``: the best price that any lit venue displayed as the order reached its venue, before
    what our own orders changed at that instant. ``known``: the best one that the router had
    received as it sent the order. A buy is worse above it, a sale below. Fills of orders that
    rested are not looked at: they set their own price.

    Args:
        run: A market, the result of a run, or its audit trail.
        parent: Whose fills; None: all.
        tolerance: A price difference as people write it, such as ``"0.01"``.
        against: Which best price.

    Raises:
        AssertionError: If one was; it lists the worst ones.
        ValueError: If there is no such parent, or the log holds no market data to judge by.
    """
    __tracebackhide__ = True
    if against not in {"true", "known"}:
        raise ValueError(f"against must be true or known, was {against!r}")
    trail = _read(run)
    if against == "true" and trail.whole.started.market_data == "none":
        raise ValueError("the log holds no market data (audit.market_data: none)")
    most = trail.units.price_to_ticks(str(tolerance))
    names = _parents(trail, parent)
    worse = [
        one
        for child in trail.whole.children.values()
        if child.sent.parent_id in names
        for one in _worse(trail, child, against)
        if one.by > most
    ]
    if not worse:
        return
    worse.sort(key=lambda one: -one.by)
    px = trail.units.price_text
    lines = [
        f"  {printable(one.child.cl_ord_id)} at {one.child.venue_id}: {one.qty} at {px(one.px)}, "
        f"{px(one.by)} worse than {px(one.best)}, filled at {instant(one.t_ns)}"
        for one in worse[:_SHOWN_MAX]
    ]
    what = f"{len(worse)} fills are worse than the best {against} price by more than {px(most)}"
    _fail(run, what, lines)


def assert_log_valid(run: Run) -> None:
    """The audit log is whole and true in itself.

    Its lines and their chain verify, no record contradicts those before it, and the invariants of
    a run hold. Of a market, the log so far; of a run, to its end. What a router that is not ours
    sends too much is no fault of the log: ``assert_no_overfill`` looks for that.

    Raises:
        AssertionError: If it is not; it says where.
    """
    __tracebackhide__ = True
    trail = _trail(run)
    found = trail.verify()
    # Of a market that still runs the log has no end yet, and nothing else may be wrong.
    ongoing = not (isinstance(run, RunResult) or found.complete)
    if not found.ok and not (ongoing and found.records == len(trail)):
        _fail(run, f"the log is broken: {found.message}", [])
    try:
        LogState().take(trail.records)
    except AuditFormatError as error:
        _fail(run, f"the log contradicts itself: {error}", [])
    try:
        checks = Invariants()
        checks.take(trail.records)
        checks.check()
    except InvariantError as error:
        _fail(run, f"an invariant is broken: {error}", [])


class _Read(NamedTuple):
    records: list[Any]
    state: LogState
    whole: Trail

    @property
    def units(self) -> Units:
        return self.whole.units


def _trail(run: Run) -> AuditTrail:
    if isinstance(run, Market):
        run.begin()
        return run.audit
    return AuditTrail.of(run) if isinstance(run, RunResult) else run


def _read(run: Run) -> _Read:
    trail = _trail(run)
    builder, state = TrailBuilder(), LogState()
    state.take(trail.records)
    for record in trail.records:
        builder.observe(record)
    return _Read(trail.records, state, builder.trail())


def _parents(trail: _Read, parent: Who) -> dict[str, ParentState]:
    found = trail.state.parents
    if parent is None:
        if not found:
            raise ValueError("no parent has come: nothing to assert")
        return found
    name = parent if isinstance(parent, str) else parent.id
    if name not in found:
        there = ", ".join(map(printable, found)) or "none"
        raise ValueError(f"no parent {printable(name)} has come; there are: {there}")
    return {name: found[name]}


def _told(trail: _Read, state: ParentState) -> list[str]:
    """What became of an order, child by child."""
    px = trail.units.price_text
    lines = [
        f"  {printable(one.cl_ord_id)} at {one.venue_id}: {one.side.value} {one.order_qty} at "
        f"{px(one.price)}, {one.status.value}: {one.cum_qty} filled, {one.leaves_qty} open, "
        f"{one.canceled_qty} canceled; sent at {instant(one.sent_ns)}"
        for one in state.children[:_SHOWN_MAX]
    ]
    more = len(state.children) - len(lines)
    lines += [f"  and {more} more"] if more > 0 else []
    if not state.children:
        lines.append("  nothing was sent for it")
    if state.end_reason is not None and state.ended_ns is not None:
        lines.append(f"  it ended at {instant(state.ended_ns)}: {state.end_reason.value}")
    return lines


def _late(trail: _Read) -> dict[str, list[ParentState]]:
    """Filled orders by themselves that came after a parent of their side was done, by its name.

    Of several such parents it is the one that was done last. While one was not, the order would
    have been booked to it.
    """
    late: dict[str, list[ParentState]] = {}
    named: list[ParentState] = []
    for one in trail.state.parents.values():
        if not _is_alone(one):
            named.append(one)
        elif one.filled_qty:
            side, came_ns = one.received.side, one.received.t_ns
            done = [
                (at.ended_ns, n)
                for n, at in enumerate(named)
                if at.received.side is side and at.ended_ns is not None and at.ended_ns <= came_ns
            ]
            if done:
                late.setdefault(named[max(done)[1]].received.parent_id, []).append(one)
    return late


def _is_alone(state: ParentState) -> bool:
    """Whether it is an order that was sent for no parent."""
    name = state.received.parent_id
    return len(state.children) == 1 and state.children[0].cl_ord_id == name


def _most_committed(trail: _Read, name: str) -> tuple[int, int]:
    """When most lots of a parent were filled or open, and how many."""
    state = LogState()
    t_ns = most = 0
    for record in trail.records:
        state.take([record])
        parent = state.parents.get(name)
        if parent is not None and parent.filled_qty + parent.working_qty > most:
            t_ns, most = record.t_ns, parent.filled_qty + parent.working_qty
    return t_ns, most


def _worse(trail: _Read, child: Child, against: str) -> list[_Worse]:
    """The fills of a child that took, each with how much worse it was than the best price."""
    found = []
    best: int | None = None
    if against == "true":
        t_ns = received_ns(child)
        if t_ns is not None:
            _, bid, ask = best_prices(trail.whole, t_ns)
            best = ask if child.sign > 0 else bid
    for one in child.executions:
        limit = one.best_px if against == "known" else best
        if limit is not None and not one.is_maker and one.qty:
            by = child.sign * (one.px - limit)
            found.append(_Worse(child, one.done_ns, one.px, one.qty, limit, by))
    return found


def _fail(run: Run, what: str, lines: list[str]) -> NoReturn:
    """Raise, with the command that runs it again where there is one."""
    __tracebackhide__ = True
    again = _command(run) if isinstance(run, RunResult) else ""
    raise AssertionError("\n".join([what, *lines, *([f"  again: {again}"] if again else [])]))


def _command(result: RunResult) -> str:
    """What runs a shipped scenario again as it ran; empty where it was changed, or is another."""
    name, seed = result.summary["scenario"], result.summary["seed"]
    started = AuditTrail.of(result).find(RunStarted)
    if name not in shipped_names() or load_scenario(name, seed=seed).resolved() != started.scenario:
        return ""
    return f"sorsim run {name} --seed {seed}"
