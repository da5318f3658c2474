"""Who looked at a case is on its chain, once, and nobody's work is disturbed by it."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.domain import proofs
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.decision import LegalCheck
from kz_compliance_sdk.domain.review_policy import VIEW_AGAIN_AFTER_S
from kz_compliance_sdk.errors import InvalidInput, NotAllowed, NotFound
from tests.evidence.scene import HEAD, LEAD, MODERATOR, Scene


def kinds(at: Scene, case_id: str) -> list[tuple[str, str]]:
    return [(on.kind, on.who.id if on.who else "system") for on in at.desk.case_file(case_id).chain.events]


def test_a_view_is_recorded_once_for_a_person_and_a_while(at: Scene) -> None:
    case_id = at.case(decided=False)
    assert [at.desk.record_view(actor, case_id) for actor in (HEAD, HEAD, LEAD)] == [True, False, True]
    at.clock.advance(VIEW_AGAIN_AFTER_S - 1)
    assert not at.desk.record_view(HEAD, case_id)
    at.clock.advance(1)
    assert at.desk.record_view(HEAD, case_id)
    assert [who for kind, who in kinds(at, case_id) if kind == "viewed"] == [HEAD.id, LEAD.id, HEAD.id]
    assert proofs.check(at.desk.store.queries(at.desk.platform_id).records(case_id)) == ()


def test_a_view_refuses_nobody_and_a_case_must_be_there(at: Scene) -> None:
    """Who may look is the host's to say; a person without a role who did look is recorded all the more."""
    case_id = at.case(decided=False)
    assert at.desk.record_view(Actor("visitor"), case_id)
    with pytest.raises(NotFound):
        at.desk.record_view(HEAD, "01a20c5a-0000-7000-8000-000000000000")


def test_a_view_breaks_neither_a_lease_nor_an_approval(at: Scene) -> None:
    """Somebody looks between each step of the others."""
    case_id = at.case(decided=False)
    lease = at.desk.claim(MODERATOR, case_id=case_id)
    assert lease is not None
    at.desk.record_view(HEAD, case_id)
    lease = at.desk.renew(MODERATOR, case_id, lease.token)
    at.desk.record_view(LEAD, case_id)
    proposal = at.office.proposal(at.desk.notice(case_id))
    assert isinstance(proposal.legal_check, LegalCheck)
    doubt = proposal.legal_check.model_copy(update={"authority": "unclear"})
    made = at.desk.propose(MODERATOR, case_id, lease.token, proposal.model_copy(update={"legal_check": doubt}))
    assert made.decision.needs_approval
    at.clock.advance(VIEW_AGAIN_AFTER_S)
    at.desk.record_view(HEAD, case_id)
    at.desk.evidence(LEAD, case_id)
    assert at.desk.approve(LEAD, case_id, made.digest).case.state == "decided"


@pytest.mark.slow
def test_a_pack_is_recorded_before_it_is_made(at: Scene) -> None:
    """By whom, in which form and language; and the reason of a full one is sealed."""
    case_id = at.case()
    at.desk.evidence(MODERATOR, case_id, lang="kk")
    at.desk.evidence(HEAD, case_id, lang="en", full=True, reason="the court of Almaty, order 12")
    chain = at.desk.case_file(case_id).chain
    redacted, full = [on for on in chain.events if on.kind == "disclosed"]
    assert redacted.who is not None
    assert full.who is not None
    assert (redacted.who.id, redacted.event.form) == (MODERATOR.id, "redacted")
    assert (full.who.id, full.event.form, full.event.language) == (HEAD.id, "full", "en")
    assert chain.said(full.seq) == {"reason": "the court of Almaty, order 12"}
    assert b"court of Almaty" not in chain.links[full.seq - 1].content


@pytest.mark.parametrize(
    ("actor", "given", "error", "field"),
    [
        (Actor("visitor"), {}, NotAllowed, None),
        (MODERATOR, {"full": True, "reason": "because"}, NotAllowed, None),
        (HEAD, {"full": True}, InvalidInput, "reason"),
        (HEAD, {"full": True, "reason": " \n"}, InvalidInput, "reason"),
        (HEAD, {"lang": "de"}, InvalidInput, "lang"),
    ],
)
def test_what_is_refused_writes_nothing(
    at: Scene, actor: Actor, given: dict[str, object], error: type[Exception], field: str | None
) -> None:
    case_id = at.case(decided=False)
    with pytest.raises(error) as refused:
        at.desk.evidence(actor, case_id, **given)  # type: ignore[arg-type]  # as a caller would
    assert getattr(refused.value, "field", None) == field
    assert "disclosed" not in [kind for kind, _ in kinds(at, case_id)]
