"""Personal strings of every kind that can come in, the encodings in which one can stand in bytes, and an office that
lives through all of them until their retention is over."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_from_bytes

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.ports import Failed, Reference, Resolved
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import naming
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer
from kz_compliance_sdk.transparency.own import own_csv, own_json
from kz_compliance_sdk.transparency.page import page
from kz_compliance_sdk.transparency.report import Period, figures_csv, report_json
from tests.evidence.scene import HEAD, LEAD, MODERATOR, Scene, opened, scene
from tests.privacy import leak_remedies
from tests.recorders import Everything
from tests.store.conftest import raw

DAY = 86_400

OF_AUTHORITY = {
    "authority_name": "Комитет имени Плантовой Әсел",
    "authority_unit": "planted unit, room of Plantova",
    "originating_body": "Плантова Үміт туралы өтініш иесі",
    "signatory": "Плантов Сәкен С.",
    "position": "planted post of the nephew",
    "addressee": "planted addressee Bekova",
    "act": "planted-act-of-Plantova",
    "article": "planted article about Dana",
    "law_reference": "planted reference of the law",
    "reasons_given": "Плантова Айгерім, 9Б сыныбы",
    "urgency": "planted urgency of the girl of 9B",
    "expert": "planted-experts-1234",
    "redress_body": "planted court of her district",
    "redress_deadline": "planted three months for Dana",
    "contact_name": "Плантова Құралай",
    "contact_mail": "planted@mail.example",
    "contact_phone": "+77015550199",
    "file_name": "жеке куәлік Плантова.pdf",
    "deadline_source": "planted source of the deadline",
    "silence": "planted law that wants silence",
    "number": "planted-number-77/Dana",
    "item": "planted-item-of-dana",
    "slug": "planted-slug-9b-dana",
    "object": "plantedobject77001",
    "account": "planted.aigerim.2009",
    "locator": "planted locator 00:41",
    "description": "IIN 870412300455 of Plantova",
    "reporter": "Плантов Репортёр Ережеп",
    "answer": "planted answer about the aunt",
    "reminder": "planted reminder of the mother",
    "cancelled": "planted reasons of the withdrawal",
    "unmatched": "planted words about no notice",
    "raw": "planted words in half a message",
}
"""What an authority writes, and who reports to it."""

OF_OFFICE = {
    "how": "planted: handed over by her mother",
    "judged": "planted finding about the girl Dana",
    "wording": "Плантова Айгерім айтқандай",
    "question": "planted question about Plantova",
    "overruled": "planted words of the second person",
    "proof": "planted signature of Serik",
    "settled": "planted words on a quarantine",
    "held": "planted words on a hold",
    "failed": "planted words of the platform's failure",
    "preview": "planted words of the post itself",
    "seen": "plantedobject-as-it-was-seen",
    **leak_remedies.PLANTED,
}
"""What a person of the office, a user or the platform's own system says."""

PLANTED = {**OF_AUTHORITY, **OF_OFFICE}
TOLD = {"question", "wording", "number", "item"}
"""What goes to the regulator as it was worded for it, with its own numbers of a letter and of items: it stands in a
redacted pack until it is erased."""


