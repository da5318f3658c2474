"""What the checks of an intake are made with: messages under fresh ids, signatures, the way there, a look inside."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kz_compliance_sdk.domain.values import instant_text, parse_instant
from kz_compliance_sdk.testing.conformance import signing
from kz_compliance_sdk.testing.conformance.bad_inputs import envelope, serialised
from kz_compliance_sdk.testing.conformance.checks import Broken, Drive, Skipped
from kz_compliance_sdk.testing.conformance.inspection import Inspector, StoredMessage
from kz_compliance_sdk.testing.conformance.keys import KeySet, Role, published_keys
from kz_compliance_sdk.testing.conformance.transport import Answer, Transport, target_of
from kz_compliance_sdk.testing.mock_regulator.exchange import Request
from kz_compliance_sdk.wire.signature import Profile, SigningKey

Headers = list[tuple[str, str]]
JSON: Final = ("content-type", "application/json")
HOUR: Final = 3_600


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


class IntakeScene(Drive):
    """One run against one intake."""

    def __init__(
        self,
        target: IntakeTarget,
        transport: Transport,
        *,
        inspector: Inspector | None = None,
        clock: Callable[[], int] = lambda: int(time.time()),
        sleep: Callable[[float], None] = time.sleep,
        run_id: str | None = None,
    ) -> None:
        super().__init__(target.profile, transport, clock, sleep, run_id)
        self.target, self._inspector = target, inspector

    @property
    def inspector(self) -> Inspector:
        """Raises Skipped where there is none."""
        if self._inspector is None:
            raise Skipped(_MISSING["inspection"])
        return self._inspector

    def missing(self, need: str) -> str | None:
        if need == "inspection":
            return None if self._inspector is not None else _MISSING[need]
        if need == "socket":
            return None if self.transport.has_lines else "it needs a socket: give the address of a running server"
        role = next((role for role in _ROLES if need == f"key {role}"), None)
        if role is not None and self.target.keys.get(role) is not None:
            return None
        return f"it needs the {need}: kz-compliance conformance keys"

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
        headers = self.proof(body, key=key, at=at, message_id=str(name), signed_for=signed_for)
        return Request("POST", target or self.path, [JSON, *headers], body)

    def proof(
        self,
        body: bytes,
        *,
        key: Role | SigningKey = "current",
        at: int | None = None,
        message_id: str | None = None,
        signed_for: str | None = None,
    ) -> Headers:
        """The headers that sign a body."""
        used = self.key(key) if isinstance(key, str) else key
        when = self.clock() if at is None else at
        if self.profile == "standard-webhooks":
            return signing.webhook(used, body, message_id=message_id or self.new_id(), at=when)
        return signing.rfc9421(used, signed_for or self.target.url, body, created=when, nonce=self.new_id("nonce"))

    def key(self, role: Role) -> SigningKey:
        """Raises Skipped."""
        found = self.target.keys.get(role)
        if found is None:
            raise Skipped(f"it needs the key {role}: kz-compliance conformance keys")
        return found

    @property
    def path(self) -> str:
        """The target of the intake."""
        return target_of(self.target.url)

    # ------------------------------------------------------------------------------------------- what comes back

    def take(self, message: Mapping[str, Any], **how: Any) -> Answer:
        """Send a message that must be taken. Raises Broken unless it is."""
        answer = self.send(self.signed(message, **how))
        if answer.status not in (200, 202):
            raise Broken(f"{answer} to a good message", "202")
        return answer

    def kept(self, body: bytes) -> StoredMessage:
        """What is held of these bytes. Raises Broken unless they are held once."""
        found = self.inspector.messages(body)
        if not found:
            raise Broken("the bytes are not held", "the exact bytes, held before the reply")
        return found[0]


_ROLES: Final[tuple[Role, ...]] = ("current", "second", "expired", "revoked", "elsewhere")
_MISSING: Final[Mapping[str, str]] = {
    "inspection": "it looks at what was stored: give the inspection interface with --inspect",
}


def expect_problem(answer: Answer, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem that an answer is. Raises Broken unless it is one, with this status and, if given, this code."""
    wanted = f"{status} {code or ''}".strip()
    if answer.status != status:
        raise Broken(str(answer), wanted)
    problem = answer.document()
    if not isinstance(problem.get("code"), str) or not problem["code"]:
        raise Broken(f"{answer.status} with a body that has no `code`", f"a problem with {wanted}")
    if code is not None and problem["code"] != code:
        raise Broken(str(answer), wanted)
    return problem


def instant_of(document: Mapping[str, Any], name: str) -> int:
    """A time of a document in UTC seconds. Raises Broken unless it is RFC 3339 text with an offset."""
    value = document.get(name)
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except ValueError:
        raise Broken(f"{name}: {value!r}", f"{name} as RFC 3339 with an offset") from None
