"""Cases in every state, made by the domain's own steps: nothing is stored, the time is a number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import msgspec

from kz_compliance_sdk.domain import arrivals, deciding, holding, review_policy
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.arrivals import Arrival, Standing
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import Change, Happened, OutboxMessage, case_after, cases_after, happenings
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.deciding import Context
from kz_compliance_sdk.domain.decision import Action, Decision, ItemDecision, LegalCheck, Proposal, Wording
from kz_compliance_sdk.domain.events.base import AS_READ
from kz_compliance_sdk.domain.events.office import Alerted
from kz_compliance_sdk.domain.holding import Answering
from kz_compliance_sdk.domain.messages import NAMED_BY, Respondent, acknowledgement_body, as_owed, effect_body
from kz_compliance_sdk.domain.notice import Notice, UnreadableNotice
from kz_compliance_sdk.domain.policy import Policy, kz_policy
from kz_compliance_sdk.domain.report import Outcome, RefusalCode, Statement
from kz_compliance_sdk.domain.values import ALERTS, stream_of
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.wire.v1 import MessageType, write_message
from tests.ledger.shadow import keyed

R = TypeVar("R")
T0 = builders.ISSUED_AT
HOUR = 3600
PLATFORM = builders.PLATFORM_ID
POLICY: Policy = kz_policy()
RESPONDENT = Respondent("head_of_office", "Үлгі Б. С.")
M1 = Actor("m1", frozenset({"moderator"}))
M2 = Actor("m2", frozenset({"moderator"}))
LEAD = Actor("lead", frozenset({"lead"}))
LEGAL = Actor("legal", frozenset({"legal"}))
HEAD = Actor("head", frozenset({"head"}))
NOBODY = Actor("visitor")
RU = (Statement(lang="ru", text="Рассмотрено."),)
YES = LegalCheck(
    authority="yes",
    legal_basis="yes",
    clarity="yes",
    content_matches="yes",
    protected_speech="no",
    proportionate="yes",
    narrowest="yes",
)
_OUTCOME: Mapping[Action, Outcome] = {
    "preserve_only": "preserved",
    "remove": "removed",
    "restrict_access": "restricted",
    "suspend_account": "account_restricted",
    "label": "labelled",
}


def stamp(at: int = T0, actor: Actor = SYSTEM) -> Stamp:
    return Stamp(at, actor, keyed)


def a_notice(items: int = 1, seed: int = 1, **overrides: Any) -> Notice:
    """By default a category that needs no second person, answered in Kazakh or Russian."""
    wanted = {
        "category": "illegal_gambling",
        "kind": "prescription",
        "languages": ("kk", "ru"),
        "expert_group_decision": None,
    }
    return builders.notice(seed, items=items, **{**wanted, **overrides})


def arrival(at: int = T0, name: str = "a", **overrides: Any) -> Arrival:
    wanted: dict[str, Any] = {
        "platform_id": PLATFORM,
        "message": ("sample-regulator", f"msg-{name}", name * 64),
        "source": "pushed",
        "authenticity": "signed",
        "channel": "regulator",
        "received_at": at,
        "published_at": at,
    }
    if overrides.get("source") != "typed":
        wanted |= {"proof": b"{}", "profile": "rfc9421", "key_id": "key-1"}
    return Arrival(**{**wanted, **overrides})


def carrying(came: Arrival, notice: Notice) -> Arrival:
    """An arrival with the bytes of its notice, as each that the library takes in has them."""
    sender, name, _ = came.message
    kind: MessageType = "notice.issued" if notice.revision == 1 else "notice.amended"
    body = write_message(kind, notice, message_id=name, sent_at=notice.issued_at, platform_id=notice.platform_id)
    return came.but(body=body, message=(sender, name, hashlib.sha256(body).hexdigest()))


def opened(notice: Notice | None = None, at: int = T0, case_id: str = "case-1", **overrides: Any) -> Case:
    _, case = arrivals.open_case(case_id, notice or a_notice(), arrival(at, **overrides), POLICY, stamp(at))
    return case


def typed(notice: Notice | None = None, at: int = T0) -> Case:
    return opened(
        notice, at, source="typed", authenticity="unverified", channel="by_hand", entered_by="clerk", name="t"
    )


def quarantined(at: int = T0) -> Case:
    unreadable = UnreadableNotice("schema_missing", "data.items", "there are no items", "KZ-2026-0000001", None)
    return arrivals.quarantine("case-q", unreadable, arrival(at), 1, POLICY, stamp(at))[1]


def claimed(case: Case, at: int = T0, actor: Actor = M1) -> Case:
    return review_policy.claim(case, lease_s=900, stamp=stamp(at, actor))[1]


def measure(item_id: str, action: Action = "remove", **overrides: Any) -> ItemDecision:
    wanted: dict[str, Any] = {
        "item_id": item_id,
        "finding": "illegal",
        "reasons": f"{item_id} is what the notice says",
        "action": action,
        "ground": "local_law",
        "wording": Wording(outcome=_OUTCOME[action], statement_of_reasons=RU),
    }
    return ItemDecision(**{**wanted, **overrides})


def refusal(item_id: str, outcome: Outcome = "refused", **overrides: Any) -> ItemDecision:
    code: RefusalCode | None = "not_illegal" if outcome == "refused" else None
    wanted: dict[str, Any] = {
        "item_id": item_id,
        "finding": "not_illegal",
        "reasons": f"{item_id} is lawful",
        "action": "none",
        "wording": Wording(outcome=outcome, statement_of_reasons=RU, refusal_code=code),
    }
    return ItemDecision(**{**wanted, **overrides})


def proposal(*items: ItemDecision, **overrides: Any) -> Proposal:
    return Proposal(**{"items": items, "legal_check": YES, "text_checked": True, **overrides})


def context(
    notice: Notice,
    versions: Mapping[str, int] | None = None,
    decisions: Mapping[int, Decision] | None = None,
    policy: Policy = POLICY,
) -> Context:
    return Context(notice, policy, versions or {}, decisions or {}, RESPONDENT)


def proposed(
    notice: Notice, *items: ItemDecision, case: Case | None = None, at: int = T0, **known: Any
) -> tuple[Change, Case, Decision]:
    """A decision on the case (by default a new one); each item is removed unless `items` say otherwise."""
    held = claimed(case or opened(notice), at)
    chosen = items or tuple(measure(item.item_id) for item in notice.items)
    return deciding.propose(held, held.lease_token, proposal(*chosen), context(notice, **known), stamp=stamp(at, M1))


def messages(change: Change, *kinds: str) -> list[OutboxMessage]:
    """What leaves by a change, each with its bytes: alerts of no case, and what the case that it writes owes since."""
    alerts = [_alert(one) for one in happenings(change) if isinstance(one.event, Alerted)]
    found = [*alerts, *(one for after in cases_after(change).values() for one in _owed(after, change))]
    return [one for one in found if not kinds or one.kind in kinds]


def _alert(told: Happened) -> OutboxMessage:
    name = told.stream.removeprefix(ALERTS)
    return OutboxMessage(name, told.platform_id, "", "page", "notifier", told.words["body"], told.at, told.at)


def _owed(after: Case, change: Change) -> Iterator[OutboxMessage]:
    tells = [one for one in happenings(change) if one.stream == stream_of(after.id) and one.read != AS_READ]
    told = dict(enumerate(tells, after.chain.seq - len(tells) + 1))
    items = {item.number: item for item in after.items}
    for one in after.chain.messages.values():
        if one.seq not in told:
            continue
        made, item = as_owed(after.platform_id, after.id, one), items.get(one.item)
        name = "" if item is None else item.was or item.item_id
        if one.at_seq:
            yield made.but(body=told[one.at_seq].words["body"], item_id=name)
        elif one.kind == "acknowledgement":
            yield made.but(body=acknowledgement_body(after.chain, after.id, after.message[1]))
        elif item is not None:
            held, named = after.chain.items[one.item], {field: getattr(item, field) for field in NAMED_BY}
            yield made.but(body=effect_body(after.id, one, held, named, name), item_id=name)
        else:
            yield made


def planted_row(number: int, one: OutboxMessage) -> tuple[Any, ...]:
    """A row of outbox of what the stream of this number does not owe, and no alert of a case."""
    own = (number, one.id, one.platform_id, one.case_id, one.kind, one.endpoint)
    return *own, b"", one.created_at, one.deadline_at, one.state, one.lane, one.lane_seq


def events(change: Change) -> list[Happened]:
    return happenings(change)


def after(case: Case, change: Change) -> Case:
    return case_after(case, change)


def in_force(
    case: Case, decision: Decision, effects: Iterable[OutboxMessage], at: int = T0 + 60
) -> tuple[Case, list[OutboxMessage]]:
    """The case once the platform has carried the effects out, and the reports that this queued."""
    reports: list[OutboxMessage] = []
    for message in effects:
        land = holding.measure_in_force if message.kind == "enforce" else holding.measure_lifted
        change = land(case, message, at, Answering({decision.version: decision}, RESPONDENT), stamp(at))
        case = after(case, change)
        reports += messages(change, "report")
    return case, reports


def closed(case: Case, reports: Iterable[OutboxMessage], at: int = T0 + 120) -> Case:
    for report in reports:
        case = after(case, holding.receipt(case, report, stamp(at)))
    return case


def standing(
    change: Change = (), decision: Decision | None = None, held_by_others: Iterable[str] = (), **overrides: Any
) -> Standing:
    """What surrounds a case whose last change was `change`; its effects have not begun."""
    queued = messages(change, "enforce", "restore", "report")
    versions: dict[str, int] = {}
    holds: set[tuple[str, int]] = set()
    for case in cases_after(change).values():
        versions |= {item.object_key: item.effect_version for item in case.items if item.object_key}
        holds |= {(item.object_key, item.number) for item in case.items if item.measure}
    wanted: dict[str, Any] = {
        "messages": queued,
        "held_by_others": frozenset(held_by_others),
        "holds": holds,
        "versions": versions,
        "decisions": {decision.version: decision} if decision is not None else {},
        "respondent": RESPONDENT,
    }
    return Standing(**{**wanted, **overrides})


def begun(message: OutboxMessage) -> OutboxMessage:
    """The message as it is while somebody carries it out."""
    return message.but(state="leased", attempts=1, lease_token=1)


@cache
def in_state(state: CaseState) -> Case:
    """A case that only says where it stands: for the table, not for the steps."""
    case = opened()
    return case.but(state=state, chain=msgspec.structs.replace(case.chain, state=state))


@dataclass
class Facts:
    """What a command is told beside the case, where no store is."""

    case: Case
    words: Any = None
    told: Context = field(default_factory=lambda: context(a_notice()))
    messages: Sequence[OutboxMessage] = ()
    holds: Iterable[tuple[str, int]] = ()
    policy: Policy = POLICY
    telling: Any = None

    @property
    def stream(self) -> Any:
        return SimpleNamespace(
            case=self.case.chain, events=[SimpleNamespace(at=T0)] * self.case.chain.seq, roster=self.case.roster
        )

    def notice(self) -> Notice:
        return self.told.notice

    def context(self) -> Context:
        return self.told

    def decisions(self) -> Any:
        return self.told.decisions

    def open_messages(self) -> Sequence[OutboxMessage]:
        return self.messages

    def own_measures(self) -> frozenset[tuple[str, int]]:
        return frozenset(self.holds)

    def amendment(self) -> None:
        return None


def taken(case: Case, command: Command[R], stamp: Stamp, **facts: Any) -> tuple[Change, R]:
    """What a command changes, and what it comes to."""
    command.allow(stamp.actor)
    command.admit(stamp)
    return command.decide(case, cast("Any", Facts(case, **facts)), stamp)
