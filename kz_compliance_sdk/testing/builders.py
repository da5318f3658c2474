"""Notices for tests, demonstrations and the mock regulator: valid, varied, and the same for the same seed.

No person in here exists, and the authorities are samples. What the notices cite is chosen to look like the real thing
and is no statement about the law.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.domain.notice import (
    Answer,
    Cancellation,
    Clarification,
    Effect,
    Item,
    Notice,
    Reminder,
    Sanction,
)
from kz_compliance_sdk.domain.report import (
    Acknowledgement,
    AuthorisedPerson,
    ClarificationRequest,
    Outcome,
    Question,
    Report,
    ReportItem,
    Statement,
)
from kz_compliance_sdk.domain.values import LocalText, written
from kz_compliance_sdk.wire.v1 import MessageData, MessageType, write_message

PLATFORM_ID: Final = "social"
HOST: Final = "https://social.example"
"""Where the content of the sample platform lies."""
ISSUED_AT: Final = 1_795_503_600
"""2026-11-24T12:00:00 in Asia/Almaty, in UTC seconds."""

_SAMPLES: Final = written("kz_compliance_sdk.testing", "samples.toml")
AUTHORITIES: Final[Mapping[str, dict[str, Any]]] = _SAMPLES["authorities"]
"""The authorities that the sample notices come from, by id."""


@dataclass(frozen=True, slots=True)
class _Theme:
    category: str
    kind: str
    authority: str
    act: str
    article: str
    action: str
    content: list[str]
    kk: str
    ru: str


_THEMES: Final = tuple(_Theme(**row) for row in _SAMPLES["themes"])


def notice(
    seed: int = 1, *, items: int | Sequence[Item | Mapping[str, Any]] = 1, host: str = HOST, **overrides: Any
) -> Notice:
    """A valid notice that `seed` chooses, with so many items, or with these.

    `overrides` replace fields, in their published shape.

    Raises pydantic's ValidationError if an override is not what the contract allows.
    """
    chance = random.Random(seed)
    theme = _THEMES[(seed - 1) % len(_THEMES)]
    # Letters come in one language or in both.
    texts = chance.choice((("kk", "ru"), ("kk", "ru"), ("ru",), ("kk",)))
    value: dict[str, Any] = {
        "notice_id": f"KZ-2026-{seed:07d}",
        "revision": 1,
        "kind": theme.kind,
        "reference_number": f"{chance.randint(1, 60)}-{chance.randint(1, 9)}/{seed}",
        "issuing_authority": AUTHORITIES[theme.authority],
        "signatory": {"name": "Үлгі Т. Ә.", "position": "Бөлім басшысы"},
        "platform_id": PLATFORM_ID,
        "addressee": {"legal_representative": "ТОО «Образец»", "bin": "000000000009"},
        "issued_at": ISSUED_AT,
        "languages": texts,
        "legal_basis": [{"act": theme.act, "article": theme.article}],
        "category": theme.category,
        "statement_of_reasons": [{"lang": lang, "text": theme.kk if lang == "kk" else theme.ru} for lang in texts],
        "items": [_item(chance, theme, number, host, seed) for number in range(1, items + 1)]
        if isinstance(items, int)
        else list(items),
        "requested_action": theme.action,
        "contact": {"name": "Кеңсе / Канцелярия", "email": "office@regulator.example"},
    }
    if theme.category == "cyberbullying_of_child":
        value["expert_group_decision"] = {"number": str(seed), "decided_on": "2026-11-20"}
    return Notice.model_validate({**value, **overrides})


def _item(chance: random.Random, theme: _Theme, number: int, host: str, seed: int) -> Item:
    content = chance.choice(theme.content)
    name = f"{seed}-{number}"
    if content == "account":
        return Item(item_id=str(number), url=f"{host}/u/{name}", account_ref=f"user-{name}", content_type="account")
    found = {"channel": "c", "group": "g", "page": "pages", "video": "v"}.get(content, "p")
    return Item.model_validate(
        {
            "item_id": str(number),
            "url": f"{host}/{found}/{name}",
            "object_id": f"{content}:{name}",
            "content_type": content,
            "evidence_sha256": hashlib.sha256(f"evidence {name}".encode()).hexdigest(),
        }
    )


def clarification(
    of: Notice, in_reply_to: str, text: str = "Речь идёт о записи целиком.", **overrides: Any
) -> Clarification:
    """The authority's answer to the clarification request `in_reply_to`."""
    answer = Answer(text=(LocalText(lang="ru", text=text),))
    value = {"notice_id": of.notice_id, "in_reply_to": in_reply_to, "answers": (answer,)}
    return Clarification.model_validate({**value, **overrides})


