"""Personal data in time: how long it is kept, what keeps it longer, who takes it out, and its end."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kz_compliance_sdk.domain import retention
from kz_compliance_sdk.domain.actor import SYSTEM, Actor, roles
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import Change, case_after
from kz_compliance_sdk.domain.decision import decisions_of
from kz_compliance_sdk.domain.events import texts_in
from kz_compliance_sdk.domain.proofs import Records
from kz_compliance_sdk.domain.received import SanctionNoted, erased, lodging_in
from kz_compliance_sdk.domain.retention import AT_END, Holdings, Retention
from kz_compliance_sdk.domain.values import MESSAGES, instant_text
from kz_compliance_sdk.errors import ComplianceError, IllegalMove, StoreError
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.deadlines import time_passed
from kz_compliance_sdk.services.loading import messages_taken, objects_of, sanctions_of, stream_in

# ------------------------------------------------------------------------------------------------------------- export
# All personal data of a case as one document, for somebody who asks what is held of them.


_STAFF = ("proposed_by", "approved_by", "entered_by", "recorded_by", "account", "actor", "holder")


def export_document(case: Case, records: Records, *, with_staff: bool) -> dict[str, Any]:
    """Everything that is stored of a case, in the order in which it came. Without `with_staff` a pseudonym stands for
    each person of the office: what they did is the platform's, who they are is theirs."""
    who = (lambda name: name) if with_staff else _pseudonyms()
    return {
        "what": "the personal data that is held in one case",
        "read_before_handing_over": "It may speak of other people. Take out what is not about the person who asked.",
        "platform_id": case.platform_id,
        "case_reference": case.id,
        "notice_id": case.notice_id,
        "authority_id": case.authority_id,
        "category": case.category,
        "state": str(case.state),
        "received_at": instant_text(case.received_at),
        "items": [
            {
                "item_id": item.item_id,
                "url": item.url,
                "object_id": item.object_id,
                "account_ref": item.account_ref,
                "status": item.status,
                "measure": item.measure,
            }
            for item in case.items
        ],
        "received": [
            {
                "message_id": row.message_id,
                "sender": row.sender,
                "type": row.type,
                "received_at": instant_text(row.received_at),
                "body": _readable(row.body, who),
                "proof": _readable(row.proof, who),
            }
            for row in records.inbox
            if row.case_id == case.id
        ],
        "decisions": [
            {
                "version": row.version,
                "body": _readable(row.body, who),
                "proposed_by": who(row.proposed_by),
                "approved_by": who(row.approved_by),
            }
            for row in decisions_of(records.stream, records.chain.opened)
        ],
        "written_by_people": [
            {
                "at": instant_text(on.at),
                "step": on.kind,
                "by": who(on.who.id if on.who is not None else SYSTEM.id),
                "about": name,
                "text": (records.words[on.seq, name] or b"").decode("utf-8", "replace"),
            }
            for on in records.stream.events
            for name in texts_in(on)
            if records.words.get((on.seq, name))
        ],
        "sent": [
            {
                "id": message.id,
                "kind": message.kind,
                "to": message.endpoint,
                "created_at": instant_text(message.created_at),
                "body": _readable(message.body, who),
                "receipt": _readable(message.receipt, who),
                "attempts": [
                    {"at": instant_text(one.started_at), "result": one.result, "detail": one.detail}
                    for one in records.attempts
                    if one.message_id == message.id
                ],
            }
            for message in records.messages
        ],
    }


def _pseudonyms() -> Callable[[str], str]:
    known: dict[str, str] = {"": "", "system": "system"}

    def pseudonym(name: str) -> str:
        return known.setdefault(name, f"person-{len(known) - 1}")

    return pseudonym


def _readable(body: bytes, who: Callable[[str], str]) -> Any:
    try:
        return _without_staff(json.loads(body), who)
    except ValueError:
        return {"base64": base64.b64encode(body).decode("ascii")} if body else None


def _without_staff(value: Any, who: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            key: who(one) if key in _STAFF and isinstance(one, str) else _without_staff(one, who)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_without_staff(one, who) for one in value]
    return value


# ------------------------------------------------------------------------------------------------------------ privacy


_AT_ONCE = 200
_EXPORTS = roles("legal", "head")


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """What a run of the retention came to: the cases whose personal data went (or would go), how much of each kind,
    how many messages of no case went, and what keeps the others that are old enough, by code. `log_emptied` is false
    if somebody was reading the log, which then holds old pages a while longer."""

    at: int
    dry_run: bool
    cases: tuple[str, ...] = ()
    went: Mapping[str, int] = field(default_factory=dict)
    unmatched: int = 0
    kept: Mapping[str, int] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    log_emptied: bool = True


