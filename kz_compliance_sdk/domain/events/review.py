"""What people do with a case on its way to a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kz_compliance_sdk.domain.actor import STAFF, roles
from kz_compliance_sdk.domain.events.base import REVIEWERS, At, Code, Event, Keyed, Number, Scope, Value, words
from kz_compliance_sdk.domain.fold import Case, Check, Decision, Lease, Look, Said, alter
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.transitions import CaseState


class Claimed(Event, frozen=True, kw_only=True):
    """A moderator took the case, under a fencing token that is higher than any before."""

    may = STAFF
    token: Number
    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.state, case.token, case.was_claimed = CaseState.CLAIMED, self.token, True
        case.lease = Lease(self.token, on.person, on.account, self.until)


class TakenOver(Event, frozen=True, kw_only=True):
    """A lead or a lawyer took the case out of a colleague's hand, under a token that is higher than any before."""

    may = roles("lead", "legal")
    words = words(reasons="erasable")
    token: Number
    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        case.token, case.lease = self.token, Lease(self.token, on.person, on.account, self.until)


class Assigned(Event, frozen=True, kw_only=True):
    """A person said who is to take care of the case: its part `assignee`, and `whose`, a digest of that by which the
    case is found. Without one it is anybody's again."""

    may = roles("lead", "legal")
    words = words(assignee="erasable")
    whose: Keyed = ""

    def apply(self, case: Case, on: Stamped) -> None:
        case.whose = self.whose


class Renewed(Event, frozen=True, kw_only=True):
    """The moderator is still at it."""

    until: At

    def apply(self, case: Case, on: Stamped) -> None:
        if case.lease is not None:
            case.lease = Lease(case.lease.token, case.lease.person, case.lease.account, self.until)


class Released(Event, frozen=True, kw_only=True):
    """The moderator gave the case back."""

    def apply(self, case: Case, on: Stamped) -> None:
        case.back_to_review()


class Expired(Event, frozen=True, kw_only=True):
    """The lease ran out."""

    def apply(self, case: Case, on: Stamped) -> None:
        case.back_to_review()


class Sight(Value, frozen=True, kw_only=True):
    """What an item's content was: keyed digests of its reference and of its content, empty where nothing was found or
    `fault` says why nobody could look."""

    item: Number
    reference: Keyed
    content: Keyed = ""
    available: bool = False
    fault: Code = ""


class Looked(Event, frozen=True, kw_only=True):
    """A person looked at the content of the open items; with `approval`, before approving."""

    words = words(objects="erasable")
    seen: tuple[Sight, ...]
    approval: bool = False

    def apply(self, case: Case, on: Stamped) -> None:
        failed = {(number, look.reference) for number, look in case.looks.items() if look.fault}
        if any(one.fault and (one.item, one.reference) not in failed for one in self.seen):
            case.page("content_unresolved", REVIEWERS, 40, on)
        for one in self.seen:
            _see(case, one, on)


class ContentChanged(Event, frozen=True, kw_only=True):
    """The content is not what was decided about. With a `version`, this was seen when its effect was to leave: nothing
    was carried out, and the item is open again."""

    words = words(objects="erasable")
    seen: tuple[Sight, ...]
    version: Number = 0

    def apply(self, case: Case, on: Stamped) -> None:
        for one in self.seen:
            _see(case, one, on)
            case.flag(f"{'content_changed' if one.available else 'content_gone'}:{one.item}")
            if self.version and one.item in case.items:
                item = case.items[one.item]
                case.void("enforce", target=item.object, item=item.number)
                alter(case.items, one.item, status="failed")
        if case.state in (CaseState.DECIDED, CaseState.LIFTING, CaseState.IN_APPROVAL):
            case.back_to_review()
        case.page("content_changed", REVIEWERS, 50, on)


YesNo = Literal["yes", "no", "unclear"]


class LegallyChecked(Event, frozen=True, kw_only=True):
    """A named person answered the questions of the legal check."""

    may = STAFF
    words = words(note="erasable")
    check: Number
    revision: Number
    answers: dict[Code, YesNo]

    def apply(self, case: Case, on: Stamped) -> None:
        answers = dict(self.answers)
        case.checks[self.check] = Check(self.check, on.seq, self.revision, on.person, on.account, answers)


class Judged(Value, frozen=True, kw_only=True):
    """What a proposal says of one item: the finding is what the law says, the action what the platform does, the
    outcome what the regulator is told."""

    item: Number
    finding: Literal["illegal", "not_illegal", "unclear", "not_assessed"]
    action: Code
    outcome: Code
    ground: Code = ""
    scope: tuple[Scope, ...] = ("KZ",)
    refusal_code: Code = ""
    appeal: bool = True
    content: Keyed = ""


class Proposed(Event, frozen=True, kw_only=True):
    """A person proposes a decision for every open item. Its words are the part `proposal`, whose digest an approval
    names. `rules` says what asked for a second person under which `policy`; that the head proposed is told by the roles
    of who did, and not in the open."""

    may = STAFF
    words = words(proposal="erasable")
    decision: Number
    revision: Number
    check: Number = 0
    four_eyes: bool = False
    rules: tuple[Code, ...] = ()
    policy: Code
    lawyer: bool = False
    text_checked: bool = False
    items: tuple[Judged, ...]

    def apply(self, case: Case, on: Stamped) -> None:
        case.decision = self.decision
        case.decisions[self.decision] = Decision(
            version=self.decision,
            at_seq=on.seq,
            digest=self.parts["proposal"].mac,
            revision=self.revision,
            items=dict(said_of(self.items)),
            person=on.person,
            account=on.account,
            at=on.at,
            four_eyes=self.four_eyes,
            policy=self.policy,
            rules=self.rules,
            check=self.check,
            lawyer=self.lawyer,
        )
        case.state, case.lease = CaseState.IN_APPROVAL, None


