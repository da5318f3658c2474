"""The inspection interface: the smallest thing that lets the kit see what a sandbox stored.

    GET {inspect}/messages?body_sha256=HEX   ->  {"messages": [...]}
    GET {inspect}/cases?notice_id=ID         ->  {"cases": [...]}

Both answer 200 with an empty list for what is not there. `docs/contract/inspection.schema.json` is made from here.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, ConfigDict, Field

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.change import InboxRow
from kz_compliance_sdk.domain.values import Instant, ValueModel, instant_text
from kz_compliance_sdk.errors import ComplianceError, ConfigError, Unreadable
from kz_compliance_sdk.testing.conformance.checks import Broken
from kz_compliance_sdk.testing.conformance.transport import NoAnswer, Request, Transport
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused, Reply, json_reply, problem_reply, refuse
from kz_compliance_sdk.wire.reading import read

__all__ = ["Inspector", "StoredCase", "StoredMessage", "inspect_handler", "inspection_schema"]

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
    routes: Mapping[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
        "messages": (
            "body_sha256",
            lambda asked: {
                "messages": [_message(row) for row in desk.store.queries(desk.platform_id).received(asked.lower())]
            },
        ),
        "cases": ("notice_id", lambda asked: {"cases": [_case(case) for case in desk.cases(notice_id=asked).cases]}),
    }

    def handle(request: Request) -> Reply:
        try:
            if not anywhere and not _is_loopback(request.peer):
                raise refuse(403, "not_from_here", "What was received is shown to this machine alone.")
            if request.method != "GET":
                raise refuse(405, "method_not_allowed", "Use GET.", headers=(("allow", "GET"),))
            name = request.path.rpartition("/")[2]
            if name not in routes:
                raise refuse(404, "path_unknown", "There are /messages and /cases.")
            field, ask = routes[name]
            asked = dict(parse_qsl(request.target.partition("?")[2])).get(field)
            if asked is None:
                raise refuse(400, "query_invalid", f"Say which: {field}=...", field=field)
            return json_reply(ask(asked))
        except Refused as refused:
            return problem_reply(refused.problem, refused.headers)
        except ComplianceError as error:
            return problem_reply(refuse(503, error.code, error.message).problem)

    return handle


def _message(row: InboxRow) -> dict[str, Any]:
    return {
        "body_sha256": row.body_sha256,
        "exit": row.exit,
        "case_reference": row.case_id or None,
        "received_at": instant_text(row.received_at),
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "case_reference": case.id,
        "notice_id": case.notice_id,
        "quarantined": case.state == "quarantined",
        "received_at": instant_text(case.received_at),
        "due_at": instant_text(case.due_at),
    }


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


_TITLE: Final = "What a sandbox shows of what it stored"


def inspection_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of both answers."""

    class Answer(BaseModel):
        model_config = ConfigDict(title=_TITLE)

        messages: Messages
        cases: Cases

    schema = Answer.model_json_schema(mode="serialization")
    definitions = schema["$defs"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": _TITLE,
        "oneOf": [{"$ref": "#/$defs/Messages"}, {"$ref": "#/$defs/Cases"}],
        "$defs": definitions,
    }
