"""The JSON API: what the command line offers for a case, over HTTP, for whoever signs in.

Its steps are made from the classes of the commands, so that a new command is here as well. Documents are those of
`--json`: a field may be added, none changes or goes. A refusal is a problem (RFC 9457) with a code. Nothing but a POST
changes a case.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.checkpoints import LogLine
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound, StoreDamaged, StoreError
from kz_compliance_sdk.faces import documents, operations, steps
from kz_compliance_sdk.faces.dashboard.access import Person, SignIn
from kz_compliance_sdk.faces.documents import Document
from kz_compliance_sdk.services.admission import Response as Given
from kz_compliance_sdk.wire.v1 import PROBLEM_MEDIA_TYPE, Problem, problem_bytes

MOST_BODY: Final = 1_048_576
"""Bytes of the largest body that is read."""
LOOK_EVERY_S: Final = 1.0
"""How often a stream of events looks for more, in seconds."""
AT_ONCE: Final = 1_000
"""How many lines of the log a stream of events holds."""
HEAD_S: Final = 0.2
"""For how long the last line of the log is taken for the last, in seconds."""
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody who is known."""

    desk: AsyncComplianceDesk
    person: Person
    request: Request
    signed_in: Callable[[], Person | None]
    """Who asks, looked at anew: for an answer that lasts."""

    async def case(self) -> Case:
        """The case of the path. Raises NotFound, also for one that is not for this person."""
        case_id = str(self.request.path_params["case"])
        case = await self.desk.case(case_id)
        if not self.person.sees(case):
            raise NotFound("there is no such case on this platform.", reference=case_id)
        return case


async def sent(request: Request) -> bytes:
    """The body of a request. Raises InvalidInput for one that is too large."""
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BODY:
            raise InvalidInput("the body is too large.", field="", remedy=f"Send at most {MOST_BODY:,} bytes.")
    return b"".join(parts)


Answering = Callable[[Asked], Awaitable[Document | Response]]


def api_app(desk: AsyncComplianceDesk, sign_in: SignIn) -> Starlette:
    """The API of one desk as an ASGI app: mount it in the office's own, or serve it alone. `sign_in` says who asks; the
    description of all operations is at `/openapi.json`, for anybody."""

    async def described(_request: Request) -> Response:
        return JSONResponse(openapi(), headers=_HEADERS)

    served = [Route(one.path, _served(desk, sign_in, one.answer), methods=[one.method]) for one in OPERATIONS]
    routes = [Route("/openapi.json", described, methods=["GET"]), *served]
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown})


def _served(desk: AsyncComplianceDesk, sign_in: SignIn, answer: Answering) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        person = sign_in(headers)
        if person is None:
            told = "Nobody is known by this. Send Authorization: Bearer TOKEN."
            return _problem(401, "not_signed_in", told, {"www-authenticate": "Bearer"})
        try:
            made = await answer(Asked(desk, person, request, lambda: sign_in(headers)))
        except ClientDisconnect:
            return Response(status_code=400)
        except ComplianceError as error:
            return _made(operations.explained(error))
        return made if isinstance(made, Response) else JSONResponse(documents.rendered(made), headers=_HEADERS)

    return serve


def _made(given: Given) -> Response:
    return Response(given.body, given.status, {**_HEADERS, **dict(given.headers)})


def _problem(status: int, code: str, detail: str, more: Mapping[str, str]) -> Response:
    body = problem_bytes(Problem.of(code, status, detail))
    return Response(body, status, {**_HEADERS, **more}, PROBLEM_MEDIA_TYPE)


