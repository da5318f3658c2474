"""What must hold of the events of a case, whoever wrote them.

A chain that proves itself shows that nothing was changed, and its fold what it comes to. Here it is asked whether it
could have come about: each law looks at an event and at the case before it. A law holds since a version of the kind of
event: a rule that was made stricter condemns no older one. What is not known any more, such as the words of an erased
case, is not judged, nor is what a policy says that is not at hand.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

from kz_compliance_sdk.domain import clock
from kz_compliance_sdk.domain.actor import HEAD
from kz_compliance_sdk.domain.arrivals import cited, demanded
from kz_compliance_sdk.domain.cancellations import way_of
from kz_compliance_sdk.domain.decision import QUESTIONS, decision_digest
from kz_compliance_sdk.domain.events import KINDS, arrivals, delivery, office, privacy, remedies, review
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND, Recipient, codes, flags, gaps, legal_flags, wide_flags
from kz_compliance_sdk.domain.fold import OPEN, Case, Message, apply
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.messages import object_key
from kz_compliance_sdk.domain.notice import Notice, languages_of, requested_due_at
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.retention import AT_END, count_to_leave
from kz_compliance_sdk.domain.review_policy import LEGAL, is_outside
from kz_compliance_sdk.domain.transitions import ENDED, CaseState
from kz_compliance_sdk.domain.values import FROM_WIRE, object_stream


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the open content of a chain: `words` by sequence and name, None for those that were erased;
    `keyed`, which gives a digest under the platform's object key; and policies by their versions."""

    words: Mapping[tuple[int, str], bytes | None] = field(default_factory=dict)
    keyed: Callable[..., str] | None = None
    policies: Mapping[str, Policy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """The event of the sequence `seq` is not lawful: by which law, and in words."""

    seq: int
    law: str
    what: str


@dataclass(frozen=True, slots=True)
class Law:
    """What must hold of events of these kinds since their version `since`. `fault` is given the event, the case before
    it, how it was stamped and what is known, and says in words how it is broken; nothing if it holds."""

    name: str
    kinds: tuple[type[Event], ...]
    fault: Callable[[Any, Case, Stamped, Known], str]
    since: int = 1


def broken(platform: str, stream: str, events: Iterable[Stamped], known: Known) -> Iterator[Broken]:
    """Every event of a case that breaks a law, from the first one on. An event that speaks of what its case does not
    have ends it: nobody can tell what the case is after it."""
    case, laws = Case(platform, stream), _by_kind()
    for on in events:
        try:
            for law in laws[type(on.event)]:
                if on.event.v >= law.since and (what := law.fault(on.event, case, on, known)):
                    yield Broken(on.seq, law.name, what)
            apply(case, on)
        except LookupError:
            yield Broken(on.seq, "known", "it speaks of something that its case does not have")
            return


# ------------------------------------------------------------------------------------------- persons and their roles

_EVER: Final = -(2**53)
"""Before every time, UTC seconds."""
_By = tuple[int, int]
"""A person and an account by their numbers in the chain."""


def _is_another(first: Iterable[_By], on: Stamped) -> bool:
    """Whether who acted is another person than each of these, come in by another account where one is known."""
    same = (on.person == person or (account and on.account in (0, account)) for person, account in first)
    return on.person != 0 and not any(same)


def _second_person(event: Event, case: Case, on: Stamped, _known: Known) -> str:
    match event:
        case review.Approved(decision=version):
            first, whom = _who_decided(case, version), "who proposed or approved before"
        case remedies.SuspensionConfirmed(suspension=number):
            held = case.suspensions[number]
            first, whom = [(held.person, held.account)], "who recorded the suspension"
        case office.Authenticated() | office.ReceiptCorrected():
            first, whom = [case.typist], "who typed the notice in"
        case privacy.Erased(ground=ground) if ground != AT_END:
            person, account, _ = case.erasure_asked or (on.person, 0, "")
            first, whom = [(person, account)], "who asked for the erasure"
        case remedies.AppealUpheld(appeal=number) | remedies.AppealReversed(appeal=number):
            first, whom = _who_decided_first(case, number), "who decided first"
        case remedies.AppealWithdrawn(appeal=number) if on.person:
            first, whom = _who_decided_first(case, number), "who decided first"
        case _:
            return ""
    return "" if _is_another(first, on) else f"it takes another person than {whom}, by number and account"


def _who_decided(case: Case, *versions: int) -> list[_By]:
    decisions = [case.decisions[version] for version in versions]
    approved = [(one.approved_by, one.approved_account) for one in decisions if one.approved_by]
    return [(one.person, one.account) for one in decisions] + approved


def _who_decided_first(case: Case, number: int) -> list[_By]:
    """Who decided what an appeal is against, and what stands of its object now."""
    held = case.appeals[number]
    about, items = case.items[held.item], case.items.values()
    alike = [one for one in items if one.object == about.object and _name(case, one.number) == _name(case, held.item)]
    now = next((one for one in alike if one.measure), alike[0])
    return _who_decided(case, held.decision, now.decision)


def _name(case: Case, number: int) -> int:
    """What two items share if they have one id."""
    while following := case.items[number].renamed:
        number = following
    return number


def _vouched(event: Any, case: Case, on: Stamped, _known: Known) -> str:
    """A letter takes effect once another person than its typist has vouched for it; one about a notice that nobody has
    vouched for changes only what is not proved either."""
    if event.came.source != "typed":
        return ""
    letter = case.letters.get(event.came.body)
    if letter is not None:
        own = not _is_another([(letter.person, letter.account)], on)
        return "it takes another person than who typed the letter in, by number and account" if own else ""
    if isinstance(event, arrivals.Amended) and "unverified" == event.authenticity == case.authenticity:
        return ""
    return "" if isinstance(event, arrivals.Flagged) else "nobody had typed this letter in"


def _role(event: Event, _case: Case, on: Stamped, _known: Known) -> str:
    if not on.person:
        return "only a person does that"
    # Who it was is not there where people are redacted.
    return "" if on.who is None or event.may.allows(on.who) else "who did it may not do that"


def _in_hand(_event: Event, case: Case, on: Stamped, _known: Known) -> str:
    lease = case.lease
    held = case.state is CaseState.CLAIMED and lease is not None and lease.person == on.person
    return "" if held and lease is not None and lease.until > on.at else "whoever did it had not the case in hand"


# ------------------------------------------------------------------------------------------------- the decision


def _measures(items: Iterable[review.Judged]) -> list[review.Judged]:
    return [one for one in items if one.action != "none"]


def _rules(event: review.Proposed, case: Case, on: Stamped, known: Known) -> str:
    """The rules that ask for a second person, as far as they follow from the chain and from a policy that is known."""
    # That the head proposed is told by the roles alone, which are not there where people are redacted.
    if event.four_eyes != bool(event.rules) and not (event.four_eyes and (on.who is None or HEAD in on.who.roles)):
        return "it does not say which rules ask for a second person"
    if event.lawyer and on.who is not None and LEGAL not in on.who.roles:
        return "it was proposed by no lawyer"
    if on.who is not None and HEAD in on.who.roles and not event.four_eyes:
        return "it leaves out that what the head proposes takes a second person"
    left = [rule for rule in _asking(event, case, known) if rule not in event.rules]
    return f"it leaves out that {left[0]} asks for a second person" if left else ""


def _asking(event: review.Proposed, case: Case, known: Known) -> Iterator[str]:
    acts, marks = _measures(event.items), codes(tuple(case.flags))
    worldwide = any(one.scope != ("KZ",) for one in acts)
    if worldwide:
        yield "worldwide"
    if any(case.items[one.item].fell for one in acts):
        yield "order_fell"
    check = case.checks.get(event.check) if acts else None
    if check is not None:
        if _doubts(check.answers, bars=False):
            yield "check_unclear"
        if any(check.answers[one.name] == one.bars for one in QUESTIONS):
            yield "check_barred"
        last = {one.person: one.answers for one in case.checks.values() if one.revision == case.revision}
        if any(_doubts(answers) for person, answers in last.items() if person != check.person):
            yield "check_contradicted"
    policy = known.policies.get(event.policy)
    if policy is None:
        return
    yield from policy.four_eyes_rules(case.category, worldwide=worldwide, flags=marks)
    if acts and not event.lawyer and policy.needs_legal_review(case.category, marks):
        yield "legal_review"
    if acts and policy.safeguards.needs_outside(case.category, marks):
        yield "approver_outside"
    if policy.four_eyes_lifting and any(case.items[one.item].measure for one in event.items if one not in acts):
        yield "lifting"


def _doubts(answers: Mapping[str, str], *, bars: bool = True) -> bool:
    return "unclear" in answers.values() or (bars and any(answers[one.name] == one.bars for one in QUESTIONS))


def _legal_check(event: review.Proposed, case: Case, _on: Stamped, _known: Known) -> str:
    acts = _measures(event.items)
    if not acts:
        return ""
    check = case.checks.get(event.check)
    if check is None or check.revision != case.revision:
        return "its measures rest on no legal check of this revision"
    barred = any(check.answers[one.name] == one.bars for one in QUESTIONS)
    on_law = any(one.ground == "local_law" for one in acts)
    return "a measure rests on local law, and the legal check bars it" if barred and on_law else ""


def _answered(event: review.LegallyChecked, case: Case, _on: Stamped, _known: Known) -> str:
    whole = event.answers.keys() == {one.name for one in QUESTIONS} and event.revision == case.revision
    return "" if whole else "it answers other questions, or for another revision"


def _grounds(event: review.Proposed, _case: Case, _on: Stamped, _known: Known) -> str:
    if not event.text_checked:
        return "nobody has read the text that goes out"
    for one in _measures(event.items):
        if one.ground not in ("local_law", "terms_of_service"):
            return f"the measure on the item {one.item} has no ground"
        if one.ground == "local_law" and (one.scope != ("KZ",) or one.finding == "not_illegal"):
            return f"the measure on the item {one.item} cannot rest on local law"
    return ""


def _answerable(_event: Event, case: Case, _on: Stamped, _known: Known) -> str:
    return "it answers a demand for data of a user" if USER_DATA_DEMAND in case.flags else ""


def _authentic(event: review.Proposed, case: Case, _on: Stamped, _known: Known) -> str:
    acts = case.authenticity == "unverified" and _measures(event.items)
    return "a measure, and no event says that the notice is authentic" if acts else ""


def _approval(event: review.Approved, case: Case, on: Stamped, known: Known) -> str:
    held = case.decisions[event.decision]
    if event.decision != case.decision or case.state is not CaseState.IN_APPROVAL:
        return "it is not the proposal that waits"
    body = known.words.get((held.at_seq, "proposal"))
    if known.keyed is not None and body is not None and known.keyed(decision_digest(body)) != event.digest:
        return "it names another digest than that of the proposal"
    acts = any(one.action != "none" for one in held.items.values())
    who, policy = on.who, known.policies.get(held.policy)
    if who is None or not acts:
        return ""
    if "legal_review" in held.rules and not held.lawyer and LEGAL not in who.roles:
        return "a measure takes a lawyer here, and none decided"
    outside = policy is None or is_outside(who, policy)
    return "" if outside or "approver_outside" not in held.rules else "it takes an approver outside the country"


def _decided(event: review.Decided, case: Case, on: Stamped, _known: Known) -> str:
    held = case.decisions[event.decision]
    if event.decision != case.decision or case.state is not CaseState.IN_APPROVAL:
        return "it is not what was proposed last"
    if not held.approved_at and (held.four_eyes or "withheld" in case.flags):
        return "it takes a second person, and nobody approved it"
    by = (held.approved_by, held.approved_account) if held.approved_at else (held.person, held.account)
    if (on.person, on.account) != by:
        return "whoever proposed or approved it did not decide it"
    for one in event.items:
        item, acts = case.items[one.item], held.items[one.item].action != "none"
        if item.status not in OPEN:
            return f"nothing about the item {one.item} was to be decided"
        if acts != (one.status == "decided") or (one.status == "lifting" and not item.measure):
            return f"what it does with the item {one.item} was not proposed"
        if acts and item.fell and not (held.approved_at and held.items[one.item].ground == "terms_of_service"):
            return f"the order about the item {one.item} fell: a measure takes the platform's own terms and two persons"
    return ""


def _undone(event: review.Undone, case: Case, _on: Stamped, _known: Known) -> str:
    begun = [one for one in case.owed if one.item in event.items and one.object and one.begun]
    return f"what was to be done with the item {begun[0].item} had begun" if begun else ""


# ------------------------------------------------------------------------------------------ what the authority wrote


def _origin(event: Any, case: Case, on: Stamped, known: Known) -> str:
    came = event.came
    if came is None:
        return ""
    proved = came.source != "typed"
    if proved != (came.key_id is not None) or proved != ("proof" in event.parts):
        return "what proves the origin of its message is missing, or is not its own"
    said = getattr(event, "authenticity", "signed" if proved else "unverified")
    if (said == "signed") != proved or (said == "verified" and came.body not in case.letters):
        return f"its message is said to be {said}, and was {came.source}"
    body = known.words.get((on.seq, "message"))
    if body is None or known.keyed is None or known.keyed(hashlib.sha256(body).hexdigest()) == came.body:
        return ""
    return "its message is not the one whose digest it names"


def _of_message(on: Stamped, known: Known) -> dict[str, Any] | None:
    """What the message of an event says, None where that is not known any more."""
    body = known.words.get((on.seq, "message"))
    if body is None:
        return None
    try:
        return dict(from_json(body)["data"])
    except (ValueError, TypeError, LookupError):
        return {}


_Noticed = arrivals.Opened | arrivals.Admitted | arrivals.Amended


def _read(raw: Mapping[str, object]) -> Notice | None:
    try:
        return Notice.model_validate(raw, context=FROM_WIRE)
    except ValidationError:
        return None


def _notice(event: _Noticed, case: Case, on: Stamped, known: Known) -> str:
    """What of a notice is open stands so in its bytes. How many came before it is in none."""
    if 0 < event.came.volume_limit <= event.came.volume and "volume_unusual" not in event.flags:
        return "it leaves out the flag volume_unusual"
    raw = _of_message(on, known)
    if raw is None:
        return ""
    notice = _read(raw)
    if notice is None:
        return "its message is no notice"
    policy = known.policies.get(event.policy)
    says = {
        "authority": notice.issuing_authority.id,
        "notice": notice.notice_id,
        "revision": notice.revision,
        "kind": notice.kind,
        "category": notice.category,
        "languages": languages_of(notice) or ("kk", "ru"),
        "demanded": demanded(notice, event.demanded.legal_basis if policy is None else cited(notice, policy)),
    }
    if (received_at := _received_at(event, case)) is not None:
        says["requested_due_at"] = requested_due_at(notice, received_at) or 0
    for name, said in says.items():
        if getattr(event, name) != said:
            return f"its {name} is {getattr(event, name)}, its message says {said}"
    if known.keyed is not None:
        objects = [(object_stream(object_key(item), known.keyed), way_of(item)) for item in notice.items]
        if [(one.object, one.way) for one in event.items] != objects:
            return "its items are about other objects than its message names"
    left = _marks(notice, raw, policy) - codes(event.flags)
    return f"it leaves out the flag {min(left)}" if left else ""


_OF_TIME: Final = frozenset(
    {"issued_future", "deadline_defaulted", "deadline_past", "deadline_short", "deadline_long", "category_unknown"}
)
"""Flags that depend on when a notice was read, or on a list of codes that no policy holds."""


def _marks(notice: Notice, raw: Mapping[str, object], policy: Policy | None) -> frozenset[str]:
    """The codes of the flags that follow from the bytes of a notice, and from the policy where it is known. Which hosts
    are the platform's own, and whom it must be addressed to, is not told anywhere."""
    found = flags(
        notice,
        raw=raw,
        now=notice.issued_at,
        hosts=frozenset(),
        known_categories=frozenset(),
    )
    wide = wide_flags(notice.items) if policy is None else legal_flags(notice, raw=raw, safeguards=policy.safeguards)
    return frozenset(one.code for one in (*found, *gaps(notice, policy, Recipient()), *wide)) - _OF_TIME


def _cancelled(event: arrivals.Cancelled, case: Case, on: Stamped, known: Known) -> str:
    said = _of_message(on, known)
    if said is None:
        return ""
    whole = said.get("notice_id"), said.get("revision"), said.get("effect"), said.get("item_ids") is None
    told = case.notice, event.revision, event.effect, event.named is None
    return "" if whole == told else "it cancels something else, or otherwise, than its message says"


def _confirmed(event: arrivals.Confirmed, case: Case, on: Stamped, known: Known) -> str:
    said = _of_message(on, known)
    if event.came.source == "typed":
        return "a letter confirms no letter"
    if said is None or all(item.fell for item in case.items.values()):
        return ""
    if (said.get("notice_id"), said.get("category"), said.get("kind")) != (case.notice, case.category, case.kind):
        return "its message demands something else than was typed in"
    notice, told = _read(said), event.demanded
    laws = {cited(notice, policy) for policy in known.policies.values()} if notice is not None else ()
    if notice is None or demanded(notice, told.legal_basis) != told or (laws and told.legal_basis not in laws):
        return "what it says of its message is not what that says"
    return ""


# -------------------------------------------------------------------------------------------------- times


def _received_at(event: _Noticed, case: Case) -> int | None:
    """The receipt from which the term of a notice runs; None where it runs on from an earlier one."""
    if isinstance(event, arrivals.Amended):
        return event.received_at if event.due_at else None
    return case.received_at if isinstance(event, arrivals.Admitted) else event.received_at


def _term(event: Any, case: Case, on: Stamped, known: Known) -> str:
    received_at = event.received_at if isinstance(event, arrivals.Quarantined) else _received_at(event, case)
    if received_at is None:
        return ""
    # What came earlier came by the clock of then, which may have been set back since.
    if case.seq == 0 and received_at > on.at:
        return "it was received in the future"
    policy = known.policies.get(event.policy)
    if policy is None:
        return "" if event.due_at > received_at else "it is due before it was received"
    quarantined = isinstance(event, arrivals.Quarantined)
    term = policy.default_term if quarantined else policy.term(event.kind, event.category)
    due_at = clock.due_at(received_at, term, policy.calendar)
    return "" if event.due_at == due_at else f"it is due at {event.due_at}, by its policy it was at {due_at}"


def _corrected(event: office.ReceiptCorrected, case: Case, on: Stamped, _known: Known) -> str:
    if case.source != "typed":
        return "only the receipt of what was typed in can be corrected"
    ordered = event.received_at <= on.at and event.received_at < event.due_at
    return "" if ordered else "its receipt lies in the future, or behind its term"


def _not_before(event: delivery.Begun, case: Case, on: Stamped, _known: Known) -> str:
    held = case.messages[event.message]
    if held.begun or on.at >= held.not_before:
        return ""
    return f"the {held.kind} began at {on.at}, and was not to leave before {held.not_before}"


def _undo_window(event: review.Decided, _case: Case, on: Stamped, known: Known) -> str:
    policy = known.policies.get(event.policy)
    least = on.at if policy is None else on.at + policy.undo_window_s
    return "" if event.not_before >= least else "its undo window is shorter than its policy has it"


def _ladder(event: office.Escalated, case: Case, on: Stamped, known: Known) -> str:
    """No step fired before its time, which pauses of the term only make later."""
    policy = known.policies.get(event.policy)
    if policy is None or event.unsure:
        return ""
    lifts = case.lift_due_at and case.state in (CaseState.LIFTING, CaseState.LIFTED)
    fired = clock.steps_due(
        policy.ladder,
        received_at=case.escalates_from + case.clock_shift,
        due_at=(case.lift_due_at if lifts else case.due_at) + case.clock_shift,
        requested_due_at=case.requested_due_at + case.clock_shift if case.requested_due_at and not lifts else None,
        since=_EVER,
        now=on.at,
        unclaimed=True,
    )
    # Of a step that repeats the last round has come, and with it those before.
    ripe = {one.id.removesuffix(f".{one.round}"): one.round for one in fired}
    early = [step for step in event.steps if not _is_ripe(step, ripe)]
    return f"the step {early[0]} fired before its time" if early else ""


def _is_ripe(step: str, ripe: Mapping[str, int]) -> bool:
    name, _, n = step.rpartition(".")
    return step in ripe or (n.isdecimal() and 0 < int(n) <= ripe.get(name, 0))


# ------------------------------------------------------------------------------------------------- what leaves


def _standing(event: delivery.Begun, case: Case, _on: Stamped, _known: Known) -> str:
    """A measure begins where its notice is authentic, and its order stands or it rests on the platform's own terms."""
    held = case.messages[event.message]
    if held.kind != "enforce" or held.begun:
        return ""
    item = case.items[held.item]
    if case.authenticity == "unverified":
        return "a measure began, and no event says that the notice is authentic"
    fell = item.fell and item.ground != "terms_of_service"
    return f"a measure began for the item {item.number}, whose order fell" if fell else ""


_ANSWERS: Final[Mapping[type[Event], tuple[str, ...]]] = MappingProxyType(
    {
        delivery.MeasureInForce: ("enforce",),
        delivery.MeasureLifted: ("restore",),
        delivery.Receipt: ("acknowledgement", "clarification", "report"),
        delivery.Rejected: ("acknowledgement", "clarification", "report"),
        delivery.UserTold: ("user_notice",),
    }
)


def _answer(event: Any, case: Case, _on: Stamped, _known: Known) -> str:
    """What came back belongs to a message of that kind, which had begun."""
    held = case.messages[event.message]
    if held.kind not in _ANSWERS[type(event)]:
        return f"it answers a message of another kind: {held.kind}"
    if getattr(event, "item", held.item) != held.item:
        return "it answers a message about another item"
    kept = isinstance(event, delivery.MeasureLifted) and event.kept
    return "" if kept or _has_left(held) else f"it answers the {held.kind} {held.id}, which had not begun"


def _has_left(held: Message) -> bool:
    return held.begun or held.state == "done"


def _tries(event: delivery.Tried, case: Case, _on: Stamped, _known: Known) -> str:
    held = case.messages[event.message]
    if not _has_left(held):
        return f"it tells of tries of the {held.kind} {held.id}, which had not begun"
    return "" if 0 < event.count >= held.tried.count else "it tells of fewer tries than were told before"


def _report(event: delivery.Reported, case: Case, on: Stamped, _known: Known) -> str:
    if event.final and (case.pending or case.undecided):
        return "a final report, and something is still to come about"
    latest = (item for item in case.items.values() if item.decision == case.decision)
    can_be_undone = any(item.status == "settled" and not item.fell for item in latest)
    early = can_be_undone and (event.not_before or on.at) < case.undo_until
    return "it may leave before the undo window is over" if early else ""


# ----------------------------------------------------------------------------------------- retention, and numbers


def _retention(event: privacy.Erased, case: Case, on: Stamped, _known: Known) -> str:
    if case.state not in ENDED:
        return "the case had not ended"
    if case.held_until > on.at:
        return "a legal hold kept the case"
    if any(not one.result for one in case.contests.values()):
        return "a contest of the order was open"
    if count_to_leave(case) or case.letters:
        return "a message or a letter was under way"
    if any(one.state == "open" for one in case.appeals.values()):
        return "an appeal was open"
    if event.ground == AT_END:
        return "a person erased it before its time" if on.person else ""
    if case.erasure_asked is None or case.erasure_asked[2] != event.ground:
        return "nobody had asked for it on this ground"
    return "a measure was in force" if any(item.measure for item in case.items.values()) else ""


def _numbers(event: Event, case: Case, _on: Stamped, _known: Known) -> str:
    """What is counted goes on by one; a revision never goes back."""
    match event:
        case review.Claimed(token=said) | review.TakenOver(token=said):
            following = case.token + 1
        case review.Proposed(decision=said):
            following = case.decision + 1
        case remedies.AppealReversed(decision=said) if said:
            following = case.decision + 1
        case review.LegallyChecked(check=said):
            following = max(case.checks, default=0) + 1
        case delivery.Reported(sequence=said):
            following = case.sequence + 1
        case remedies.Appealed(appeal=said):
            following = len(case.appeals) + 1
        case remedies.ContestRecorded(contest=said):
            following = len(case.contests) + 1
        case remedies.Suspended(suspension=said):
            following = len(case.suspensions) + 1
        case arrivals.Amended(revision=said):
            following = max(said, case.revision)
        case _:
            return ""
    return "" if said == following else f"its number is {said}, and {following} was to follow"


def _first(event: Event, case: Case, _on: Stamped, _known: Known) -> str:
    begins = isinstance(event, arrivals.Opened | arrivals.Quarantined)
    return "" if begins == (case.seq == 0) else "a case begins with a message of an authority, and begins once"


_NOTICES: Final = (arrivals.Opened, arrivals.Admitted, arrivals.Amended)
_LETTERS: Final = (arrivals.Amended, arrivals.Answered, arrivals.Cancelled)
_CAME: Final = (
    *(arrivals.Opened, arrivals.Quarantined, arrivals.Admitted, *_LETTERS),
    *(arrivals.Reminded, arrivals.Flagged, arrivals.TakenIn, arrivals.Confirmed, arrivals.LetterEntered),
)

LAWS: Final = (
    Law("first", (), _first),
    Law("role", tuple(kind for kind in KINDS.values() if kind.may.names), _role),
    Law(
        "second_person",
        (
            *(review.Approved, office.Authenticated, office.ReceiptCorrected, remedies.SuspensionConfirmed),
            *(remedies.AppealUpheld, remedies.AppealReversed, remedies.AppealWithdrawn, privacy.Erased),
        ),
        _second_person,
    ),
    Law("vouched", _LETTERS, _vouched),
    Law("in_hand", (review.Proposed, review.Asked, review.Renewed, review.Released), _in_hand),
    Law("rules", (review.Proposed,), _rules),
    Law("legal_check", (review.Proposed,), _legal_check),
    Law("answers", (review.LegallyChecked,), _answered),
    Law("grounds", (review.Proposed,), _grounds),
    Law("answerable", (review.Proposed, review.Approved, review.Asked), _answerable),
    Law("authentic", (review.Proposed,), _authentic),
    Law("approval", (review.Approved,), _approval),
    Law("decided", (review.Decided,), _decided),
    Law("undone", (review.Undone,), _undone),
    Law("origin", _CAME, _origin),
    Law("notice", _NOTICES, _notice),
    Law("cancelled", (arrivals.Cancelled,), _cancelled),
    Law("confirmed", (arrivals.Confirmed,), _confirmed),
    Law("term", (*_NOTICES, arrivals.Quarantined), _term),
    Law("receipt", (office.ReceiptCorrected,), _corrected),
    Law("not_before", (delivery.Begun,), _not_before),
    Law("undo_window", (review.Decided,), _undo_window),
    Law("ladder", (office.Escalated,), _ladder),
    Law("standing", (delivery.Begun,), _standing),
    Law("answer", tuple(_ANSWERS), _answer),
    Law("tries", (delivery.Tried,), _tries),
    Law("report", (delivery.Reported,), _report),
    Law("retention", (privacy.Erased,), _retention),
    Law(
        "numbers",
        (
            *(review.Claimed, review.TakenOver, review.Proposed, review.LegallyChecked),
            *(delivery.Reported, arrivals.Amended),
            *(remedies.Appealed, remedies.AppealReversed, remedies.ContestRecorded, remedies.Suspended),
        ),
        _numbers,
    ),
)
"""Every law. One that names no kinds holds of all."""


@cache
def _by_kind() -> Mapping[type[Event], list[Law]]:
    found: dict[type[Event], list[Law]] = defaultdict(lambda: [law for law in LAWS if not law.kinds])
    for law in LAWS:
        for kind in law.kinds:
            found[kind].append(law)
    return found
