"""A sandbox that shows what it stored: the interface to look inside, and a platform of this library that has it."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, Field

from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.received import received_in
from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.domain.values import MESSAGES, Instant, ValueModel, json_of
from kz_compliance_sdk.errors import ComplianceError, ConfigError, Unreadable
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.admission import refused
from kz_compliance_sdk.testing.builders import PLATFORM_ID
from kz_compliance_sdk.testing.conformance.checks import Broken
from kz_compliance_sdk.testing.conformance.keys import KeySet, published_keys, trusted
from kz_compliance_sdk.testing.conformance.transport import NoAnswer, Transport
from kz_compliance_sdk.testing.keys import key_settings
from kz_compliance_sdk.testing.mock_regulator.exchange import (
    Refused,
    Reply,
    Request,
    is_loopback,
    json_reply,
    refuse,
    refuse_method,
)
from kz_compliance_sdk.wire.signature import Profile
from kz_compliance_sdk.wire.strict_json import read

Exit = Literal["accepted", "quarantined", "waiting", "noted"]


class StoredMessage(ValueModel):
    """An authentic message that is held. `accepted`: a case has it. `quarantined`: it could not be used. `waiting`: it
    speaks of a notice that has not come. `noted`: no case takes it, such as a sanction."""

    body_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of its exact bytes, in hex.")]
    exit: Exit
    case_reference: str | None = Field(default=None, description="The case that has it, quarantine included.")
    received_at: Instant


class StoredCase(ValueModel):
    """A case, or a notice in quarantine, that is held under a notice id."""

    case_reference: str
    notice_id: str
    quarantined: bool
    received_at: Instant
    due_at: Instant


class Messages(ValueModel):
    """The answer of `/messages`."""

    messages: Annotated[tuple[StoredMessage, ...], Field(strict=False)]


class Cases(ValueModel):
    """The answer of `/cases`."""

    cases: Annotated[tuple[StoredCase, ...], Field(strict=False)]


_M = TypeVar("_M", bound=BaseModel)
_MESSAGE: Final = "body_sha256 exit case_reference:case_id? received_at"
_CASE: Final = "case_reference:id notice_id quarantined received_at due_at"


class Inspector:
    """Asks the interface. `base` is the target that it begins with. Raises Broken for an answer that is none."""

    def __init__(self, transport: Transport, base: str = "") -> None:
        self._transport, self._base = transport, base.rstrip("/")

    def messages(self, body: bytes) -> tuple[StoredMessage, ...]:
        """What is held with exactly these bytes."""
        return self._ask(Messages, f"/messages?body_sha256={hashlib.sha256(body).hexdigest()}").messages

    def cases(self, notice_id: str) -> tuple[StoredCase, ...]:
        """The cases of that notice."""
        return self._ask(Cases, f"/cases?notice_id={quote(notice_id, safe='')}").cases

    def _ask(self, model: type[_M], target: str) -> _M:
        try:
            answer = self._transport.exchange(Request("GET", self._base + target))
        except NoAnswer as silent:
            raise Broken(f"the inspection interface gave no answer: {silent}") from None
        if answer.status != 200:
            raise Broken(f"the inspection interface answered {answer} to {target}", "200")
        try:
            return read(model, answer.body)
        except Unreadable as wrong:
            raise Broken(f"the inspection interface: {wrong}", "an answer that fits inspection.schema.json") from None


def inspect_handler(desk: ComplianceDesk, *, anywhere: bool = False) -> Callable[[Request], Reply]:
    """What answers the interface for a desk of this library. Only this machine may ask, unless `anywhere`.

    Raises ConfigError unless `allow_test_keys` marks a sandbox: it shows what was received without asking who looks.
    """
    if not desk.settings.allow_test_keys:
        raise ConfigError(
            "the inspection interface is for a sandbox.",
            field="allow_test_keys",
            remedy="Set it in a sandbox. Never show in production what was received.",
        )

    def messages(digest: str) -> list[dict[str, Any]]:
        return [json_of(row, _MESSAGE) for row in _received(desk, digest.lower())]

    def cases(notice_id: str) -> list[dict[str, Any]]:
        found = desk.cases(notice_id=notice_id).cases
        return [json_of(case, _CASE, quarantined=case.state == "quarantined") for case in found]

    routes = {"messages": ("body_sha256", messages), "cases": ("notice_id", cases)}

    def handle(request: Request) -> Reply:
        try:
            if not anywhere and not is_loopback(request.peer):
                raise refuse(403, "not_from_here", "What was received is shown to this machine alone.")
            if request.method != "GET":
                raise refuse_method(["GET"], "Use GET.")
            name = request.path.rpartition("/")[2]
            if name not in routes:
                raise refuse(404, "path_unknown", "There are /messages and /cases.")
            field, ask = routes[name]
            asked = dict(parse_qsl(request.target.partition("?")[2])).get(field)
            if asked is None:
                raise refuse(400, "query_invalid", f"Say which: {field}=...", field=field)
            return json_reply({name: ask(asked)})
        except Refused as refused:
            return refused.reply()
        except ComplianceError as error:
            return refuse(503, error.code, error.message).reply()

    return handle


def _received(desk: ComplianceDesk, body_sha256: str) -> list[InboxRow]:
    """What came with exactly these bytes: what cases took, and what no case took."""
    queries = desk.store.queries(desk.platform_id)
    cases = [case for state in (None, *ENDED) for case in queries.cases(state=state, body_sha256=body_sha256).cases]
    rows = [row for case in cases for row in queries.records(case.id).inbox]
    rows += [row for chain in queries.streams_beside(MESSAGES) for row in received_in(chain.stream, chain.words)]
    return sorted((row for row in rows if row.body_sha256 == body_sha256), key=lambda one: one.received_at)


INTAKE_URL: Final = "https://social.example/notices"
_PATH: Final = "/notices"


def settings_values(
    keys: KeySet, *, platform_id: str = PLATFORM_ID, public_url: str = "https://social.example", **more: Any
) -> dict[str, Any]:
    """Settings of a sandbox that can be driven: it trusts the published keys. `more` adds to them."""
    given: dict[str, Any] = {
        "platform_id": platform_id,
        "public_url": public_url,
        "hosts": ["social.example"],
        "allow_test_keys": True,
        "keys": [key_settings(key) for key in trusted(keys, platform_id)],
    }
    return given | more


class SandboxPlatform:
    """The intake of a desk, and its inspection interface below `/inspect`, as one function."""

    def __init__(self, desk: ComplianceDesk) -> None:
        self.desk = desk
        self._inspect = inspect_handler(desk, anywhere=True)

    def held(self, body_sha256: str) -> Sequence[InboxRow]:
        """What it holds of a message, by the SHA-256 of its bytes in hex."""
        return _received(self.desk, body_sha256)

    def handle(self, request: Request) -> Reply:
        """The reply to one request."""
        if request.path.startswith("/inspect/"):
            return self._inspect(request)
        answer = refused(404, "not_found", "There is nothing here.")
        if request.path == _PATH:
            answer = self.desk.receive(request.method, request.target, request.headers, request.body)
        return Reply(answer.status, answer.headers, answer.body)


@contextlib.contextmanager
def sandbox_platform(profile: Profile = "rfc9421", env: Env | None = None, **more: Any) -> Iterator[SandboxPlatform]:
    """A platform that lives as long as the block. `env` replaces the machine's clock; `more` are further settings."""
    with tempfile.TemporaryDirectory(prefix="kz-compliance-") as folder:
        stored = {"path": Path(folder) / "sandbox.sqlite3"}
        values = settings_values(published_keys(profile), store=stored) | more
        with ComplianceDesk(Settings.model_validate(values), env=env, create=True) as desk:
            yield SandboxPlatform(desk)
