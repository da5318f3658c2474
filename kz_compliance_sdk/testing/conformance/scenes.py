"""What checks are made with: the way to what is driven, good messages and signed calls, a look at what came of them."""

from __future__ import annotations

import abc
import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Final, Literal, TypeVar
from urllib.parse import quote

from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import OutboundModel, Receipt, outbound_bytes
from kz_compliance_sdk.domain.values import instant_text, parse_instant
from kz_compliance_sdk.errors import NotAuthentic, Unreadable
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.conformance import transport
from kz_compliance_sdk.testing.conformance.bad_inputs import envelope, serialised
from kz_compliance_sdk.testing.conformance.checks import PROFILES, PROMISES, WRITTEN, Broken, Check, Skipped, expect
from kz_compliance_sdk.testing.conformance.inspection import Exit, Inspector, StoredMessage
from kz_compliance_sdk.testing.conformance.keys import KeySet, Role, published_keys, stranger
from kz_compliance_sdk.testing.conformance.transport import (
    Answer,
    Headers,
    Listener,
    NoAnswer,
    Pushed,
    Transport,
    target_of,
)
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey, verify, verify_response
from kz_compliance_sdk.wire.v1 import FeedEntry, FeedPage, read_feed, read_message, read_receipt

Kind = Literal["acknowledgements", "clarification-requests", "reports"]
KINDS: Final[tuple[Kind, ...]] = ("acknowledgements", "clarification-requests", "reports")
HOUR: Final = 3_600
_MOST_PAGES: Final = 100
_TRIES: Final = 4
_PATIENCE_S: Final = 10
_NO_INSPECTION: Final = "it looks at what was stored: give the inspection interface with --inspect"


@dataclass(frozen=True, slots=True)
class IntakeTarget:
    """The intake that is driven. `url` is the address that signatures cover, as the platform knows it; `host` is where
    its content lies. `max_body` is the largest body that it takes, in bytes. With `exact_codes` the code of a problem
    counts, else its status alone."""

    url: str
    profile: Profile = "rfc9421"
    platform_id: str = "social"
    host: str = "social.example"
    max_body: int = 262_144
    exact_codes: bool = True
    keys: KeySet = field(default_factory=lambda: published_keys("rfc9421"))


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
    # A regulator is judged by its status, whatever code it gives.
    exact_codes: ClassVar[bool] = False


