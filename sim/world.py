"""The composition root: a checked scenario becomes tasks on a loop, and tasks become a result.

Venues and router meet only in messages over links. Everything that a run writes (audit log,
summary) is a function of scenario, seed and version; what depends on the machine is in the manifest
alone, which is not written here.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from router.outside.shell import OutsideShell
from router.own.desk import OwnCore
from router.own.session import Session, SessionDesk
from router.task import RouterShell
from sim.audit.log import AuditLog, open_audit_log
from sim.audit.records import (
    SCHEMA,
    PluginFailed,
    RunStarted,
    VenueEvent,
)
from sim.faults.plan import Faults
from sim.kernel.clock import (
    LAG_NS_MAX,
    Clock,
    check_pace,
    clock_of,
    lag_of,
    limit_lag,
    new_loop,
    patience_ns,
    start_clock,
)
from sim.kernel.garbage import rare_collections
from sim.kernel.interrupt import interrupts
from sim.kernel.loop import Event
from sim.kernel.shuffle import shuffled_loop
from sim.kernel.source import Source
from sim.kernel.streams import Streams
from sim.on_guard import Guard, Watcher
from sim.outages import Outages, faults_of, kept_for_crashes
from sim.protocol.enums import EndReason, Outcome, Priority
from sim.protocol.errors import AuditWriteError, DataFormatError, InvariantError, PluginError
from sim.protocol.version import __version__
from sim.report.summary import SummaryBuilder
from sim.run_files import write_file, yaml_bytes
from sim.run_result import RunResult as RunResult  # noqa: PLC0414 - for whoever imports both
from sim.scenario.load import LoadedScenario
from sim.supervision import Supervisor, detail_of
from sim.wiring import Tap, Wiring

OnProgress = Callable[[int, int], None]
PROGRESS_STEPS: Final = 200
DRAIN_S: Final = 2
"""Seconds that an interrupted run waits for the answers to its cancels: of the wall in real time,
simulated ones in virtual time."""
_LAST: Final = len(Priority)
"""Rank after every other event of an instant."""


def run_world(
    loaded: LoadedScenario,
    *,
    folder: Path | None = None,
    clock: str = "virtual",
    speed: float = 1.0,
    lag_ns_max: int | None = LAG_NS_MAX,
    on_progress: OnProgress | None = None,
    watch: Sequence[Watcher] = (),
    check_every: int | None = None,
    ties: int | None = None,
) -> RunResult:
    """Run a scenario to its end.

    Args:
        loaded: The scenario.
        folder: Where the run's files go; it must exist. None keeps the audit log in memory.
        clock: ``virtual`` or ``wall``.
        speed: With ``wall``: simulated seconds per second of the wall.
        lag_ns_max: With ``wall``: how late an event may be, in nanoseconds of the wall. If one is
            later the run ends as an interrupted one does; None allows any lag.
        on_progress: Called now and then with the time of the run and its longest duration, ns.
        watch: Get the audit records as they are written.
        check_every: Walk over all books after so many records, and at the end; None: never. What is
            written is the same.
        ties: With ``virtual``: the seed of another order of what falls on one instant with one
            priority and comes from different sources (``sim.kernel.shuffle``).

    Raises:
        AuditWriteError: If the audit log cannot be written; the run has stopped.
        InvariantError: If a rule of ours is broken; the run has stopped, and the log says so.
        KeyboardInterrupt: At a second signal, or at a first one when the run was over already.
        ValueError: If speed or lag are out of bounds, or the speed is not 1 in virtual time.
    """
    check_pace(clock, speed, lag_ns_max)
    loop = shuffled_loop(clock, ties) if ties is not None else new_loop(clock)
    try:
        # Before there is a world: what a signal asks for while it is made, the loop does first.
        with interrupts(loop, lambda: world.interrupt()):  # noqa: PLW0108
            world = World(loaded, folder, on_progress, speed, watch, check_every=check_every)
            world.guard.runs_as(clock, speed, ties)
            world.lag_ns_max = lag_ns_max
            return _run_on(loop, world)
    finally:
        loop.close()


def _run_on(loop: asyncio.AbstractEventLoop, world: "World") -> RunResult:
    # The log is held here and not in the coroutine: a second signal leaves without closing that.
    with world.log, rare_collections():
        try:
            loop.run_until_complete(world.run())
        except SystemExit as left:
            error = world.left_by(left)
            loop.run_until_complete(world.cancel_tasks())
            world.abort(error)
            raise error from left
        except Exception as error:
            loop.run_until_complete(world.cancel_tasks())
            world.abort(error)
            raise
        loop.run_until_complete(world.cancel_tasks())
        return world.result()


async def arun_world(
    loaded: LoadedScenario,
    *,
    folder: Path | None = None,
    on_progress: OnProgress | None = None,
    watch: Sequence[Watcher] = (),
    check_every: int | None = None,
) -> RunResult:
    """Run a scenario on the loop that runs now: ``SimLoop`` gives virtual time, others real time.

    Raises:
        AuditWriteError: If the audit log cannot be written; the run has stopped.
        InvariantError: If a rule of ours is broken; the run has stopped, and the log says so.
    """
    world = World(loaded, folder, on_progress, watch=watch, check_every=check_every)
    with world.log, rare_collections():
        try:
            await world.run()
        except BaseException as error:
            await world.cancel_tasks()
            world.abort(error)
            raise
        await world.cancel_tasks()
        return world.result()


class World:
    """One run: its log, its tasks and what they share. Two worlds share nothing."""

    def __init__(
        self,
        loaded: LoadedScenario,
        folder: Path | None,
        on_progress: OnProgress | None,
        speed: float = 1.0,
        watch: Sequence[Watcher] = (),
        *,
        outside: OutsideShell | None = None,
        tap: Tap | None = None,
        check_every: int | None = None,
    ) -> None:
        self._loaded = loaded
        self._scenario = loaded.scenario
        self._outside, self._tap = outside, tap
        self._parents = 0  # of an outside router nobody knows how many it will get
        if outside is None:
            self._parents = sum(1 for entry in loaded.scenario.parents for _ in entry.each())
        self._folder = folder
        self._on_progress = on_progress
        self._speed = speed
        self.lag_ns_max: int | None = None
        self._resolved = loaded.resolved()
        self._tasks: list[asyncio.Task[None]] = []
        self._supervisor: Supervisor | None = None
        self._sources: list[Source] = []
        self._faults: Faults | None = None
        self._outages: Outages | None = None
        self._clock: Clock | None = None
        self._router: RouterShell | OutsideShell | None = None
        self._own: tuple[Session, asyncio.Task[None]] | None = None
        self._orders: Source
        self._over: asyncio.Future[None] | None = None
        self._interrupted = False
        self._stopping = False
        self._summary = SummaryBuilder()
        path = None if folder is None else folder / "audit.jsonl"
        self.log: AuditLog = open_audit_log(path, self._scenario.audit.sync)
        told = self._fail_with
        self.guard = Guard(loaded, self.log, folder, check_every=check_every, on_breach=told)
        self.guard.watch(self._summary, *watch)
        if folder is not None:
            try:
                resolved = yaml_bytes(self._resolved)
                # A scenario that came out of a log has no other text.
                write_file(folder / "scenario.yaml", loaded.text or resolved)
                write_file(folder / "resolved.yaml", resolved)
            except AuditWriteError:
                self.log.close()
                raise

    async def run(self) -> None:
        """Build everything, then run until the parents are done or the duration is over.

        Where a venue may take trades back, the duration is the end.
        """
        await self.attend(self.begin(asyncio.get_running_loop()))

    def begin(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """Build everything and start it; ``attend`` wants the task that is returned."""
        clock = self._clock = clock_of(loop, self._speed)
        audit = self._scenario.audit
        self.log.emit(
            RunStarted(
                t_ns=0,
                schema=SCHEMA,
                code_version=__version__,
                seed=self._scenario.seed,
                sync=audit.sync,
                market_data=audit.market_data,
                scenario=self._resolved,
                files=self._loaded.file_hashes(),
            )
        )
        self._over = loop.create_future()
        clock.schedule(self._scenario.duration, _LAST, self._end)
        self._watch(clock)
        router_task = self._start(loop, clock)
        limit_lag(clock, self.lag_ns_max, self._stop)
        start_clock(clock)
        if self._stopping:  # before there was anything to stop
            self._end()
        return router_task

    async def attend(self, router_task: asyncio.Task[None]) -> None:
        """Wait until the router's task or the duration is over, or something fails."""
        over = self._over
        assert over is not None  # set by begin
        await asyncio.wait([over, router_task], return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            over.result()  # what recorded data, a flow or a task raised
        if router_task.done():
            router_task.result()
        await self._end_own()
        if not router_task.done():
            reason = EndReason.ABORTED if self._stopping else EndReason.RUN_ENDED
            self._break_off(reason)
        self.guard.finish(self._outcome())

    def _break_off(self, reason: EndReason) -> None:
        self._router_shell.apply(self._router_shell.core.finish(reason, self._now_ns))
        for task in self._all_tasks():  # or what is due already would go on behind the end
            task.cancel()

    def stop_here(self) -> RunResult:
        """End at this instant, and say how it went: for who drives the run from within its loop."""
        self._break_off(EndReason.RUN_ENDED)
        for source in self._sources:
            source.stop()
        self.guard.finish(self._outcome())
        return self.result()

    def interrupt(self) -> None:
        """Send no new orders, cancel the open ones and wait a while for the answers.

        The outcome is ``aborted`` either way. The market goes on meanwhile. Called by the loop.
        """
        self._interrupted = True
        self._stop()

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        if self._clock is None or self._router is None:
            self._end()
            return
        self._router.stop()
        self._orders.stop()
        self._clock.schedule(
            self._clock.now_ns + patience_ns(self._clock, DRAIN_S), _LAST, self._end
        )

    def _end(self, event: Event | None = None) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _fail(self, venue_id: str, error: Exception) -> None:
        """Stop at this instant, since what drives a venue raised ``error``. Called by sources."""
        if self._over is None or self._over.done():
            return
        try:
            self.log.emit(
                VenueEvent(
                    t_ns=self._now_ns, venue_id=venue_id, event="failed", detail=detail_of(error)
                )
            )
        except AuditWriteError as unwritten:
            error = unwritten
        if isinstance(error, DataFormatError):
            message = f"{error.message} (venue {venue_id})"
            error = DataFormatError(error.file, error.line, message)
        self._fail_with(error)

    def _fail_with(self, error: Exception) -> None:
        """Stop at this instant with an error."""
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    @property
    def clock(self) -> Clock:
        """The time of the run, once it has begun."""
        assert self._clock is not None
        return self._clock

    @property
    def _now_ns(self) -> int:
        return 0 if self._clock is None else self._clock.now_ns

    def left_by(self, error: SystemExit) -> PluginError:
        """What became of a task that left the program: only one of the user's own can have."""
        refs = ", ".join(self._scenario.plugins)
        message = f"plug-in {refs} failed: one of its tasks left the program ({error!r})"
        return PluginError(message, plugin=refs, kind=type(error).__name__)

    def abort(self, error: BaseException) -> None:
        """Let the log say that the run was aborted; the error that did it is on its way out."""
        now_ns = self._now_ns
        with suppress(AuditWriteError):
            if isinstance(error, InvariantError):
                self.guard.tell(error, now_ns)
            if isinstance(error, PluginError) and self.log.records:
                failed = {"plugin": error.plugin, "place": error.place, "error": error.kind}
                self.log.emit(PluginFailed(t_ns=now_ns, **failed))
            if self._router is not None:
                self._router.apply(self._router.core.finish(EndReason.ABORTED, now_ns))
            if self.log.records:  # else not even its beginning could be written
                self.log.finish(now_ns, Outcome.ABORTED)

    async def _end_own(self) -> None:
        """End the task of the user's own router, where there is one."""
        own, self._own = self._own, None
        if own is not None:
            session, task = own
            await session.end(task)

    async def cancel_tasks(self) -> None:
        """End every task that still waits, and what would go on by itself on a loop that lives."""
        self._end()
        with suppress(PluginError):  # the first error is on its way already
            await self._end_own()
        for source in self._sources:
            source.stop()
        if self._faults is not None:
            self._faults.stop()
        if self._outages is not None:
            self._outages.stop()
        tasks = self._all_tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _all_tasks(self) -> list[asyncio.Task[Any]]:
        return self._tasks if self._supervisor is None else [*self._supervisor.tasks, *self._tasks]

    def _outcome(self) -> Outcome:
        """How it went, as far as it is known."""
        parents = {} if self._router is None else self._router.core.parents
        ended = {parent.end_reason for parent in parents.values()}
        if self._stopping:
            return Outcome.ABORTED
        if len(parents) < self._parents or EndReason.RUN_ENDED in ended or self._deaths:
            return Outcome.INCOMPLETE
        return Outcome.COMPLETE

    def result(self) -> RunResult:
        """Finish the log, write the summary, and say how it went.

        Raises:
            Exception: What a venue or participant died of, unless a fault of the scenario did it.
        """
        now_ns, outcome = self._now_ns, self._outcome()
        self.log.finish(now_ns, outcome)
        self.log.close()  # confirmed on the disk before anything is made of it
        summary = self._summary.summary(self.log.head)
        met = all(row["met"] for row in summary["expect"])
        if self._folder is not None:
            text = msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
            write_file(self._folder / "summary.json", text)
        if self._supervisor is not None:
            self._supervisor.raise_deaths()
        code = 0 if outcome is Outcome.COMPLETE and met else 1
        return RunResult(
            summary=summary,
            outcome=outcome,
            exit_code=130 if self._interrupted else code,
            records=self.log.records,
            folder=self._folder,
            log=self.log.data if self._folder is None else None,
            lag=lag_of(self._clock),
        )

    @property
    def _deaths(self) -> bool:
        return self._supervisor is not None and bool(self._supervisor.deaths)

    # Building

    @property
    def _router_shell(self) -> RouterShell | OutsideShell:
        assert self._router is not None  # set by _start
        return self._router

    def _start(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> asyncio.Task[None]:
        """Make venues, links and router, and start their tasks; the router's is returned."""
        streams = Streams(self._scenario.seed)
        faults = self._faults = faults_of(self._scenario, streams, clock, self.log)
        wiring = Wiring(
            self._loaded,
            streams,
            loop,
            clock=clock,
            emit=self.log.emit,
            on_error=self._fail,
            faults=faults,
            tap=self._tap,
            outside=self._outside,
            crashes=kept_for_crashes(faults, self.log),
        )
        router = self._router = wiring.shell
        self.guard.attach(loop, lambda: router.core, wiring.cores, wiring.sites)
        supervisor = self._supervisor = Supervisor(
            loop, wiring, clock=clock, emit=self.log.emit, stop=self._fail_with
        )
        supervisor.start()
        if isinstance(router.core, OwnCore) and isinstance(router.core.own, SessionDesk):
            session = Session(
                router.core, clock=clock, apply=router.apply, on_error=self._fail_with
            )
            self._own = session, loop.create_task(session.attend(), name="own router")
        if faults is not None:
            self._outages = Outages(
                wiring.sites,
                supervisor=supervisor,
                router=router if isinstance(router, RouterShell) else None,
                clock=clock,
                emit=self.log.emit,
            )
            faults.start(self._outages)
        self._sources = [*wiring.sources, wiring.orders]
        self._orders = wiring.orders
        for source in self._sources:
            source.start()
        task = loop.create_task(
            router.run(wiring.parents, listen_on=wiring.listen_on), name="router"
        )
        self._tasks.append(task)
        return task

    def _watch(self, clock: Clock) -> None:
        if self._on_progress is None:
            return
        report, duration = self._on_progress, self._scenario.duration
        step = max(1, duration // PROGRESS_STEPS)

        def tick(event: Event) -> None:
            if self._over is None or self._over.done() or self._stopping:
                return
            report(event.t_ns, duration)
            if event.t_ns + step <= duration:
                clock.schedule(event.t_ns + step, _LAST, tick)

        clock.schedule(0, _LAST, tick)