def cancellation(
    of: Notice, effect: Effect | None = "withdrawn", item_ids: Iterable[str] | None = None, **overrides: Any
) -> Cancellation:
    """The end of a notice, or of some of its items."""
    value = {
        "notice_id": of.notice_id,
        "revision": of.revision,
        "item_ids": None if item_ids is None else tuple(item_ids),
        "effect": effect,
        "reference_number": f"{of.reference_number}-1",
        "issued_at": of.issued_at,
        "reasons": (LocalText(lang="kk", text="Талап қайтарылды."), LocalText(lang="ru", text="Требование отозвано.")),
    }
    return Cancellation.model_validate({**value, **overrides})


def reminder(of: Notice, escalation_level: int = 1, **overrides: Any) -> Reminder:
    """The authority asks again."""
    value = {"notice_id": of.notice_id, "escalation_level": escalation_level, "text": "Жауап күтеміз. Ждём ответа."}
    return Reminder.model_validate({**value, **overrides})


def sanction(seed: int = 1, notice_ids: Iterable[str] = (), **overrides: Any) -> Sanction:
    """A warning for the notices that it names."""
    value = {
        "sanction_id": f"S-{seed}",
        "level": "warning",
        "notice_ids": tuple(notice_ids),
        "effective_at": ISSUED_AT,
        "reference_number": f"S/{seed}",
    }
    return Sanction.model_validate({**value, **overrides})


def message_bytes(
    data: MessageData,
    kind: MessageType | None = None,
    *,
    message_id: str = "msg_sample",
    sent_at: int = ISSUED_AT,
    platform_id: str = PLATFORM_ID,
) -> bytes:
    """The body of the message that carries `data`, of the type that fits it unless `kind` is given."""
    return write_message(kind or kind_of(data), data, message_id=message_id, sent_at=sent_at, platform_id=platform_id)


def kind_of(data: MessageData) -> MessageType:
    """The type of the message that carries `data`."""
    if isinstance(data, Notice):
        return "notice.issued" if data.revision == 1 else "notice.amended"
    if isinstance(data, Clarification):
        return "notice.clarified"
    if isinstance(data, Cancellation):
        return "notice.cancelled"
    return "notice.reminded" if isinstance(data, Reminder) else "sanction.announced"


# What a platform answers.


def acknowledgement(of: Notice, **overrides: Any) -> Acknowledgement:
    """A platform's acknowledgement of a notice."""
    value = {
        "notice_id": of.notice_id,
        "revision": of.revision,
        "received_at": of.issued_at,
        "case_reference": f"case {of.notice_id}",
    }
    return Acknowledgement.model_validate({**value, **overrides})


def clarification_request(of: Notice, request_id: str = "ask-1", **overrides: Any) -> ClarificationRequest:
    """A platform's question about the whole notice."""
    question = Question(text=(Statement(lang="ru", text="Какая именно часть записи?"),))
    value = {
        "request_id": request_id,
        "notice_id": of.notice_id,
        "case_reference": f"case {of.notice_id}",
        "sequence": 1,
        "questions": (question,),
        "sent_at": of.issued_at + 600,
    }
    return ClarificationRequest.model_validate({**value, **overrides})


def report(
    of: Notice, report_id: str = "report-1", sequence: int = 1, outcome: Outcome = "removed", **overrides: Any
) -> Report:
    """A platform's final report with the same outcome for every item."""
    lang = of.languages[0] if of.languages else "ru"
    item = {
        "outcome": outcome,
        "action": {"removed": "remove", "restricted": "restrict_access", "restored": "restore"}.get(outcome, "none"),
        "effective_at": of.issued_at + 3_600 if outcome in ("removed", "restricted", "restored") else None,
        "refusal_code": "not_illegal" if outcome == "refused" else None,
        "statement_of_reasons": (Statement(lang=lang, text="Рассмотрено. Қаралды."),),
    }
    value = {
        "report_id": report_id,
        "notice_id": of.notice_id,
        "reference_number": of.reference_number,
        "case_reference": f"case {of.notice_id}",
        "sequence": sequence,
        "final": True,
        "received_at": of.issued_at,
        "reported_at": of.issued_at + 3_700,
        "items": tuple(ReportItem.model_validate({**item, "item_id": each.item_id}) for each in of.items),
        "authorised_person": AuthorisedPerson(role="head_of_office", name="Үлгі Б. С."),
        "audit_head": hashlib.sha256(of.notice_id.encode()).hexdigest(),
    }
    return Report.model_validate({**value, **overrides})
