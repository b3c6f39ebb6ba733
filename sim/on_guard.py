"""The invariants of one run on guard: always the quick ones, full walks where they are asked for.

What the world needs of them stands here: what watches the records, who is told of a breach, and
what an error says about the run that it broke.
"""

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from router.core.events import ACCOUNT
from sim.audit.invariants import Invariants
from sim.audit.log import AuditLog
from sim.audit.records import InvariantBroken, Record
from sim.faults.wrong_reports import ReportFault
from sim.full_walk import FullWalk, Router, Venues
from sim.protocol.enums import Outcome
from sim.protocol.errors import InvariantError
from sim.scenario.load import LoadedScenario
from sim.session_witness import SessionWitness
from sim.site import Site


class Watcher(Protocol):
    """Gets a run's audit records, each just after it was written: it must not change the run."""

    def observers(self) -> Mapping[type[Record], Callable[[Any], None]]:
        """What to call with each record of these types."""
        ...


LAST_RECORDS: Final = 20
"""Records that an error carries."""


class Guard:
    """Watches one run.

    Args:
        loaded: The scenario.
        log: Its audit log, still empty.
        folder: Where the run's files go, if anywhere.
        check_every: Records between two full walks; None: there are none.
        on_breach: Called with a breach at once, wherever it was found.

    Raises:
        ValueError: If ``check_every`` is less than 1.
    """

    def __init__(
        self,
        loaded: LoadedScenario,
        log: AuditLog,
        folder: Path | None,
        *,
        check_every: int | None,
        on_breach: Callable[[InvariantError], None],
    ) -> None:
        if check_every is not None and check_every < 1:
            raise ValueError(f"check_every must be >= 1 record, was {check_every}")
        self.invariants = Invariants(on_breach)
        self._options: list[str] = []
        self._loaded = loaded
        self._log = log
        self._folder = folder
        self._every = check_every
        self._walk = None if check_every is None else FullWalk(check_every, self.invariants, log)
        self.watch(self.invariants)  # before all others: what is broken is not passed on
        if self._walk is not None:
            self.watch(self._walk)

    def watch(self, *watchers: Watcher) -> None:
        """Let others see the records, too."""
        for watcher in watchers:
            for kind, call in watcher.observers().items():
                self._log.observe(kind, call)

    def runs_as(self, clock: str, speed: float, ties: int | None) -> None:
        """How time goes in this run, for who wants to repeat it."""
        if clock != "virtual":
            self._options = ["--clock", clock, "--speed", f"{speed:g}"]
        if ties is not None:
            self._options = ["--ties", str(ties)]

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        router: Router,
        venues: Venues,
        sites: Sequence[Site],
    ) -> None:
        """The parts are made: full walks go over them from now on."""
        if self._walk is None:
            return
        scenario = self._loaded.scenario
        prints = scenario.audit.market_data != "none"
        lying = {fault.venue for fault in scenario.faults if isinstance(fault, ReportFault)}
        gateways = {site.id: site.gateway for site in sites if site.gateway is not None}
        sound = {name: gateway for name, gateway in gateways.items() if name not in lying}
        witnesses = {}
        for site in sites:
            if site.gateway is not None:
                witness = SessionWitness(site.id, site.gateway, self.invariants.breach)
                witnesses[site.id] = witness
                ports = site.ports.reports
                ports[ACCOUNT] = witness.passing(ports[ACCOUNT])
        self._walk.attach(loop, router, venues, lambda: sound, prints=prints, witnesses=witnesses)

    def finish(self, outcome: Outcome) -> None:
        """The run is over but for its last record: see whether that may say so; the last walk.

        Raises:
            InvariantError: If a rule is broken.
        """
        if self.invariants.broken is not None:
            raise self.invariants.broken
        try:
            self.invariants.check_end(outcome)
            if self._walk is not None:
                self._walk.walk()
                self._walk.check_truth()
        except InvariantError as error:
            raise self.invariants.breach(error) from None

    def tell(self, error: InvariantError, t_ns: int) -> None:
        """Complete an error with what is known of the run, and let the log tell of it.

        Raises:
            AuditWriteError: If the log cannot be written.
        """
        first = error.seed is None
        self.invariants.breach(error)
        error.add_run(
            seed=self._loaded.scenario.seed,
            t_ns=t_ns,
            records=self._log.tail(LAST_RECORDS),
            command=self._command(),
        )
        if first and self._log.records:
            self._log.emit(InvariantBroken(t_ns=t_ns, invariant=error.invariant, detail=error.what))

    def _command(self) -> str:
        """What repeats the run; where no command can, what to do in its place."""
        given = self._loaded.given
        seed = self._loaded.scenario.seed
        every = self._every if self._every is not None else 1
        beside = [*self._options, "--check-every", str(every)]
        if given is not None and given.still_means(self._loaded.scenario):
            words = ["sorsim", "run", given.ref, "--seed", str(seed)]
            for text in given.sets:
                words += ["--set", text]
            if given.data is not None:
                words += ["--data", given.data]
            if self._loaded.allow_code:
                words.append("--allow-code")
            return shlex.join([*words, *beside])
        if self._folder is not None:
            words = ["sorsim", "run", str(self._folder / "resolved.yaml")]
            words += ["--data", str(self._loaded.folder)]
            if self._loaded.allow_code:
                words.append("--allow-code")
            return shlex.join([*words, *beside])
        return (
            "no command can, since the scenario was no file as it ran; in Python: "
            f"run_world(loaded, check_every={every}) with the same scenario and seed {seed}, which "
            "stand in the first record of the log"
        )
