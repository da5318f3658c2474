"""The machinery's part in telling users: what an effect gives rise to, whether it still holds, and what came of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

from kz_compliance_sdk.domain import holding, user_notices
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, moved
from kz_compliance_sdk.domain.change import Change, OutboxMessage, case_after
from kz_compliance_sdk.domain.events.delivery import UserNoticeVoided
from kz_compliance_sdk.domain.messages import Respondent, item_of, stuck, then, tried, written
from kz_compliance_sdk.domain.user_notices import Occasion, Telling, UserNoticeState
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.ports import Tx, UserNotice
from kz_compliance_sdk.services.loading import answering_of, notice_of, tellings_of


def landed(
    tx: Tx, case: Case, message: OutboxMessage, at: int, respondent: Respondent, telling: Telling, stamp: Stamp
) -> Change:
    """What an effect that took place `at` (UTC seconds) changes: the case, its report, and what its user is told."""
    item = item_of(case, message)
    if item is None:
        return ()
    answering, held = answering_of(tx, case, item, respondent), tellings_of(tx, case)
    land = holding.measure_in_force if message.kind == "enforce" else holding.measure_lifted
    try:
        notice = notice_of(tx, case)
    except ComplianceError:
        # Who demanded it cannot be read any more. What the law asks for must not wait for that.
        change = land(case, message, at, answering, stamp)
        return stuck(change, case, "user_notice_stuck", ("lead",), 30, stamp, message=message.id)
    if message.kind == "enforce":
        plan = user_notices.plan(notice, telling, stamp.at)
        notified = {**answering.notified, **user_notices.planned(item, plan)}
        answering = replace(answering, notified=notified)
    change = land(case, message, at, answering, stamp)
    after = case_after(case, change)
    changed = after.item(item.item_id)
    if changed is None:
        return change
    on = Occasion(after, changed, notice, held, answering.decisions, telling, stamp)
    if message.kind == "enforce":
        news = user_notices.of_measure(on, plan)
    else:
        news = user_notices.of_lifting(on, item.measure) if item.measure else ()
    gone = {name for one in news if isinstance(one.event, UserNoticeVoided) for name in one.event.messages}
    late = tried((one for one in tx.open_messages(case.id) if one.id in gone), ("user_notice",), stamp) if gone else []
    return then(change, after, [*news, *late])


def _held(tx: Tx, case: Case, message: OutboxMessage) -> UserNoticeState | None:
    """Where the notice that a message carries stands."""
    return next((held for held in tellings_of(tx, case) if held.message_id == message.id), None)


def is_wanted(tx: Tx, message: OutboxMessage) -> tuple[bool, Change]:
    """Whether what a message tells still holds; if it does not, what that changes."""
    case = tx.case(message.case_id)
    held = _held(tx, case, message)
    if user_notices.is_wanted(case, held, json.loads(message.body)["action"]):
        return True, ()
    if held is None or held.state not in user_notices.UNSENT:
        return False, ()
    told = user_notices.voided(case, [held], tx.stamp())
    return False, written(moved(case, None, told), told)


def told(tx: Tx, case: Case, message: OutboxMessage, at: int | None, stamp: Stamp) -> Change:
    """The user was told `at` (UTC seconds); None: never can be."""
    held = _held(tx, case, message)
    return () if held is None else user_notices.told(case, held, at, stamp)


def user_notice_of(message: OutboxMessage) -> UserNotice:
    """What the platform is handed."""
    body = json.loads(message.body)
    lists: tuple[Literal["scope", "legal_basis"], ...] = ("scope", "legal_basis")
    return UserNotice(id=message.id, **{**body, **{name: tuple(body[name]) for name in lists}})
