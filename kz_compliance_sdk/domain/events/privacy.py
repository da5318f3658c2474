"""How long personal data is kept, its end, and what is counted of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec.json import encode
from msgspec.structs import asdict

from kz_compliance_sdk.domain.actor import roles
from kz_compliance_sdk.domain.events.base import At, Code, Event, Number, words
from kz_compliance_sdk.domain.fold import Case, Item, Tally, alter
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.values import Json, stream_of

# -------------------------------------------------------------------------------------------------------------- tally
# What the public figures say of a case: one slim row, without a person, an address or a text about anybody.
#
# It follows from the chain alone and outlives the erasure of the case. A corrected answer overwrites what became of the
# items, so that a case is counted once; when it was received and first answered stays as it was.


STOPPED = "stopped"
"""The outcome of an item whose order fell before anybody had decided it. No report speaks of it."""

UNANSWERED = "unanswered"
"""The outcome of an item of a case that was closed without an answer, as a demand for user data is."""

_EFFECTS = ("cancelled_withdrawn", "cancelled_annulled", "cancelled_remedied", "effect_missing")


def facts(case: Case) -> dict[str, Json]:
    """What the figures say of a case; of one of which no notice could be read, nothing that its notice would say."""
    said = {} if case.demanded is None else asdict(case.demanded)
    said.pop("issued_at", None)
    return {
        **said,
        "authority": case.authority,
        "category": case.category,
        "kind": case.kind,
        "channel": case.source,
        "authenticity": case.authenticity,
        "state": _state(case),
        "languages": sorted(case.languages),
        "items": _items(case),
        "cancelled": [flag.removeprefix("cancelled_") for flag in _EFFECTS if flag in case.flags],
        "user_data": "user_data_demand" in {flag.split(":")[0] for flag in case.flags},
        "events": _events(case),
    }


def tally(case: Case) -> Tally:
    """The row of a case that ended."""
    was, answered = case.tally, _state(case) == "closed"
    issued_at = 0 if case.demanded is None else case.demanded.issued_at
    decided_at, receipt_at = (case.decided_at or None, case.closed_at or None) if answered else (None, None)
    return Tally(
        case.platform,
        case.stream.removeprefix(stream_of("")),
        case.received_at if was is None else was.received_at,
        issued_at if was is None else was.issued_at,
        case.due_at if was is None else was.due_at,
        decided_at if was is None or was.decided_at is None else was.decided_at,
        receipt_at if was is None or was.receipt_at is None else was.receipt_at,
        encode(facts(case), order="sorted").decode(),
    )


def _events(case: Case) -> dict[str, Json]:
    """How often each of what the figures name happened. A question that was taken back before it left is none."""
    taken_back = sum(one.kind == "clarification" and one.state == "voided" for one in case.messages.values())
    counts = {
        "request_clarification": case.questions - taken_back,
        "remind": case.reminders,
        "reopen": case.reopened,
    }
    return {name: count for name, count in counts.items() if count}


def _state(case: Case) -> str:
    if not case.revision:
        return "unusable"
    if case.state is CaseState.CLOSED and not case.sequence:
        return "set_aside"
    return str(case.state)


def _items(case: Case) -> list[list[Json]]:
    """How many items were named so, and ended so: `[named by, outcome, ground, refusal code, scope, how many]`."""
    found: Counter[tuple[str, str, str, str, str]] = Counter()
    for item in _each_once(case.items):
        outcome, ground, code = _outcome(case, item)
        worldwide = outcome not in (STOPPED, UNANSWERED, "refused") and item.scope != ("KZ",)
        scope = "beyond_kz" if item.decision and worldwide else "kz"
        found[item.way, outcome, ground, code, scope] += 1
    return [[*key, count] for key, count in sorted(found.items())]


def _each_once(items: Mapping[int, Item]) -> Iterable[Item]:
    """Each item that the authority named, once, as the report has it: the object that an id names now goes before one
    that it named, and what was answered before what was stopped."""
    found: dict[int, Item] = {}
    for item in items.values():
        if item.renamed and item.status != "stopped":
            found.setdefault(_named_now(items, item), item)
    for item in items.values():
        if not item.renamed and (item.status != "stopped" or item.number not in found):
            found[item.number] = item
    return found.values()


def _named_now(items: Mapping[int, Item], item: Item) -> int:
    """The number of what the id of an item names now."""
    return _named_now(items, items[item.renamed]) if item.renamed else item.number


def _outcome(case: Case, item: Item) -> tuple[str, str, str]:
    """What became of an item: the outcome that the regulator was told, its ground and its refusal code (empty where
    there is none)."""
    if item.status == "stopped":
        return STOPPED, "", ""
    decision = case.decisions.get(item.decision)
    said = decision.items.get(item.number) if decision is not None else None
    if said is None:
        return UNANSWERED, "", ""
    ground = item.ground or said.ground
    return ("restored", ground, "") if item.status == "lifted" else (said.outcome, ground, said.refusal_code)


# ------------------------------------------------------------------------------------------------------------ privacy


class Held(Event, frozen=True, kw_only=True):
    """A legal hold: the personal data of the case is kept."""

    may = roles("lead", "legal", "head")
    words = words(reasons="erasable")
    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.held_until = self.until


class HoldEnded(Event, frozen=True, kw_only=True):
    """The legal hold ends before its time."""

    may = roles("legal", "head")
    words = words(reasons="erasable")

    def apply(self, case: Case, on: Stamped) -> None:
        case.held_until = 0


class ErasureAsked(Event, frozen=True, kw_only=True):
    """A person asks to destroy the personal data before the end of retention."""

    may = roles("legal", "head")
    ground: Code

    def apply(self, case: Case, on: Stamped) -> None:
        case.erasure_asked = on.person, on.account, self.ground


class Erased(Event, frozen=True, kw_only=True):
    """The key of what is erasable is destroyed, and parts are emptied: of each event, how many."""

    ground: Code
    emptied: tuple[tuple[Number, Number], ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        case.erased_at, case.erasure_asked = on.at, None
        for name, one in [*case.messages.items()]:
            if one.state == "parked":
                # Without its words it can never be sent again.
                alter(case.messages, name, state="voided")


class Counted(Event, frozen=True, kw_only=True):
    """The case, as it stands, is in the public figures: told with what ends it, and again where what they say of it
    changes."""

    def apply(self, case: Case, on: Stamped) -> None:
        case.tally = tally(case)


def erased_of(events: Iterable[Stamped]) -> frozenset[int]:
    """The sequences of the events whose erasable parts were emptied."""
    return frozenset(seq for on in events if isinstance(on.event, Erased) for seq, _ in on.event.emptied)


def erasable(events: Iterable[Stamped]) -> tuple[tuple[int, int], ...]:
    """What an `Erased` that follows these events empties: of each event that still has erasable parts, how many."""
    held = list(events)
    gone = erased_of(held)
    counts = ((on.seq, sum(said.cls == "erasable" for said in on.event.parts.values())) for on in held)
    return tuple((seq, count) for seq, count in counts if count and seq not in gone)
