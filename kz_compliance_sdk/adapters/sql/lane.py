"""The one lane that writes: what waits is taken together, decided one by one, and made durable by a single commit.

There is no timer. While one commit is under way the next works gather, so the running commit is the window. A future
resolves only after the commit that holds its change.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.errors import CommitUnknown, StoreDamaged, StoreError, StoreFull
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, Tx

BATCH = 256
LOOK_EVERY_S = 1.0
STUCK_S = 5.0
"""How long the end waits for a writer that gets nowhere, such as one that another process keeps from the file."""


@dataclass(slots=True)
class Job:
    """A piece of work and the future of whoever waits for it."""

    platform_id: str
    work: Callable[[Tx], tuple[Change, Any]]
    future: Future[Any]
    asks: Asks = ASKS_NOTHING


class Transaction(Protocol):
    """One database transaction that can take several works."""

    def begin(self, jobs: Sequence[Job]) -> None:
        """Begin, and read what these jobs ask for."""

    def run(self, job: Job) -> Any:
        """Decide the job against what is known, the batch's earlier works included; stage its change."""

    def commit(self) -> None:
        """Write what is staged and make it durable."""

    def rollback(self) -> None: ...

    def landed(self) -> bool | None:
        """After a commit that failed: whether the batch is in the database all the same; None if that is unknown."""

    def again(self, tries: int) -> bool:
        """After a batch that was overtaken, so many times by now: whether to run it anew, having paused."""

    def look(self) -> None:
        """Look after the file while nothing is under way."""

    def close(self) -> None:
        """Let the file go. Nothing is under way."""


class Overtaken(BaseException):
    """Another host was first, or the connection was lost before anything was written: the batch is run again, and reads
    anew. No work may catch it."""

    def __init__(self, message: str, code: str = "storage_busy") -> None:
        super().__init__(message)
        self.code = code


class ChangeRefused(Exception):
    """A staged change could not be written; `error` is what its caller is told."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class WriterLane:
    """Runs jobs in batches on one thread; `threaded=False` runs each at once, on the caller's thread."""

    def __init__(self, open_transaction: Callable[[], Transaction], *, most_waiting: int, threaded: bool) -> None:
        self._open, self._most_waiting, self._threaded = open_transaction, most_waiting, threaded
        self._closed = False
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._inline: Transaction | None = None
        self._inline_lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._under_way: list[Job] = []
        self._batches = 0
        self._gate = threading.Lock()

    def submit(self, job: Job) -> None:
        """Queue a job. Raises StoreFull at the bound, so that the sender tries again; nothing is ever evicted."""
        if self._closed:
            raise _closed()
        if self._pid != os.getpid():
            self._start()
        if not self._threaded:
            with self._inline_lock:
                if self._inline is None:
                    self._inline = self._open()
                _commit(self._inline, [job])
            return
        with self._gate:
            # Looked at again: nobody reads what is queued after the end.
            if self._closed:
                raise _closed()
            if self._jobs.qsize() >= self._most_waiting:
                raise StoreFull(f"{self._most_waiting} writes are waiting already: try again shortly.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="kz-compliance-writer")
                self._thread.start()
            self._jobs.put(job)

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    def close(self) -> bool:
        """Finish what was queued, then stop. False if the writer gets nowhere: of what it has, and of what waits behind
        it, whoever waits is told that it is not known to be stored."""
        if self._pid != os.getpid():
            self._closed = True  # its thread is the parent's, and so may be the holder of its lock
            return True
        with self._gate:
            self._closed, thread, self._thread = True, self._thread, None
            self._jobs.put(None)
        if thread is not None and not self._ended(thread):
            return False
        inline, self._inline = self._inline, None
        if inline is not None:
            inline.close()
        return True

    def _ended(self, thread: threading.Thread) -> bool:
        """Whether the writer comes to its end, batch by batch. If not, what waits is failed."""
        batches = -1
        while batches != self._batches:
            batches = self._batches
            thread.join(STUCK_S)
            if not thread.is_alive():
                return True
        _fail(list(self._under_way), CommitUnknown("the store was closed while this was being written."))
        left: list[Job] = []
        with suppress(Empty):
            while True:
                if (job := self._jobs.get_nowait()) is not None:
                    left.append(job)
        _fail(left, StoreError("the store was closed while this waited to be written.", code="storage_busy"))
        return False

    def _run(self) -> None:
        jobs = self._jobs
        transaction: Transaction | None = None
        stop = False
        while not stop:
            try:
                job = jobs.get(timeout=LOOK_EVERY_S)
            except Empty:
                if transaction is not None:
                    transaction.look()
                continue
            if job is None:
                break
            self._under_way = batch = [job]
            try:
                while len(batch) < BATCH:
                    job = jobs.get_nowait()
                    if job is None:
                        stop = True
                        break
                    batch.append(job)
            except Empty:
                pass
            try:
                if transaction is None:
                    transaction = self._open()
                _commit(transaction, batch)
            except BaseException as error:  # noqa: BLE001  the callers must learn of it, and the lane must live on
                _fail(batch, error)
            self._batches += 1
        # Here, and not in close: a process that was forked from this one must never close the file.
        if transaction is not None:
            transaction.close()


def _closed() -> StoreError:
    return StoreError("the store is closed.", code="store_closed")


def _fail(batch: list[Job], error: BaseException) -> None:
    for job in batch:
        with suppress(InvalidStateError):  # its caller has been told already
            job.future.set_exception(error)


def _commit(transaction: Transaction, batch: list[Job], tries: int = 0) -> None:
    """One durable commit for the batch; if it fails, each job alone, so that one bad change cannot fail the rest."""
    done: list[tuple[Job, Any]] = []
    refused: list[tuple[Job, BaseException]] = []
    try:
        transaction.begin(batch)
        for job in batch:
            try:
                done.append((job, transaction.run(job)))
            except StoreDamaged as error:
                refused.append((job, error))
            except (StoreError, ChangeRefused):
                raise
            except Exception as error:  # noqa: BLE001  a refusal of the domain, or a fault of this job alone
                refused.append((job, error))
        transaction.commit()
    except BaseException as error:
        transaction.rollback()
        if isinstance(error, Overtaken):
            if transaction.again(tries):
                _commit(transaction, batch, tries + 1)
            else:
                _fail(batch, StoreError(f"{error} Nothing was written; try again.", code=error.code))
            return
        if isinstance(error, CommitUnknown):
            landed = transaction.landed()
            if landed is None:
                _fail(batch, error)
                return
            if landed:
                _resolve(done, refused)
                return
        if isinstance(error, StoreError):
            _fail(batch, error)  # the database itself refuses: each job alone would only wait for the same answer
            return
        if len(batch) == 1:
            if not isinstance(error, Exception):
                raise
            _fail(batch, error.error if isinstance(error, ChangeRefused) else error)
            return
        for job in batch:
            _commit(transaction, [job])
        return
    _resolve(done, refused)


def _resolve(done: list[tuple[Job, Any]], refused: list[tuple[Job, BaseException]]) -> None:
    for job, value in done:
        with suppress(InvalidStateError):
            job.future.set_result(value)
    for job, error in refused:
        _fail([job], error)
