"""The composition root: a checked scenario becomes tasks on a loop, and tasks become a result.

Venues and router meet only in messages over links. Everything that a run writes (audit log,
summary) is a function of scenario, seed and version; what depends on the machine is in the manifest
alone, which is not written here.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from router.core.events import ACCOUNT, FromVenue, ParentOrder
from router.core.profile import VenueProfile
from router.core.router import RouterCore
from router.task import RouterShell
from sim.audit.log import AuditLog, open_audit_log
from sim.audit.records import SCHEMA, RunStarted, VenueEvent
from sim.flow.base import FlowGrid
from sim.kernel.clock import Clock, clock_of, new_loop
from sim.kernel.inbox import Inbox
from sim.kernel.interrupt import interrupts
from sim.kernel.latency import LatencySampler
from sim.kernel.link import Link, make_link
from sim.kernel.loop import Event
from sim.kernel.source import Source
from sim.kernel.streams import Streams
from sim.protocol.enums import EndReason, Outcome, Priority, Side
from sim.protocol.errors import AuditWriteError
from sim.protocol.orders import VenueReport
from sim.protocol.units import Units
from sim.protocol.version import __version__
from sim.report.summary import SummaryBuilder
from sim.scenario.load import LoadedScenario
from sim.scenario.model import VenueEntry
from venues.core.api import VenueCore
from venues.fees import Fees
from venues.task import VenuePorts, opening_snapshot, run_venue

OnProgress = Callable[[int, int], None]
PROGRESS_STEPS: Final = 200
_LAST: Final = len(Priority)
"""Rank after every other event of an instant."""
_DETAIL_MAX: Final = 1_000


class RunResult(msgspec.Struct, frozen=True):
    """What a run came to.

    ``summary`` is the content of ``summary.json``. ``exit_code`` is 0, or 1 if the run is
    incomplete or an expectation was not met, or 130 if it was interrupted. ``folder`` is None for a
    run that was kept in memory; then ``log`` holds the audit log's bytes.
    """

    summary: dict[str, Any]
    outcome: Outcome
    exit_code: int
    records: int
    folder: Path | None
    log: bytes | None


def run_world(
    loaded: LoadedScenario,
    *,
    folder: Path | None = None,
    clock: str = "virtual",
    on_progress: OnProgress | None = None,
) -> RunResult:
    """Run a scenario to its end.

    Args:
        loaded: The scenario.
        folder: Where the run's files go; it must exist. None keeps the audit log in memory.
        clock: ``virtual`` or ``wall``.
        on_progress: Called now and then with the time of the run and its longest duration, ns.

    Raises:
        AuditWriteError: If the audit log cannot be written; the run has stopped.
    """
    loop = new_loop(clock)
    try:
        world = World(loaded, folder, on_progress)
        with world.log, interrupts(loop, world.interrupt):
            try:
                loop.run_until_complete(world.run())
            except Exception:
                loop.run_until_complete(world.cancel_tasks())
                world.abort()
                raise
            loop.run_until_complete(world.cancel_tasks())
            return world.result()
    finally:
        loop.close()


async def arun_world(
    loaded: LoadedScenario, *, folder: Path | None = None, on_progress: OnProgress | None = None
) -> RunResult:
    """Run a scenario on the loop that runs now: ``SimLoop`` gives virtual time, others real time.

    Raises:
        AuditWriteError: If the audit log cannot be written; the run has stopped.
    """
    world = World(loaded, folder, on_progress)
    with world.log:
        try:
            await world.run()
        except BaseException:
            await world.cancel_tasks()
            world.abort()
            raise
        await world.cancel_tasks()
        return world.result()


class World:
    """One run: its log, its tasks and what they share. Two worlds share nothing."""

    def __init__(
        self, loaded: LoadedScenario, folder: Path | None, on_progress: OnProgress | None
    ) -> None:
        self._loaded = loaded
        self._scenario = loaded.scenario
        self._units = Units(self._scenario.instrument.tick_size, self._scenario.instrument.lot_size)
        self._streams = Streams(self._scenario.seed)
        self._folder = folder
        self._on_progress = on_progress
        self._resolved = loaded.resolved()
        self._tasks: list[asyncio.Task[None]] = []
        self._venue_of: dict[asyncio.Task[None], str] = {}
        self._sources: list[Source] = []
        self._clock: Clock | None = None
        self._router: RouterShell | None = None
        self._over: asyncio.Future[None] | None = None
        self._interrupted = False
        self._summary = SummaryBuilder()
        path = None if folder is None else folder / "audit.jsonl"
        self.log: AuditLog = open_audit_log(path, self._scenario.audit.sync)
        for kind, call in self._summary.observers().items():
            self.log.observe(kind, call)
        if folder is not None:
            try:
                _write(folder / "scenario.yaml", loaded.text)
                _write(folder / "resolved.yaml", _yaml(self._resolved))
            except AuditWriteError:
                self.log.close()
                raise

    async def run(self) -> None:
        """Build everything, then run until the parents are done or the duration is over."""
        loop = asyncio.get_running_loop()
        clock = self._clock = clock_of(loop)
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
        over = self._over = loop.create_future()
        clock.schedule(self._scenario.duration, _LAST, self._end)
        self._watch(clock)
        router_task = self._start(loop, clock)
        if self._interrupted:  # before there was anything to stop
            self._end()
        await asyncio.wait([over, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            over.result()  # what recorded data or a flow raised
        for task in self._tasks:
            if task.done():
                self._note_failure(task)
                task.result()  # a venue never ends by itself; an error comes out here
        if not router_task.done():
            reason = EndReason.ABORTED if self._interrupted else EndReason.RUN_ENDED
            self._router_shell.apply(self._router_shell.core.finish(reason, clock.now_ns))

    def interrupt(self) -> None:
        """Stop at this instant; the outcome is ``aborted``. Called by the loop."""
        self._interrupted = True
        self._end()

    def _end(self, event: Event | None = None) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def _fail(self, error: Exception) -> None:
        """Stop at this instant with an error. Called by sources."""
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        """Record that a venue failed, unless that is what cannot be recorded."""
        error, venue_id = task.exception(), self._venue_of.get(task)
        if error is not None and venue_id is not None and not isinstance(error, AuditWriteError):
            detail = f"{type(error).__name__}: {error}"[:_DETAIL_MAX]
            now_ns = 0 if self._clock is None else self._clock.now_ns
            self.log.emit(VenueEvent(t_ns=now_ns, venue_id=venue_id, event="failed", detail=detail))

    def abort(self) -> None:
        """Let the log say that the run was aborted; the error that did it is on its way out."""
        now_ns = 0 if self._clock is None else self._clock.now_ns
        with suppress(AuditWriteError):
            if self._router is not None:
                self._router.apply(self._router.core.finish(EndReason.ABORTED, now_ns))
            if self.log.records:  # else not even its beginning could be written
                self.log.finish(now_ns, Outcome.ABORTED)

    async def cancel_tasks(self) -> None:
        """End every task that still waits, and what would go on by itself on a loop that lives."""
        self._end()
        for source in self._sources:
            source.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def result(self) -> RunResult:
        """Finish the log, write the summary, and say how it went."""
        now_ns = 0 if self._clock is None else self._clock.now_ns
        parents = {} if self._router is None else self._router.core.parents
        ended = {parent.end_reason for parent in parents.values()}
        if self._interrupted:
            outcome = Outcome.ABORTED
        elif len(parents) < len(self._scenario.parents) or EndReason.RUN_ENDED in ended:
            outcome = Outcome.INCOMPLETE
        else:
            outcome = Outcome.COMPLETE
        self.log.finish(now_ns, outcome)
        self.log.flush()
        summary = self._summary.summary(self.log.head)
        met = all(row["met"] for row in summary["expect"])
        if self._folder is not None:
            text = msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
            _write(self._folder / "summary.json", text)
        code = 0 if outcome is Outcome.COMPLETE and met else 1
        return RunResult(
            summary=summary,
            outcome=outcome,
            exit_code=130 if self._interrupted else code,
            records=self.log.records,
            folder=self._folder,
            log=self.log.data if self._folder is None else None,
        )

    # Building

    @property
    def _router_shell(self) -> RouterShell:
        assert self._router is not None  # set by _start
        return self._router

    def _start(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> asyncio.Task[None]:
        """Make venues, links and router, and start their tasks; the router's is returned."""
        inbox: Inbox[Event] = Inbox(loop, "router")
        venues = [
            _Venue(venue, self._units, self._loaded, self._streams, Inbox(loop, venue.id))
            for venue in self._scenario.venues
        ]
        core = RouterCore(tuple([venue.profile for venue in venues]), self._scenario.router)
        links = {
            venue.id: make_link(clock, venue.order, venue.inbox.deliver, Priority.ORDER).send
            for venue in venues
        }
        router = self._router = RouterShell(
            core, inbox, links=links, clock=clock, emit=self.log.emit
        )
        for venue in venues:
            # Subscriptions are older than the run: the opening books are known as it starts.
            core.view.venues[venue.id].on_quote(venue.opening())
            ports = VenuePorts(
                reports={ACCOUNT: _report_port(clock, venue, inbox)},
                feed=make_link(clock, venue.feed, inbox.deliver, Priority.FEED).send,
                emit=self.log.emit,
            )
            coro = run_venue(
                venue.id,
                venue.core,
                venue.inbox,
                ports,
                fees=venue.fees,
                depth=venue.config.depth,
                market_data=self._scenario.audit.market_data,
                clock=clock,
            )
            venue_task = loop.create_task(coro, name=f"venue {venue.id}")
            self._venue_of[venue_task] = venue.id
            self._tasks.append(venue_task)
            for messages in venue.messages(self._scenario.duration):
                source = Source(
                    clock, messages, venue.inbox.deliver, Priority.FLOW, on_error=self._fail
                )
                self._sources.append(source)
                source.start()
        for parent in self._scenario.parents:
            limit = None if parent.limit is None else self._units.price_to_ticks(parent.limit)
            order = ParentOrder(
                parent.id,
                Side(parent.side),
                self._units.qty_to_lots(parent.qty),
                limit,
                parent.deadline,
            )
            router.submit(order, parent.at)
        task = loop.create_task(router.run(len(self._scenario.parents)), name="router")
        self._tasks.append(task)
        return task

    def _watch(self, clock: Clock) -> None:
        if self._on_progress is None:
            return
        report, duration = self._on_progress, self._scenario.duration
        step = max(1, duration // PROGRESS_STEPS)

        def tick(event: Event) -> None:
            if self._over is None or self._over.done():
                return
            report(event.t_ns, duration)
            if event.t_ns + step <= duration:
                clock.schedule(event.t_ns + step, _LAST, tick)

        clock.schedule(0, _LAST, tick)


class _Venue:
    """The parts of one venue while the world is put together."""

    def __init__(
        self,
        config: VenueEntry,
        units: Units,
        loaded: LoadedScenario,
        streams: Streams,
        inbox: Inbox[Event],
    ) -> None:
        self.id = config.id
        self.config = config
        self.inbox = inbox
        self._units = units
        self._streams = streams
        self.core: VenueCore = config.build(units, loaded.resolve)
        self.fees = Fees(config.fees, units)
        self.order = self._sampler("order", loaded)
        self.report = self._sampler("report", loaded)
        self.feed = self._sampler("feed", loaded)
        self._recorded = config.source(units, loaded.resolve)

    @property
    def profile(self) -> VenueProfile:
        """What the router is told about the venue."""
        grid = self.config.grid(self._units)
        return VenueProfile(
            venue_id=self.id,
            visibility=self.config.visibility,
            latency_ns=self.order.nominal_ns,
            tick=grid.tick,
            lot=grid.lot,
            buy=self.fees.effective(Side.BUY),
            sell=self.fees.effective(Side.SELL),
        )

    def opening(self) -> Any:
        """The book that subscribers know as the run starts."""
        return opening_snapshot(self.id, self.core, self.config.depth)

    def messages(self, end_ns: int) -> Iterator[Iterator[tuple[int, Any]]]:
        """Recorded data and background flow with their times, one iterator for each."""
        if self._recorded is not None:
            yield self._recorded
        steps = self.config.grid(self._units)
        grid = FlowGrid(self._units, steps.tick, steps.lot)
        for n, flow in enumerate(self.config.flow):
            stream = self._streams.get("venue", self.id, "flow", str(n))
            yield flow.messages(grid, stream, f"flow{n}", end_ns)

    def _sampler(self, leg: str, loaded: LoadedScenario) -> LatencySampler:
        stream = self._streams.get("venue", self.id, "latency", leg)
        model: Any = getattr(self.config.latency, leg)
        sampler: LatencySampler = model.sampler(stream, loaded.resolve)
        return sampler


def _report_port(clock: Clock, venue: _Venue, inbox: Inbox[Event]) -> Callable[[VenueReport], None]:
    link: Link = make_link(clock, venue.report, inbox.deliver, Priority.REPORT)
    venue_id = venue.id

    def send(report: VenueReport) -> None:
        link.send(FromVenue(venue_id, report))

    return send


def _yaml(data: dict[str, Any]) -> bytes:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # in C where libyaml is there
    text: str = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=False, width=100)
    return text.encode()


def _write(path: Path, content: bytes) -> None:
    """Write one of the run's files.

    Raises:
        AuditWriteError: If the disk refuses: a run without its files is no run.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AuditWriteError(f"{path}: cannot be written: {error.strerror}") from error
