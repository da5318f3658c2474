# Over 700 lines because every kind of today's events is told on this one page.
"""What each event of today's core is in the ledger. It goes with that core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from json import loads
from typing import Any

from kz_compliance_sdk.domain import change as old
from kz_compliance_sdk.domain.audit import SYSTEM, AuditEvent
from kz_compliance_sdk.domain.case import Case as OldCase
from kz_compliance_sdk.domain.events import arrivals, office
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.messages import object_key
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.outbox import OutboxMessage
from tests.ledger.shadow import Shadow, keyed, object_of, sealed


@dataclass
class Step:
    """One write of a case: what it was, what it is, and what was written with it."""

    shadow: Shadow
    before: OldCase | None
    after: OldCase
    writes: list[Any]
    event: AuditEvent
    data: dict[str, Any]
    items: dict[str, Item]
    bodies: dict[tuple[str, str, str], bytes]

    @property
    def actor(self) -> str:
        """Who did it; of what was typed in, who typed it in."""
        typist: str = self.data.get("entered_by", "")
        return typist if typist and self.event.actor == SYSTEM.id else self.event.actor

    def of(self, kind: type) -> list[Any]:
        return [write for write in self.writes if type(write) is kind]

    def messages(self, *kinds: str) -> list[OutboxMessage]:
        return [one for one in self.of(OutboxMessage) if one.kind in kinds]

    def paged(self, reason: str) -> bool:
        return any(loads(one.body)["reason"] == reason for one in self.messages("page"))

    # --------------------------------------------------------------------------------------------- shared parts

    def came(self) -> arrivals.Came:
        data = self.data
        name = data["sender"], data["message"], data["sha256"]
        row = next((r for r in [*self.of(old.InboxRow), *(w.row for w in self.of(old.InboxAdmitted))]), None)
        status = row.status if row is not None else 202
        source = data.get("source", "typed")
        return arrivals.Came(
            key=keyed(*name[:2]),
            body=keyed(name[2]),
            source=source,
            channel=self.after.channel,  # type: ignore[arg-type]  # one of the two
            status=status,
            volume=data.get("volume", 0),
            volume_limit=data.get("volume_limit", 0),
        )

    def flags(self, added: bool = True) -> tuple[str, ...]:
        known = set(self.before.flags) if self.before is not None and added else set()
        return tuple(self.flag(one) for one in self.after.flags if one not in known)

    def marks(self) -> tuple[str, ...]:
        """The marks of an answer. Which of the case's it repeats, today's event does not say: only that it has any."""
        assert self.before is not None
        if new := tuple(one for one in self.flags() if one != "clarified"):
            return new
        calls = self.paged("user_data_demand") or self.paged("no_approver_on_duty")
        return tuple(one for one in self.before.flags if ":" not in one)[:1] if calls else ()

    def flag(self, one: str) -> str:
        code, _, item = one.partition(":")
        return f"{code}:{self.item(item)}" if item else code

    def named(self, ids: list[str]) -> tuple[arrivals.Named, ...]:
        """The items of these ids, with numbers: an id that names another object now is another item."""
        made = []
        for name in ids:
            was, now = (self.before.item(name) if self.before else None), self.after.item(name)
            assert now is not None
            key = object_key(self.items[name]) if name in self.items else now.object_key
            known = self.before is not None and self.before.erased_at is None
            instead = was.number if known and was is not None and was.number != now.number else 0
            begun = was is not None and not instead and not was.measure and bool(now.measure)
            self.shadow.called[now.number] = name
            made.append(arrivals.Named(number=now.number, object=object_of(key), instead_of=instead, begun=begun))
        return tuple(made)

    def fallen(self, names: list[str]) -> tuple[arrivals.Fallen, ...]:
        """What became of these items; of one that was renamed under its new name."""
        found = []
        assert self.before is not None
        for name in names:
            was = self.before.item(name)
            assert was is not None
            number = was.number
            now = next((one for one in self.after.items if one.number == number), None)
            if now is None:
                found.append(arrivals.Fallen(item=number, fate="stopped", order=True))
                continue
            order = bool(now.fell) and not was.fell
            if now.status not in ("stopped", "lifting", "kept"):
                found.append(arrivals.Fallen(item=number, fate="stays", order=order))
                continue
            stood = was.status, was.effect_version, was.action, was.measure
            moved = (now.status, now.effect_version, now.action, now.measure) != stood
            fate: Any = now.status if moved else "stays"
            version = now.effect_version if now.effect_version != was.effect_version else 0
            held = bool(now.measure)
            found.append(arrivals.Fallen(item=number, fate=fate, version=version, held=held, order=order))
        return tuple(found)

    def others(self, named: list[str]) -> list[str]:
        """Those of these ids that named another object before."""
        before = {} if self.before is None else {item.item_id: item.number for item in self.before.items}
        return [name for name in named if name in before and before[name] != self.item(name)]

    def appeal(self) -> int:
        """The number of the appeal that is written."""
        (write,) = self.of(old.AppealWrite)
        return int(write.appeal.number)

    def lifted_by(self) -> int:
        """Until when what falls with this step must be lifted, 0 if nothing is."""
        return next((one.deadline_at or 0 for one in self.messages("restore")), 0)

    def vouched(self) -> int:
        if "how" not in self.data.get("sealed", ()):
            return 0
        return self.shadow.letters.pop((self.data["sender"], self.data["message"], self.data["sha256"]), 0)

    def item(self, name: str) -> int:
        found = self.after.item(name) or (self.before.item(name) if self.before is not None else None)
        assert found is not None
        return found.number


# ------------------------------------------------------------------------------------------------------ arrivals


def _notice_fields(s: Step) -> dict[str, Any]:
    case = s.after
    return {
        "authority": case.authority_id,
        "notice": case.notice_id,
        "revision": case.revision,
        "kind": case.kind,
        "category": case.category,
        "languages": case.languages,
        "came": s.came(),
        "requested_due_at": case.requested_due_at or 0,
        "policy": "kz",
        "authenticity": case.authenticity,
        "no_approver": s.paged("no_approver_on_duty"),
    }


def _opened(s: Step) -> list[Event]:
    items = s.named([item.item_id for item in s.after.items])
    return [
        arrivals.Opened(
            **_notice_fields(s),
            received_at=s.after.received_at,
            escalates_from=s.after.escalates_from,
            due_at=s.after.due_at,
            items=items,
            flags=s.flags(),
        )
    ]


def _quarantined(s: Step) -> list[Event]:
    return [
        arrivals.Quarantined(
            authority=s.after.authority_id,
            notice=s.after.notice_id,
            number=s.after.quarantine_no,
            code=s.data["code"],
            came=s.came(),
            received_at=s.after.received_at,
            due_at=s.after.due_at,
            policy="kz",
            flags=tuple(one for one in s.after.flags if one != s.data["code"]),
            parts=sealed(reason=s.data["field"]),
        )
    ]


def _admitted(s: Step) -> list[Event]:
    items = s.named([item.item_id for item in s.after.items])
    return [arrivals.Admitted(**_notice_fields(s), due_at=s.after.due_at, items=items, flags=s.flags())]


def _amended(s: Step) -> list[Event]:
    assert s.before is not None
    ended = s.before.closed_at is not None
    now = {item.item_id for item in s.after.items}
    named = [name for name in s.items if name in now]
    gone = [] if s.before.erased_at else [i.item_id for i in s.before.items if i.item_id not in named and not i.was]
    fallen = s.fallen([*gone, *([] if s.before.erased_at else s.others(named))])
    items = s.named(named)
    return [
        *_over(s),
        arrivals.Amended(
            **_notice_fields(s),
            received_at=s.after.received_at if ended else 0,
            due_at=s.after.due_at if ended else 0,
            items=items,
            fallen=fallen,
            flags=tuple(f for f in s.flags() if f != "amended"),
            lift_due_at=s.lifted_by(),
            vouched=s.vouched(),
        ),
    ]


def _answered(s: Step) -> list[Event]:
    assert s.before is not None
    named = [name for name in s.items if s.after.item(name) is not None]
    fallen = s.fallen(s.others(named))
    asked = [
        item.item_id
        for item in s.after.items
        if item.status == "open" and item.item_id not in named
        if (was := s.before.item(item.item_id)) is not None and was.status != "open"
    ]
    numbers = tuple(s.item(name) for name in asked)
    asked_in = s.data["in_reply_to"]
    question = asked_in if asked_in in s.shadow.known else "unknown"
    items = s.named(named)
    return [
        arrivals.Answered(
            came=s.came(),
            question=question,
            items=items,
            asked=numbers,
            fallen=fallen,
            flags=s.marks(),
            lift_due_at=s.lifted_by(),
            vouched=s.vouched(),
            no_approver=s.paged("no_approver_on_duty"),
        )
    ]


def _cancelled(s: Step) -> list[Event]:
    assert s.before is not None
    given = s.data["items"]
    about = [i.item_id for i in s.before.items if given is None or i.item_id in given]
    return [
        arrivals.Cancelled(
            came=s.came(),
            revision=s.data["revision"],
            effect=s.data["effect"],
            named=None if given is None else tuple(s.item(name) for name in given if s.before.item(name) is not None),
            fallen=s.fallen(about),
            lift_due_at=s.lifted_by() or s.after.lift_due_at or 0,
            vouched=s.vouched(),
        )
    ]


def _reminded(s: Step) -> list[Event]:
    return [arrivals.Reminded(came=s.came(), level=s.data["level"])]


_LETTERS = {
    "cancellation_unverified": "cancellation",
    "answer_unverified": "answer",
    "amendment_unverified": "amendment",
}


def _flagged(s: Step) -> list[Event]:
    flags = s.data["flags"]
    kind = next((_LETTERS[one] for one in flags if one in _LETTERS), None)
    if kind is not None and s.data.get("source") == "typed":
        key = s.data["sender"], s.data["message"], s.data["sha256"]
        s.shadow.letters[key] = len(s.shadow.links) + 1
        entered = arrivals.LetterEntered(came=s.came(), kind=kind, received_at=s.data["received_at"])  # type: ignore[arg-type]
        rest = tuple(s.flag(one) for one in flags if one not in _LETTERS)
        return [entered, arrivals.Flagged(flags=rest, alert=False)] if rest else [entered]
    alert = any(loads(one.body)["reason"].startswith("flag.") for one in s.messages("page"))
    came = s.came() if "sender" in s.data else None
    told = tuple(s.flag(one) for one in flags)
    vouched = s.vouched() if came else 0
    called = s.paged("no_approver_on_duty")
    return [arrivals.Flagged(came=came, flags=told, alert=alert, vouched=vouched, no_approver=called)]


def _taken_in(s: Step) -> list[Event]:
    return [arrivals.TakenIn(came=s.came())]


def _confirmed(s: Step) -> list[Event]:
    return [arrivals.Confirmed(came=s.came())]


def _dismissed(s: Step) -> list[Event]:
    key = s.data["sender"], s.data["message"], s.data["sha256"]
    return [arrivals.LetterDismissed(letter=s.shadow.letters.pop(key, 0))]


# -------------------------------------------------------------------------------------------------------- office


def _plain(make: Callable[[], Event]) -> Callable[[Step], list[Event]]:
    return lambda _step: [make()]


def _over(s: Step) -> list[Event]:
    """A suspension that had ended by its own time before this step."""
    return [office.SuspensionWatched(over=True)] if s.paged("suspension_over") else []


# --------------------------------------------------------------------------------------------- remedies and users


TOLD: dict[str, Callable[[Step], list[Event]]] = {
    "open": _opened,
    "quarantine": _quarantined,
    "admit": _admitted,
    "amend": _amended,
    "answer": _answered,
    "cancel": _cancelled,
    "remind": _reminded,
    "flag": _flagged,
    "take_in": _taken_in,
    "confirm": _confirmed,
    "dismiss_letter": _dismissed,
}
