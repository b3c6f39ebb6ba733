"""Jobs on the workers of a Dask cluster, an engine that is not ours: it places, moves and retries.

A worker does one job at a time, whatever its threads, and must have this sorsim, on this kind of
machine, with these libraries: then its results are ours to the byte. Only a few jobs per worker
are under way at once, so that an end comes soon and the scheduler holds little. Waits are bounded:
a cluster that is not there, has no workers or is lost is an error with words. Knows nothing of
what the work is.
"""

import asyncio
import logging
import platform
import re
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any, Final, Generic, TypeVar, cast

from sim.kernel.interrupt import stop_if_interrupted
from sim.manifest import PACKAGES
from sim.protocol.errors import ClusterError, MissingExtraError, WorkerLostError
from sim.protocol.version import __version__
from sim.scenario.scalars import shown
from sim.study.bundles import Outcome, Several, Todo, words
from sim.study.code import code_digest
from sim.study.parcel import Parcel
from sim.study.pool import JobError, terminate_is_interrupt

CONNECT_SECONDS: Final = 10
"""How long to try to reach the scheduler, and how long to wait for its first worker."""
ALONE_SECONDS: Final = 60
"""How long all workers may be gone, or the scheduler be silent, before it is given up."""
MISSES_MAX: Final = 5
"""How many results in a row may get lost on their way while the scheduler is there."""

_ADDRESS: Final = re.compile(
    r"(?:tcp|tls|ws|wss)://(?:[^\s/:@\[\]]+|\[[0-9A-Fa-f:.%]+\]):[0-9]{1,5}"
)
SENT_BYTES_MAX: Final = 256 * 2**20
"""Data files beyond this are not sent to workers."""
_LOOK_SECONDS: Final = 1
_AHEAD: Final = 2
"""Bundles per thread of the cluster that are handed over at once: one to do, one to go on with."""
_LOGGERS: Final = ("distributed", "asyncio", "tornado")
_ENGINE: Final = ("dask", "distributed")

_one_at_a_time = threading.Lock()

J = TypeVar("J")
R = TypeVar("R")
Facts = dict[str, str]


def run_on_cluster(
    jobs: Sequence[J],
    worker: Callable[[J], R],
    address: str,
    *,
    on_result: Callable[[int, R], object],
    name: Callable[[J], str] = str,
    parcels: Sequence[Parcel] = (),
    connect_seconds: float = CONNECT_SECONDS,
) -> None:
    """Run ``worker(job)`` for every job on the workers that the scheduler knows.

    Args:
        jobs: Whatever can be pickled.
        worker: A function of a module that the workers have.
        address: Of the scheduler, such as ``tcp://host:8786``.
        on_result: Called in this thread with each result as it comes, and its place among the jobs.
        name: What messages call a job.
        parcels: Scenarios whose files are sent to the workers; files of more than
            ``SENT_BYTES_MAX`` in all stay here, and must be on the workers in the same folder.
        connect_seconds: How long to try to reach the scheduler, and to wait for a first worker.

    Raises:
        JobError: If a job raised; the others are stopped.
        WorkerLostError: If one job ended its worker several times.
        ClusterError: If the cluster cannot be reached, is of another version, or is lost.
        MissingExtraError: If Dask is not installed.
        KeyboardInterrupt: At Ctrl-C or SIGTERM; jobs that run on workers end unheard.
    """
    check_address(address)
    with (
        terminate_is_interrupt(),
        _quiet(_engine()),
        _connected(address, connect_seconds) as client,
    ):
        facts = machine_facts()
        _check_workers(client, address, facts, connect_seconds)
        crew = _Crew(client, address, jobs, call=Several(worker), name=name, on_result=on_result)
        with _sent(client, address, parcels):
            crew.run(facts)


def check_address(address: str) -> None:
    """Refuse what is no address of a scheduler.

    Raises:
        ClusterError: With what was found and what is allowed.
    """
    if not _ADDRESS.fullmatch(address) or int(address.rpartition(":")[2]) > 65_535:
        raise ClusterError(
            f"found {shown(address)} as the address of a cluster; allowed: tcp://HOST:PORT or "
            "tls://HOST:PORT of a Dask scheduler"
        )


def machine_facts() -> Facts:
    """What the bytes of a result may depend on beside the job."""
    from importlib.metadata import PackageNotFoundError, version  # takes its time to load

    facts = {
        "sorsim": __version__,
        "code": code_digest()[:12],
        "python": ".".join(map(str, sys.version_info[:2])),
        "machine": f"{sys.platform} {platform.machine()}",
    }
    for package in (*PACKAGES, *_ENGINE):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "none"
    return facts


