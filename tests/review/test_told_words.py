"""What people write with a step of the office is told with it, in full: the ledger alone will hold it."""

from __future__ import annotations

from kz_compliance_sdk.domain import appeals, commands, review_policy
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.appeals import Appeal, Reversal
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.deciding import record_undoable
from kz_compliance_sdk.domain.decision import Decision
from kz_compliance_sdk.domain.flags import USER_DATA_DEMAND
from kz_compliance_sdk.domain.holding import Answering
from tests.case_makers import (
    HEAD,
    HOUR,
    LEAD,
    LEGAL,
    POLICY,
    RESPONDENT,
    RU,
    T0,
    a_notice,
    after,
    closed,
    events,
    in_force,
    messages,
    opened,
    proposed,
    quarantined,
    stamp,
    standing,
    taken,
    typed,
)

LATER = T0 + 100 * HOUR
CLERK = Actor("clerk")
PROOF = "ab" * 32
REVERSAL = Reversal("not_illegal", "not_illegal", RU, text_checked=True)


def told(change: Change) -> dict[str, str]:
    """The parts of the only event of a case that a change tells; it has each part that its kind may have."""
    (happened,) = [one for one in events(change) if one.stream.startswith("case/") and one.event.words]
    assert happened.words.keys() == happened.event.words.keys()
    return {name: data.decode() for name, data in happened.words.items()}


def with_measure() -> tuple[Case, Change, Appeal, Decision]:
    """A closed case with a measure in force, and an appeal against it."""
    change, case, decision = proposed(a_notice())
    case = closed(*in_force(case, decision, messages(change, "enforce")))
    decisions = {decision.version: decision}
    received, appeal = appeals.receive(
        case, "1", "a plea", LATER, "A-9", decisions, {}, POLICY.users, stamp=stamp(LATER, LEAD)
    )
    return after(case, received), received, appeal, decision


def test_the_office() -> None:
    of_typed, of_demand = typed(), opened(flags=(USER_DATA_DEMAND,))
    at = stamp(T0 + 60, LEAD)
    change, _ = taken(of_typed, commands.CorrectReceipt(T0 - 60, "the stamp"), at)
    assert told(change) == {"reasons": "the stamp"}
    change, _ = taken(of_typed, commands.Authenticate("called back"), at)
    assert told(change) == {"how": "called back"}
    change, _ = taken(quarantined(), commands.SettleQuarantine("sent again"), at)
    assert told(change) == {"reasons": "sent again"}
    change, _ = review_policy.disclose(of_typed, "full", "ru", "for the court", stamp=at)
    assert told(change) == {"reason": "for the court"}
    change, _ = taken(of_typed, commands.RaiseAlarm("they are here"), at)
    assert told(change) == {"reason": "they are here"}
    said = commands.RecordInstruction(
        given_by="an official", unit="unit 3", channel="by phone", given_at=T0, said="remove it now"
    )
    change, _ = taken(of_typed, said, at)
    assert told(change) == {
        "given_by": "an official", "unit": "unit 3", "channel": "by phone", "said": "remove it now",
    }  # fmt: skip
    change, _ = taken(of_demand, commands.ReferDemand("filed under 12"), stamp(T0, LEGAL))
    assert told(change) == {"reasons": "filed under 12"}
    change, _ = taken(of_demand, commands.RuleOutDemand("it names no user"), stamp(T0, LEGAL))
    assert told(change) == {"reasons": "it names no user"}
    case, *_ = with_measure()
    change, _ = taken(case, commands.Reopen("look again"), stamp(LATER, LEAD))
    assert told(change) == {"reasons": "look again"}


def test_remedies() -> None:
    at = stamp(T0 + 60, HEAD)
    change, case = taken(opened(), commands.RecordContest("a court", "1-9", T0, "annul it"), at)
    assert told(change) == {"body": "a court", "reference": "1-9", "remedy": "annul it"}
    change, case = taken(case, commands.SettleContest(1, "rejected", T0 + 60, "so it was held"), at)
    assert told(change) == {"reasons": "so it was held"}
    order = commands.Suspend("a court", "2-9", T0, "article 1", PROOF)
    change, case = taken(case, order, at)
    assert told(change) == {"body": "a court", "reference": "2-9", "legal_basis": "article 1", "proof_sha256": PROOF}
    change, case = taken(case, commands.ConfirmSuspension(1, "read on its site"), stamp(T0 + 60, LEAD))
    assert told(change) == {"how": "read on its site"}
    change, _ = taken(case, commands.EndSuspension(1, T0 + 60, "it was lifted"), stamp(T0 + 60, LEAD))
    assert told(change) == {"reasons": "it was lifted"}


def test_appeals() -> None:
    case, received, appeal, decision = with_measure()
    assert told(received) == {"text": "a plea", "reference": "A-9"}
    around, at = standing(decision=decision), stamp(LATER, LEGAL)
    upheld = appeals.uphold(case, appeal, "it stays", (), stamp=at)
    assert told(upheld.change) == {"reasons": "it stays"}
    settled = appeals.reverse(case, appeal, "it was satire", REVERSAL, POLICY, around, (), stamp=at)
    anew = Decision.model_validate_json(told(settled.change)["proposal"])
    assert told(settled.change) == {"reasons": "it was satire", "proposal": anew.body.decode()}
    tried = [one.but(attempts=1) for one in messages(settled.change, "restore")]
    answering = Answering({**around.decisions, anew.version: anew}, RESPONDENT)
    change, _ = record_undoable(settled.case, "1", "its object is gone", tried, answering, stamp=at)
    assert told(change[:2]) == {"reasons": "its object is gone"}


def test_privacy() -> None:
    change, case = taken(opened(), commands.Hold("a court asks", LATER), stamp(T0, LEGAL))
    assert told(change) == {"reasons": "a court asks"}
    change, _ = taken(case, commands.EndHold("it is over"), stamp(T0, LEGAL))
    assert told(change) == {"reasons": "it is over"}
