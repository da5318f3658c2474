"""The people of the platform: they claim, decide, approve, ask, forget, change their minds, and clear what is stuck."""

from __future__ import annotations

import random
from collections import Counter
from typing import Final

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.decision import Action, ItemDecision, LegalCheck, Proposal, Wording
from kz_compliance_sdk.domain.report import Outcome, Question, RefusalCode, Statement
from kz_compliance_sdk.errors import ComplianceError, IllegalMove, LeaseLost

MODERATORS: Final = tuple(Actor(f"m{number}", frozenset({"moderator"})) for number in (1, 2, 3))
LEAD: Final = Actor("lead", frozenset({"lead"}))
LAWYER: Final = Actor("lawyer", frozenset({"legal"}))

_YES: Final = LegalCheck(
    authority="yes",
    legal_basis="yes",
    clarity="yes",
    content_matches="yes",
    protected_speech="no",
    proportionate="yes",
    narrowest="yes",
)
_UNCLEAR: Final = _YES.model_copy(update={"proportionate": "unclear"})
_MEASURES: Final[dict[Action, Outcome]] = {
    "remove": "removed",
    "restrict_access": "restricted",
    "suspend_account": "account_restricted",
    "age_restrict": "age_restricted",
    "label": "labelled",
}
_OTHERWISE: Final[tuple[tuple[Outcome, RefusalCode | None], ...]] = (
    ("refused", "not_illegal"),
    ("refused", "overbroad"),
    ("not_found", None),
    ("already_unavailable", None),
)
_TEXTS: Final = {"kk": "Қаралды.", "ru": "Рассмотрено.", "en": "Considered."}
_PATIENCE_S: Final = 2 * 3_600


