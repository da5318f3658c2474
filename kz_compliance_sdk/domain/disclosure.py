"""Who looked at a case, and what of it was taken out of the office. Both are steps of the case, on its chain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.case import Case, happened, move
from kz_compliance_sdk.domain.change import CaseWrite, Change
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.steps import need

Form = Literal["redacted", "full"]

VIEW_AGAIN_AFTER_S = 900
"""For how long, in seconds, one recorded view of a person stands for all: a page that is loaded anew adds nothing."""


def is_seen(events: Iterable[Stamped], actor: Actor, now: int) -> bool:
    """Whether a view of this person was recorded within `VIEW_AGAIN_AFTER_S` before `now` (UTC seconds)."""
    since = now - VIEW_AGAIN_AFTER_S
    recent = (on for on in events if on.at > since and isinstance(on.event, office.Viewed))
    return any(on.who is not None and on.who.id == actor.id for on in recent)


def view(case: Case, *, stamp: Stamp) -> tuple[Change, Case]:
    """A person looked at the case. It is recorded and never refused: who may look is for the host to say.

    Neither a lease nor an approval depends on it: both name what they hold by a token or a digest.
    """
    tells = [happened(case, office.Viewed(), stamp)]
    seen = move(case, "view", case.state)
    return (CaseWrite(seen), *tells), seen


def disclose(case: Case, form: Form, lang: str, reason: str, *, stamp: Stamp) -> tuple[Change, Case]:
    """A person takes an evidence pack of the case out. A full one names people, so it takes a reason and a role that
    answers for it: raises NotAllowed, InvalidInput."""
    REVIEW_POLICY.check(stamp.actor, "disclose" if form == "full" else "evidence")
    if form == "full":
        need(reason, "reason", "Say who receives the pack with the names in it, and on what ground.")
    texts = {"reason": reason} if reason.strip() else None
    tells = [happened(case, office.Disclosed(form=form, language=lang), stamp, texts)]
    told = move(case, "disclose", case.state)
    return (CaseWrite(told), *tells), told
