"""A whole run with personal data planted in every field that can carry it, and a search of everything that leaves.

Searched are: every log record of every logger (its text, its fields, its traceback), every byte that this program
sends on a socket to the regulator, to the webhook and in answer to a sender, the health document, what each command
prints that is no look at a case, redacted packs, figures, checkpoints, and the text of every error. What may see
personal data is listed in `MAY_SEE`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import uvicorn

from kz_compliance_sdk.adapters.notifiers import alert_bytes, logger
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.asgi import asgi_app
from kz_compliance_sdk.ports import Alert, AlertLine, Effect, EffectResult, Failed, InForce
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.mock_regulator import Fault, MockRegulator
from kz_compliance_sdk.testing.wiring import mock_regulator, sandbox_settings
from tests.case_makers import YES, a_notice, measure, refusal
from tests.cli_office import Office as CliOffice
from tests.privacy import leak_remedies
from tests.recorders import Everything, Wire
from tests.waiting import PATIENCE_S, comes, free_port

MAY_SEE = {
    "the platform's enforcer and messenger": "they must know the object and the account that a measure is about",
    "cases show, cases letter, cases export": "a person whose work is to look at this case",
    "the regulator, of what it wrote itself": "its own message ids, notice ids and item ids come back to it",
    "uvicorn, at its level trace": "it prints whole requests; that is the host's server and choice (security.md)",
    "a statement of reasons": "a person worded it for the regulator, and has said that it names nobody",
}
"""Who may see what, and why. Everything else is searched."""

PLANTED = {
    "handle": "planted.aigerim.2009",
    "slug": "planted-slug-9b",
    "object": "plantedobject77001",
    "reporter": "Плантова Айгерім",
    "phone": "+77015550199",
    "iin": "870412300455",
    "mail": "planted@mail.example",
    "locator": "planted locator 00:41",
    "letter": "planted letter handed over by her aunt",
    "reasons": "planted reasons about the girl Dana",
    "overruled": "planted words of the second person",
    "thrown": "planted text of an exception",
    "failed": "planted words of a failure",
    "proof": "planted signature of Serik",
    "settled": "planted words on a quarantine",
    "held": "planted words on a hold",
    "header": "planted-header-value",
    "query": "planted-query-value",
    "forged": "planted body of a stranger",
    "answered": "planted words of the regulator's answer",
    **leak_remedies.PLANTED,
}
MODERATOR = Actor("moderator", frozenset({"moderator"}))
LEAD = Actor("lead", frozenset({"lead", "legal"}), account="lead-account")
HEAD = Actor("head", frozenset({"head"}), account="head-account")


def forms(text: str) -> Iterator[bytes]:
    """The ways in which a text can stand in bytes, a digest that whoever guesses it can check among them."""
    raw = text.encode()
    yield raw
    yield quote(text, safe="").encode()
    yield json.dumps(text)[1:-1].encode()
    yield base64.b64encode(raw)[:-4].rstrip(b"=")
    yield hashlib.sha256(raw).hexdigest().encode()
    yield repr(raw)[2:-1].encode()


def found_in(places: dict[str, bytes]) -> list[str]:
    """Every place where something planted is found, in whatever form."""
    return [
        f"{name} in {place}"
        for place, data in places.items()
        for name, text in PLANTED.items()
        if any(form and form in data for form in forms(text))
    ]


class _Hook(BaseHTTPRequestHandler):
    """A webhook that refuses the first alert, and says something about it."""

    refused = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        type(self).refused += 1
        answer = PLANTED["answered"].encode()
        self.send_response(500 if type(self).refused == 1 else 204)
        self.send_header("content-length", str(len(answer)) if type(self).refused == 1 else "0")
        self.end_headers()
        if type(self).refused == 1:
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Platform:
    """The platform's own calls. They fail in words that name people; what they are given is allowed to them."""

    def __init__(self) -> None:
        self.seen: list[Effect] = []

    def enforce(self, effect: Effect) -> EffectResult:
        self.seen.append(effect)
        if len(self.seen) == 1:
            raise RuntimeError(f"{PLANTED['thrown']} {effect.account_ref} {effect.url}")
        if len(self.seen) == 2:
            return Failed(f"{PLANTED['failed']} {effect.account_ref}")
        return InForce(effect.version * 0 + NOW[0]())

    def restore(self, effect: Effect) -> EffectResult:
        return self.enforce(effect)