def _engine() -> ModuleType:
    try:
        import distributed
    except ImportError as error:
        raise MissingExtraError("distributed", "cluster", "--cluster") from error
    return distributed


@contextmanager
def _quiet(engine: ModuleType) -> Iterator[None]:
    """Without the engine's own words on stderr: what matters of them is in our errors."""
    assert engine.__name__ in _LOGGERS  # it is loaded, and has made its loggers
    names = sorted(logging.root.manager.loggerDict)
    known = [name for name in names if name.startswith(_LOGGERS)]
    loggers = [logging.getLogger(name) for name in (*_LOGGERS, *known)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in reversed(list(zip(loggers, before, strict=True))):
            logger.setLevel(level)


@contextmanager
def _connected(address: str, seconds: float) -> Iterator[Any]:
    from distributed import Client

    make: Any = Client  # its types are missing
    try:
        with ThreadPoolExecutor(1) as aside:  # this thread may have a loop that runs
            aside.submit(asyncio.run, _knock(address, seconds)).result()
        client = make(address, timeout=seconds, set_as_default=False, name="sorsim")
    except Exception as error:  # whoever else answers there may be misread in any way
        raise ClusterError(
            f"{address}: no Dask scheduler could be reached there within {seconds:g} s; "
            "nothing was run"
        ) from error
    try:
        yield client
    finally:
        with suppress(OSError, TimeoutError, CancelledError):
            client.close(timeout=_LOOK_SECONDS)


async def _knock(address: str, seconds: float) -> None:
    """Whether a scheduler answers: a client would wait for ever for one that never says a word."""
    from distributed.comm.core import connect
    from distributed.security import Security

    call: Any = connect  # their types are missing
    security: Any = Security
    arguments = security().get_connection_args("client")
    comm = await asyncio.wait_for(call(address, timeout=seconds, **arguments), seconds)
    comm.abort()


def _check_workers(client: Any, address: str, facts: Facts, seconds: float) -> None:
    """All workers of now must be as this process is; later ones are looked at as they work."""
    try:
        client.wait_for_workers(1, timeout=seconds)
        found = client.run(machine_facts, on_error="return")
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"{address}: the scheduler has no workers, after {seconds:g} s; nothing was run. "
            f"Start some: dask worker {address} --nthreads 1"
        ) from error
    for worker, theirs in sorted(found.items()):
        if isinstance(theirs, ImportError):
            raise ClusterError(
                f"{worker}: found a worker without sorsim ({theirs}); allowed: workers with "
                f"sorsim {facts['sorsim']} (code {facts['code']})"
            )
        if isinstance(theirs, BaseException):
            raise ClusterError(f"{worker}: the worker cannot be asked: {words(theirs)}")
        _compare(worker, theirs, facts)


@contextmanager
def _sent(client: Any, address: str, parcels: Sequence[Parcel]) -> Iterator[None]:
    """Data files to all workers; until the end the scheduler keeps them for later ones."""
    files = {
        parcel.files_key(): [Path(parcel.folder) / name for name, _ in parcel.files]
        for parcel in parcels
    }
    sizes = [path.stat().st_size for paths in files.values() for path in paths]
    if not sizes or sum(sizes) > SENT_BYTES_MAX:
        yield
        return
    from sim.study.luggage import luggage_of

    pieces = luggage_of(parcels, client.id)
    try:
        for piece in pieces:
            client.register_plugin(piece)
    except (OSError, TimeoutError) as error:
        raise ClusterError(f"{address}: data files cannot be sent: {words(error)}") from error
    try:
        yield
    finally:
        if client.status == "running":
            with suppress(OSError, TimeoutError, CancelledError):
                for piece in pieces:
                    client.unregister_worker_plugin(piece.name)


def _compare(worker: str, theirs: Facts, ours: Facts) -> None:
    others = [
        f"{fact} {theirs.get(fact, 'none')} (here {value})"
        for fact, value in ours.items()
        if theirs.get(fact, "none") != value
    ]
    if others:
        raise ClusterError(
            f"{worker}: found a worker with {', '.join(others)}; allowed: workers that are as this "
            "process is, since results must be the same to the byte"
        )


def _work(call: Several[J, R], jobs: Sequence[J], facts: Facts) -> list[Outcome[R]]:
    """On a worker: the first of these jobs; one at a time, since a run needs a whole core."""
    with _one_at_a_time:
        try:
            _compare("a worker that came later", machine_facts(), facts)
        except ClusterError as error:
            return [Outcome(None, error)]
        return call(jobs)


