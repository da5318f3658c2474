"""Putting off what a user is told: by a named person, with a legal basis, and until a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Change, MessageWrite, Write
from kz_compliance_sdk.domain.events.users import UserNoticeDelayed
from kz_compliance_sdk.domain.outbox import OutboxMessage
from kz_compliance_sdk.domain.policy.users import UserPolicy
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.domain.user_notices import UNSENT, UserNoticeState
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

_DAY_S = 86_400


def delay(
    case: Case,
    until: int,
    legal_basis: str,
    reasons: str,
    tellings: Sequence[UserNoticeState],
    messages: Sequence[OutboxMessage],
    policy: UserPolicy,
    *,
    stamp: Stamp,
) -> tuple[Change, tuple[UserNoticeState, ...]]:
    """Keep what waits to be told in this case back until `until` (UTC seconds); it then leaves by itself.

    Raises NotAllowed, InvalidInput, and IllegalMove if nothing waits.
    """
    REVIEW_POLICY.check(stamp.actor, "delay_user_notice")
    need(legal_basis, "legal_basis", "Name the act and the article: without one the user is told.")
    need(reasons, "reasons", "Say why the user must not know yet.")
    latest = stamp.at + policy.longest_delay_s
    if not stamp.at < until <= latest:
        raise InvalidInput(
            "the end of the delay is past." if until <= stamp.at else "the delay is longer than the policy's.",
            field="until",
            remedy=f"Give a time from now to at most {policy.longest_delay_s // _DAY_S} days ahead; "
            "a longer silence takes a new decision then.",
        )
    waiting = {message.id: message for message in messages if message.kind == "user_notice"}
    put_off: list[UserNoticeState] = []
    writes: list[Write] = []
    for held in tellings:
        message = waiting.get(held.message_id)
        if held.state not in UNSENT or message is None or message.state != "queued":
            continue
        put_off.append(replace(held, state="delayed", due_at=until, delay_until=until, basis="person"))
        writes.append(MessageWrite(message.but(next_attempt_at=until, deadline_at=until), message.lease_token))
    if not put_off:
        raise IllegalMove("nothing waits to be told to a user in this case.", reference=case.id)
    texts = {"legal_basis": legal_basis, "reasons": reasons}
    delayed = UserNoticeDelayed(messages=tuple(held.message_id for held in put_off), until=until)
    tells = [happened(case, delayed, stamp, texts)]
    moved = move(case, "delay_user_notice", case.state)
    return (CaseWrite(moved), *tells, *writes), tuple(put_off)