def in_base64(raw: bytes) -> Iterator[bytes]:
    """What is sure to stand in the Base64 of bytes that hold these, wherever they begin."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw)
        # The first character and the last ones depend on what stands beside.
        inner = whole[(0, 2, 3)[before] : len(raw + bytes(before)) // 3 * 4]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


def encoded(text: str) -> Mapping[str, tuple[bytes, ...]]:
    """The encodings of a text, and in each the forms that it can have."""
    raw = text.encode()
    escaped, percent = json.dumps(text)[1:-1], quote(text, safe="")
    return {
        "utf-8": (raw,),
        "utf-16": (text.encode("utf-16-le"), text.encode("utf-16-be")),
        "base64": tuple(in_base64(raw)),
        "percent": (percent.encode(), percent.lower().encode(), quote_from_bytes(raw).encode()),
        "json": (escaped.encode(), json.dumps(escaped)[1:-1].encode()),
        "hex": (raw.hex().encode(), raw.hex().upper().encode()),
    }


def found_in(places: Mapping[str, bytes], *, but: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    """Each planted string that stands somewhere: which, in which encoding, where."""
    forms = {name: encoded(text) for name, text in PLANTED.items() if name not in but}
    return [
        f"{name} as {encoding} in {place}"
        for place, data in places.items()
        for name, encodings in forms.items()
        for encoding, each in encodings.items()
        if any(form in data for form in each)
    ]


def notice(seed: int, now: int) -> Notice:
    """A notice with a planted string in every field that takes one."""
    told, planted = builders.notice(seed), OF_AUTHORITY
    items = [
        {
            "item_id": name,
            "url": f"{builders.HOST}/{planted['account']}/{planted['slug']}-{seed}-{name}",
            "object_id": f"{planted['object']}:{seed}:{name}",
            "account_ref": planted["account"],
            "content_type": "post",
            "locator": planted["locator"],
            "description": planted["description"],
        }
        for name in ("1", planted["item"])
    ]
    document = told.model_dump(mode="json", exclude_none=True) | {
        "reference_number": f"{planted['number']}-{seed}",
        "issuing_authority": {
            **told.issuing_authority.model_dump(mode="json", exclude_none=True),
            "name": {"ru": planted["authority_name"]},
            "unit": planted["authority_unit"],
        },
        "originating_body": planted["originating_body"],
        "signatory": {"name": planted["signatory"], "position": planted["position"]},
        "addressee": {"legal_representative": planted["addressee"]},
        "issued_at": now,
        "languages": ["ru"],
        "category": "cyberbullying_of_child",
        "expert_group_decision": {"number": planted["expert"], "decided_on": "2026-11-20"},
        "legal_basis": [
            {"act": planted["act"], "article": planted["article"], "reference": planted["law_reference"]},
            {"act": "18-VIII", "article": planted["article"]},
        ],
        "statement_of_reasons": [{"lang": "ru", "text": planted["reasons_given"]}],
        "urgency_reason": planted["urgency"],
        "deadline": {"hours": 20, "legal_source": planted["deadline_source"]},
        "user_notice": {"allowed": False, "delay_until": now + 300, "legal_basis": planted["silence"]},
        "redress": {"body": planted["redress_body"], "deadline": planted["redress_deadline"]},
        "contact": {
            "name": planted["contact_name"],
            "email": planted["contact_mail"],
            "phone": planted["contact_phone"],
        },
        "attachments": [{"name": planted["file_name"], "media_type": "application/pdf", "sha256": "a" * 64}],
        "items": items,
    }
    return Notice.model_validate(document)


class Life:
    """All that happens to the cases of an office, until nothing personal may be left of them."""

    def __init__(self, at: Scene) -> None:
        self.at, self.desk = at, at.desk
        self.start = at.clock()
        self.texts: dict[str, bytes] = {}
        """What could be read while it was there, by the case."""
        self.sealed: list[bytes] = []
        self.packs: dict[str, bytes] = {}
        """The redacted packs of what was not erased yet."""

    def live(self) -> None:
        self.desk.on_resolve(self._seen)
        cases = [self._decided(seed) for seed in (1, 2)]
        self._queued = self._came(5)
        self._settle()
        told = leak_remedies.live(self.desk, self.at.clock, self._settle, cases, self._queued)
        assert told >= 3
        self._hold(cases[0])
        self._push("remind", builders.reminder(self._notices[2], text=OF_AUTHORITY["reminder"]))
        said = (LocalText(lang="ru", text=OF_AUTHORITY["cancelled"]),)
        self._push("cancel", builders.cancellation(self._notices[5], reasons=said))
        lost = (LocalText(lang="ru", text=OF_AUTHORITY["unmatched"]),)
        unmatched = builders.cancellation(notice(7, self.start), reasons=lost)
        body = builders.message_bytes(unmatched, message_id="lost")
        assert self.at.regulator.push_body(body, message_id="lost").answers[-1].status == 202
        self._typed()
        self._unreadable()
        self._settle()

    def end(self) -> None:
        """Read what is there, then let four years pass and the retention run."""
        for case_id in self.case_ids:
            held = self.desk.case_file(case_id)
            export = self.desk.privacy.export(HEAD, case_id, with_staff=True)
            self.texts[case_id] = export + repr(held).encode() + self._pack(case_id, full=True)
            self.packs[case_id] = self._pack(case_id)
        self.sealed = self._sealed()
        self.at.clock.advance(4 * 366 * DAY)
        run = self.desk.privacy.retention()
        assert (set(run.cases), dict(run.kept), run.failed) == (set(self.case_ids), {}, ())

    def _sealed(self) -> list[bytes]:
        """The beginning of each ciphertext and of each wrapped key that is to be destroyed, as it lies in the file."""
        parts = "SELECT substr(bytes, 1, 40) FROM parts WHERE class = 'erasable' AND bytes IS NOT NULL"
        store = cast("SqliteStore", self.desk.store)
        found = raw(store, parts) + raw(store, "SELECT wrapped FROM keys WHERE class = 'erasable'")
        return [bytes(one) for (one,) in found]

    @property
    def files(self) -> dict[str, bytes]:
        """The store as it lies on the disk: pages in use and free ones, and what lies beside."""
        path = Path(self.desk.settings.store.path)
        kept = [file for file in sorted(path.parent.iterdir()) if file.name.startswith(path.name)]
        return {f"the file {file.name}": file.read_bytes() for file in kept}

    @property
    def case_ids(self) -> list[str]:
        return [*self.desk.store.queries(self.desk.platform_id).case_ids()]

    def after(self) -> dict[str, bytes]:
        """Everything that is left, and all that is made of it for others."""
        now = self.at.clock()
        period = Period(self.start - DAY, now)
        report, own = self.desk.transparency.draft(period), self.desk.transparency.own(HEAD, period)
        return {
            **self.files,
            **{f"the pack of {one}": self._pack(one) for one in self.case_ids},
            **{f"the full pack of {one}": self._pack(one, full=True) for one in self.case_ids},
            **{f"the page of the figures, {lang}": page(report, lang) for lang in ("kk", "ru", "en")},
            "the figures": figures_csv(report) + report_json(report),
            "the lines for Lumen": b"".join(self.desk.transparency.lumen(HEAD, report)),
            "the office's own figures": own_csv(own) + own_json(own),
            "health": repr(self.desk.health()).encode() + json.dumps(self.desk.health_document()).encode(),
            "the verdict on the ledger": repr(self.desk.verify_audit()).encode(),
            "what is told of the cases": b"".join(repr(self.desk.case_file(one)).encode() for one in self.case_ids),
        }

    def _pack(self, case_id: str, *, full: bool = False) -> bytes:
        packs = [
            self.desk.evidence(HEAD, case_id, lang=lang, full=full, reason="a court asked" if full else "")
            for lang in ("kk", "ru", "en")
        ]
        return b"".join(data for pack in packs for data in opened(pack).values())

    def _seen(self, reference: Reference) -> Resolved:
        name = f"{OF_OFFICE['seen']}:{reference.object_id}"
        return Resolved(name, "a" * 64, available=True, at=self.at.clock(), preview=OF_OFFICE["preview"])

    @property
    def _notices(self) -> dict[int, Notice]:
        return {seed: notice(seed, self.start) for seed in (1, 2, 5)}

    def _came(self, seed: int) -> str:
        issued = self.at.regulator.issue(self._notices[seed], in_feed=False)
        body = json.loads(issued.body)
        # A field beyond the contract: the reader leaves it out, the bytes that are kept have it.
        body["data"]["complaint_of"] = OF_AUTHORITY["reporter"]
        answer = self.at.regulator.push_body(json.dumps(body).encode(), message_id=issued.id)
        assert answer.answers[-1].status == 202, answer
        found: str = self.desk.cases(notice_id=self._notices[seed].notice_id).cases[0].id
        return found

    def _push(self, what: str, said: Any) -> None:
        answer = self.at.regulator.push(getattr(self.at.regulator, what)(said))
        assert answer.answers[-1].status == 202, answer

    def _settle(self) -> None:
        for _ in range(3):
            self.desk.poll()
            self.desk.watch()
            self.at.outbox.settle()
            self.at.clock.advance(400)

    def _decided(self, seed: int) -> str:
        case_id = self._came(seed)
        if seed == 1:
            lease = self.at.office.claim(case_id, MODERATOR)
            text = (Statement(lang="ru", text=f"{OF_OFFICE['question']}?"),)
            asks = commands.RequestClarification(lease.token, (Question(text=text),), text_checked=True)
            self.desk.take(MODERATOR, case_id, asks)
            self._settle()
            (asked,) = [one for one in self.desk.case_file(case_id).messages if one.kind == "clarification"]
            said = builders.clarification(self._notices[1], asked.id, OF_AUTHORITY["answer"])
            self._push("clarify", said)
            self._send_back(case_id)
        self._propose(case_id)
        self._settle()
        return case_id

    def _send_back(self, case_id: str) -> None:
        lease = self.at.office.claim(case_id, MODERATOR)
        made = self.desk.propose(MODERATOR, case_id, lease.token, self._proposal(case_id, lease.token))
        self.desk.send_back(LEAD, case_id, made.digest, OF_OFFICE["overruled"])

    def _propose(self, case_id: str, action: str = "remove") -> None:
        lease = self.at.office.claim(case_id, MODERATOR)
        made = self.desk.propose(MODERATOR, case_id, lease.token, self._proposal(case_id, lease.token, action))
        if made.decision.needs_approval:
            self.desk.approve(LEAD, case_id, made.digest)

    def _proposal(self, case_id: str, token: int, action: str = "remove") -> Any:
        given = naming(
            self.at.office.proposal(self.desk.notice(case_id), action),  # type: ignore[arg-type]
            self.desk.look(MODERATOR, case_id, token),
        )
        words = (Statement(lang="ru", text=OF_OFFICE["wording"]),)
        items = tuple(
            one.model_copy(
                update={
                    "reasons": f"{OF_OFFICE['judged']}, item {one.item_id}",
                    "wording": one.wording.model_copy(update={"statement_of_reasons": words}),
                }
            )
            for one in given.items
        )
        return given.model_copy(update={"items": items})

    def _hold(self, case_id: str) -> None:
        until = self.at.clock() + DAY
        self.desk.take(LEAD, case_id, commands.Hold(OF_OFFICE["held"], until))
        self.desk.take(LEAD, case_id, commands.EndHold(OF_OFFICE["held"]))

    def _typed(self) -> None:
        now = self.at.clock()
        case = self.desk.enter(HEAD, notice(9, now), now - 60, OF_OFFICE["how"])
        self.desk.take(LEAD, case.id, commands.Authenticate(OF_OFFICE["how"]))
        self._propose(case.id, "none")
        self._settle()
        for message in self.desk.case_file(case.id).messages:
            if message.state == "waiting":
                assert OF_AUTHORITY["authority_name"] in self.desk.letter(message.id, "ru")
                proof = Proof("courier", "1", self.at.clock(), OF_OFFICE["proof"])
                self.desk.record_delivery(HEAD, message.id, proof)

    def _unreadable(self) -> None:
        body = builders.message_bytes(notice(4, self.at.clock()), message_id="half")
        half = body[: body.index(b'"items"')] + OF_AUTHORITY["raw"].encode()
        self.at.regulator.push_body(half)
        (case,) = self.desk.cases(state="quarantined").cases
        self.desk.take(LEAD, case.id, commands.SettleQuarantine(OF_OFFICE["settled"]))


@contextmanager
def life(folder: Path) -> Iterator[tuple[Life, Everything]]:
    """An office that has lived, with its personal data still there, and all that was logged of it."""
    log, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(log)
    root.setLevel(1)
    try:
        with scene(folder) as at:
            # The first measure fails in words that name somebody, the next ones are carried out.
            at.desk.on_enforce(_failing_once(at))
            lived = Life(at)
            lived.live()
            yield lived, log
    finally:
        root.removeHandler(log)
        root.setLevel(level)


def _failing_once(at: Scene) -> Any:
    platform, calls = RecordingEnforcer(at.clock), list[int]()

    def enforce(effect: Any) -> Any:
        calls.append(1)
        return Failed(f"{OF_OFFICE['failed']} {effect.account_ref}") if len(calls) == 1 else platform.enforce(effect)

    at.desk.on_restore(platform.restore)
    return enforce
