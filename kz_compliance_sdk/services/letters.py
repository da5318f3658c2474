"""Messages that a person acts on: the record that a letter was delivered, and a parked message tried again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kz_compliance_sdk.domain import holding
from kz_compliance_sdk.domain.actor import STAFF, Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Attempt, Change, OutboxMessage, case_after
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.messages import BY_HAND, moved
from kz_compliance_sdk.domain.values import canonical, instant_text, says_something
from kz_compliance_sdk.errors import IllegalMove, InvalidInput
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import with_tally
from kz_compliance_sdk.services.outcomes import tell_try


@dataclass(frozen=True, slots=True)
class Proof:
    """How a letter was delivered: the channel, its outgoing number, when (UTC seconds), and what proves it."""

    channel: str
    outgoing_number: str
    delivered_at: int
    proof: str


class Letters:
    """Answers that people carry, for one platform."""

    def __init__(self, store: Store, platform_id: str) -> None:
        self._store, self._platform = store, platform_id

    def record(self, actor: Actor, message_id: str, proof: Proof) -> Case:
        """Record that a letter was delivered; it then counts as received. Raises InvalidInput and IllegalMove."""
        STAFF.check(actor, "deliver by hand")
        for field in ("channel", "outgoing_number", "proof"):
            if not says_something(getattr(proof, field)):
                raise InvalidInput(
                    "it is empty.", field=field, remedy="A letter counts only with all four of its facts."
                )
        return self._store.submit(self._platform, lambda tx: self._record(tx, actor, message_id, proof)).result()

    def _record(self, tx: Tx, actor: Actor, message_id: str, proof: Proof) -> tuple[Change, Case]:
        message = tx.message(message_id)
        if message.endpoint != BY_HAND or message.state != "waiting":
            raise IllegalMove(
                f"this message does not wait for a person: it is {message.state}, for {message.endpoint}.",
                reference=message_id,
            )
        # A stamp has no seconds: the minute in which the letter was written is early enough.
        if not message.created_at // 60 * 60 <= proof.delivered_at <= tx.now:
            raise InvalidInput(
                f"the delivery is not between the writing of the letter, {local(message.created_at)}, and now, "
                f"{local(tx.now)}, both in Almaty.",
                field="delivered_at",
                remedy="Give the time of the delivery.",
            )
        case = tx.case(message.case_id)
        body = canonical(
            {
                "channel": proof.channel,
                "outgoing_number": proof.outgoing_number,
                "delivered_at": instant_text(proof.delivered_at),
                "proof": proof.proof,
                "recorded_by": actor.id,
                "subject_id": message.id,
                "body_sha256": hashlib.sha256(message.body).hexdigest(),
            }
        )
        stamp = tx.stamp(actor)
        done = message.but(state="done", receipt=body, settled_at=tx.now, attempts=message.attempts + 1)
        change = holding.receipt(case, done, stamp)
        attempt = Attempt(
            self._platform,
            message.case_id,
            message.id,
            done.attempts,
            proof.delivered_at,
            tx.now,
            "byhand",
            proof.outgoing_number,
        )
        told = tell_try(tx, attempt, settles=True)
        done_with = (*told, *change, *moved(message, done, stamp, change), attempt)
        return with_tally(tx, done_with), case_after(case, change)

    def retry(self, actor: Actor, message_id: str) -> OutboxMessage:
        """Try a parked message again, now. Raises IllegalMove for one that is not parked."""
        STAFF.check(actor, "deliver by hand")

        def work(tx: Tx) -> tuple[Change, OutboxMessage]:
            message = tx.message(message_id)
            if message.state != "parked":
                raise IllegalMove(f"this message is {message.state}, not parked.", reference=message_id)
            again = message.but(state="queued", refusals=0, refused_since=None, next_attempt_at=tx.now, settled_at=None)
            return moved(message, again, tx.stamp(actor)), again

        return self._store.submit(self._platform, work).result()