NOW: list[Callable[[], int]] = []


def notice(seed: int, **more: Any) -> Notice:
    url = f"{builders.HOST}/{PLANTED['handle']}/{PLANTED['slug']}{seed}?u={PLANTED['query']}"
    items = (
        Item(
            item_id="1",
            url=url,
            object_id=f"{PLANTED['object']}-{seed}",
            account_ref=PLANTED["handle"],
            locator=PLANTED["locator"],
            description=f"{PLANTED['reporter']} {PLANTED['phone']} {PLANTED['iin']}",
        ),
        Item(item_id="2", account_ref=f"{PLANTED['handle']}.{seed}"),
    )
    plain = a_notice(seed=seed, items=1, category="election_rules", **more)
    contact = {"name": PLANTED["reporter"], "email": PLANTED["mail"], "phone": PLANTED["phone"]}
    said = [{"lang": "ru", "text": f"{PLANTED['reporter']}, {PLANTED['iin']}"}]
    document = plain.model_dump(mode="json") | {"contact": contact, "statement_of_reasons": said}
    document["items"] = [item.model_dump(mode="json") for item in items]
    return Notice.model_validate_json(json.dumps(document))


@contextlib.contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    config = uvicorn.Config(app, port=port, loop="asyncio", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        comes(lambda: server.started)
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(PATIENCE_S)


class Run:
    """One run, and everything that can be searched afterwards."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log, self.wire = Everything(), Wire(monkeypatch)
        self.documents: dict[str, bytes] = {}
        self.errors: list[str] = []
        self.letters: list[str] = []
        self.clock = FrozenClock()
        NOW[:] = [self.clock]
        self.platform = Platform()
        self.folder = tmp_path
        self.cli = CliOffice(tmp_path, monkeypatch)

    def go(self) -> None:
        root, level = logging.getLogger(), logging.getLogger().level
        loggers = [logging.getLogger(name) for name in ("httpx", "httpcore", "kz_compliance_sdk", "asyncio", "uvicorn")]
        before = [one.level for one in loggers]
        root.addHandler(self.log)
        root.setLevel(1)
        for one in loggers:
            one.setLevel(logging.DEBUG if one.name == "uvicorn" else 1)
        try:
            self._go()
        finally:
            root.removeHandler(self.log)
            root.setLevel(level)
            for one, old in zip(loggers, before, strict=True):
                one.setLevel(old)

    def _go(self) -> None:
        hook = ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
        _Hook.refused = 0
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        port, path = free_port(), "/kz/notices"
        url = f"http://127.0.0.1:{port}{path}"
        regulator = mock_regulator(
            self.clock, profile="rfc9421", seed=1, intake_url=url, sleep=lambda _s: self.clock.advance(1)
        )
        with regulator.running():
            self.wire.not_ours = {hook.server_port, urlsplit(regulator.url).port or 0}
            self.wire.to_us = {port}
            settings = self._settings(url, regulator, hook.server_port)
            desk = AsyncComplianceDesk(settings, env=frozen_env(self.clock, 1), create=True)
            office = ComplianceDesk(settings, enforcer=self.platform, env=frozen_env(self.clock, 2))
            with served(asgi_app(desk), port):
                self._arrive(regulator, port, path)
                self._work(office, regulator)
                self._ask(office, port)
                self._remedies(office)
            self._watch(office)
            self.documents |= {f"{number}: {name}": data for number, (name, data) in enumerate(self._published(office))}
            self._command(settings)
            office.close()
            desk.blocking.close()
        hook.shutdown()
        hook.server_close()

    def _settings(self, url: str, regulator: MockRegulator, hook: int) -> Settings:
        secret = base64.b64encode(b"an hmac secret of 32 bytes or so").decode()
        return sandbox_settings(
            self.folder / "cases.sqlite3",
            profile="rfc9421",
            intake_url=url,
            regulator_url=regulator.url,
            overrides={
                "notifier": {"webhook_url": f"http://127.0.0.1:{hook}/hook", "webhook_secret": secret},
                "privacy": {"master_key": base64.b64encode(b"m" * 32).decode()},
                "respondent": {"role": "head_of_office", "name": "Үлгі Б. С."},
            },
        )

    def _arrive(self, regulator: MockRegulator, port: int, path: str) -> None:
        for seed in (1, 2, 3):
            assert regulator.push(regulator.issue(notice(seed))).answers[-1].status == 202
        odd = regulator.issue(notice(4))
        regulator.push_unreadable(odd)
        for how in ("tampered", "unsigned", "wrong_key"):
            regulator.push_forged(odd, how)
        regulator.issue(notice(5))  # it comes with the feed, and what is said of it comes first
        regulator.push(regulator.remind(builders.reminder(notice(5)).model_copy(update={"text": PLANTED["forged"]})))
        for method, target, headers, body in (
            ("POST", f"{path}?u={PLANTED['query']}", {"x-reporter": PLANTED["header"]}, PLANTED["forged"]),
            ("PUT", path, {"content-type": PLANTED["header"]}, PLANTED["forged"]),
            (
                "POST",
                f"/{PLANTED['query']}",
                {"signature-input": PLANTED["header"], "signature": PLANTED["header"]},
                "{}",
            ),
            ("POST", path, {"content-type": "application/json", "webhook-id": PLANTED["header"]}, PLANTED["forged"]),
            ("POST", path, {"content-type": "application/json", "content-encoding": PLANTED["header"]}, "{}"),
            ("GET", f"{path}/{PLANTED['query']}", {"authorization": PLANTED["header"]}, ""),
        ):
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            line.request(method, target, body.encode(), headers)
            answer = line.getresponse()
            assert answer.status >= 400
            self.documents[f"answer to {method} {answer.status} {len(self.documents)}"] = answer.read()
            line.close()

    def _work(self, desk: ComplianceDesk, regulator: MockRegulator) -> None:
        desk.poll()
        for seed in (1, 2, 3):
            case = desk.cases(notice_id=notice(seed).notice_id).cases[0].id
            lease = desk.claim(MODERATOR, case_id=case)
            assert lease is not None
            items = (measure("1", reasons=PLANTED["reasons"]), refusal("2", reasons=f"{PLANTED['reasons']}, again"))
            given = Proposal(items=items, legal_check=YES, text_checked=True)
            decided = desk.propose(MODERATOR, case, lease.token, given)
            if seed == 1:
                desk.send_back(LEAD, case, decided.digest, PLANTED["overruled"])
                lease = desk.claim(MODERATOR, case_id=case)
                assert lease is not None
                decided = desk.propose(MODERATOR, case, lease.token, given)
            desk.approve(LEAD, case, decided.digest)
            desk.deliver()
        regulator.fail(Fault("status", status=422))
        regulator.fail(Fault("garbage"))
        regulator.fail(Fault("reset_after"))
        self._pass(desk, 6)
        regulator.outage(True)
        self._pass(desk, 2)
        regulator.outage(False)
        self._pass(desk, 8)
        typed = desk.enter(HEAD, notice(9), self.clock() - 60, PLANTED["letter"])
        desk.take(LEAD, typed.id, commands.Authenticate(PLANTED["letter"]))
        lease = desk.claim(MODERATOR, case_id=typed.id)
        assert lease is not None
        items = (refusal("1", reasons=PLANTED["reasons"]), refusal("2", reasons=f"{PLANTED['reasons']}, again"))
        decided = desk.propose(
            MODERATOR, typed.id, lease.token, Proposal(items=items, legal_check=YES, text_checked=True)
        )
        if decided.decision.needs_approval:
            desk.approve(LEAD, typed.id, decided.digest)
        self._pass(desk, 3)
        for message in desk.case_file(typed.id).messages:
            if message.state == "waiting":
                self.letters.append(desk.letter(message.id, "ru"))
                desk.record_delivery(HEAD, message.id, Proof("courier", "1", self.clock(), PLANTED["proof"]))
        for case_ in desk.cases(state="quarantined").cases:
            desk.take(LEAD, case_.id, commands.SettleQuarantine(PLANTED["settled"]))
        desk.take(LEAD, typed.id, commands.Hold(PLANTED["held"], self.clock() + 86_400))
        regulator.push(regulator.cancel(builders.cancellation(notice(2), "withdrawn")))
        desk.poll()
        self._pass(desk, 3)

    def _pass(self, desk: ComplianceDesk, times: int) -> None:
        for _ in range(times):
            desk.deliver()
            desk.watch()
            self.clock.advance(400)

    def _watch(self, desk: ComplianceDesk) -> None:
        self.clock.advance(3 * 86_400)
        self._pass(desk, 3)
        health, document = desk.health(), desk.health_document()
        self.documents["health"] = json.dumps(document, ensure_ascii=False).encode()
        self.documents["health, whole"] = repr(health).encode()
        self.documents["audit faults"] = repr(desk.verify_audit()).encode()
        self.documents["events"] = b"\n".join(
            repr(on).encode() for case in desk.store.queries(desk.platform_id).case_ids()
            for on in desk.store.queries(desk.platform_id).records(case).stream.events
        )  # fmt: skip
        self.documents["retention"] = repr(desk.privacy.retention(dry_run=True)).encode()

    def _ask(self, desk: ComplianceDesk, port: int) -> None:
        """Every error that a caller can be told, with personal data in what is wrong."""
        case = desk.cases(notice_id=notice(1).notice_id).cases[0].id
        wrong = refusal("1", reasons=PLANTED["reasons"])
        until = self.clock() + 86_400
        calls: tuple[Callable[[], object], ...] = (
            lambda: desk.propose(MODERATOR, case, 1, Proposal(items=(wrong,), legal_check=YES)),
            lambda: desk.enter(HEAD, notice(9, revision=1), self.clock() + 9999, PLANTED["letter"]),
            lambda: desk.enter(MODERATOR, notice(1, platform_id="other"), self.clock(), PLANTED["letter"]),
            lambda: desk.take(LEAD, case, commands.Authenticate(PLANTED["letter"])),
            lambda: desk.take(LEAD, case, commands.SettleQuarantine(PLANTED["settled"])),
            lambda: desk.take(MODERATOR, case, commands.Reopen(PLANTED["reasons"])),
            lambda: desk.send_back(LEAD, case, "0" * 64, PLANTED["overruled"]),
            lambda: desk.take(MODERATOR, case, commands.Hold(PLANTED["held"], until)),
            lambda: desk.take(HEAD, case, commands.EndHold(PLANTED["held"])),
            lambda: desk.take(HEAD, case, commands.AskErasure("subject_request")),
        )
        for call in calls:
            try:
                call()
            except ComplianceError as error:
                self.errors.append(f"{error} {error!r} {error.__dict__}")
        assert len(self.errors) >= 8
        assert port

    def _remedies(self, desk: ComplianceDesk) -> None:
        cases = [desk.cases(notice_id=notice(seed).notice_id).cases[0].id for seed in (1, 3, 5)]
        lease = desk.claim(MODERATOR, case_id=cases[1])
        assert lease is not None, "its report was refused, and it is decided anew"
        items = (measure("1", reasons=PLANTED["reasons"]), refusal("2", reasons=f"{PLANTED['reasons']}, again"))
        given = Proposal(items=items, legal_check=YES, text_checked=True)
        desk.approve(LEAD, cases[1], desk.propose(MODERATOR, cases[1], lease.token, given).digest)
        self._pass(desk, 3)
        self.told = leak_remedies.live(desk, self.clock, lambda: self._pass(desk, 4), cases, cases[-1])
        self.errors += leak_remedies.refusals(desk, self.clock(), cases[-1])

    def _published(self, desk: ComplianceDesk) -> list[tuple[str, bytes]]:
        return list(leak_remedies.published(desk, self.clock()))

    def _command(self, settings: Settings) -> None:
        """The commands that are no look at a case."""
        file = self.cli.config.read_text(encoding="utf-8")
        key = settings.privacy.master_key
        assert key is not None
        self.cli.config.write_text(f'{file}\n[privacy]\nmaster_key = "{key.get_secret_value()}"\n', encoding="utf-8")
        for arguments in (
            ("doctor",),
            ("health",),
            ("audit", "verify"),
            ("cases", "list"),
            ("cases", "list", "--state", "closed"),
            ("sanctions",),
            ("config", "show"),
            ("db", "status"),
            ("retention", "run", "--dry-run"),
            ("appeals", "list"),
            ("audit", "checkpoint"),
            ("transparency", "--from", "2026-11-01", "--to", "2026-11-30", "--draft"),
        ):
            for more in ((), ("--json",)):
                result = self.cli.run(*arguments, *more)
                assert result.exit_code in (0, 3, 4), result.output
                self.documents[" ".join((*arguments, *more))] = result.output.encode()

    @property
    def places(self) -> dict[str, bytes]:
        """Everything that is searched."""
        return {
            "a log": self.log.text,
            "a socket": self.wire.bytes,
            "an error": "\n".join(self.errors).encode(),
            **self.documents,
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with pytest.MonkeyPatch.context() as patch:
        made = Run(tmp_path_factory.mktemp("leaks"), patch)
        made.go()
        yield made


pytestmark = pytest.mark.slow


def test_nothing_that_was_planted_leaves(run: Run) -> None:
    assert found_in(run.places) == []


def test_the_run_went_everywhere(run: Run) -> None:
    """What was searched held what it should hold: an empty place would leak nothing either."""
    assert len(run.log.lines) > 200
    sent = run.wire.bytes
    for wanted in (b"POST /v1/", b'"outcome":"removed"', b"POST /hook", b'"reason":', b"HTTP/1.1 202", b"HTTP/1.1 4"):
        assert wanted in sent, wanted
    assert len(run.platform.seen) >= 4
    assert {effect.account_ref for effect in run.platform.seen} == {PLANTED["handle"]}
    assert run.letters
    assert run.told >= 4
    assert b'"outcome":"refused"' in sent, "the corrected report of the reversal"
    assert sum("a redacted pack" in name for name in run.documents) > 60


def test_the_search_finds_what_leaks(run: Run) -> None:
    """The control: a careless notifier, a careless logger and a careless report are found by the same search."""
    handler = Everything()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        logging.getLogger("host").warning("the user %s was told", PLANTED["handle"])
        try:
            raise RuntimeError(PLANTED["thrown"])
        except RuntimeError:
            logging.getLogger("host").exception("it failed")
        logging.getLogger("host").warning("x", extra={"user": PLANTED["iin"]})
    finally:
        root.removeHandler(handler)
    assert {one.split()[0] for one in found_in({"log": handler.text})} == {"handle", "thrown", "iin"}
    line = AlertLine("case", PLANTED["reporter"], 0, 10, f"https://desk.example/{PLANTED['slug']}")
    alert = Alert(("lead",), 10, (line,))
    assert {one.split()[0] for one in found_in({"alert": alert_bytes(alert)})} == {"reporter", "slug"}
    url = f"GET /users/{quote(PLANTED['reporter'])} HTTP/1.1".encode()
    assert found_in({"url": url, "digest": hashlib.sha256(PLANTED["phone"].encode()).hexdigest().encode()}) == [
        "reporter in url",
        "phone in digest",
    ]


def test_the_librarys_own_logger_shows_no_value_that_is_not_on_its_list() -> None:
    handler = Everything()
    root = logging.getLogger("kz_compliance_sdk")
    root.addHandler(handler)
    try:
        logger.error("failed", user=PLANTED["handle"], error=RuntimeError(PLANTED["thrown"]), reason=PLANTED["reasons"])
    finally:
        root.removeHandler(handler)
    assert (len(handler.lines), found_in({"log": handler.text})) == (1, [])
