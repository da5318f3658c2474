"""Letters about a case that runs, awaited."""

from __future__ import annotations

from collections.abc import Sequence

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.notice import Answer, Effect, Item
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.services.by_letter import ByLetter, Letter


class AsyncByLetter(Awaited[ByLetter]):
    """ByLetter for event loops: the same names and arguments, awaited."""

    async def enter_cancellation(
        self,
        actor: Actor,
        case_id: str,
        *,
        effect: Effect | None,
        item_ids: Sequence[str] | None,
        reference: str,
        issued_at: int,
        received_at: int,
        how: str,
        reasons: Sequence[Statement] = (),
    ) -> Case:
        """See ByLetter."""
        return await self._hop(
            self.blocking.enter_cancellation,
            actor,
            case_id,
            effect=effect,
            item_ids=item_ids,
            reference=reference,
            issued_at=issued_at,
            received_at=received_at,
            how=how,
            reasons=reasons,
        )

    async def enter_answer(
        self,
        actor: Actor,
        case_id: str,
        *,
        in_reply_to: str,
        answers: Sequence[Answer],
        received_at: int,
        how: str,
        items: Sequence[Item] | None = None,
    ) -> Case:
        """See ByLetter."""
        return await self._hop(
            self.blocking.enter_answer,
            actor,
            case_id,
            in_reply_to=in_reply_to,
            answers=answers,
            received_at=received_at,
            how=how,
            items=items,
        )

    async def waiting(self, case_id: str) -> tuple[Letter, ...]:
        """See ByLetter."""
        return await self._hop(self.blocking.waiting, case_id)

    async def vouch(self, actor: Actor, case_id: str, message_id: str, how: str) -> Case:
        """See ByLetter."""
        return await self._hop(self.blocking.vouch, actor, case_id, message_id, how)

    async def dismiss(self, actor: Actor, case_id: str, message_id: str, reasons: str) -> Case:
        """See ByLetter."""
        return await self._hop(self.blocking.dismiss, actor, case_id, message_id, reasons)