class Approved(Event, frozen=True, kw_only=True):
    """Another person approved exactly what was proposed."""

    may = roles("lead", "legal", never_head=True)
    decision: Number
    digest: Keyed

    def apply(self, case: Case, on: Stamped) -> None:
        who, account = on.person, on.account
        alter(case.decisions, self.decision, approved_by=who, approved_account=account, approved_at=on.at)


Setting = Literal["decided", "lifting", "settled"]


class Set(Value, frozen=True, kw_only=True):
    """What a decision sets going for one item; `version` is that of the effect, from the object's stream."""

    item: Number
    status: Setting
    version: Number = 0
    preserve_until: At = 0


class Decided(Event, frozen=True, kw_only=True):
    """What was proposed holds: nothing of it leaves before `not_before`, by the undo window of this `policy`."""

    decision: Number
    policy: Code
    not_before: At
    items: tuple[Set, ...]

    def apply(self, case: Case, on: Stamped) -> None:
        case.state, case.lease, case.decided_at = CaseState.DECIDED, None, on.at
        case.undo_until = self.not_before
        case.unflag("withheld")
        said = case.decisions[self.decision].items
        for one in self.items:
            was, word, settled = case.items[one.item], said[one.item], one.status == "settled"
            item = alter(
                case.items,
                one.item,
                status=one.status,
                decision=self.decision,
                action=word.action,
                ground=word.ground,
                scope=word.scope,
                preserve_until=one.preserve_until or was.preserve_until,
                copy_deleted=was.copy_deleted and not one.preserve_until,
                measure="" if settled else was.measure,
                version=was.version if settled else one.version,
            )
            if not settled:
                kind: Literal["enforce", "restore"] = "enforce" if one.status == "decided" else "restore"
                case.owe_effect(item, kind, on, not_before=self.not_before)


class SentBack(Event, frozen=True, kw_only=True):
    """The second person did not agree."""

    may = roles("lead", "legal")
    words = words(reasons="erasable")
    decision: Number

    def apply(self, case: Case, on: Stamped) -> None:
        case.back_to_review()


class Undone(Event, frozen=True, kw_only=True):
    """A decision was taken back before anything of it was carried out: these items are open again."""

    may = roles("moderator", "lead", "legal")
    decision: Number
    items: tuple[Number, ...]

    def apply(self, case: Case, on: Stamped) -> None:
        for number in self.items:
            item = case.items[number]
            case.void("enforce", "restore", target=item.object, item=number)
            alter(case.items, number, status="open")
        case.void("report")
        case.back_to_review()
        case.lift_due_at = case.decided_at = 0


class Withheld(Event, frozen=True, kw_only=True):
    """News of the order came before these measures had begun: they are off their way, until a second person decides."""

    items: tuple[Number, ...]

    def apply(self, case: Case, on: Stamped) -> None:
        held = [case.items[number] for number in self.items]
        latest = all(item.decision == case.decision for item in held)
        for item in held:
            case.void("enforce", target=item.object, item=item.number)
            alter(case.items, item.number, status="open")
        if case.state in (CaseState.DECIDED, CaseState.LIFTING):
            one_person = not case.decisions[case.decision].approved_at
            case.state = CaseState.IN_APPROVAL if latest and one_person else CaseState.QUEUED
        elif case.state is CaseState.IN_APPROVAL:
            case.state = CaseState.QUEUED
        case.flag("withheld")
        case.lift_due_at = case.decided_at = 0
        case.page("withheld", ("lead", "legal"), 60, on)


class Asked(Event, frozen=True, kw_only=True):
    """A person asked the authority what is missing. The clock runs on."""

    may = roles("moderator", "lead", "legal")
    words = words(body="erasable")
    questions: Number

    def apply(self, case: Case, on: Stamped) -> None:
        case.state, case.lease, case.questions = CaseState.AWAITING_ANSWER, None, case.questions + 1
        case.owe("clarification", case.channel, on, decision=case.decision, number=case.questions, at_seq=on.seq)


class Recalled(Event, frozen=True, kw_only=True):
    """A person decides without waiting for the answer any longer."""

    may = roles("moderator", "lead", "legal")

    def apply(self, case: Case, on: Stamped) -> None:
        case.back_to_review()


class Reopened(Event, frozen=True, kw_only=True):
    """A person supersedes an ended case: what still stands is decided anew, and what fell of the items `named`;
    measures in force stay meanwhile."""

    may = roles("lead", "legal")
    words = words(reasons="erasable")
    named: tuple[Number, ...] = ()

    def apply(self, case: Case, on: Stamped) -> None:
        for item in case.items.values():
            if not item.renamed and (not item.fell or item.number in self.named):
                alter(case.items, item.number, status="open")
        case.back_to_review()
        case.closed_at = case.decided_at = case.lift_due_at = 0
        case.reopened += 1


def _see(case: Case, one: Sight, on: Stamped) -> None:
    known = case.looks.get(one.item)
    n = known.n + 1 if known is not None else 1
    case.looks[one.item] = Look(n, on.seq, one.reference, one.content, one.available, one.fault)


def said_of(items: tuple[Judged, ...]) -> Mapping[int, Said]:
    """What a decision says of each item, as the case keeps it."""
    return {
        one.item: Said(
            item=one.item,
            finding=one.finding,
            action=one.action,
            outcome=one.outcome,
            ground=one.ground,
            scope=one.scope,
            refusal_code=one.refusal_code,
            appeal=one.appeal,
            content=one.content,
        )
        for one in items
    }
