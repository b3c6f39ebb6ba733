"""Who watches over the tasks of venues and participants: one that dies is an event of the run.

A venue whose task raises is down from that instant: what is sent there is lost, it publishes
nothing, and the router learns that the session has ended. The others go on. Unless a fault of the
scenario did it, the error is a defect: it is kept, and comes out as the run has ended and all its
files are written. What the run cannot go on without stops it at once (``STOPS``).
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn

from sim.audit.records import ParticipantEvent, Record, VenueEvent
from sim.kernel.clock import Clock
from sim.protocol.errors import (
    AuditWriteError,
    DataFormatError,
    InjectedFault,
    InvariantError,
)
from sim.site import Site
from sim.wiring import Wiring

STOPS: Final = (AuditWriteError, DataFormatError, InvariantError)
"""Without its log, its data or its own rules there is nothing to go on with."""
_DETAIL_MAX: Final = 1_000

Task = asyncio.Task[Any]


class Death(NamedTuple):
    """Somebody's task ended with an error that nobody ordered."""

    who: str
    t_ns: int
    error: Exception

    def told(self) -> Exception:
        """The error with a word on who died of it."""
        self.error.add_note(
            f"{self.who} died of it at {self.t_ns} ns; the run went on without it to its end"
        )
        return self.error


class Supervisor:
    """Runs the tasks of one run's venues and participants.

    Args:
        loop: Where they run.
        wiring: What they are.
        clock: Time.
        emit: Takes each audit record.
        stop: Ends the run at this instant with an error.

    Attributes:
        tasks: All of them, also those that have ended.
        deaths: Whoever died of a defect, in order of time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        wiring: Wiring,
        *,
        clock: Clock,
        emit: Callable[[Record], None],
        stop: Callable[[Exception], None],
    ) -> None:
        self.tasks: list[Task] = []
        self.deaths: list[Death] = []
        self._loop = loop
        self._wiring = wiring
        self._clock = clock
        self._emit = emit
        self._stop = stop

    def start(self) -> None:
        """Start them all."""
        for site in self._wiring.sites:
            self.serve(site)
        for name, service in self._wiring.participants.services():
            self._run(f"participant {name}", service, partial(self._on_participant, name))

    def serve(self, site: Site) -> None:
        """Start the task of a venue, once more after it has died."""
        self._run(f"venue {site.id}", self._wiring.serve(site), partial(self._on_venue, site))

    def _run(
        self,
        name: str,
        service: Coroutine[Any, Any, NoReturn],
        on_error: Callable[[Exception], None],
    ) -> None:
        task = self._loop.create_task(service, name=name)
        task.add_done_callback(partial(self._ended, on_error))
        self.tasks.append(task)

    def _ended(self, on_error: Callable[[Exception], None], task: Task) -> None:
        """A task is over; what leaves the program is the loop's affair."""
        error = None if task.cancelled() else task.exception()
        if not isinstance(error, Exception):
            return
        try:
            on_error(error)
        except Exception as failed:  # an error of a callback would be lost in real time
            self._stop(failed)

    def _on_venue(self, site: Site, error: Exception) -> None:
        now_ns, stops = self._clock.now_ns, isinstance(error, STOPS)
        if not isinstance(error, AuditWriteError):
            event = "failed" if stops else "down"
            self._emit(
                VenueEvent(t_ns=now_ns, venue_id=site.id, event=event, detail=detail_of(error))
            )
        if stops:
            self._stop(error)
            return
        site.shut()
        if not isinstance(error, InjectedFault):
            self.deaths.append(Death(f"venue {site.id}", now_ns, error))

    def _on_participant(self, name: str, error: Exception) -> None:
        now_ns = self._clock.now_ns
        if not isinstance(error, AuditWriteError):
            self._emit(
                ParticipantEvent(
                    t_ns=now_ns, participant_id=name, event="failed", detail=detail_of(error)
                )
            )
        if isinstance(error, STOPS):
            self._stop(error)
            return
        self._wiring.participants.shut(name)
        self.deaths.append(Death(f"participant {name}", now_ns, error))

    def has_died(self, site: Site) -> bool:
        """Whether a venue has died of a defect: nobody can start it again."""
        return any(death.who == f"venue {site.id}" for death in self.deaths)

    def raise_deaths(self) -> None:
        """Raise the first error that nobody ordered, if there was one.

        Raises:
            Exception: What somebody died of.
        """
        for death in self.deaths:
            raise death.told()


def detail_of(error: BaseException) -> str:
    """An error as records tell it."""
    return f"{type(error).__name__}: {error}"[:_DETAIL_MAX]