@dataclass(eq=False)
class Drive(abc.ABC):
    """One run against one target, and the way there. `clock` gives UTC seconds, `sleep` takes seconds; `run_id` is part
    of every id."""

    target: IntakeTarget | RegulatorTarget
    transport: Transport
    _: KW_ONLY
    clock: Callable[[], int] = lambda: int(time.time())
    sleep: Callable[[float], None] = time.sleep
    run_id: str = field(default_factory=lambda: secrets.token_hex(6))

    heeded: ClassVar[tuple[int, ...]] = (503,)
    """The statuses whose Retry-After is waited for: the same is then sent again."""

    def __post_init__(self) -> None:
        self.profile: Profile = self.target.profile
        # A key that what is driven cannot know.
        self.stranger = stranger(self.profile)
        self._numbers = itertools.count(1)

    @abc.abstractmethod
    def missing(self, need: str) -> str | None:
        """Why there is no such thing here; None if there is."""

    def new_id(self, what: str = "msg") -> str:
        """An id that no other check and no other run uses."""
        return f"conf-{what}-{self.run_id}-{next(self._numbers)}"

    def proof(
        self, key: SigningKey, method: str, uri: str, body: bytes, *, at: int | None = None, message_id: str = ""
    ) -> Headers:
        """The headers that sign a request at `at` (UTC seconds; now, if not given)."""
        name, nonce = message_id or self.new_id(), self.new_id("nonce")
        now = self.clock() if at is None else at
        return transport.signed(self.profile, key, method, uri, body, at=now, message_id=name, nonce=nonce)

    def send(self, request: Request) -> Answer:
        """The answer. A Retry-After of up to 10 s, in either form, is heeded: nothing was acknowledged."""
        for attempt in range(1, _TRIES + 1):
            answer = self.transport.exchange(request)
            wait = self._wait(answer)
            if answer.status not in self.heeded or wait is None or attempt == _TRIES:
                break
            self.sleep(wait)
        return answer

    def _wait(self, answer: Answer) -> int | None:
        text = answer.header("retry-after") or ""
        try:
            wait = int(text) if text.isdigit() else int(parsedate_to_datetime(text).timestamp()) - self.clock()
        except (ValueError, OverflowError):
            return None
        return max(0, wait) if wait <= _PATIENCE_S else None

    def send_at_once(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers to requests that are under way at the same time."""
        with ThreadPoolExecutor(len(requests)) as senders:
            return list(senders.map(self.send, requests))


@dataclass(eq=False)
class IntakeScene(Drive):
    """One run against one intake."""

    target: IntakeTarget
    _: KW_ONLY
    inspector: Inspector | None = None

    @property
    def inside(self) -> Inspector:
        """A look inside. Raises Skipped where there is none."""
        if self.inspector is None:
            raise Skipped(_NO_INSPECTION)
        return self.inspector

    def missing(self, need: str) -> str | None:
        if need == "inspection":
            return None if self.inspector is not None else _NO_INSPECTION
        if need == "socket":
            return None if self.transport.has_lines else "it needs a socket: give the address of a running server"
        known = {f"key {role}" for role in self.target.keys.keys}
        return None if need in known else f"it needs the {need}: kz-compliance conformance keys"

    # ------------------------------------------------------------------------------------------- what is sent

    def message(self, notice_id: str | None = None, *, message_id: str | None = None, **data: Any) -> dict[str, Any]:
        """A good `notice.issued` under fresh ids; `data` replaces fields of the notice."""
        now = self.clock()
        given: dict[str, Any] = {
            "issuing_authority": {
                "id": self.target.keys.authority,
                "name": {"en": "Committee of Information"},
            },
            "issued_at": instant_text(now - 300),
            "deadline": {"due_at": instant_text(now + 23 * HOUR)},
            "items": [{"item_id": "1", "url": f"https://{self.target.host}/p/1001", "content_type": "post"}],
        }
        return envelope(
            notice_id or self.new_id("notice"),
            message_id=message_id or self.new_id(),
            platform_id=self.target.platform_id,
            sent_at=instant_text(now - 60),
            **given | data,
        )

    def about(self, kind: str, notice_id: str | None, **data: Any) -> dict[str, Any]:
        """A message of another type, about a notice if it has a `notice_id`."""
        message = self.message()
        named = {} if notice_id is None else {"notice_id": notice_id}
        return {**message, "type": kind, "data": {**named, **data}}

    def cancelled(self, notice_id: str) -> dict[str, Any]:
        """A cancellation of that notice."""
        return self.about(
            "notice.cancelled",
            notice_id,
            revision=1,
            effect="withdrawn",
            reference_number="45/1-1",
            issued_at=instant_text(self.clock() - 60),
            reasons=[{"lang": "ru", "text": "Требование отозвано."}],
        )

    def signed(
        self,
        message: Mapping[str, Any] | bytes,
        *,
        key: Role | SigningKey = "current",
        at: int | None = None,
        message_id: str | None = None,
        target: str | None = None,
        signed_for: str | None = None,
    ) -> Request:
        """The request that carries a message, signed at `at` (UTC seconds; now, if not given) for the intake's address,
        or for `signed_for`. Raises Skipped for a role that has no key."""
        body = message if isinstance(message, bytes) else serialised(message)
        name = message_id or (message.get("id") if isinstance(message, Mapping) else None) or self.new_id()
        used = self.key(key) if isinstance(key, str) else key
        proof = self.proof(used, "POST", signed_for or self.target.url, body, at=at, message_id=str(name))
        return Request("POST", target or self.path, [JSON, *proof], body)

    def key(self, role: Role) -> SigningKey:
        """Raises Skipped."""
        lack = self.missing(f"key {role}")
        if lack is not None:
            raise Skipped(lack)
        return self.target.keys.keys[role]

    @property
    def path(self) -> str:
        """The target of the intake."""
        return target_of(self.target.url)

    # ------------------------------------------------------------------------------------------- what comes back

    def take(self, message: Mapping[str, Any], **how: Any) -> Answer:
        """Send a message that must be taken. Raises Broken unless it is."""
        answer = self.send(self.signed(message, **how))
        expect(answer, *GOOD, what="to a good message")
        return answer

    def kept(self, body: bytes, exit: Exit | None = None) -> StoredMessage:  # noqa: A002 - the contract's word
        """What is held of these bytes. Raises Broken unless they are held, by this exit if one is given."""
        found = self.inside.messages(body)
        if not found:
            raise Broken("the bytes are not held", "the exact bytes, held before the reply")
        if exit is not None and found[0].exit != exit:
            raise Broken(f"exit {found[0].exit}", f"exit {exit}")
        return found[0]


def expect_problem(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem that an answer is. Raises Broken unless it is one, with this status and, if given, this code."""
    wanted = f"{status} {code or ''}".strip()
    expect(answer, status, wanted=wanted)
    problem = answer.document()
    if not isinstance(problem.get("code"), str) or not problem["code"]:
        raise Broken(f"{answer.status} with a body that has no `code`", f"a problem with {wanted}")
    if code is not None and problem["code"] != code:
        raise Broken(str(answer), wanted)
    return problem


def expect_problem_type(answer: Answer, what: str = "") -> None:
    """Raises Broken unless the answer says that it is a problem."""
    media_type = (answer.header("content-type") or "none").partition(";")[0].strip()
    if media_type != "application/problem+json":
        raise Broken(f"{what}content-type {media_type}", "content-type application/problem+json")


def instant_of(document: Mapping[str, Any], name: str) -> int:
    """A time of a document in UTC seconds. Raises Broken unless it is RFC 3339 text with an offset."""
    value = document.get(name)
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except ValueError:
        raise Broken(f"{name}: {value!r}", f"{name} as RFC 3339 with an offset") from None


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


def _notice_among(entries: Iterable[FeedEntry], notice_id: object = None) -> Notice | None:
    """The first notice of these entries, or the one of that id."""
    for entry in entries:
        try:
            data = read_message(entry.exact_body()).data
        except Unreadable:
            continue
        if isinstance(data, Notice) and notice_id in (None, data.notice_id):
            return data
    return None


@dataclass(eq=False)
class RegulatorScene(Drive):
    """One run against one regulator. `control` says that it is a mock whose control interface may be used."""

    target: RegulatorTarget
    _: KW_ONLY
    listener: Listener | None = None
    control: bool = False

    heeded: ClassVar[tuple[int, ...]] = (429, 503)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._base = target_of(self.target.url).rstrip("/")
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
        uri = f"{self.target.url.rstrip('/')}/v1{signed_path or path}"
        proof = self.proof(key or self.target.signing_key, method, uri, body, at=at)
        return Request(method, f"{self._base}/v1{path}", [*([JSON] if body else ()), *more, *proof], body)

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
        for _ in range(_MOST_PAGES):
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
        if not self.control:
            return None
        notice_id = self._issue(push=False).get("notice_id")
        notice = _notice_among(self.entries(100, 100_000), notice_id)
        if notice is None:
            raise Skipped(f"the notice {notice_id} was issued, and is not in the feed")
        return notice

    def _in_feed(self) -> Notice:
        try:
            notice = _notice_among(self.entries(100, 1))
        except (Broken, NoAnswer):
            raise Skipped("it needs a notice, and the feed gives none: name one with --notice-id") from None
        if notice is None:
            raise Skipped("it needs a notice, and the feed holds none: issue one, or name one with --notice-id")
        return notice

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

    def posting(
        self, kind: Kind, key: str, body: bytes, *, notice_id: str | None = None, keyed: bool = True
    ) -> Request:
        """The request that sends it under that Idempotency-Key, or without any."""
        path = f"/notices/{quote(notice_id or self.notice().notice_id, safe='')}/{kind}"
        return self.request("POST", path, body, more=[("idempotency-key", key)] if keyed else [])

    def submit(self, kind: Kind, key: str, body: bytes) -> Submitted:
        """Send it under that Idempotency-Key."""
        return Submitted(kind, key, body, self.send(self.posting(kind, key, body)))

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
            if self.control:
                self._issue(push=True)
            self.listener.wait(2, self.target.listen_s)
            self._was_pushed = True
        came = self.listener.came()
        if not came:
            raise Skipped(f"no push came within {self.target.listen_s:g} s: issue a notice while the kit listens")
        return came


GOOD: Final = (200, 202)
"""What is taken: 200 if it should have come before."""
_D = TypeVar("_D", bound=Drive)
Act = Callable[[_D], Request | None]
"""How a check is made: it does all of it, or returns the one request that is sent."""


def written(side: str, acts: Mapping[str, Act[_D]]) -> tuple[Check[_D], ...]:
    """The checks of a side in the words and the order of `checks.toml`, each with how it is made, by its name below the
    side's. Raises LookupError unless each has both."""
    rows = {row["name"]: row for row in WRITTEN[side]}
    if odd := rows.keys() ^ acts.keys():
        raise LookupError(f"these have no words, or nobody makes them: {', '.join(sorted(odd))}")
    return tuple(_check(side, row, acts[name]) for name, row in rows.items())


def _check(side: str, row: Mapping[str, Any], act: Act[_D]) -> Check[_D]:
    statuses, code = tuple(row.get("statuses", ())), row.get("code")
    wants = "202" if statuses == GOOD else f"{' or '.join(map(str, statuses))} {code or ''}".rstrip()

    def run(scene: _D) -> None:
        request = act(scene)
        if request is None:
            return
        answer = scene.send(request)
        if code is None:
            expect(answer, *statuses)
        else:
            expect_problem(answer, statuses[0], code if scene.target.exact_codes else None)

    return Check(
        f"{side}.{row['name']}",
        PROMISES[row["promise"]],
        row["sends"],
        row.get("wants", wants),
        WRITTEN["remedies"].get(row["remedy"], row["remedy"]),
        run,
        tuple(row.get("needs", ())),
        tuple(row.get("profiles", PROFILES)),
    )