class _Crew(Generic[J, R]):
    """The jobs that are under way, and what is left."""

    def __init__(
        self,
        client: Any,
        address: str,
        jobs: Sequence[J],
        *,
        call: Several[J, R],
        name: Callable[[J], str],
        on_result: Callable[[int, R], object],
    ) -> None:
        self._client = client
        self._address = address
        self._jobs = jobs
        self._call = call
        self._name = name
        self._on_result = on_result
        self._todo = Todo(len(jobs))
        self._at_work: dict[Future[Any], tuple[int, ...]] = {}
        self._ended: SimpleQueue[Future[Any]] = SimpleQueue()
        self._window = 1
        self._silent_seconds = 0
        self._misses = 0
        self._suspects: deque[int] = deque()
        self._tried_alone = -1

    def run(self, facts: Facts) -> None:
        self._count_workers()
        heard = 0
        while self._todo or self._suspects or self._at_work:
            stop_if_interrupted()
            self._hand_out(facts)
            ended = self._wait()
            if not ended or heard >= self._window:
                self._count_workers()  # they come and go
                heard = 0
            heard += len(ended)
            self._take(ended)

    def _hand_out(self, facts: Facts) -> None:
        """As many as may be under way.

        The engine blames a worker's end on all jobs that it had been given. So who is blamed is
        tried again alone, with nobody else under way, and is guilty only then.
        """
        while self._todo and not self._suspects and len(self._at_work) < self._window:
            self._give(self._todo.take(self._window), facts)
        if self._suspects and not self._at_work:
            self._tried_alone = self._suspects.popleft()
            self._give((self._tried_alone,), facts)

    def _give(self, bundle: tuple[int, ...], facts: Facts) -> None:
        jobs = [self._jobs[n] for n in bundle]
        task = self._client.submit(_work, self._call, jobs, facts, pure=False)
        loop = self._client.loop.asyncio_loop
        future = asyncio.run_coroutine_threadsafe(_outcome(self._client, task), loop)
        self._at_work[future] = bundle
        future.add_done_callback(self._ended.put)

    def _wait(self) -> list[Future[Any]]:
        ended = []
        with suppress(Empty):
            ended.append(self._ended.get(timeout=_LOOK_SECONDS))
            while True:
                ended.append(self._ended.get_nowait())
        return ended

    def _take(self, ended: Sequence[Future[Any]]) -> None:
        failed: dict[int, Exception] = {}
        for future in ended:
            bundle = self._at_work.pop(future)
            outcomes = self._outcomes(bundle, future)
            for n, outcome in zip(bundle, outcomes, strict=False):  # the rest was given back
                if outcome.error is not None:
                    failed[n] = outcome.error
                else:
                    self._on_result(n, cast("R", outcome.result))
        if failed:
            n = min(failed)
            if isinstance(failed[n], ClusterError):
                raise failed[n]
            raise JobError(f"{self._name(self._jobs[n])}: {words(failed[n])}") from failed[n]

    def _outcomes(self, bundle: tuple[int, ...], future: "Future[Any]") -> list[Outcome[R]]:
        """What came of a bundle; nothing if its jobs are to be done again, each alone."""
        from distributed import KilledWorker

        try:
            outcomes: list[Outcome[R]] = future.result()
        except KilledWorker as error:
            if bundle == (self._tried_alone,):
                raise WorkerLostError(
                    f"{self._name(self._jobs[bundle[0]])}: its worker ended in the middle of it "
                    f"{error.allowed_failures + 1} times; was memory short?"
                ) from error
            self._suspects.extend(bundle)
            return []
        except (OSError, TimeoutError, CancelledError) as error:
            self._misses += 1
            if self._client.status != "running" or self._misses > MISSES_MAX:
                raise self._lost() from error
            self._todo.came_back(bundle, 0)
            return []
        self._misses = 0
        self._todo.came_back(bundle, len(outcomes))
        return outcomes

    def _count_workers(self) -> None:
        try:
            threads = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=CONNECT_SECONDS
            )
        except TimeoutError:  # a scheduler that has much to do is not a lost one
            threads = {}
            self._silent_seconds += CONNECT_SECONDS
        except (OSError, CancelledError) as error:
            raise self._lost() from error
        self._silent_seconds = 0 if threads else self._silent_seconds + _LOOK_SECONDS
        if self._silent_seconds > ALONE_SECONDS:
            raise ClusterError(
                f"{self._address}: no worker has been heard of for {ALONE_SECONDS} s"
            )
        self._window = max(self._window, _AHEAD * sum(threads.values()), 1)

    def _lost(self) -> ClusterError:
        return ClusterError(f"{self._address}: the connection to the scheduler was lost")


async def _outcome(client: Any, task: Any) -> Any:
    return await client.gather(task, asynchronous=True)
