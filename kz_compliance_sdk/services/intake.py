"""The three ways in: pushed over HTTP, fetched from the regulator's feed, typed in by the office.

`receive` is pure: it verifies and reads, and returns an answer or the work that loads, decides and stores. All three
ways end in `Admission`.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Final

from msgspec import Struct

from kz_compliance_sdk.domain.actor import STAFF, SYSTEM, Actor, Stamp
from kz_compliance_sdk.domain.arrivals import Arrival
from kz_compliance_sdk.domain.change import Change, RefusalsCounted
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.events.base import Source
from kz_compliance_sdk.domain.ledger import encode
from kz_compliance_sdk.domain.messages import BY_HAND, REGULATOR, notify
from kz_compliance_sdk.domain.metrics import UNREADABLE
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.values import Json, canonical, says_something
from kz_compliance_sdk.errors import InvalidInput, NotAuthentic, Unreadable
from kz_compliance_sdk.ports import ASKS_NOTHING, Asks, FeedMessage, Tx, Work
from kz_compliance_sdk.services.admission import NOT_AUTHENTIC, Admission, Response, refused
from kz_compliance_sdk.wire.codes import remedy_of
from kz_compliance_sdk.wire.signature import SIGNATURE_HEADERS, KeyRing, Verified, verify
from kz_compliance_sdk.wire.v1 import Message, MessageType, read_message, unreadable, write_message

_log = logging.getLogger("kz_compliance_sdk.intake")
Headers = Sequence[tuple[str, str]]
_KEY_ID = re.compile(r';keyid="([^"\\]{1,128})"')
_JSON_TYPE = re.compile(r'application/json(?:\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)
OFFICE: Final = "office"
FLUSH_EVERY_S: Final = 60
MAX_HEADERS: Final = 128
MAX_HEAD: Final = 32_768
"""Names and values together. Not every server has a bound of its own."""


_FAULT: Final = Unreadable(
    "this program failed when it took the message in.",
    field="",
    remedy=remedy_of("intake_fault"),
    code="intake_fault",
)
_EARLY: Final = Unreadable(
    "the signing key is not valid yet.",
    field="",
    remedy=remedy_of("key_not_yet_valid"),
    code="key_not_yet_valid",
)
_EXPIRED: Final = Unreadable(
    "the signing key has expired.", field="", remedy=remedy_of("key_expired"), code="key_expired"
)
_STALE: Final = Unreadable(
    "the signature is right, but its time is not.", field="", remedy=remedy_of("stale"), code="stale"
)


class Pending(Struct, frozen=True):
    """A message that is authentic: `work` loads what is known of it, decides, and gives the answer. Nothing may be
    acknowledged before its change is durable.

    `aside` puts the bytes into quarantine instead: for a sender that cannot be asked to try again, when `work` raises
    something that is no fault of the store. `asks` is what either will ask for, `kind` what sort of message it is.
    """

    work: Work[Response]
    aside: Work[Response]
    asks: Asks = ASKS_NOTHING
    kind: str = UNREADABLE


class Intake:
    """Reads messages for one platform. `target_uri` turns the raw target of a request into the address that the
    sender signed: the configured public URL, never the Host header."""

    def __init__(
        self,
        admission: Admission,
        ring: KeyRing,
        *,
        target_uri: Callable[[str], str],
        clock: Callable[[], int],
        ids: Callable[[], str],
        channel: str = REGULATOR,
        max_body: int = 262_144,
    ) -> None:
        self._admission, self._ring = admission, ring.of_platform(admission.platform_id)
        self._target_uri, self._clock, self._ids = target_uri, clock, ids
        self._channel, self.max_body = channel, max_body
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._flushed_at = clock()

    # --------------------------------------------------------------------------------------------- pushed

    def receive(self, method: str, target: str, headers: Headers, body: bytes) -> Response | Pending:
        """Verify and read a request; header names are in lower case. Nothing is stored here, and nothing is raised."""
        if answer := self.check_transport(method, headers, len(body)):
            return answer
        now = self._clock()
        try:
            verified = verify(self._ring, method, self._target_uri(target), headers, body, now)
        except NotAuthentic as error:
            self._count(headers, error.code)
            return NOT_AUTHENTIC
        proof: dict[str, Json] = {
            "target": target,
            "headers": [[name, value] for name, value in headers if name in SIGNATURE_HEADERS],
        }
        return self._pending(verified, body, proof, now, pushed=True)

    def check_transport(self, method: str, headers: Headers, length: int) -> Response | None:
        """What is refused before anything is verified, by the request's head alone."""
        if method != "POST":
            answer = refused(405, "method_not_allowed", "Messages are pushed with POST.")
            return Response(answer.status, (*answer.headers, ("allow", "POST")), answer.body)
        named = dict(headers)
        if "content-encoding" in named and any(map(_is_encoded, headers)):
            return refused(415, "encoding", remedy_of("encoding"))
        if len(headers) > MAX_HEADERS or sum(map(len, chain.from_iterable(headers))) > MAX_HEAD:
            return refused(431, "headers", f"Send {MAX_HEADERS} headers and {MAX_HEAD} bytes of them, at most.")
        if "content-length" in named and "transfer-encoding" in named:
            # Not every server refuses it, and a proxy may have read it in the other way.
            return refused(400, "framing", remedy_of("framing"))
        content_type = named.get("content-type", "")
        if content_type != "application/json" and not _JSON_TYPE.fullmatch(content_type.strip()):
            return refused(415, "media_type", remedy_of("media_type"))
        if length > self.max_body:
            return refused(413, "too_large", f"A message has at most {self.max_body} bytes.")
        return None

    def _pending(
        self, verified: Verified, body: bytes, proof: Mapping[str, Json], now: int, *, pushed: bool
    ) -> Pending:
        message: Message | None = None
        problem: Unreadable | None = None
        try:
            message = read_message(body)
            problem = _mismatch(message, verified)
        except Unreadable as error:
            problem = error
        if problem is None:
            problem = self._out_of_time(verified, pushed=pushed)
        published_at = message.sent_at if message is not None and not pushed else now
        source: Source = "pushed" if pushed else "polled"

        def arrived() -> Arrival:
            sha256 = hashlib.sha256(body).hexdigest()
            message_id = message.id if message is not None else verified.message_id or f"~{sha256[:32]}"
            evidence: dict[str, Json] = {
                **proof,
                "key_id": verified.key_id,
                "profile": verified.profile,
                "signed_at": verified.signed_at,
                "authorities": sorted(verified.authorities),
            }
            return Arrival(
                platform_id=self._admission.platform_id,
                message=(verified.sender, message_id, sha256),
                source=source,
                authenticity="signed",
                channel=self._channel,
                received_at=now,
                published_at=published_at,
                body=body,
                proof=encode(evidence),
                profile=verified.profile,
                key_id=verified.key_id,
                signed_at=verified.signed_at,
                authorities=verified.authorities,
            )

        def quarantined(tx: Tx, why: Unreadable) -> tuple[Change, Response]:
            return self._admission.quarantine(tx, arrived(), unreadable(body, why))

        aside = partial(quarantined, why=_FAULT)
        if problem is not None:
            kind = message.type if message is not None else UNREADABLE
            return Pending(partial(quarantined, why=problem), aside, kind=kind)
        assert message is not None  # noqa: S101  one of the two is set above
        usable = message
        asks = self._admission.asks(verified.sender, usable)
        return Pending(lambda tx: self._admission.admit(tx, arrived(), usable), aside, asks, usable.type)

    def _out_of_time(self, verified: Verified, *, pushed: bool) -> Unreadable | None:
        """A right signature at the wrong time. An entry of the feed may be old: it was signed when it was published."""
        key = self._ring.get(verified.key_id)
        if verified.key_early:
            return _EARLY
        if verified.key_expired and (pushed or key is None or verified.signed_at > key.not_after):
            return _EXPIRED
        return _STALE if pushed and verified.stale else None

    # -------------------------------------------------------------------------------------------- fetched

    def fetched(self, entry: FeedMessage, signed_for: str) -> Pending | None:
        """An entry of the regulator's feed; None if it is not authentic. `signed_for` is the raw target of the
        platform's intake, for which the regulator signs pushes and entries alike."""
        now = self._clock()
        target_uri = self._target_uri(signed_for)
        try:
            verified = verify(self._ring, entry.method, target_uri, entry.headers, entry.body, now)
        except NotAuthentic as error:
            self._count(entry.headers, error.code)
            return None
        proof: dict[str, Json] = {
            "target": signed_for,
            "sequence": entry.sequence,
            "headers": [[name, value] for name, value in entry.headers if name in SIGNATURE_HEADERS],
        }
        return self._pending(verified, entry.body, proof, now, pushed=False)

    # ------------------------------------------------------------------------------------------- typed in

    def typed(self, notice: Notice, received_at: int, how: str, actor: Actor) -> tuple[Work[Response], bytes]:
        """A letter, e-mail or phone call that the office typed in: unverified, its clock from the recorded receipt.

        `how` says on which way it came. Raises NotAllowed, and
        InvalidInput for a receipt in the future.
        """
        STAFF.check(actor, "enter")
        now = self._clock()
        if received_at > now:
            raise InvalidInput(
                "the receipt lies in the future.",
                field="received_at",
                remedy=f"Give the time on the stamp; it is {local(now)} in Almaty now.",
            )
        if notice.platform_id != self._admission.platform_id:
            raise InvalidInput(
                f"the notice names the platform {notice.platform_id!r}.",
                field="platform_id",
                remedy=f"This office answers for {self._admission.platform_id!r}.",
            )
        if not says_something(how):
            raise InvalidInput("it is not said how it came.", field="how", remedy="Say it: letter, e-mail, phone call.")
        name = f"{notice.issuing_authority.id}\x1f{notice.notice_id}\x1f{notice.revision}"
        message_id = f"typed:{hashlib.sha256(name.encode()).hexdigest()[:40]}"
        kind: MessageType = "notice.issued" if notice.revision == 1 else "notice.amended"
        body = write_message(
            kind, notice, message_id=message_id, sent_at=notice.issued_at, platform_id=notice.platform_id
        )
        sha256 = hashlib.sha256(body).hexdigest()
        said: dict[str, Json] = {"entered_by": actor.id, "entered_at": now, "how": how}
        proof = canonical({**said, "account": actor.account} if actor.account else said)
        arrival = Arrival(
            notice.platform_id,
            (OFFICE, message_id, sha256),
            "typed",
            "unverified",
            BY_HAND,
            received_at,
            received_at,
            entered_by=actor.id,
            how=how,
            by=actor,
            body=body,
            proof=proof,
            authorities=frozenset({notice.issuing_authority.id}),
        )
        message = read_message(body)
        return (lambda tx: self._admission.admit(tx, arrival, message)), body

    # ------------------------------------------------------------------------------------------ refusals

    def _count(self, headers: Headers, code: str) -> None:
        named = next(
            (
                match[1]
                for name, value in headers
                if name == "signature-input" and (match := _KEY_ID.search(value)) is not None
            ),
            "",
        )
        self._refusals[(named if self._ring.get(named) is not None else "unknown", code)] += 1

    def refusals_to_flush(self, *, at_once: bool = False) -> Change:
        """What was refused since the last call, at most once a minute unless `at_once`: a line in the log, counters,
        and an alert if a known key was named.

        A stranger can fill neither the queue nor the pager: unknown keys are only counted.
        """
        now = self._clock()
        if not self._refusals or (not at_once and now - self._flushed_at < FLUSH_EVERY_S):
            return ()
        refusals, self._refusals, self._flushed_at = self._refusals, Counter(), now
        platform = self._admission.platform_id
        counted = tuple(RefusalsCounted(platform, key, code, n, now) for (key, code), n in sorted(refusals.items()))
        known = sorted({key for key, _ in refusals if key != "unknown"})
        names = {"unknown": "no known key"}
        reasons = [f"{one.count} by {names.get(one.key_id, one.key_id)}: {one.code}" for one in counted]
        _log.warning(
            "messages were not authentic and got 401: %s. Signatures are checked against %s (public_url) and the "
            "configured keys.",
            "; ".join(reasons),
            self._target_uri("/"),
            extra={"code": "not_authentic"},
        )
        stamp = Stamp(now, SYSTEM)
        alerts = tuple(
            # Two receivers can come to this in the same second.
            notify(platform, key, "refused_under_known_key", ("lead",), 30, stamp, key=self._ids())
            for key in known
        )
        return (*counted, *alerts)


