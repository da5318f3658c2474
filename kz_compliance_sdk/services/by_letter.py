"""Letters about a case that runs: a cancellation or an answer, typed in, then vouched for by another, or dismissed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, get_args

from pydantic import ValidationError

from kz_compliance_sdk.domain import letters_in
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, InboxRow
from kz_compliance_sdk.domain.messages import BY_HAND, Respondent
from kz_compliance_sdk.domain.notice import Answer, Cancellation, Clarification, Effect, Item, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Statement
from kz_compliance_sdk.domain.review_policy import REVIEW_POLICY
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotFound
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import (
    arrival_in,
    letter_known,
    letters_waiting,
    standing_before,
    stream_in,
    typist_in,
)
from kz_compliance_sdk.services.tallying import counted
from kz_compliance_sdk.wire.v1 import MessageType, read_message, write_message

T = TypeVar("T")
_OFFICE = "office"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was typed in and waits: the message id under which it is held, and what it says. `received_at` is
    when the office received it, UTC seconds."""

    message_id: str
    type: str
    entered_by: str
    received_at: int
    says: Cancellation | Clarification | Notice


class ByLetter:
    """What authorities write by letter about the cases of one platform."""

    def __init__(self, store: Store, platform_id: str, policy: Policy, respondent: Respondent) -> None:
        self._store, self._platform, self._policy = store, platform_id, policy
        self._respondent = respondent

    def _submit(self, work: Callable[[Tx], tuple[Change, T]]) -> T:
        return self._store.submit(self._platform, counted(work)).result()

    def enter_cancellation(
        self,
        actor: Actor,
        case_id: str,
        *,
        effect: Effect | None,
        item_ids: Sequence[str] | None,
        reference: str,
        issued_at: int,
        received_at: int,
        how: str,
        reasons: Sequence[Statement] = (),
    ) -> Case:
        """Type in a letter that cancels the case's order, or with `item_ids` a part of it. It changes nothing until
        somebody else calls `vouch`; then its `effect` lifts what it lifts.

        `received_at` is when the office received it, `issued_at` its date (UTC seconds); `how` says on which way it
        came. Raises NotAllowed and InvalidInput.
        """
        if effect is not None and effect not in get_args(Effect):
            raise InvalidInput(
                f"{effect!r} is no effect.", field="effect", remedy=f"Use one of: {', '.join(get_args(Effect))}."
            )
        need(reference, "reference", "Give the letter's own number.")

        def letter(case: Case) -> Cancellation:
            known = {item.item_id for item in case.items}
            for item_id in item_ids or ():
                if item_id not in known:
                    raise InvalidInput(
                        f"the case has no item {item_id!r}.",
                        field="item_ids",
                        remedy="Name its items, or none for all.",
                    )
            return Cancellation(
                notice_id=case.notice_id,
                revision=max(case.revision, 1),
                item_ids=None if item_ids is None else tuple(item_ids),
                effect=effect,
                reference_number=reference,
                issued_at=issued_at,
                reasons=tuple(reasons),
            )

        return self._enter(actor, case_id, "notice.cancelled", letter, received_at, how)

    def enter_answer(
        self,
        actor: Actor,
        case_id: str,
        *,
        in_reply_to: str,
        answers: Sequence[Answer],
        received_at: int,
        how: str,
        items: Sequence[Item] | None = None,
    ) -> Case:
        """Type in a letter that answers our question `in_reply_to` (the id of its message); `items` replace those of
        the same id. It changes nothing until somebody else calls `vouch`. Raises NotAllowed and InvalidInput."""

        def letter(case: Case) -> Clarification:
            return Clarification(
                notice_id=case.notice_id,
                in_reply_to=in_reply_to,
                answers=tuple(answers),
                items=None if items is None else tuple(items),
            )

        return self._enter(actor, case_id, "notice.clarified", letter, received_at, how)

    def _enter(
        self,
        actor: Actor,
        case_id: str,
        kind: MessageType,
        letter: Callable[[Case], Cancellation | Clarification],
        received_at: int,
        how: str,
    ) -> Case:
        REVIEW_POLICY.check(actor, "enter")
        need(how, "how", "Say on which way it came: letter, e-mail, phone call.")

        def work(tx: Tx) -> tuple[Change, Case]:
            case = tx.case(case_id)
            if received_at > tx.now:
                raise InvalidInput(
                    "the receipt lies in the future.", field="received_at", remedy="Give the time on the stamp."
                )
            try:
                said = letter(case)
                message_id = _message_id(case, said)
                body = write_message(kind, said, message_id=message_id, sent_at=received_at, platform_id=self._platform)
            except ValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"] if part != "data")
                raise InvalidInput(
                    f"{first['msg'].lower()}.", field=field, remedy="Give it as the letter has it."
                ) from None
            sha256 = hashlib.sha256(body).hexdigest()
            message = (_OFFICE, message_id, sha256)
            if (known := letter_known(stream_in(tx, case_id), tx.stamp().keyed(_OFFICE, message_id))) is not None:
                if known == "dismissed":
                    raise IllegalMove("this letter was dismissed before.", reference=case_id)
                return (), case
            arrival = Arrival(
                self._platform,
                message,
                "typed",
                "unverified",
                BY_HAND,
                received_at,
                received_at,
                entered_by=actor.id,
                account=actor.account,
                how=how,
                body=body,
            )
            return letters_in.enter_letter(case, said, arrival, tx.stamp(actor))

        return self._submit(work)

    def waiting(self, case_id: str) -> tuple[Letter, ...]:
        """The letters of a case that were typed in and that nobody has vouched for or dismissed, oldest first."""
        found: tuple[Letter, ...] = self._submit(
            lambda tx: ((), tuple(_letter(tx, row) for row in letters_waiting(tx, tx.case(case_id))))
        )
        return found

    def vouch(self, actor: Actor, case_id: str, message_id: str, how: str) -> Case:
        """Record how the authenticity of a letter was checked; it then does what it says. Never by its typist.

        Raises NotAllowed, NotFound, and IllegalMove for an amendment, which `authenticate` is for.
        """
        REVIEW_POLICY.check(actor, "authenticate")

        def work(tx: Tx) -> tuple[Change, Case]:
            case, row = tx.case(case_id), _named(tx, case_id, message_id)
            says = _says(row)
            if isinstance(says, Notice):
                raise IllegalMove("this letter is an amendment: call authenticate.", reference=case_id)
            arrival = arrival_in(tx, row, BY_HAND)
            return letters_in.vouch_for_letter(
                case,
                says,
                arrival,
                how,
                self._policy,
                standing_before(tx, case, says, self._respondent),
                tx.stamp(actor),
            )

        return self._submit(work)

    def dismiss(self, actor: Actor, case_id: str, message_id: str, reasons: str) -> Case:
        """Record that a letter is not what it seemed: it never takes effect. Raises NotAllowed and NotFound."""
        REVIEW_POLICY.check(actor, "authenticate")

        def work(tx: Tx) -> tuple[Change, Case]:
            row = _named(tx, case_id, message_id)
            message = (row.sender, row.message_id, row.body_sha256)
            stamp = tx.stamp(actor)
            return letters_in.dismiss_letter(tx.case(case_id), message, reasons, stamp=stamp)

        return self._submit(work)


def _message_id(case: Case, letter: Cancellation | Clarification) -> str:
    name = f"{case.authority_id}\x1f{case.id}\x1f{letter.model_dump_json()}"
    return f"typed:{hashlib.sha256(name.encode()).hexdigest()[:40]}"


def _named(tx: Tx, case_id: str, message_id: str) -> InboxRow:
    """The letter that is meant."""
    rows = letters_waiting(tx, tx.case(case_id))
    row = next((one for one in rows if one.message_id == message_id), None)
    if row is None:
        raise NotFound("no letter of this id waits in this case.", reference=message_id)
    return row


def _letter(tx: Tx, row: InboxRow) -> Letter:
    return Letter(row.message_id, row.type, typist_in(tx, row).id, row.received_at, _says(row))


def _says(row: InboxRow) -> Cancellation | Clarification | Notice:
    said = read_message(row.body).data
    assert isinstance(said, Cancellation | Clarification | Notice)  # noqa: S101  nothing else is typed in
    return said
