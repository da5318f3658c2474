"""The same desk, awaited.

A pushed message holds no thread while its commit is under way. Every other call hops to a thread once, under a limiter
of the desk's own, so that the host's threads are left alone. A cancelled call waits for its commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from functools import cached_property, partial, wraps
from itertools import islice
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import anyio
import anyio.to_thread

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk, Receiving
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.ports import (
    Alert,
    Content,
    Effect,
    EffectResult,
    Enforcer,
    Env,
    Messenger,
    Notifier,
    Reference,
    Regulator,
    Resolved,
    Store,
    TellResult,
    UserNotice,
)
from kz_compliance_sdk.services.admission import Response, unavailable
from kz_compliance_sdk.services.house import House
from kz_compliance_sdk.services.intake import Headers
from kz_compliance_sdk.services.looking import Appeals, Care
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.transparency.publication import Transparency
from kz_compliance_sdk.wire.signature import profile_of

B = TypeVar("B")
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_THREADS = 8
_AT_ONCE = 100


class Threads:
    """The threads that one desk waits on, so many at once and no more: the host's own threads are left alone."""

    def __init__(self) -> None:
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns or raises. A cancelled wait lasts until the call has ended."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_THREADS)
        return await anyio.to_thread.run_sync(partial(call, *args, **kwargs), limiter=self._limiter)


class Awaited(Generic[B]):
    """What has blocking steps, for event loops."""

    def __init__(self, blocking: B, threads: Threads) -> None:
        self.blocking, self._threads = blocking, threads


def awaited(step: Callable[Concatenate[B, P], T]) -> Callable[Concatenate[Awaited[B], P], Coroutine[Any, Any, T]]:
    """The step under the same name, with the same arguments and documentation, run on a thread of the desk's own.

    An editor and a type checker know its signature from the blocking one, so nobody writes it down again.
    """
    name = getattr(step, "__name__")  # noqa: B009  a callable need not have one, a method does

    @wraps(step)
    async def hop(self: Awaited[B], /, *args: P.args, **kwargs: P.kwargs) -> T:
        # By its name, so that what a host's own desk does in its place is awaited as well.
        call: Callable[P, T] = getattr(self.blocking, name)
        return await self._threads.run(call, *args, **kwargs)

    return hop


