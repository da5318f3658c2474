"""What the events of a case tell, in the shape of the documents of a pack.

It is made of open content alone: whoever holds a pack makes it again of the events, and holds the documents to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.events.office import Instructed
from kz_compliance_sdk.domain.events.privacy import Held
from kz_compliance_sdk.domain.events.review import ContentChanged, Looked
from kz_compliance_sdk.domain.fold import Case, Decision, steps_of
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.references import stream_of
from kz_compliance_sdk.domain.second_person import asked_for
from kz_compliance_sdk.domain.values import instant_text

Name = Callable[[int], str | None]
"""What a person is called in a pack, by the number in the case; None for the machine."""

_CASE: Final = (
    "platform_id:platform notice_id:notice authority_id:authority revision state kind category source authenticity "
    "channel level languages decision_version:decision received_at due_at requested_due_at decided_at closed_at "
    "lift_due_at"
)
_ITEM: Final = "item:number status action ground scope measure effective_at decision_version:decision"
_DECISION: Final = "version proposed_by:person proposed_at:at needs_approval:four_eyes approved_by approved_at revision"
_SAID: Final = "item finding action ground scope outcome refusal_code"
_CONTEST: Final = "number filed_at recorded_by:person result result_at"
_SUSPENSION: Final = "number from_at until_at ended_at recorded_by:person confirmed_by"
_USER_NOTICE: Final = "item kind state decision_version:decision due_at sent_at delay_until basis"
_APPEAL: Final = "item received_at due_at decision_version:decision state decided_by decided_at"


def told(events: Sequence[Stamped], case: Case, name: Name) -> dict[str, Json]:
    """What these events tell, of which `case` is the fold. Items are called by their numbers."""
    fields = partial(shown, name=name)

    def decision(one: Decision) -> dict[str, Json]:
        check = case.checks.get(one.check)
        return {
            **fields(one, _DECISION),
            "second_person": asked_for(case, events, one.version),
            "legal_check": None if check is None else dict(check.answers),
            "items": [fields(said, _SAID) for said in one.items.values()],
        }

    return {
        "case": {
            "id": case.stream.removeprefix(stream_of("")),
            "entered_by": name(case.typist[0]),
            **fields(case, _CASE),
        },
        "items": [fields(item, _ITEM) for item in case.items.values() if not item.is_gone],
        "legal_checks": [
            {
                **fields(one, "version revision answered_by:person"),
                "answered_at": instant_text(events[one.at_seq - 1].at),
                "answers": dict(one.answers),
            }
            for _, one in sorted(case.checks.items())
        ],
        "content": [
            {**fields(seen, "item available fault"), "number": n, **fields(on, "seen_by:person seen_at:at")}
            for on, seen, n in _looks(events)
        ],
        "decisions": [decision(one) for _, one in sorted(case.decisions.items())],
        "contests": [fields(one, _CONTEST) for one in case.contests.values()],
        "suspensions": [fields(one, _SUSPENSION) for one in case.suspensions.values()],
        "instructions": [
            {**fields(on, "recorded_at:at recorded_by:person"), **fields(on.event, "given_at")}
            for on in events
            if isinstance(on.event, Instructed)
        ],
        "user_notices": [fields(one, _USER_NOTICE) for one in case.tellings.values()],
        "appeals": [fields(one, _APPEAL) for one in case.appeals.values()],
        "holds": [
            {**fields(on, "held_at:at held_by:person"), **fields(on.event, "until")}
            for on in events
            if isinstance(on.event, Held)
        ],
        **fields(case, "held_until erased_at"),
        "messages": [{**fields(one, "id kind endpoint"), "item": one.item or None} for one in case.messages.values()],
        "escalations": [fields(one, "step fired_at level audience") for one in steps_of(case)],
        "audit": {"head": case.head.hex(), "length": case.seq},
    }


def shown(value: Any, names: str, name: Name = str) -> dict[str, Json]:
    """What a value holds under these names, as the documents have it; `name:field` renames a field."""
    found: dict[str, Json] = {}
    for each in names.split():
        field, _, own = each.partition(":")
        held = getattr(value, own or field)
        found[field] = name(held) if field.endswith("_by") else _shown(field, held)
    return found


def _shown(field: str, held: Any) -> Json:
    if field.endswith(("_at", "until")):
        return instant_text(held) if held else None
    if isinstance(held, tuple):
        return list(held)
    if isinstance(held, str):
        return str(held) or None
    number: int = held
    return number


def _looks(events: Sequence[Stamped]) -> Iterator[tuple[Stamped, Any, int]]:
    """Each look at an item, and how many there were by then."""
    counts = Counter[int]()
    for on in events:
        if isinstance(on.event, Looked | ContentChanged):
            for seen in on.event.seen:
                counts[seen.item] += 1
                yield on, seen, counts[seen.item]


def differences(told: Json, shown: Json, where: str = "") -> Iterator[str]:
    """Each place where a document says otherwise than it is told. It may say more."""
    if isinstance(told, Mapping) and isinstance(shown, Mapping):
        for name, value in told.items():
            yield from differences(value, shown.get(name), f"{where}.{name}".lstrip("."))
    elif isinstance(told, list) and isinstance(shown, list) and len(told) == len(shown):
        for number, pair in enumerate(zip(told, shown, strict=True), 1):
            yield from differences(*pair, f"{where} {number}")
    elif told != shown:
        yield where