async def _unknown(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {404: ("not_found", "There is nothing here."), 405: ("method", "There is no such method here.")}
    return _problem(status, *words.get(status, ("error", "This cannot be done.")), {})


# ------------------------------------------------------------------------------------------------------------ reading


async def _me(asked: Asked) -> Document:
    who, person = asked.person.actor, asked.person
    return Document(
        actor=who.id,
        roles=sorted(who.roles),
        categories=sorted(person.categories),
        authorities=sorted(person.authorities),
        platform=asked.desk.blocking.platform_id,
    )


async def _health(asked: Asked) -> Document:
    STAFF.check(asked.person.actor, "see the health")
    return Document(await asked.desk.health_document())


async def _events(asked: Asked) -> Response:
    """What happens to the cases from now on, or from behind `Last-Event-ID`, as server-sent events without any word.
    It ends with the person's right to it."""
    STAFF.check(asked.person.actor, "see the events")
    log = Log(asked.desk)
    given = asked.request.headers.get("last-event-id", "")
    if given and not (given.isascii() and given.isdigit() and len(given) < 19):
        raise InvalidInput("it is no number.", field="last-event-id", remedy="Send the id of the last event.")

    async def told() -> AsyncIterator[bytes]:
        # What cannot be read now is no end of the log: the client comes again, with the last id that it got.
        with suppress(StoreError):
            last = int(given) if given else await asyncio.to_thread(log.last)
            yield b"retry: 1000\n\n"
            while asked.signed_in() == asked.person:
                behind, cases = await asyncio.to_thread(log.behind, last), dict[str, Case | None]()
                for line in behind:
                    if (told := await _event(asked, line, cases)) is not None:
                        if asked.signed_in() != asked.person:
                            return
                        yield told
                    last = line.n
                if not behind:
                    await asyncio.sleep(LOOK_EVERY_S)
                    yield b": \n\n"  # or a proxy takes the line for dead

    return StreamingResponse(told(), headers=_HEADERS, media_type="text/event-stream")


class Log:
    """The lines of one desk's log, as those see them who wait for news."""

    def __init__(self, desk: AsyncComplianceDesk) -> None:
        self._queries = desk.blocking.store.queries(desk.blocking.platform_id)
        self._head = -1
        self._looked_at = -math.inf

    def behind(self, after: int) -> list[LogLine]:
        """The next lines behind this one."""
        return [*islice(filter(None, self._queries.log_lines(after)), AT_ONCE)]

    def last(self, after: int = -1) -> int:
        """The number of the last line, sought behind another: where none is given behind the last checkpoint, not far
        from it, and far from the first."""
        if after < 0:
            seen = self._queries.last_checkpoint()
            after = 0 if seen is None else seen.size
        return max((line.n for line in filter(None, self._queries.log_lines(after))), default=after)

    async def head(self) -> int:
        """The number of the last line, looked at once for all who ask within HEAD_S."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at >= HEAD_S:
            self._looked_at = now
            self._head = await asyncio.to_thread(self.last, self._head)
        return self._head


async def _event(asked: Asked, line: LogLine, cases: dict[str, Case | None]) -> bytes | None:
    """One event of a case that this person sees; `cases` keeps those of the lines before. Raises StoreError."""
    kind, _, case_id = line.stream.partition("/")
    if kind != "case":
        return None
    if case_id not in cases:
        try:
            cases[case_id] = await asked.desk.case(case_id)
        except (NotFound, StoreDamaged):
            cases[case_id] = None  # of one that cannot be read people are told otherwise
    case = cases[case_id]
    if case is None or not asked.person.sees(case):
        return None
    data = {"case": case.id, "seq": line.seq, "state": str(case.state)}
    return f"id: {line.n}\nevent: case\ndata: {json.dumps(data)}\n\n".encode()


# -------------------------------------------------------------------------------------------------------- description


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked: where, who may, and what it takes."""

    method: str
    path: str
    answer: Answering
    name: str
    roles: frozenset[str]
    text: str
    kind: type[Command[Any]] | None = None


def _of(route: operations.Route) -> Operation:
    """An operation on cases, as this API has it."""

    async def answer(asked: Asked) -> Response:
        request, person = asked.request, asked.person
        case_id, body = str(request.path_params.get("case", "")), await sent(request)
        given = asked.desk.blocking, person.actor, case_id, request.query_params, request.headers, body
        return _made(await asyncio.to_thread(operations.answered, route, *given, sees=person.sees))

    path = f"/{route.path}".replace("{case_id}", "{case}")
    return Operation(route.method, path, answer, route.name, route.roles, route.text, route.kind)


OPERATIONS: Final = (
    Operation("GET", "/me", _me, "me", frozenset(), "Who is signed in, and what they see."),
    Operation("GET", "/health", _health, "health", STAFF.names, "The health of the desk."),
    Operation("GET", "/events", _events, "events", STAFF.names, " ".join((_events.__doc__ or "").split())),
    *map(_of, operations.ROUTES),
)
"""All of them. Who has none of the `roles` is refused; where there are none, whoever is signed in may."""


@cache
def openapi() -> dict[str, Any]:
    """The description of all operations, as OpenAPI 3.1 has it."""
    paths: dict[str, dict[str, Any]] = {}
    shared: dict[str, Any] = {}
    of_any_shape = {"schema": {"type": "object"}}
    refused = {"description": "A problem (RFC 9457).", "content": {PROBLEM_MEDIA_TYPE: of_any_shape}}
    answered = {"description": "The document.", "content": {"application/json": of_any_shape}}
    for one in OPERATIONS:
        told: dict[str, Any] = {
            "operationId": one.name,
            "summary": one.text,
            "x-roles": sorted(one.roles),
            "responses": {"200": answered, "4XX": refused, "503": refused},
        }
        if "{case}" in one.path:
            told["parameters"] = [{"name": "case", "in": "path", "required": True, "schema": {"type": "string"}}]
        if one.path == "/cases":
            names = (*steps.FILTERS, "overdue", "limit")
            told["parameters"] = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
        if one.kind is not None:
            schema, more = steps.schema_of(one.kind)
            shared |= more
            needed = bool(schema.get("required"))
            told["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
        paths.setdefault(one.path, {})[one.method.lower()] = told
    return {
        "openapi": "3.1.0",
        "info": {"title": "kz-compliance", "version": "1", "description": (__doc__ or "").strip()},
        "paths": paths,
        "components": {"schemas": shared, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }
