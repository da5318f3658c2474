"""The same desk, awaited.

A pushed message holds no thread while its commit is under way. Every other call hops to a thread once, under a limiter
of the desk's own, so that the host's threads are left alone. A cancelled call waits for its commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from kz_compliance_sdk.aio.bridge import CommitBridge
from kz_compliance_sdk.aio.groups import AsyncGroups
from kz_compliance_sdk.aio.hop import Threads
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import LegalCheckRow, SanctionNoted
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.evidence.verify_store import AuditVerdict
from kz_compliance_sdk.ports import (
    Alert,
    Content,
    Effect,
    EffectResult,
    Enforcer,
    Env,
    Health,
    Messenger,
    Notifier,
    Page,
    Reference,
    Regulator,
    Resolved,
    Store,
    TellResult,
    UserNotice,
)
from kz_compliance_sdk.services.deadlines import Watched
from kz_compliance_sdk.services.delivery import Drained
from kz_compliance_sdk.services.intake import Headers
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.services.looking import Seen
from kz_compliance_sdk.services.polling import Polled
from kz_compliance_sdk.services.response import Response, unavailable
from kz_compliance_sdk.services.review import Decided, Lease
from kz_compliance_sdk.wire.signature import profile_of

T = TypeVar("T")


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
        create: bool = True,
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
            return await self._hop(self.blocking.receive, method, target, headers, body)
        try:
            if profile_of(headers) == "rfc9421":
                # A curve operation takes longer than a hop, and lets go of the interpreter meanwhile.
                answer = await self._hop(self.blocking.receive_soon, method, target, headers, body)
            else:
                answer = self.blocking.receive_soon(method, target, headers, body)
            if isinstance(answer, Response):
                return answer
            if self._bridge is None or self._bridge[0] is not loop:
                self._bridge = (loop, CommitBridge(loop, self.blocking.settings.limits.commit_timeout_s))
            return await self._bridge[1].awaited(answer)
        except Exception as error:  # noqa: BLE001  a sender gets an answer, whatever it sent
            return unavailable(error)

    async def poll(self, limit: int = 100) -> Polled:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.poll, limit)

    async def enter(self, actor: Actor, notice: Notice, received_at: int, how: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.enter, actor, notice, received_at, how)

    async def claim(self, actor: Actor, *, category: str | None = None, case_id: str | None = None) -> Lease | None:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.claim, actor, category=category, case_id=case_id)

    async def renew(self, actor: Actor, case_id: str, token: int) -> Lease:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.renew, actor, case_id, token)

    async def release(self, actor: Actor, case_id: str, token: int) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.release, actor, case_id, token)

    async def propose(self, actor: Actor, case_id: str, token: int, proposal: Proposal) -> Decided:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.propose, actor, case_id, token, proposal)

    @property
    def can_look(self) -> bool:
        """See ComplianceDesk."""
        return self.blocking.can_look

    async def look(self, actor: Actor, case_id: str, token: int | None = None) -> tuple[Seen, ...]:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.look, actor, case_id, token)

    async def record_legal_check(self, actor: Actor, case_id: str, check: LegalCheck) -> LegalCheckRow:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.record_legal_check, actor, case_id, check)

    async def approve(self, actor: Actor, case_id: str, digest: str) -> Decided:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.approve, actor, case_id, digest)

    async def send_back(self, actor: Actor, case_id: str, digest: str, reasons: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.send_back, actor, case_id, digest, reasons)

    async def undo(self, actor: Actor, case_id: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.undo, actor, case_id)

    async def reopen(self, actor: Actor, case_id: str, reasons: str, *, items: Sequence[str] = ()) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.reopen, actor, case_id, reasons, items=items)

    async def request_clarification(
        self, actor: Actor, case_id: str, token: int, questions: Sequence[Question], *, text_checked: bool = False
    ) -> Case:
        """See ComplianceDesk."""
        return await self._hop(
            self.blocking.request_clarification, actor, case_id, token, questions, text_checked=text_checked
        )

    async def recall(self, actor: Actor, case_id: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.recall, actor, case_id)

    async def authenticate(self, actor: Actor, case_id: str, how: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.authenticate, actor, case_id, how)

    async def correct_receipt(self, actor: Actor, case_id: str, received_at: int, reasons: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.correct_receipt, actor, case_id, received_at, reasons)

    async def settle_quarantine(self, actor: Actor, case_id: str, reasons: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.settle_quarantine, actor, case_id, reasons)

    async def report_interim(self, actor: Actor, case_id: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.report_interim, actor, case_id)

    async def record_undoable(self, actor: Actor, case_id: str, item_id: str, reasons: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.record_undoable, actor, case_id, item_id, reasons)

    async def acknowledge(self, actor: Actor, case_id: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.acknowledge, actor, case_id)

    async def answer_by_hand(self, actor: Actor, case_id: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.answer_by_hand, actor, case_id)

    async def letter(self, message_id: str, lang: str, *, case_id: str | None = None) -> str:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.letter, message_id, lang, case_id=case_id)

    async def record_delivery(self, actor: Actor, message_id: str, proof: Proof) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.record_delivery, actor, message_id, proof)

    async def retry(self, actor: Actor, message_id: str) -> OutboxMessage:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.retry, actor, message_id)

    async def deliver(self) -> Drained:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.deliver)

    async def watch(self, now: int | None = None) -> Watched:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.watch, now)

    async def cases(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        authority_id: str | None = None,
        notice_id: str | None = None,
        overdue: bool = False,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """See ComplianceDesk."""
        return await self._hop(
            self.blocking.cases,
            state=state,
            category=category,
            authority_id=authority_id,
            notice_id=notice_id,
            overdue=overdue,
            cursor=cursor,
            limit=limit,
        )

    async def case(self, case_id: str) -> Case:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.case, case_id)

    async def notice(self, case_id: str) -> Notice:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.notice, case_id)

    async def case_file(self, case_id: str) -> CaseFile:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.case_file, case_id)

    async def record_view(self, actor: Actor, case_id: str) -> bool:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.record_view, actor, case_id)

    async def evidence(
        self, actor: Actor, case_id: str, *, lang: str = "ru", full: bool = False, reason: str = ""
    ) -> bytes:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.evidence, actor, case_id, lang=lang, full=full, reason=reason)

    async def sanctions(self) -> list[SanctionNoted]:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.sanctions)

    async def health(self) -> Health:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.health)

    async def health_document(self) -> dict[str, Any]:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.health_document)

    async def verify_audit(
        self,
        case_id: str | None = None,
        progress: Callable[[int], None] | None = None,
        *,
        checkpoint: bytes | None = None,
    ) -> AuditVerdict:
        """See ComplianceDesk."""
        return await self._hop(self.blocking.verify_audit, case_id, progress, checkpoint=checkpoint)

    async def close(self) -> None:
        """See ComplianceDesk."""
        await self._hop(self.blocking.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
