"""The async form of a user's own router: it hears messages, and sends, cancels and replaces.

    class MyRouter:
        async def run(self, session):
            async for message in session:
                ...

A session is the user's end of our desk. What it is asked to do is done at once, by the same code
that carries out the decisions of the other form; ``asyncio.sleep`` waits in the time of the run.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from router.config import RouterConfig
from router.core.events import Outcome, OwnWake, WakeAt
from router.core.profile import VenueProfile
from router.own.api import Action, ActionError, Cancel, Event, Replace, Send, State, Tif, View
from router.own.checks import check_actions
from router.own.desk import Arrived, Ended, Message, OwnCore, OwnDesk, Quoted
from router.own.guard import Plugin
from router.own.look import state_of, view_of
from sim.audit.records import ChildSent, ParentDone
from sim.kernel.clock import Clock
from sim.protocol.enums import DecisionReason, Priority, TimeInForce
from sim.protocol.errors import PluginError
from sim.protocol.units import Units

__all__ = ["Arrived", "Ended", "Event", "Message", "Quoted", "Session", "SessionDesk"]

_TURNS: Final = 20
"""Turns of the loop that a router gets to come to its end, without time passing."""


class SessionDesk(OwnDesk):
    """Tells a session what happens, and decides nothing by itself."""

    def __init__(
        self,
        profiles: tuple[VenueProfile, ...],
        config: RouterConfig,
        units: Units,
        plugin: Plugin,
    ) -> None:
        super().__init__(profiles, config, units, plugin.name)
        self.plugin = plugin
        self.run: Callable[[Session], Any] = plugin.make().run
        self.inform: Callable[[Message], None] | None = None

    def on_message(self, message: Message, out: list[Outcome]) -> None:
        """Pass it on."""
        if self.inform is not None:
            self.inform(message)

    def decide_due(self, now_ns: int, out: list[Outcome]) -> None:
        """Whose turn it is, the user's router has heard."""
        self._decide_at = -1
        self.waiting.take_due()