class Privacy:
    """What a platform owes the people whose data a case holds, for one platform."""

    def __init__(
        self,
        store: Store,
        platform_id: str,
        periods: Retention,
        empty_log: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store, self._platform, self._periods = store, platform_id, periods
        self._empty_log = empty_log

    # ------------------------------------------------------------------------------------------- retention

    def retention(
        self, now: int | None = None, *, dry_run: bool = False, progress: Callable[[int], None] | None = None
    ) -> RetentionRun:
        """Destroy the personal data of every case whose time has come at `now` (UTC seconds; by default the store's
        clock, or less if that may be ahead), each in a commit of its own. With `dry_run` nothing is written. Safe to
        break off and to repeat.

        Raises StoreError. A case that cannot be read holds up no other: it is named in `failed`. A sanction that cannot
        be read may name any of them: they are kept as those that one names.
        """
        # What is destroyed too early does not come back.
        at = self._store.submit(self._platform, lambda tx: ((), time_passed(tx))).result() if now is None else now
        queries = self._store.queries(self._platform)
        went: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        cases: list[str] = []
        failed: list[str] = []
        sanctions, unreadable = sanctions_of(queries)
        # A sanction that cannot be read may name any notice.
        sanctioned = (lambda _notice_id: at) if unreadable else _sanctioned(sanctions).get
        for case_id in queries.case_ids(ended_by=at - self._periods.least_s):
            try:
                why, holdings = self._one(case_id, sanctioned, at, dry_run=dry_run)
            except ComplianceError as error:
                if isinstance(error, StoreError) and error.retryable:
                    raise
                failed.append(case_id)
                continue
            if why:
                kept[why] += 1
                continue
            cases.append(case_id)
            went.update(messages=holdings.messages, texts=holdings.texts)
            went.update(decisions=holdings.decisions, outgoing=holdings.outgoing)
            if progress is not None:
                progress(len(cases))
        unmatched = self._unmatched(at - self._periods.unmatched_s, dry_run=dry_run)
        emptied = True if dry_run or not (cases or unmatched) else self._empty_log()
        return RetentionRun(at, dry_run, tuple(cases), dict(went), unmatched, dict(kept), tuple(failed), emptied)

    def _one(
        self, case_id: str, sanctioned: Callable[[str], int | None], at: int, *, dry_run: bool
    ) -> tuple[str, Holdings]:
        def work(tx: Tx) -> tuple[Change, tuple[str, Holdings]]:
            case, stream = tx.case(case_id), stream_in(tx, case_id)
            holdings = retention.holdings_of(stream)
            why = retention.why_kept(case, holdings, self._periods, sanctioned(case.notice_id), at)
            if why or dry_run:
                return (), (why, holdings)
            objects, stamp = objects_of(tx, case), tx.stamp()
            # Nobody could be told any more which copy need not be kept.
            freed = objects.copies_freed(case, (one for one in case.items if objects.kept_until(case, one)), stamp)
            change, _ = retention.erase(case, holdings, stream, AT_END, stamp=stamp)
            return (*change, *freed, *(erased(one, AT_END, stamp) for one in messages_taken(tx, stream))), (
                "",
                holdings,
            )

        return self._store.submit(self._platform, work).result()

    def _unmatched(self, at: int, *, dry_run: bool) -> int:
        gone, after = 0, MESSAGES
        while True:
            work = partial(_messages_erased, after=after, at=at, dry_run=dry_run)
            over, after = self._store.submit(self._platform, work).result()
            gone += over
            if not after:
                return gone

    # --------------------------------------------------------------------------------------------- by people

    def export(self, actor: Actor, case_id: str, *, with_staff: bool = False) -> bytes:
        """Everything that is held of a case, as a JSON document in UTF-8, for a person who asks what is known of them.
        That it was taken out is recorded. The people of the office stand in it as `person-1` and so on, unless
        `with_staff`. Somebody must read it before it is handed over: it may speak of others as well.

        Raises NotAllowed, NotFound, and IllegalMove for a case that was erased.
        """
        _EXPORTS.check(actor, "export")

        def step(tx: Tx, case: Case) -> tuple[Change, Case]:
            if case.erased_at is not None:
                raise IllegalMove("its personal data was erased: there is none to export.", reference=case.id)
            change = retention.exported(case, stamp=tx.stamp(actor))
            return change, case_after(case, change)

        case = self._step(case_id, step)
        records = self._store.queries(self._platform).records(case_id)
        document: dict[str, Any] = export_document(case, records, with_staff=with_staff)
        return json.dumps(document, ensure_ascii=False, indent=2).encode()

    def _step(self, case_id: str, step: Callable[[Tx, Case], tuple[Change, Case]]) -> Case:
        return self._store.submit(self._platform, lambda tx: step(tx, tx.case(case_id))).result()


def _sanctioned(sanctions: Iterable[SanctionNoted]) -> dict[str, int]:
    """When the last sanction came that names a notice, by notice id."""
    last: dict[str, int] = {}
    for sanction in sanctions:
        for notice_id in sanction.notice_ids:
            last[notice_id] = max(sanction.received_at, last.get(notice_id, 0))
    return last


def _messages_erased(tx: Tx, after: str, at: int, *, dry_run: bool) -> tuple[Change, tuple[int, str]]:
    """How many of the next messages no case took, and their time is over by their own streams; they are erased. One
    that cannot be read is left: the sweep tells people of it. And behind which to go on, empty at the end."""
    names = [one.about for one in tx.found(after, _AT_ONCE)]
    whole = [stream for stream in tx.streams(names).values() if stream.fault is None and stream.events]
    over = [stream for stream in whole if (held := lodging_in(stream)).is_open and held.at <= at]
    change = () if dry_run else tuple(erased(stream, AT_END, tx.stamp()) for stream in over)
    return change, (len(over), names[-1] if names else "")