class Office:
    """What it does is chosen by `chance`. `did` counts it."""

    def __init__(self, desk: ComplianceDesk, chance: random.Random) -> None:
        self._desk, self._chance = desk, chance
        self._asked: dict[str, int] = {}
        self.did: Counter[str] = Counter()

    def work(self) -> None:
        """A few minutes of an ordinary day or night."""
        self._approve(0.6, 0.1)
        for moderator in MODERATORS:
            if self._chance.random() < 0.4:
                self._take(moderator, careful=False)
        self._change_minds()
        self._stop_waiting()
        if self._chance.random() < 0.2:
            self._clear(final=False)

    def finish(self) -> None:
        """Everything that people can do now, done."""
        self._approve(1.0, 0.0)
        while self._take(MODERATORS[0], careful=True):
            pass
        self._approve(1.0, 0.0)
        self._stop_waiting()
        self._clear(final=True)

    def _take(self, moderator: Actor, *, careful: bool) -> bool:
        lease = self._desk.claim(moderator)
        if lease is None:
            return False
        fate = 1.0 if careful else self._chance.random()
        if fate < 0.05:
            self.did["left a case lying"] += 1
        elif fate < 0.1:
            self._desk.release(moderator, lease.case.id, lease.token)
            self.did["gave a case back"] += 1
        elif fate < 0.2 and lease.case.id not in self._asked:
            self._ask(moderator, lease)
        else:
            self._decide(moderator, lease)
        return True

    def _ask(self, moderator: Actor, lease: Lease) -> None:
        lang = lease.case.languages[0]
        question = Question(text=(Statement(lang=lang, text=_TEXTS.get(lang, _TEXTS["ru"])),))
        self._desk.take(
            moderator, lease.case.id, commands.RequestClarification(lease.token, [question], text_checked=True)
        )
        self._asked[lease.case.id] = self._desk.store.now()
        self.did["asked"] += 1

    def _decide(self, moderator: Actor, lease: Lease) -> None:
        case, notice = lease.case, self._desk.notice(lease.case.id)
        named = {item.item_id for item in notice.items}
        items = tuple(
            self._item(case, item.item_id, str(notice.requested_action), may_act=item.item_id in named)
            for item in case.items
            if item.item_id in case.open_items
        )
        if not items:
            raise AssertionError(f"case {case.id} is in the queue and has nothing to decide: {case.items}")
        check = _UNCLEAR if self._chance.random() < 0.1 else _YES
        try:
            decided = self._desk.propose(
                moderator, case.id, lease.token, Proposal(items=items, legal_check=check, text_checked=True)
            )
        except LeaseLost:
            self.did["came too late"] += 1
            return
        self.did["proposed" if decided.decision.needs_approval else "decided"] += 1

    def _item(self, case: Case, item_id: str, asked: str, *, may_act: bool) -> ItemDecision:
        statement = (Statement(lang=case.languages[0], text=_TEXTS.get(case.languages[0], _TEXTS["ru"])),)
        if may_act and self._chance.random() < 0.7:
            action: Action = next((one for one in _MEASURES if one == asked), "remove")
            ground = self._chance.choices(("local_law", "terms_of_service"), (4, 1))[0]
            return ItemDecision.model_validate(
                {
                    "item_id": item_id,
                    "finding": "illegal",
                    "reasons": f"as the notice says of {item_id}",
                    "action": action,
                    "ground": ground,
                    "wording": Wording(outcome=_MEASURES[action], statement_of_reasons=statement),
                }
            )
        outcome, code = self._chance.choice(_OTHERWISE)
        return ItemDecision(
            item_id=item_id,
            finding="not_illegal",
            reasons=f"looked at {item_id}",
            action="none",
            wording=Wording(outcome=outcome, refusal_code=code, statement_of_reasons=statement),
        )

    def _approve(self, readiness: float, doubt: float) -> None:
        for case in self._all("in_approval"):
            if self._chance.random() >= readiness:
                continue
            digest = self._desk.case_file(case.id).decisions[case.decision_version].digest
            if self._chance.random() < doubt:
                self._desk.send_back(LEAD, case.id, digest, "look again")
                self.did["sent back"] += 1
            else:
                self._desk.approve(LAWYER, case.id, digest)
                self.did["approved"] += 1

    def _change_minds(self) -> None:
        if self._chance.random() < 0.05:
            for case in self._all("decided")[:1]:
                try:
                    self._desk.undo(MODERATORS[1], case.id)
                    self.did["undone"] += 1
                except IllegalMove:
                    self.did["too late to undo"] += 1
        if self._chance.random() < 0.01:
            ended = [case for case in self._all("closed") if any(item.order_stands for item in case.items)]
            for case in ended[:1]:
                self._desk.take(LEAD, case.id, commands.Reopen("seen with other eyes"))
                self.did["reopened"] += 1

    def _stop_waiting(self) -> None:
        now = self._desk.store.now()
        for case in self._all("awaiting_answer"):
            if now - self._asked[case.id] > _PATIENCE_S:
                self._desk.take(LEAD, case.id, commands.Recall())
                self.did["waited no longer"] += 1

    def _clear(self, *, final: bool) -> None:
        """What is parked is tried again, and what nobody can read is dealt with otherwise."""
        for case_id in self._desk.store.queries(self._desk.platform_id).case_ids():
            case = self._desk.case(case_id)
            # What is only stale may still come in order; at the end of all it is plain that the rest will not.
            if case.state is CaseState.QUARANTINED and (final or "stale" not in case.flags):
                self._desk.take(LEAD, case_id, commands.SettleQuarantine("the sender was called"))
                self.did["settled a quarantine"] += 1
            for message in self._desk.store.queries(self._desk.platform_id).records(case_id).messages:
                if message.state == "parked" and not is_superseded(message, case):
                    try:
                        self._desk.retry(LEAD, message.id)
                        self.did["tried a parked message again"] += 1
                    except ComplianceError as error:
                        self.did[f"could not retry: {error.code}"] += 1

    def _all(self, state: str) -> list[Case]:
        found: list[Case] = []
        cursor: str | None = None
        while True:
            page = self._desk.cases(state=state, cursor=cursor, limit=200)
            found += page.cases
            cursor = page.next_cursor
            if cursor is None:
                return found


def is_superseded(message: OutboxMessage, case: Case) -> bool:
    """Whether a later report of the case has taken its place: nobody sends the earlier one after it."""
    return message.kind == "report" and message.lane_seq < case.sequence
