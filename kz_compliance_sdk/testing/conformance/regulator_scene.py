"""What the checks of a regulator are made with: signed calls as a platform makes them, a notice, pushes."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import OutboundModel, Receipt, outbound_bytes
from kz_compliance_sdk.errors import NotAuthentic, Unreadable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.conformance import signing
from kz_compliance_sdk.testing.conformance.checks import Broken, Drive, Skipped
from kz_compliance_sdk.testing.conformance.listener import Listener, Pushed
from kz_compliance_sdk.testing.conformance.transport import Answer, NoAnswer, Transport, target_of
from kz_compliance_sdk.testing.mock_regulator.exchange import Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey, verify, verify_response
from kz_compliance_sdk.wire.v1 import FeedEntry, FeedPage, read_feed, read_message, read_receipt

Kind = Literal["acknowledgements", "clarification-requests", "reports"]
KINDS: Final[tuple[Kind, ...]] = ("acknowledgements", "clarification-requests", "reports")
MOST_PAGES: Final = 100
JSON: Final = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class RegulatorTarget:
    """The regulator that is driven: calls go to `url` + `/v1/...`. `signing_key` is the platform's, `ring` holds what
    verifies the regulator. `intake_url` is the platform's address as the regulator knows it: its signatures cover it.
    `notice_id` names a notice to talk about; without it the feed gives one. `listen_s` is how long a push is waited
    for, in seconds."""

    url: str
    signing_key: SigningKey
    ring: KeyRing
    platform_id: str = "social"
    profile: Profile = "rfc9421"
    intake_url: str = "http://127.0.0.1:8000/notices"
    notice_id: str | None = None
    listen_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was sent, and what came back."""

    kind: Kind
    key: str
    body: bytes
    answer: Answer


def exact(entry: FeedEntry) -> bytes:
    """The bytes that an entry of the feed carries. Raises Broken if they are not in base64."""
    try:
        return entry.exact_body()
    except Unreadable as wrong:
        raise Broken(f"entry {entry.sequence}: {wrong}", "the exact bytes in base64") from None


def _notice_in(entry: FeedEntry) -> Notice | None:
    try:
        data = read_message(entry.exact_body()).data
    except Unreadable:
        return None
    return data if isinstance(data, Notice) else None


