"""Looking at a case and taking it out of the office: what was seen or taken is on the chain before it leaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from kz_compliance_sdk.domain import proofs, steps
from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.canonical import Json
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, InboxRow
from kz_compliance_sdk.domain.notice import Sanction
from kz_compliance_sdk.domain.running_time import clock_of
from kz_compliance_sdk.domain.steps import Form
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import NotAuthentic, NotFound, Unreadable
from kz_compliance_sdk.evidence.dossier import Contents, Dossier, Received, Said, contents
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.wire.signature import KeyRing, verify
from kz_compliance_sdk.wire.v1 import read_message


class Evidence:
    """The views and the evidence packs of one platform's cases.

    `prove` gives what shows a case's place in a checkpoint: its `leaf` as text, the leaf's `index`, the `path` to the
    root (hex), and the `checkpoint`. It raises NotFound while there is none.
    """

    def __init__(
        self,
        store: Store,
        platform_id: str,
        ring: KeyRing,
        *,
        target_uri: Callable[[str], str],
        entropy: Callable[[int], bytes],
        prove: Callable[[str], Mapping[str, Json]] | None = None,
    ) -> None:
        self._store, self._platform, self._ring = store, platform_id, ring
        self._target_uri, self._entropy, self._prove = target_uri, entropy, prove

    def record_view(self, actor: Actor, case_id: str) -> bool:
        """Record that a person looked at a case; False if a view of theirs from a moment ago stands for this one too.

        Raises NotFound.
        """
        events = self._store.queries(self._platform).kept(case_id).chain.events
        if steps.is_seen(events, actor, self._store.now()):
            return False
        self._write(actor, lambda tx, stamp: steps.view(tx.case(case_id), stamp=stamp))
        return True

    def take(self, actor: Actor, case_id: str, form: Form, lang: str, reason: str) -> Contents:
        """What a pack of this form holds. That it was taken is its last event.

        Raises NotFound, NotAllowed, and InvalidInput for a full pack without a reason.
        """

        def work(tx: Tx, stamp: Stamp) -> tuple[Change, Case]:
            return steps.disclose(tx.case(case_id), form, lang, reason, stamp=stamp)

        made_at = self._write(actor, work)
        queries = self._store.queries(self._platform)
        kept = queries.kept(case_id)
        return contents(
            Dossier(
                kept=kept,
                received=tuple(self._received(row, made_at) for row in sorted(kept.inbox, key=_in_order)),
                clock=clock_of(kept.case, kept.messages, made_at),
                faults=proofs.check(queries.records(case_id)),
                made_at=made_at,
                checkpoint=self._checkpoint(case_id),
            ),
            form,
        )

    def _write(self, actor: Actor, step: Callable[[Tx, Stamp], tuple[Change, Case]]) -> int:
        """The time of the step, UTC seconds."""

        def work(tx: Tx) -> tuple[Change, int]:
            change, _ = step(tx, tx.stamp(actor))
            return change, tx.now

        return self._store.submit(self._platform, work).result()

    def _checkpoint(self, case_id: str) -> Mapping[str, Json] | None:
        """What proves the case's place among all cases; None while no checkpoint holds it."""
        try:
            return None if self._prove is None else self._prove(case_id)
        except NotFound:
            return None

    def _received(self, row: InboxRow, now: int) -> Received:
        said: Said | None
        try:
            data = read_message(row.body).data
            said = None if isinstance(data, Sanction) else data
        except Unreadable:
            said = None
        return Received(row, said, self._verification(row, now))

    def _verification(self, row: InboxRow, now: int) -> dict[str, Json]:
        """What the signature comes to with the keys of today. Intake has judged it once, with those of its day."""
        if row.source == "typed":
            return {"result": "typed"}
        if not row.body:
            return {"result": "erased"}
        try:
            proof = json.loads(row.proof)
            headers = [(str(name), str(value)) for name, value in proof["headers"]]
            target = self._target_uri(str(proof["target"]))
            verified = verify(self._ring, "POST", target, headers, row.body, now)
        except NotAuthentic as error:
            return {"result": "not_proved", "reason": error.code}
        except (ValueError, TypeError, LookupError):
            return {"result": "not_proved", "reason": "proof_unreadable"}
        key = self._ring.get(verified.key_id)
        public = base64.b64encode(key.material).decode("ascii") if key and key.algorithm == "ed25519" else None
        return {
            "result": "proved",
            "key_id": verified.key_id,
            "public_key": public,
            "sender": verified.sender,
            "profile": verified.profile,
            "signed_at": instant_text(verified.signed_at),
            "target": target,
            "key_expired": verified.key_expired,
        }


def _in_order(row: InboxRow) -> tuple[int, str, str]:
    return row.received_at, row.message_id, row.body_sha256