class Session:
    """What ``run`` is given. Iterate over it for messages: ``async for message in session``.

    Messages come in the order of the run: ``Arrived`` (a parent), ``Quoted`` (a venue has a new
    book; of several unread ones of a venue the last stands for all), ``Event`` (a venue's answer)
    and ``Ended`` (a parent). The iteration ends with the session, as the last parent has ended or
    the run is over; ``run`` must not return before.
    """

    def __init__(
        self,
        core: OwnCore,
        *,
        clock: Clock,
        apply: Callable[[Sequence[Outcome]], None],
        on_error: Callable[[PluginError], None],
    ) -> None:
        assert isinstance(core.own, SessionDesk)
        self._desk = core.own
        self._plugin = self._desk.plugin
        self._core = core
        self._clock = clock
        self._apply = apply
        self._on_error = on_error
        self._news: deque[Message] = deque()
        self._unread: set[str] = set()  # venues with an unread quote
        self._waiter: asyncio.Future[None] | None = None
        self._over = False
        self._acted: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._desk.inform = self._tell

    # For the router

    @property
    def now_ns(self) -> int:
        """The time of the run."""
        return self._clock.now_ns

    @property
    def over(self) -> bool:
        """Whether nothing comes any more, and nothing can be sent."""
        return self._over

    async def until(self, t_ns: int) -> None:
        """Wait for a time of the run, whatever its clock and speed; a past one is now."""
        self._check_here()
        come: asyncio.Future[None] = self._loop.create_future()

        def arrive(event: object) -> None:
            if not come.done():
                come.set_result(None)

        self._clock.schedule(max(t_ns, self._clock.now_ns), Priority.TIMER, arrive)
        await come

    def look(self, parent_id: str) -> tuple[View, State]:
        """The market as it is known now, for one parent, and that parent.

        Raises:
            ActionError: If no such parent has come.
        """
        self._check_here()
        parent = self._core.parents.get(parent_id)
        if parent is None:
            self._refuse(f"look({parent_id!r}): no such parent has come")
        desk, now_ns = self._desk, self._clock.now_ns
        return view_of(desk, desk.held, parent, now_ns), state_of(parent, DecisionReason.OWN, ())

    def send(
        self, parent_id: str, venue_id: str, qty: int, price: int, tif: Tif = "IOC"
    ) -> str | None:
        """Send an order; its id, or None where the parent has used up its ``max_attempts``.

        Raises:
            ActionError: If it cannot be sent. The run ends with that.
        """
        sent = self.act(parent_id, [Send(venue_id, qty, price, tif)])
        return sent[0] if sent else None

    def cancel(self, parent_id: str, cl_ord_id: str) -> None:
        """Ask to cancel an open order. Raises as ``send`` does."""
        self.act(parent_id, [Cancel(cl_ord_id)])

    def replace(self, parent_id: str, cl_ord_id: str, qty: int, price: int) -> None:
        """Ask for another total and price of a resting order. Raises as ``send`` does."""
        self.act(parent_id, [Replace(cl_ord_id, qty, price)])

    def act(self, parent_id: str, actions: Sequence[Action]) -> list[str]:
        """One decision of several actions; the ids of the orders sent, in their order.

        Raises:
            ActionError: If one of them cannot be carried out: then none is, and the run ends.
        """
        self._check_here()
        core, now_ns = self._core, self._clock.now_ns
        parent = core.parents.get(parent_id)
        if self._over:
            self._refuse("the session is over: nothing can be sent any more")
        if parent is None:
            self._refuse(f"no parent {parent_id!r} has come")
        try:
            checked = check_actions(self._desk, self._desk.held, parent, actions, now_ns)
        except ActionError as error:
            self._refuse(str(error))
        out: list[Outcome] = []
        reason = DecisionReason.OWN if parent_id in self._acted else DecisionReason.INITIAL
        self._acted.add(parent_id)
        self._desk.act(parent, checked, reason, now_ns, out)
        if any(isinstance(one, ParentDone) for one in out):
            # Who waits for parents to end looks at it as something comes.
            out.append(WakeAt(now_ns, OwnWake(parent_id)))
        self._apply(core.told(out))
        return _ids(checked, [one for one in out if isinstance(one, ChildSent)])

    def __aiter__(self) -> "Session":
        return self

    async def __anext__(self) -> Message:
        while not self._news:
            if self._over:
                raise StopAsyncIteration
            if self._waiter is not None:
                self._refuse("two tasks wait for messages of one session")
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._news.popleft()
        if isinstance(message, Quoted):
            self._unread.discard(message.venue_id)
        return message

    # For who runs it

    async def attend(self) -> None:
        """Run the user's ``run``; whatever becomes of it, an error is told to who runs this."""
        plugin, hook = self._plugin, self._desk.run
        try:
            try:
                await hook(self)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if self._over or (task is not None and task.cancelling()):
                    raise
                plugin.failed(error, hook)
            except BaseException as error:
                plugin.failed(error, hook)
            if not self._over:
                plugin.wrong("run() returned before the session was over", hook)
        except PluginError as error:
            self._on_error(error)

    async def end(self, task: asyncio.Task[None]) -> None:
        """Tell the user's task that it is over, and see it end. No time of the run passes.

        Raises:
            PluginError: If the task goes on after it was canceled.
        """
        self._over = True
        self._news.clear()
        self._wake()
        for n in range(2 * _TURNS):
            if task.done():
                return
            if n == _TURNS:
                task.cancel()
            await asyncio.sleep(0)
        if not task.done():
            self._plugin.wrong("run() goes on although the session is over and it was canceled")

    def _tell(self, message: Message) -> None:
        if self._over:
            return
        if isinstance(message, Quoted):
            if message.venue_id in self._unread:
                return
            self._unread.add(message.venue_id)
        self._news.append(message)
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check_here(self) -> None:
        """A session belongs to the loop of its run."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is not self._loop:
            raise ActionError("a session may be used on the loop of its run only, in no thread")

    def _refuse(self, what: str) -> NoReturn:
        """End the run, whatever the user's code makes of the error."""
        error = ActionError(what)
        if not self._over:
            self._on_error(self._plugin.refused(error, sys._getframe(1)))
        raise error


def _ids(actions: Sequence[Action], sent: list[ChildSent]) -> list[str]:
    """The ids of orders in the order of the actions that asked for them."""
    at_once = {one.venue_id: one.cl_ord_id for one in sent if one.time_in_force is TimeInForce.IOC}
    rest = iter([one.cl_ord_id for one in sent if one.time_in_force is not TimeInForce.IOC])
    if not sent:
        return []
    return [
        at_once[one.venue_id] if one.tif == "IOC" else next(rest)
        for one in actions
        if isinstance(one, Send)
    ]