class RegulatorScene(Drive):
    """One run against one regulator. `control` says that it is a mock whose control interface may be used."""

    heeded = (429, 503)

    def __init__(
        self,
        target: RegulatorTarget,
        transport: Transport,
        *,
        listener: Listener | None = None,
        control: bool = False,
        clock: Callable[[], int] = lambda: int(time.time()),
        sleep: Callable[[float], None] = time.sleep,
        run_id: str | None = None,
    ) -> None:
        super().__init__(target.profile, transport, clock, sleep, run_id)
        self.target, self.listener, self._control = target, listener, control
        self._base = target_of(target.url).rstrip("/")
        self._notice: Notice | None = None
        self._was_pushed = False

    def missing(self, need: str) -> str | None:
        if need == "listener":
            return None if self.listener is not None else "it waits for a push: give a port with --listen"
        try:
            self.notice()
        except Skipped as skipped:
            return skipped.why
        return None

    # ------------------------------------------------------------------------------------------- calling

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        key: SigningKey | None = None,
        at: int | None = None,
        signed_path: str | None = None,
        more: Sequence[tuple[str, str]] = (),
    ) -> Request:
        """A signed request for `/v1` + `path`, or as signed for `signed_path`."""
        used = key or self.target.signing_key
        now = self.clock() if at is None else at
        uri = f"{self.target.url.rstrip('/')}/v1{signed_path or path}"
        if self.profile == "rfc9421":
            proof = signing.rfc9421(used, uri, body, created=now, nonce=self.new_id("nonce"), method=method)
        else:
            proof = signing.webhook(used, body, message_id=self.new_id(), at=now)
        typed = [JSON] if body else []
        return Request(method, f"{self._base}/v1{path}", [*typed, *more, *proof], body)

    def get(self, path: str, **how: Any) -> Answer:
        return self.send(self.request("GET", path, **how))

    # ------------------------------------------------------------------------------------------- the feed

    def page(self, after: str = "", limit: int = 100) -> FeedPage:
        """A page of the feed. Raises Broken."""
        query = f"?limit={limit}" + (f"&after={quote(after, safe='')}" if after else "")
        answer = self.get(f"/notices{query}")
        if answer.status != 200:
            raise Broken(f"{answer} to the feed", "200")
        try:
            return read_feed(answer.body)
        except Unreadable as wrong:
            raise Broken(f"the page: {wrong}", "a page of the feed") from None

    def entries(self, limit: int, most: int) -> list[FeedEntry]:
        """Entries from the beginning, at least `most` if there are so many, read in pages of `limit`."""
        found: list[FeedEntry] = []
        after = ""
        for _ in range(MOST_PAGES):
            page = self.page(after, limit)
            found += page.data
            if len(found) >= most or not page.has_more or page.next_cursor is None:
                return found
            after = page.next_cursor
        return found

    def notice(self) -> Notice:
        """The notice that the checks talk about. Raises Skipped if there is none to be had."""
        if self._notice is None:
            self._notice = self._by_id() or self._issued() or self._in_feed()
        return self._notice

    def _by_id(self) -> Notice | None:
        if self.target.notice_id is None:
            return None
        answer = self.get(f"/notices/{quote(self.target.notice_id, safe='')}")
        held = answer.document().get("notice")
        if answer.status != 200 or not isinstance(held, dict):
            raise Skipped(f"the notice {self.target.notice_id} is not held there ({answer}): correct --notice-id")
        try:
            return Notice.model_validate_json(json.dumps(held))
        except ValueError:
            raise Skipped(f"the notice {self.target.notice_id} is none that can be read") from None

    def _issued(self) -> Notice | None:
        if not self._control:
            return None
        notice_id = self._issue(push=False).get("notice_id")
        for entry in self.entries(100, 100_000):
            notice = _notice_in(entry)
            if notice is not None and notice.notice_id == notice_id:
                return notice
        raise Skipped(f"the notice {notice_id} was issued, and is not in the feed")

    def _in_feed(self) -> Notice:
        try:
            entries = self.entries(100, 1)
        except (Broken, NoAnswer):
            raise Skipped("it needs a notice, and the feed gives none: name one with --notice-id") from None
        for entry in entries:
            notice = _notice_in(entry)
            if notice is not None:
                return notice
        raise Skipped("it needs a notice, and the feed holds none: issue one, or name one with --notice-id")

    def _issue(self, *, push: bool) -> dict[str, Any]:
        sample = secrets.randbelow(9_000_000) + 1_000_000
        body = json.dumps({"sample": sample, "push": push}).encode()
        request = Request("POST", f"{self._base}/control/issue", [JSON], body, "127.0.0.1")
        answer = self.transport.exchange(request)
        if answer.status != 200:
            raise Skipped(f"the control interface does not issue a notice ({answer}): leave --control out")
        return answer.document()

    # ------------------------------------------------------------------------------------------- submitting

    def submission(self, kind: Kind, **fields: Any) -> tuple[str, bytes]:
        """Something good to send about the notice, under a fresh id: its key and its bytes."""
        notice, now = self.notice(), self.clock()
        case = fields.pop("case_reference", None) or self.new_id("case")
        value: OutboundModel
        if kind == "acknowledgements":
            key = self.new_id("ack")
            value = builders.acknowledgement(notice, received_at=now - 60, case_reference=case, **fields)
        elif kind == "clarification-requests":
            key = self.new_id("ask")
            value = builders.clarification_request(notice, key, sent_at=now, case_reference=case, **fields)
        else:
            key = self.new_id("report")
            given = {"case_reference": case, "received_at": now - 60, "reported_at": now, **fields}
            value = builders.report(notice, key, outcome="already_unavailable", **given)
        return key, outbound_bytes(value)

    def submit(
        self, kind: Kind, key: str, body: bytes, *, notice_id: str | None = None, keyed: bool = True, **how: Any
    ) -> Submitted:
        """Send it under that Idempotency-Key, or without any."""
        more = [("idempotency-key", key)] if keyed else []
        path = f"/notices/{quote(notice_id or self.notice().notice_id, safe='')}/{kind}"
        return Submitted(kind, key, body, self.send(self.request("POST", path, body, more=more, **how)))

    def recorded(self, kind: Kind, **fields: Any) -> Submitted:
        """Something new that the regulator has recorded. Raises Broken unless it answers with 200 or 201."""
        sent = self.submit(kind, *self.submission(kind, **fields))
        if sent.answer.status not in (200, 201):
            raise Broken(f"{sent.answer} to {kind}", "201")
        return sent

    def submit_at_once(self, kind: Kind, key: str, body: bytes, times: int) -> list[Submitted]:
        """Send the same so many times at once."""
        self.notice()
        with ThreadPoolExecutor(times) as senders:
            return list(senders.map(lambda _: self.submit(kind, key, body), range(times)))

    # ------------------------------------------------------------------------------------------- judging

    def receipt(self, answer: Answer, what: str) -> Receipt:
        """Raises Broken unless the body is a receipt."""
        try:
            return read_receipt(answer.body)
        except Unreadable as wrong:
            raise Broken(f"{what}: {answer.status} with a body that is no receipt ({wrong})", "a receipt") from None

    def check_signed(self, answer: Answer, what: str) -> None:
        """Raises Broken unless the regulator signed the answer, now."""
        try:
            verified = verify_response(self.target.ring, answer.status, answer.headers, answer.body, self.clock())
        except NotAuthentic as error:
            raise Broken(f"{what}: the signature does not hold ({error.code})", "a signed receipt") from None
        if verified.stale:
            raise Broken(f"{what}: its signature is not of now", "a signature within 300 seconds of now")

    def check_message_signed(self, headers: Sequence[tuple[str, str]], body: bytes, what: str) -> None:
        """Raises Broken unless the regulator signed this message for the platform's intake."""
        try:
            verify(self.target.ring, "POST", self.target.intake_url, headers, body, self.clock())
        except NotAuthentic as error:
            raise Broken(
                f"{what}: the signature does not hold ({error.code})",
                f"a signature for POST {self.target.intake_url}",
            ) from None

    def pushes(self) -> tuple[Pushed, ...]:
        """What was pushed here: issued on command, or by a person in the time that is given. Raises Skipped."""
        assert self.listener is not None  # noqa: S101  the checks that ask for it need the listener
        if not self._was_pushed:
            if self._control:
                self._issue(push=True)
            self.listener.wait(2, self.target.listen_s)
            self._was_pushed = True
        came = self.listener.came()
        if not came:
            raise Skipped(f"no push came within {self.target.listen_s:g} s: issue a notice while the kit listens")
        return came
