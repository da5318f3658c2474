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
from kz_compliance_sdk.domain.commands import KINDS, Command
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.review_policy import is_given_to
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, NotFound, StoreDamaged, StoreError
from kz_compliance_sdk.faces import documents, steps
from kz_compliance_sdk.faces.dashboard.access import Person, SignIn
from kz_compliance_sdk.faces.documents import Document
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

    async def body(self) -> Any:
        """What was sent. Raises InvalidInput."""
        return steps.object_of(await sent(self.request))


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
            return _refused(error)
        return made if isinstance(made, Response) else JSONResponse(documents.rendered(made), headers=_HEADERS)

    return serve


def _refused(error: ComplianceError) -> Response:
    status, problem = steps.problem_of(error)
    return _told(status, problem, {"retry-after": "1"} if error.retryable else {})


def _problem(status: int, code: str, detail: str, more: Mapping[str, str]) -> Response:
    return _told(status, Problem.of(code, status, detail), more)


def _told(status: int, problem: Problem, more: Mapping[str, str]) -> Response:
    return Response(problem_bytes(problem), status, {**_HEADERS, **more}, PROBLEM_MEDIA_TYPE)


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


async def _cases(asked: Asked) -> Document:
    """A page of cases, most urgent first. Where a person sees a part of them a page may be short of `limit`."""
    STAFF.check(asked.person.actor, "see the cases")
    page = await asked.desk.cases(**steps.filters_of(asked.request.query_params))
    now = asked.desk.blocking.store.now()
    shown = [documents.listed(case, now) for case in page.cases if asked.person.sees(case)]
    return Document(cases=shown, next_cursor=page.next_cursor)


async def _case(asked: Asked) -> Document:
    """The whole of a case. That this person looked at it is recorded."""
    STAFF.check(asked.person.actor, "see a case")
    case, desk = await asked.case(), asked.desk
    await desk.record_view(asked.person.actor, case.id)
    return await asyncio.to_thread(steps.file_of, desk.blocking, case.id)


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


# -------------------------------------------------------------------------------------------------------------- steps


async def _claim(asked: Asked) -> Document | Response:
    """Take the most urgent free case, or the one named; 204 if nothing is free."""
    lease = await claimed(asked, *steps.claim_of(await asked.body()))
    if lease is None:
        return Response(status_code=204, headers=_HEADERS)
    return documents.lease(lease, asked.desk.blocking.store.now())


async def claimed(asked: Asked, case_id: str | None, category: str | None) -> Lease | None:
    """The case named, else the most urgent free one that this person sees. Raises NotFound for one that they do not."""
    person = asked.person
    if case_id is not None and not person.sees(await asked.desk.case(case_id)):
        raise NotFound("there is no such case on this platform.", reference=case_id)
    if case_id is None and (person.categories or person.authorities):
        category, case_id = await _most_urgent(asked, category)
        if case_id is None:
            return None
    return await asked.desk.claim(person.actor, category=category, case_id=case_id)


async def _most_urgent(asked: Asked, category: str | None) -> tuple[None, str | None]:
    """The first free case that this person sees."""
    cursor = None
    while True:
        page = await asked.desk.cases(state="queued", category=category, cursor=cursor, limit=200)
        for case in page.cases:
            if asked.person.sees(case) and is_given_to(case, asked.person.actor):
                return None, case.id
        if (cursor := page.next_cursor) is None:
            return None, None


def _taking(kind: type[Command[Any]]) -> Answering:
    async def take(asked: Asked) -> Document:
        # Before the case: who may not take a step learns nothing of what is there.
        if kind.may is not LEASE:
            kind.may.check(asked.person.actor, kind.step)
        command = steps.made(kind, await asked.body())
        case = await asked.case()
        outcome = await asked.desk.take(asked.person.actor, case.id, command)
        return await asyncio.to_thread(steps.outcome_of, asked.desk.blocking, case.id, outcome)

    take.__doc__ = kind.__doc__
    return take


# -------------------------------------------------------------------------------------------------------- description


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked: where, who may, and what it takes."""

    method: str
    path: str
    answer: Answering
    name: str
    roles: frozenset[str]
    kind: type[Command[Any]] | None = None

    @property
    def text(self) -> str:
        """What it does."""
        return " ".join((self.answer.__doc__ or self.name).split())


OPERATIONS: Final = (
    Operation("GET", "/me", _me, "me", frozenset()),
    Operation("GET", "/health", _health, "health", STAFF.names),
    Operation("GET", "/cases", _cases, "cases", STAFF.names),
    Operation("GET", "/cases/{case}", _case, "case", STAFF.names),
    Operation("GET", "/events", _events, "events", STAFF.names),
    Operation("POST", "/claims", _claim, "claim", STAFF.names),
    *(
        Operation(
            "POST",
            f"/cases/{{case}}/{steps.path_of(kind)}",
            _taking(kind),
            kind.__name__,
            kind.may.names,
            kind,
        )
        for kind in KINDS
    ),
)
"""All of them. Who has none of the `roles` is refused; where there are none, whoever is signed in may, or holds the
lease."""


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
