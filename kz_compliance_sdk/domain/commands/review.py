"""From the lease to the decision, and every way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from kz_compliance_sdk.domain import clock, deciding
from kz_compliance_sdk.domain.actor import STAFF, Actor, Stamp, roles
from kz_compliance_sdk.domain.case import Case, CaseState, happened, moved
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.commands.base import LEASE, Command, Facts, Outside
from kz_compliance_sdk.domain.decision import (
    Decision,
    LegalCheck,
    Proposal,
    RecordedCheck,
    checked,
    checks_of,
    recorded,
)
from kz_compliance_sdk.domain.events import office, review
from kz_compliance_sdk.domain.forms import BACK, Field, words
from kz_compliance_sdk.domain.holding import can_report_interim
from kz_compliance_sdk.domain.messages import clarification, step, with_report, written
from kz_compliance_sdk.domain.proposal_checks import check_questions
from kz_compliance_sdk.domain.report import Question
from kz_compliance_sdk.domain.review_policy import (
    check_answerable,
    check_lease,
    need,
    take_over,
    who_decided,
    whose,
)
from kz_compliance_sdk.domain.running_time import replanned, resumed, term_times
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

Token = Annotated[int, Field("The token of your lease.")]
Digest = Annotated[str, Field("The SHA-256 of the proposal that was seen.")]
_TO_PROPOSE = (CaseState.QUEUED, CaseState.CLAIMED, CaseState.AWAITING_ANSWER)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed case. Every later step names `token`; it is good until `expires_at` (UTC seconds)."""

    case: Case
    token: int
    expires_at: int

    @classmethod
    def of(cls, case: Case) -> Lease:
        """The lease of a case that is claimed."""
        return cls(case, case.lease_token, case.lease_expires_at or 0)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a proposal came to: the case, and the decision with the digest that an approval must name."""

    case: Case
    decision: Decision

    @property
    def digest(self) -> str:
        return self.decision.digest


class Renew(Command[Lease], may=LEASE, panel="Decide"):
    """Keep a claimed case for another lease time. Raises LeaseLost."""

    token: Token

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Lease]:
        check_lease(case, self.token, stamp)
        until = stamp.at + facts.policy.lease_s
        change, after = step(case, "renew", happened(case, review.Renewed(until=until), stamp))
        return change, Lease.of(after)


class Release(Command[Case], may=LEASE, panel="Decide", told="{name} is back in the queue."):
    """Give a claimed case back to the queue."""

    token: Token

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        check_lease(case, self.token, stamp)
        return step(case, "release", happened(case, review.Released(), stamp))


class TakeOver(Command[Lease], may=roles("lead", "legal"), panel="Decide"):
    """Take a case out of a colleague's hand, with reasons: what they do under their lease is refused from then on.

    To free it for anybody, release it after that. Raises NotAllowed, and IllegalMove for a case that nobody holds.
    """

    reasons: Annotated[str, words("Say why it cannot wait until its lease runs out.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Lease]:
        change, after = take_over(case, self.reasons, lease_s=facts.policy.lease_s, stamp=stamp)
        return change, Lease.of(after)


class Assign(Command[Case], may=roles("lead", "legal")):
    """Say who is to take care of a running case: nobody else is given it as the most urgent free one.

    It stays with that person through every lease, until it is assigned anew. Whoever names it can claim it all the
    same: the clock waits for nobody. Raises IllegalMove for a case that has ended.
    """

    to: Annotated[str, Field("The id of that person. Without it the case is anybody's again.", is_line=True)] = ""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if case.state in ENDED:
            raise IllegalMove("it has ended: nobody need take care of it.", reference=case.id)
        if not self.to:
            return step(case, None, happened(case, review.Assigned(), stamp), assigned_to="")
        told = review.Assigned(whose=whose(self.to, stamp.keyed))
        return step(case, None, happened(case, told, stamp, {"assignee": self.to}), assigned_to=self.to)


class RecordLegalCheck(Command[RecordedCheck], name="check", may=roles("moderator", "lead", "legal")):
    """Record a person's answers to the legal check as its next version, before a proposal."""

    check: Annotated[LegalCheck, Field("The seven answers, and a note that is sealed.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, RecordedCheck]:
        if case.revision == 0:
            raise InvalidInput(
                "there is no usable notice to check.", field="case_id", remedy="Settle the quarantined message first."
            )
        row = recorded(case, self.check, checks_of(facts.stream, case.id), stamp)
        change, _ = step(case, "record_legal_check", checked(case, self.check, row, stamp))
        return change, row


class Propose(Command[Decided], name="decide", may=STAFF):
    """Propose a decision for every open item; it is final at once where policy asks for no second person. The same
    again, by the same person under the same lease, gets the first answer."""

    weighs = True
    token: Token
    proposal: Annotated[Proposal, Field("What is proposed for each open item.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Decided]:
        # Where it is still to be proposed nothing stands: what was proposed then was taken back or superseded.
        if case.state not in _TO_PROPOSE and case.lease_token == self.token:
            first = facts.decisions().get(case.decision_version)
            if first and first.proposed_by == stamp.actor.id and first.proposal == self.proposal:
                return (), Decided(case, first)
        change, after, decision = deciding.propose(case, self.token, self.proposal, facts.context(), stamp=stamp)
        return change, Decided(after, decision)


class Approve(Command[Decided], may=roles("lead", "legal", never_head=True)):
    """Approve exactly the proposal whose digest was seen. Raises Conflict for another."""

    weighs = True
    digest: Digest

    def before(self, outside: Outside, actor: Actor, case_id: str) -> None:
        """Raises Conflict if the content is not what was proposed about."""
        outside.compare_content(actor, case_id, self.digest)

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Decided]:
        context = facts.context()
        decision = _current(case, context.decisions.get(case.decision_version))
        proposers = who_decided(facts.stream, decision.version)
        change, after = deciding.approve(case, self.digest, decision, context, proposers, stamp=stamp)
        said = {"approved_by": stamp.actor.id, "approved_at": stamp.at}
        return change, Decided(after, decision.model_copy(update=said))


class SendBack(Command[Case], may=roles("lead", "legal")):
    """Send a proposal back to the queue, with reasons. Raises Conflict for another than the one that was seen."""

    digest: Digest
    reasons: Annotated[str, BACK]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        decision = _current(case, facts.decisions().get(case.decision_version))
        return deciding.send_back(case, self.digest, self.reasons, decision, stamp=stamp)


def _current(case: Case, decision: Decision | None) -> Decision:
    if decision is None:
        raise IllegalMove("nothing was proposed for this case.", reference=case.id)
    return decision


class Undo(
    Command[Case], may=roles("moderator", "lead", "legal"), panel="Decide", told="The decision on {name} is taken back."
):
    """Take a decision back inside the undo window, before anything is carried out."""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        kinds = ("enforce", "restore", "report")
        messages = [message for message in facts.open_messages() if message.kind in kinds]
        return deciding.undo(case, messages, facts.policy, stamp=stamp)


class RequestClarification(Command[Case], name="clarify", may=roles("moderator", "lead", "legal")):
    """Ask the authority what is missing; the clock runs on. `text_checked`: this person read the questions and found no
    identity of a user or reporter. Raises LeaseLost, and InvalidInput for text that nobody has checked."""

    token: Token
    questions: Annotated[Sequence[Question], Field("What is asked.")]
    text_checked: Annotated[bool, Field("Whether this person read the questions and found nobody named.")] = False

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        notice = facts.notice()
        check_lease(case, self.token, stamp)
        check_answerable(case)
        if not self.questions:
            raise InvalidInput("there is no question.", field="questions", remedy="Ask at least one.")
        named = {item.item_id for item in case.items}
        for number, question in enumerate(self.questions):
            if question.item_id is not None and question.item_id not in named:
                raise InvalidInput(
                    f"the notice names no item {question.item_id!r}.",
                    field=f"questions[{number}].item_id",
                    remedy="Name one of its items, or leave it out to ask about the whole notice.",
                )
            for place, said in enumerate(question.text):
                need(said.text, f"questions[{number}].text[{place}].text", "Write the question, or leave it out.")
        check_questions(case, self.questions, notice, text_checked=self.text_checked)
        asked = review.Asked(questions=len(self.questions))
        body = clarification(case, tuple(self.questions), stamp)
        return step(case, "request_clarification", happened(case, asked, stamp, {"body": body}))


class Recall(Command[Case], may=roles("moderator", "lead", "legal"), told="{name} waits for no answer any more."):
    """Decide without waiting for the authority's answer any longer."""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        return step(case, "recall", happened(case, review.Recalled(), stamp))


class Reopen(Command[Case], may=roles("lead", "legal"), told="{name} is decided anew."):
    """Supersede the decision of an ended case. Measures stay in force meanwhile."""

    reasons: Annotated[str, words("Say why the decision is superseded.")]
    items: Annotated[
        Sequence[str],
        Field("An item whose order fell, to decide it anew all the same; may be repeated.", "--item", "ID"),
    ] = ()

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if case.erased_at is not None:
            raise IllegalMove("its personal data was erased: there is nothing left to decide about.", reference=case.id)
        if not case.items:
            raise IllegalMove("a quarantined message has no item to decide about.", reference=case.id)
        for name in self.items:
            if (item := case.item(name)) is None or item.was:
                raise InvalidInput(
                    f"the case has no item {name!r} to decide about.", field="items", remedy="Name one of its items."
                )
        if not any(not item.was and (item.order_stands or item.item_id in self.items) for item in case.items):
            raise IllegalMove(
                "its order fell: nothing is left to decide. To act on the platform's own terms, or to lift what is in "
                "force, name the items.",
                reference=case.id,
            )
        case, over = resumed(case, stamp)
        reopened = review.Reopened(named=tuple(item.number for item in case.items if item.item_id in self.items))
        told = happened(case, reopened, stamp, {"reasons": self.reasons})
        watch = clock.next_step_at(facts.policy.ladder, after=stamp.at, **term_times(case))
        back = replanned(moved(case, "reopen", told, watch_at=watch), facts.policy, stamp.at)
        return written(back, *over, told), back


class ReportInterim(
    Command[Case], may=roles("lead", "legal"), name="interim", told="The settled items of {name} are being reported."
):
    """Report the settled items of a case now, although others are still under way."""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if not can_report_interim(case):
            raise IllegalMove(
                "there is nothing to report before the rest: the whole report follows.", reference=case.id
            )
        told = happened(case, office.InterimAsked(), stamp)
        asked = moved(case, "report_interim", told)
        asked, reported = with_report(
            asked, facts.decisions(), facts.respondent(), stamp, final=False, notified=facts.notified()
        )
        return written(asked, told, reported), asked


class RecordUndoable(
    Command[Case],
    may=roles("lead", "legal"),
    name="undoable",
    told="Item {item_id} of {name} is gone, and is reported so.",
):
    """Record that a measure can never be lifted, after a try failed: its object is gone for good."""

    item_id: Annotated[str, Field("The item whose measure cannot be lifted.", "--item", "ID")]
    reasons: Annotated[str, words("Say why it can never be lifted.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        messages, answering = facts.open_messages(), facts.answering(case.item(self.item_id))
        return deciding.record_undoable(case, self.item_id, self.reasons, messages, answering, stamp=stamp)


class Acknowledge(Command[Case], may=STAFF, told="The escalations of {name} are acknowledged."):
    """Record that you have seen the escalations of a case."""

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        return step(case, "acknowledge", happened(case, office.EscalationSeen(), stamp))


class Note(Command[Case], may=STAFF, told="Your note on {name} is kept."):
    """Keep a note on a case for whoever works on it next. It is sealed, never sent, and goes with the personal data."""

    text: Annotated[str, words("Write what the next person should know.")]

    def decide(self, case: Case, facts: Facts, stamp: Stamp) -> tuple[Change, Case]:
        if case.erased_at is not None:
            raise IllegalMove("its personal data was erased: nothing of a person is kept here.", reference=case.id)
        return step(case, None, happened(case, office.NoteKept(), stamp, {"text": self.text}))