def iterated(step: Callable[Concatenate[B, P], Iterator[T]]) -> Callable[Concatenate[Awaited[B], P], AsyncIterator[T]]:
    """As `awaited`, for a step that gives one thing after the other: so many are fetched on one hop."""
    name = getattr(step, "__name__")  # noqa: B009  as above

    @wraps(step)
    async def hops(self: Awaited[B], /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        call: Callable[P, Iterator[T]] = getattr(self.blocking, name)
        given = call(*args, **kwargs)
        while found := await self._threads.run(list, islice(given, _AT_ONCE)):
            for one in found:
                yield one

    return hops


class AsyncAppeals(Awaited[Appeals]):
    """Appeals for event loops."""

    list = awaited(Appeals.list)
    case_of = awaited(Appeals.case_of)
    show = awaited(Appeals.show)
    each = iterated(Appeals.each)


class AsyncCare(Awaited[Care]):
    """Care for event loops."""

    gaps = awaited(Care.gaps)
    draft = awaited(Care.draft)
    alike = awaited(Care.alike)


class AsyncCheckpoints(Awaited[Checkpoints]):
    """Checkpoints for event loops."""

    run = awaited(Checkpoints.run)
    checkpoint = awaited(Checkpoints.checkpoint)
    prove = awaited(Checkpoints.prove)
    prove_growth = awaited(Checkpoints.prove_growth)


class AsyncHouse(Awaited[House]):
    """House for event loops."""

    take = awaited(House.take)
    registration = awaited(House.registration)
    duty = awaited(House.duty)


class AsyncPrivacy(Awaited[Privacy]):
    """Privacy for event loops. Its `progress` is called on a thread."""

    retention = awaited(Privacy.retention)
    export = awaited(Privacy.export)


class AsyncTransparency(Awaited[Transparency]):
    """Transparency for event loops. Its `progress` is called on a thread."""

    draft = awaited(Transparency.draft)
    published = awaited(Transparency.published)
    publish = awaited(Transparency.publish)
    own = awaited(Transparency.own)
    lumen = iterated(Transparency.lumen)


class AsyncGroups(Awaited[ComplianceDesk]):
    """What one platform's desk does beside the cases on it, group by group, awaited."""

    @cached_property
    def appeals(self) -> AsyncAppeals:
        """See ComplianceDesk."""
        return AsyncAppeals(self.blocking.appeals, self._threads)

    @cached_property
    def care(self) -> AsyncCare:
        """See ComplianceDesk."""
        return AsyncCare(self.blocking.care, self._threads)

    @cached_property
    def house(self) -> AsyncHouse:
        """See ComplianceDesk."""
        return AsyncHouse(self.blocking.house, self._threads)

    @cached_property
    def privacy(self) -> AsyncPrivacy:
        """See ComplianceDesk."""
        return AsyncPrivacy(self.blocking.privacy, self._threads)

    @cached_property
    def proof(self) -> AsyncCheckpoints:
        """See ComplianceDesk."""
        return AsyncCheckpoints(self.blocking.proof, self._threads)

    @cached_property
    def transparency(self) -> AsyncTransparency:
        """See ComplianceDesk."""
        return AsyncTransparency(self.blocking.transparency, self._threads)


class AsyncComplianceDesk(AsyncGroups):
    """ComplianceDesk for event loops: the same names and arguments, awaited."""

    def __init__(
        self,
        settings: Settings,
        *,
        enforcer: Enforcer | None = None,
        content: Content | None = None,
        messenger: Messenger | None = None,
        notifier: Notifier | None = None,
        regulator: Regulator | None = None,
        store: Store | None = None,
        env: Env | None = None,
        create: bool = False,
    ) -> None:
        blocking = ComplianceDesk(
            settings,
            enforcer=enforcer,
            content=content,
            messenger=messenger,
            notifier=notifier,
            regulator=regulator,
            store=store,
            env=env,
            create=create,
        )
        super().__init__(blocking, Threads())
        self._bridge: tuple[asyncio.AbstractEventLoop, CommitBridge] | None = None

    def on_enforce(self, call: Callable[[Effect], EffectResult]) -> Callable[[Effect], EffectResult]:
        """See ComplianceDesk. The function is blocking and called on a worker's thread."""
        return self.blocking.on_enforce(call)

    def on_restore(self, call: Callable[[Effect], EffectResult]) -> Callable[[Effect], EffectResult]:
        """See ComplianceDesk."""
        return self.blocking.on_restore(call)

    def on_resolve(self, call: Callable[[Reference], Resolved]) -> Callable[[Reference], Resolved]:
        """See ComplianceDesk. The function is blocking and called on a worker's thread."""
        return self.blocking.on_resolve(call)

    def on_tell_user(self, call: Callable[[UserNotice], TellResult]) -> Callable[[UserNotice], TellResult]:
        """See ComplianceDesk. The function is blocking and called on a worker's thread."""
        return self.blocking.on_tell_user(call)

    def on_alert(self, call: Callable[[Alert], None]) -> Callable[[Alert], None]:
        """See ComplianceDesk."""
        return self.blocking.on_alert(call)

    async def receive(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        """See ComplianceDesk. Needs an asyncio loop for its way without a thread; elsewhere it hops like the rest."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await self._threads.run(self.blocking.receive, method, target, headers, body)
        one: Receiving | None = None
        try:
            if profile_of(headers) == "rfc9421":
                # A curve operation takes longer than a hop, and lets go of the interpreter meanwhile.
                one = await self._threads.run(self.blocking.receiving, method, target, headers, body)
            else:
                one = self.blocking.receiving(method, target, headers, body)
            answer = one.answer if isinstance(one.answer, Response) else await self._stored(loop, one.answer)
        except Exception as error:  # noqa: BLE001  a sender gets an answer, whatever it sent
            answer = unavailable(error)
        return answer if one is None else one.told(answer)

    async def _stored(self, loop: asyncio.AbstractEventLoop, future: Future[Response]) -> Response:
        if self._bridge is None or self._bridge[0] is not loop:
            self._bridge = (loop, CommitBridge(loop, self.blocking.settings.limits.commit_timeout_s))
        return await self._bridge[1].awaited(future)

    @property
    def can_look(self) -> bool:
        """See ComplianceDesk."""
        return self.blocking.can_look

    async def take(self, actor: Actor | None, case_id: str, command: Command[R]) -> R:
        """See ComplianceDesk."""
        return await self._threads.run(self.blocking.take, actor, case_id, command)

    poll = awaited(ComplianceDesk.poll)
    enter = awaited(ComplianceDesk.enter)
    claim = awaited(ComplianceDesk.claim)
    renew = awaited(ComplianceDesk.renew)
    release = awaited(ComplianceDesk.release)
    propose = awaited(ComplianceDesk.propose)
    look = awaited(ComplianceDesk.look)
    approve = awaited(ComplianceDesk.approve)
    send_back = awaited(ComplianceDesk.send_back)
    undo = awaited(ComplianceDesk.undo)
    acknowledge = awaited(ComplianceDesk.acknowledge)
    letter = awaited(ComplianceDesk.letter)
    record_delivery = awaited(ComplianceDesk.record_delivery)
    retry = awaited(ComplianceDesk.retry)
    deliver = awaited(ComplianceDesk.deliver)
    watch = awaited(ComplianceDesk.watch)
    sweep = awaited(ComplianceDesk.sweep)
    reconcile = awaited(ComplianceDesk.reconcile)
    cases = awaited(ComplianceDesk.cases)
    each_case = iterated(ComplianceDesk.each_case)
    case = awaited(ComplianceDesk.case)
    notice = awaited(ComplianceDesk.notice)
    letters_waiting = awaited(ComplianceDesk.letters_waiting)
    case_file = awaited(ComplianceDesk.case_file)
    record_view = awaited(ComplianceDesk.record_view)
    evidence = awaited(ComplianceDesk.evidence)
    sanctions = awaited(ComplianceDesk.sanctions)
    health = awaited(ComplianceDesk.health)
    health_document = awaited(ComplianceDesk.health_document)
    metrics = awaited(ComplianceDesk.metrics)
    verify_audit = awaited(ComplianceDesk.verify_audit)
    close = awaited(ComplianceDesk.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class CommitBridge:
    """Hands the results of the writer's thread to one event loop: one wake-up for a whole batch of commits, and one
    timer for all that wait. Who waits longer than `timeout_s` gets a StoreError (`storage_busy`)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop, self._timeout_s = loop, timeout_s
        self._ready: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._waiting: dict[asyncio.Future[Any], float] = {}
        self._woken = self._looking = False

    def awaited(self, future: Future[T]) -> asyncio.Future[T]:
        """The loop's view of a future of the store."""
        waiter: asyncio.Future[T] = self._loop.create_future()
        if future.done():  # committed meanwhile: there is nothing to be woken for
            _hand_over(future, waiter)
            return waiter
        self._waiting[waiter] = self._loop.time() + self._timeout_s
        if not self._looking:
            self._looking = True
            self._loop.call_later(1.0, self._look)
        future.add_done_callback(partial(self._done, waiter))
        return waiter

    def _done(self, waiter: asyncio.Future[Any], future: Future[Any]) -> None:
        self._ready.append((waiter, future))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _deliver(self) -> None:
        self._woken = False
        while self._ready:
            waiter, future = self._ready.popleft()
            self._waiting.pop(waiter, None)
            if not waiter.done():
                _hand_over(future, waiter)

    def _look(self) -> None:
        now = self._loop.time()
        for waiter, until in list(self._waiting.items()):
            if until <= now:
                del self._waiting[waiter]
                if not waiter.done():
                    waiter.set_exception(StoreError("the write is taking too long.", code="storage_busy"))
        self._looking = bool(self._waiting)
        if self._looking:
            self._loop.call_later(1.0, self._look)


def _hand_over(future: Future[T], waiter: asyncio.Future[T]) -> None:
    error = future.exception()
    if error is None:
        waiter.set_result(future.result())
    else:
        waiter.set_exception(error)
