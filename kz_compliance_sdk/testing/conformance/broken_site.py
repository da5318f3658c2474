"""What a platform that is broken on purpose is made of, and the ways to be broken that many faults share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kz_compliance_sdk.errors import NotAuthentic
from kz_compliance_sdk.testing import keys as published
from kz_compliance_sdk.testing.conformance import signing
from kz_compliance_sdk.testing.conformance.keys import published_keys, trusted
from kz_compliance_sdk.testing.conformance.sandbox import INTAKE_URL, SandboxPlatform
from kz_compliance_sdk.testing.mock_regulator.exchange import Reply, Request
from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey, verify

__all__ = ["Handle", "PlatformFault", "Site", "answers", "code_of", "document_of", "drops", "id_of", "is_push", "takes"]

Handle = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class Site:
    """What a broken platform is made of: a good one, another that is thrown away, and the time (UTC seconds)."""

    good: SandboxPlatform
    scratch: SandboxPlatform
    clock: Callable[[], int]
    profile: Profile

    def authentic(self, request: Request) -> str | None:
        """Why the origin of a request is not proved; None if it is."""
        ring = KeyRing(trusted(published_keys(self.profile)), allow_test_keys=True)
        try:
            verify(ring, request.method, INTAKE_URL, request.headers, request.body, self.clock())
        except NotAuthentic as error:
            return error.code
        return None

    def signed_anew(self, request: Request, body: bytes | None = None) -> Request:
        """The request as if the regulator had signed it, now."""
        held = request.body if body is None else body
        key: SigningKey = published.regulator_signing_key(self.profile)
        others = [pair for pair in request.headers if pair[0] not in _PROOF]
        if self.profile == "rfc9421":
            proof = signing.rfc9421(key, INTAKE_URL, held, created=self.clock())
        else:
            proof = signing.webhook(key, held, message_id=id_of(held) or "msg_none", at=self.clock())
        return replace(request, headers=[*others, *proof], body=held)


_PROOF: Final = frozenset(
    ("content-digest", "signature-input", "signature", "webhook-id", "webhook-timestamp", "webhook-signature")
)


@dataclass(frozen=True, slots=True)
class PlatformFault:
    """One way to be broken. `caught_by` names every check that must find it, and no other may."""

    name: str
    what: str
    caught_by: frozenset[str]
    make: Callable[[Site], Handle]
    profile: Profile = "rfc9421"
    settings: Callable[[], Mapping[str, Any]] = field(default=dict)


def document_of(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, empty if it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def id_of(body: bytes) -> str | None:
    """The message id that a body states."""
    name = document_of(body).get("id")
    return name if isinstance(name, str) else None


def is_push(request: Request) -> bool:
    """Whether it is a delivery, and no look at what is held."""
    return request.method == "POST" and request.path == "/notices"


def answers(change: Callable[[Site, Request, Reply], Reply]) -> Callable[[Site], Handle]:
    """One that says something else than it does."""

    def make(site: Site) -> Handle:
        def handle(request: Request) -> Reply:
            reply = site.good.handle(request)
            return change(site, request, reply) if is_push(request) else reply

        return handle

    return make


def takes(change: Callable[[Site, Request], Request]) -> Callable[[Site], Handle]:
    """One that reads something else than was sent."""

    def make(site: Site) -> Handle:
        return lambda request: site.good.handle(change(site, request) if is_push(request) else request)

    return make


def drops(is_dropped: Callable[[Reply], bool], then: Reply | None = None) -> Callable[[Site], Handle]:
    """One that forgets what it has answered in some way."""

    def make(site: Site) -> Handle:
        def handle(request: Request) -> Reply:
            if not is_push(request):
                return site.good.handle(request)
            tried = site.scratch.handle(request)
            return (then or tried) if is_dropped(tried) else site.good.handle(request)

        return handle

    return make


def code_of(reply: Reply) -> object:
    """The code of a problem."""
    return document_of(reply.body).get("code")