def _is_encoded(header: tuple[str, str]) -> bool:
    return header[0] == "content-encoding" and header[1].strip().lower() not in ("", "identity")


def declared_length(text: str, otherwise: int) -> int:
    """The Content-Length that a head gives; `otherwise` for what is no such number."""
    # int() raises for thousands of digits.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else otherwise


def _mismatch(message: Message, verified: Verified) -> Unreadable | None:
    """What a right signature under the wrong name comes to."""
    if message.platform_id != verified.platform_id:
        return Unreadable(
            "the message is for another platform than its key.",
            field="platform_id",
            remedy=remedy_of("platform_mismatch"),
            code="platform_mismatch",
        )
    if verified.message_id is not None and verified.message_id != message.id:
        return Unreadable(
            "the header and the body name two message ids.",
            field="id",
            remedy=remedy_of("id_mismatch"),
            code="id_mismatch",
        )
    if verified.message_id is not None and "." in verified.message_id:
        return Unreadable("the webhook-id holds a dot.", field="id", remedy=remedy_of("id_dotted"), code="id_dotted")
    data = message.data
    if isinstance(data, Notice) and data.issuing_authority.id not in verified.authorities:
        return Unreadable(
            "this key may not speak for this authority.",
            field="data.issuing_authority.id",
            remedy=remedy_of("authority_key_mismatch"),
            code="authority_key_mismatch",
        )
    return None
