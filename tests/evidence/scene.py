"""A desk whose cases have names in every place where somebody can write one, and what is taken apart of a pack."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.values import canonical
from kz_compliance_sdk.evidence.taking import MANIFEST, SIGNATURE, SIGNED, _document, zipped
from kz_compliance_sdk.evidence.verify_pack import read_key, verified
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.testing.enforcer import RecordingEnforcer
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.mock_regulator import InProcessSender
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.outbox import CapturedOutbox
from kz_compliance_sdk.testing.wiring import http_client, http_regulator, mock_regulator, sandbox_settings
from kz_compliance_sdk.wire.signature import SigningKey

FORMS = ("redacted", "full")
URL = "https://platform.test/kz/notices"
MODERATOR = Actor("aigerim.moderator", frozenset({"moderator"}), account="aigerim.account")
LEAD = Actor("daniyar.lead", frozenset({"lead", "legal"}), account="daniyar.account")
HEAD = Actor("saule.head", frozenset({"head"}), account="saule.account")
OFFICE_PEOPLE = tuple(name for one in (MODERATOR, LEAD, HEAD) for name in (one.id, one.account))
VICTIM = "Planted Reporter"
USER = "planted-user"
HOSTILE = '</td></table><script src="https://evil.example/x.js">alert(1)</script>\u200b"\'&'


class Scene:
    """One desk with its regulator, its platform and a clock that stands still."""

    def __init__(self, desk: ComplianceDesk, regulator: Any, clock: FrozenClock) -> None:
        self.desk, self.regulator, self.clock = desk, regulator, clock
        self.office, self.outbox = Office(desk), CapturedOutbox(desk, clock)

    def case(self, items: int = 2, *, seed: int = 1, decided: bool = True) -> str:
        """The id of a case that came signed, full of names, and was decided, carried out and reported."""
        notice = builders.notice(
            seed,
            items=[
                {
                    "item_id": str(number),
                    "url": f"{builders.HOST}/@{USER}/posts/{number}",
                    "account_ref": USER,
                    "content_type": "post",
                    "description": f"{VICTIM} is insulted {HOSTILE}",
                }
                for number in range(1, items + 1)
            ],
            category="cyberbullying_of_child",
            expert_group_decision={"number": "1", "decided_on": "2026-11-20"},
            issued_at=self.clock(),
            statement_of_reasons=[{"lang": "ru", "text": f"{VICTIM} {HOSTILE}"}],
            languages=["ru"],
            signatory={"name": "Planted Official", "position": "Planted Position"},
            contact={"name": "Planted Contact", "email": "planted@example.kz", "phone": "+7 000"},
        )
        self.regulator.push(self.regulator.issue(notice))
        case_id = self.desk.cases(notice_id=notice.notice_id).cases[0].id
        if decided:
            lease = self.desk.claim(MODERATOR, case_id=case_id)
            assert lease is not None
            proposal = self.office.proposal(self.desk.notice(case_id))
            said = [item.model_copy(update={"reasons": f"about {VICTIM} {HOSTILE}"}) for item in proposal.items]
            proposal = proposal.model_copy(update={"items": tuple(said)})
            made = self.desk.propose(MODERATOR, case_id, lease.token, proposal)
            if made.decision.needs_approval:
                self.desk.approve(LEAD, case_id, made.digest)
            self.outbox.settle()
        return case_id

    def reviewed_twice(self, *, seed: int) -> str:
        """The id of a case that was sent back, proposed anew, approved, carried out, reported and told."""
        case_id = self.case(seed=seed, decided=False)
        for approved in (False, True):
            lease = self.desk.claim(HEAD, case_id=case_id)
            assert lease is not None
            made = self.desk.propose(HEAD, case_id, lease.token, self.office.proposal(self.desk.notice(case_id)))
            if approved:
                self.desk.approve(LEAD, case_id, made.digest)
            else:
                self.desk.send_back(LEAD, case_id, made.digest, "say more of the second one")
            self.clock.advance(60)
        for _ in range(2):
            self.outbox.settle()
            self.clock.advance(60)
        return case_id

    def looked_at(self, case_id: str, until: int) -> None:
        """Have the case looked at by many people, until its chain has so many events."""
        for number in range(until - len(self.desk.case_file(case_id).chain.events)):
            self.desk.record_view(Actor(f"person.{number}", frozenset({"moderator"})), case_id)


@contextmanager
def scene(folder: Path, **overrides: Any) -> Iterator[Scene]:
    """A scene over a store in this folder. `overrides` replace settings."""
    clock, pushes = FrozenClock(), InProcessSender()
    regulator = mock_regulator(clock, profile="rfc9421", seed=1, intake_url=URL, sender=pushes)
    settings = sandbox_settings(folder / "cases.sqlite3", profile="rfc9421", intake_url=URL, overrides=overrides)
    env = frozen_env(clock, 1)
    with http_client(regulator, clock) as client:
        way = http_regulator(settings, env, client) if settings.signing_key is not None else None
        with ComplianceDesk(settings, enforcer=RecordingEnforcer(clock), regulator=way, env=env, create=True) as desk:
            pushes.to(desk.receive)
            yield Scene(desk, regulator, clock)


def full(at: Scene, case_id: str, lang: str = "ru") -> bytes:
    """The full form of a case's pack."""
    return at.desk.evidence(HEAD, case_id, lang=lang, full=True, reason="the court asked")


def key() -> SigningKey:
    """The key that the platform of a scene signs with."""
    return keys.platform_signing_key("rfc9421")


def public_text(of: SigningKey | None = None) -> str:
    return base64.b64encode((of or key()).verification_material()).decode()


def opened(pack: bytes) -> dict[str, bytes]:
    """The files of a pack."""
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def document(pack: bytes, path: str) -> Any:
    return json.loads(opened(pack)[path])


def facts(pack: bytes, *kinds: str) -> list[dict[str, Any]]:
    """What `case.json` says of each event of these kinds, with what the event says beside it."""
    return [{**on["data"], **on} for on in document(pack, "case.json")["events"] if on["kind"] in kinds]


def events(pack: bytes) -> list[dict[str, Any]]:
    """The content of each event of a pack, with what its line has beside it."""
    lines = [json.loads(line) for line in opened(pack)["events.jsonl"].splitlines()]
    return [{**line, **json.loads(line["content"])} for line in lines]


def signed_anew(files: Mapping[str, bytes], by: SigningKey | None = None) -> bytes:
    """A pack of these files as somebody with a key would make it: a manifest that fits them, and a signature."""
    import hashlib

    listed = {path: data for path, data in files.items() if path not in (MANIFEST, SIGNATURE)}
    manifest = json.loads(files[MANIFEST])
    manifest["files"] = [
        {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for path, data in sorted(listed.items())
    ]
    body = canonical(manifest)
    signer = by or key()
    value = base64.b64encode(signer.private_key().sign(SIGNED + body)).decode()
    signature = canonical({"key_id": signer.key_id, "alg": "ed25519", "value": value})
    return zipped({**listed, MANIFEST: body, SIGNATURE: signature})


def edited(pack: bytes, path: str, change: Callable[[bytes], bytes]) -> dict[str, bytes]:
    """The files of a pack with one of them changed."""
    files = opened(pack)
    changed = change(files[path])
    assert changed != files[path]
    return {**files, path: changed}


def written(case: Any) -> bytes:
    """`case.json` as a pack holds it."""
    return _document(case, indent=1)


def codes(pack: bytes, public: str | None = None) -> list[str]:
    """What the library finds."""
    return [problem.code for problem in verified(pack, read_key((public or public_text()).encode())).problems]
