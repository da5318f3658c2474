"""The pages of the office: the board, a case, and a form for each command. Server-drawn; they work without a script.

The forms are made from the classes of the commands, as the operations of the API are, so that a new command is here as
well. What is refused is shown at its field, with every word that was typed. Nothing but a POST changes anything.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.commands import KINDS, Command, Propose, arrivals, office, review
from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.values import FROM_WIRE
from kz_compliance_sdk.domain.words import LANGUAGES
from kz_compliance_sdk.errors import ComplianceError, InvalidInput, LeaseLost, NotFound
from kz_compliance_sdk.faces import documents, steps
from kz_compliance_sdk.faces.dashboard import deciding
from kz_compliance_sdk.faces.dashboard.access import SignIn
from kz_compliance_sdk.faces.dashboard.api import Asked, Log, sent
from kz_compliance_sdk.faces.dashboard.forms import Typed, body_of, form_of, with_another, with_error
from kz_compliance_sdk.faces.dashboard.looks import Looks, language_of, looks_of
from kz_compliance_sdk.faces.dashboard.sessions import Sessions, is_own
from kz_compliance_sdk.faces.documents import Document

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_PACKAGE: Final = "kz_compliance_sdk.faces.dashboard"
_MAIN: Final[Mapping[CaseState, tuple[type[Command[Any]], ...]]] = {
    CaseState.QUARANTINED: (arrivals.SettleQuarantine,),
    CaseState.QUEUED: (arrivals.Authenticate,),
    CaseState.CLAIMED: (
        Propose,
        review.RecordLegalCheck,
        review.RequestClarification,
        review.Renew,
        review.Release,
        review.TakeOver,
    ),
    CaseState.IN_APPROVAL: (review.Approve, review.SendBack),
    CaseState.AWAITING_ANSWER: (review.Recall,),
    CaseState.DECIDED: (review.Undo,),
    CaseState.CLOSED: (review.Reopen,),
}
"""What a case in each state waits for: the rest is one step further away."""
KNOWN: Final = frozenset({"token", "digest", "revision", "platform_id"})
"""The fields that nobody fills in: the page knows what stands there."""
_ALWAYS: Final = (review.Note, office.RaiseAlarm)


@dataclass(frozen=True, slots=True)
class Office:
    """What every page is drawn from."""

    desk: AsyncComplianceDesk
    sign_in: SignIn
    origin: str
    log: Log


@dataclass(frozen=True, slots=True)
class Visit(Asked):
    """A request of somebody who is known, for a page."""

    office: Office
    looks: Looks

    async def typed(self) -> Typed:
        """What was typed in a form. Raises InvalidInput."""
        return _typed(await sent(self.request))

    def to(self, path: str, **query: str) -> Response:
        """Lead on to another page."""
        asked = f"?{urlencode(query)}" if query else ""
        return RedirectResponse(f"{_base(self.request)}{path}{asked}", 303)

    def page(self, name: str, status: int = 200, **values: Any) -> Response:
        """One of the templates, for this person."""
        return _page(self.request, self.looks, name, status, person=self.person, **values)


Answering = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One thing that is shown or done: where, and by whom."""

    method: str
    path: str
    answer: Answering
    kind: type[Command[Any]] | None = None


def pages_app(desk: AsyncComplianceDesk, sign_in: SignIn, *, origin: str = "") -> Starlette:
    """The pages of one desk as an ASGI app: mount it in the office's own, or serve it alone. `sign_in` says who asks;
    where that is `Sessions`, people sign in here with a token. `origin` is where they come to, such as
    `https://office.example`; without it, it is what each request says."""
    office = Office(desk, sign_in, origin, Log(desk))
    static = StaticFiles(directory=str(files(_PACKAGE).joinpath("static")))
    own = [Route(one.path, _served(office, one), methods=[one.method]) for one in PAGES]
    if isinstance(sign_in, Sessions):
        own += [Route("/sign-in", _signing_in(office, sign_in), methods=["GET", "POST"])]
        own += [Route("/sign-out", _signing_out(office, sign_in), methods=["POST"])]
    routes = [*own, Route("/language", _choosing(office), methods=["POST"]), Mount("/static", static)]
    handlers: Any = {HTTPException: _unknown}
    app = Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(_Guarded)])
    app.state.signs_in = isinstance(sign_in, Sessions)
    return app


class _Guarded:
    """Sends with every answer what a browser is to keep from it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)


# ------------------------------------------------------------------------------------------------------- every request


def _served(office: Office, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        headers, looks = _headers(request), _looks(request)
        if not _may_change(office, request):
            return _problem(request, looks, 403, "foreign")
        person = office.sign_in(headers)
        if person is None:
            return await _unknown_person(office, request, looks)
        visit = Visit(office.desk, person, request, lambda: office.sign_in(headers), office, looks)
        try:
            STAFF.check(person.actor, "work here")
            return await page.answer(visit)
        except ClientDisconnect:
            return Response(status_code=400)
        except ComplianceError as error:
            status, _ = steps.problem_of(error)
            return _problem(request, looks, status, error.code, error=error, person=person)

    return serve


async def _unknown_person(office: Office, request: Request, looks: Looks) -> Response:
    """Ask to sign in. What was typed goes along, and is shown again behind it."""
    if not isinstance(office.sign_in, Sessions):
        return _problem(request, looks, 401, "not_signed_in")
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"hx-refresh": "true"})
    kept: Typed = {}
    if request.method == "POST":
        kept = _typed(await sent(request))
    path = request.url.path.removeprefix(_base(request))
    status = 401 if request.method == "POST" else 200
    return _page(request, looks, "sign_in.html", status, person=None, to=path, kept=kept, refused="")


def _signing_in(office: Office, sessions: Sessions) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        looks = _looks(request)
        if not _may_change(office, request):
            return _problem(request, looks, 403, "foreign")
        if request.method == "GET":
            return _page(request, looks, "sign_in.html", person=None, to="/", kept={}, refused="")
        typed = dict(_typed(await sent(request)))
        token, to = typed.pop("sign_in_token", "").strip(), _own_path(typed.pop("sign_in_to", "/"))
        address = request.client.host if request.client is not None else ""
        value = sessions.begin(token, address)
        if value is None:
            return _page(request, looks, "sign_in.html", 401, person=None, to=to, kept=typed, refused="sign_in")
        # What was typed before is shown again, and not sent: the case may have changed meanwhile.
        made: Response = RedirectResponse(f"{_base(request)}{to}", 303)
        if typed:
            made = _page(request, looks, "kept.html", person=None, to=to, kept=typed)
        made.set_cookie(sessions.cookie, value, path="/", secure=sessions.is_secure, httponly=True, samesite="lax")
        return made

    return serve


def _signing_out(office: Office, sessions: Sessions) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        if not _may_change(office, request):
            return _problem(request, _looks(request), 403, "foreign")
        sessions.end(_headers(request))
        made = RedirectResponse(f"{_base(request)}/sign-in", 303)
        made.delete_cookie(sessions.cookie, path="/", secure=sessions.is_secure, httponly=True, samesite="lax")
        return made

    return serve


def _choosing(office: Office) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        if not _may_change(office, request):
            return _problem(request, _looks(request), 403, "foreign")
        typed = _typed(await sent(request))
        made = RedirectResponse(_base(request) + _own_path(typed.get("to", "/")), 303)
        if (lang := typed.get("lang", "")) in LANGUAGES:
            made.set_cookie("lang", lang, path="/", max_age=365 * 86_400, httponly=True, samesite="lax")
        return made

    return serve


# ---------------------------------------------------------------------------------------------------------- the board


async def _board(visit: Visit) -> Response:
    """The cases in hand, most urgent first."""
    return visit.page("board.html", **await _rows_of(visit), done=_done(visit))


async def _rows(visit: Visit) -> Response:
    """The rows of the board, if they are not those that were `seen`."""
    if visit.request.query_params.get("seen") == await _version(visit):
        return Response(status_code=204)
    return visit.page("rows.html", **await _rows_of(visit))


async def _version(visit: Visit) -> str:
    """What changes with each event, and with each minute of the time that is left."""
    return f"{await visit.office.log.head()}-{visit.desk.blocking.store.now() // 60}"


async def _rows_of(visit: Visit) -> dict[str, Any]:
    asked = {name: one for name, one in visit.request.query_params.items() if one and name not in ("seen", "done")}
    version, now = await _version(visit), visit.desk.blocking.store.now()
    page = await visit.desk.cases(**steps.filters_of(asked))
    cases = [documents.listed(case, now) for case in page.cases if visit.person.sees(case)]
    health = await visit.desk.health()
    me = visit.person.actor.id
    counts = [
        ("overdue", health.overdue, {"overdue": "true"}),
        ("second_person", health.by_state.get(CaseState.IN_APPROVAL, 0), {"waits_for": "second_person"}),
        ("quarantined", health.by_state.get(CaseState.QUARANTINED, 0), {"state": "quarantined"}),
        ("undelivered", health.undelivered, {"waits_for": "authority"}),
        ("mine", None, {"person": me}),
    ]
    following = {**asked, "cursor": page.next_cursor} if page.next_cursor else None
    return {
        "cases": cases,
        "counts": [(name, many, urlencode(query)) for name, many, query in counts],
        "asked": asked,
        "states": list(CaseState),
        "categories": sorted(visit.desk.blocking.policy.categories),
        "me": me,
        "now": now,
        "next": urlencode(following) if following else "",
        "poll": urlencode({**asked, "seen": version}),
    }


async def _claim(visit: Visit) -> Response:
    """Take the most urgent free case, or the one named."""
    typed = await visit.typed()
    case_id, category = steps.claim_of({name: typed[name] for name in ("case", "category") if typed.get(name)})
    lease = await visit.desk.claim(visit.person.actor, category=category, case_id=case_id, may_see=visit.person.sees)
    return visit.to("/", done="nothing_free") if lease is None else visit.to(f"/cases/{lease.case.id}", done="claim")


# ------------------------------------------------------------------------------------------------------------- a case


async def _case(visit: Visit) -> Response:
    """The whole of a case. That this person looked at it is recorded."""
    case = await visit.case()
    await visit.desk.record_view(visit.person.actor, case.id)
    doc = await asyncio.to_thread(steps.file_of, visit.desk.blocking, case.id)
    may = [kind for kind in KINDS if _may(kind, visit, case)]
    main = [kind for kind in _MAIN.get(case.state, ()) if kind in may]
    if case.authenticity != "unverified":
        main = [kind for kind in main if kind is not arrivals.Authenticate]
    rest = [kind for kind in may if kind not in main and kind not in _ALWAYS]
    letters = await visit.desk.letters_waiting(case.id)
    return visit.page(
        "case.html",
        doc=doc,
        missing=[*dict.fromkeys([*map(_flag, doc["gaps"]), *case.flags])],
        law=_law(visit, case, doc["notice"]),
        letters=letters,
        raw=[_shown(one) for one in doc["received"]],
        main=[steps.path_of(kind) for kind in main],
        always=[steps.path_of(kind) for kind in _ALWAYS],
        rest=[steps.path_of(kind) for kind in rest],
        can_look=visit.desk.can_look and bool(case.open_items),
        can_claim=case.state in _FREE and not case.lease_owner,
        done=_done(visit),
    )


_FREE: Final = (CaseState.QUEUED, CaseState.AWAITING_ANSWER)


def _may(kind: type[Command[Any]], visit: Visit, case: Case) -> bool:
    """Whether this person may take a step of a case, as far as that can be said before it is filled in."""
    holds = case.lease_owner == visit.person.actor.id
    if kind.may is LEASE or "token" in kind.form():
        return holds and (kind.may is LEASE or kind.may.allows(visit.person.actor))
    return kind.may.allows(visit.person.actor)


def _flag(gap: Mapping[str, Any]) -> str:
    return f"{gap['code']}:{gap['item_id']}" if gap["item_id"] else str(gap["code"])


def _done(visit: Visit) -> str:
    """The step that led here, if one did."""
    said = visit.request.query_params.get("done", "")
    return said if said in {"claim", "nothing_free", "letter", *map(steps.path_of, KINDS)} else ""


def _law(visit: Visit, case: Case, notice: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the policy knows of the law that a notice names, and of the term that it runs under."""
    policy = visit.desk.blocking.policy
    cited = [
        (one, bool(policy.act_of(one["act"], one.get("article")))) for one in (notice or {}).get("legal_basis", ())
    ]
    return {"cited": cited, "term": policy.term(case.kind or "unknown", case.category or "unknown")}


def _shown(received: Document) -> tuple[Document, str]:
    """A message as it came, and its text as far as it is one."""
    return received, base64.b64decode(received["body_base64"]).decode("utf-8", "replace")


async def _look(visit: Visit) -> Response:
    """Look at the content of the open items, and show it. What the platform shows of it is kept nowhere."""
    case = await visit.case()
    seen = await visit.desk.look(visit.person.actor, case.id)
    return visit.page("look.html", case=documents.listed(case, visit.desk.blocking.store.now()), seen=seen)


async def _received(visit: Visit) -> Response:
    """The exact bytes of a message that came about a case, as a file that no browser shows."""
    case = await visit.case()
    file, number = await visit.desk.case_file(case.id), visit.request.path_params["number"]
    if not 1 <= number <= len(file.inbox):
        raise NotFound("there is no such message in this case.", reference=case.id)
    named = {"content-disposition": f'attachment; filename="{quote(case.id)}-{number}.bin"'}
    return Response(file.inbox[number - 1].body, headers=named, media_type="application/octet-stream")


# -------------------------------------------------------------------------------------------------------------- steps


def _asking(kind: type[Command[Any]]) -> Answering:
    async def ask(visit: Visit) -> Response:
        _check(kind, visit)
        return await _form(visit, kind, await visit.case(), None, None)

    return ask


def _taking(kind: type[Command[Any]]) -> Answering:
    async def take(visit: Visit) -> Response:
        _check(kind, visit)
        case, typed = await visit.case(), dict(await visit.typed())
        block, is_preview = typed.pop("add", ""), bool(typed.pop("preview", ""))
        if typed.pop("again", "") or block:
            return await _form(visit, kind, case, with_another(typed, block), None)
        try:
            if typed.pop("claim_again", ""):
                lease = await visit.desk.claim(visit.person.actor, case_id=case.id)
                typed["token"] = str(lease.token) if lease is not None else ""
            command = await _command(visit, kind, case, typed)
            if not is_preview:
                await visit.desk.take(visit.person.actor, case.id, command)
                return visit.to(f"/cases/{case.id}", done=steps.path_of(kind))
        except ComplianceError as error:
            return await _form(visit, kind, await visit.case(), typed, error)
        return await _form(visit, kind, case, typed, None, command)

    take.__doc__ = kind.__doc__
    return take


def _check(kind: type[Command[Any]], visit: Visit) -> None:
    """Raises NotAllowed, before it is looked whether the case is there."""
    if kind.may is not LEASE:
        kind.may.check(visit.person.actor, kind.step)


async def _command(visit: Visit, kind: type[Command[Any]], case: Case, typed: Typed) -> Command[Any]:
    """The command that a form says. Raises InvalidInput."""
    if kind is Propose:
        return await deciding.proposed(visit.desk, case, typed)
    return steps.made(kind, body_of(steps.schema_of(kind), typed), hint="")


async def _form(
    visit: Visit,
    kind: type[Command[Any]],
    case: Case,
    typed: Typed | None,
    error: ComplianceError | None,
    command: Command[Any] | None = None,
) -> Response:
    """The form of a command: empty, or as it was typed, with what was wrong with it or what would leave."""
    file = await visit.desk.case_file(case.id)
    decision = file.decisions.get(case.decision_version)
    known = {"token": str(case.lease_token), "digest": decision.digest if decision else ""}
    held = {**known, **(typed or {})}
    values: dict[str, Any] = {
        "case": documents.listed(case, visit.desk.blocking.store.now()),
        "step": steps.path_of(kind),
    }
    if kind is Propose:
        values |= await deciding.shown(visit.desk, file, command)
        held = {**await deciding.known(visit.desk, file, held), **held}
        name, form = "decide.html", deciding.form(held)
        values["typed"] = held
    else:
        how = {field: asked for field, (_, asked, _) in kind.form().items()}
        form = form_of(
            steps.schema_of(kind),
            held,
            hidden=KNOWN,
            long=frozenset(field for field, one in how.items() if one.is_sealed and not one.is_line),
            choices={"item_id": [item.item_id for item in case.items], "lang": LANGUAGES},
        )
        name = "step.html"
        values["decision"] = None
        if decision is not None and "digest" in how:
            values["decision"] = documents.decision(decision, file)
            values["preview"] = [deciding.leaves(item) for item in decision.proposal.items]
    status = 200
    if error is not None:
        status, form = steps.problem_of(error)[0], with_error(form, error)
    return visit.page(
        name,
        status,
        **values,
        form=form,
        at={one.name: one for one in form.each()},
        is_lost=isinstance(error, LeaseLost),
        asks=bool(kind.asks),
    )


# ------------------------------------------------------------------------------------------------------------ letters


_LETTER: Final = frozenset(
    "notice_id kind reference_number issuing_authority id name kk ru type issued_at legal_basis act article category "
    "statement_of_reasons lang text items item_id url object_id account_ref content_type requested_action revision "
    "platform_id received_at how".split()
)
"""The fields of a notice that a letter is typed in with; whoever needs the others uses the command line."""


def letter_schema() -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What is typed in of a letter: the notice that it is, when it came, and how."""
    schema = TypeAdapter(Notice).json_schema()
    shared = {name: _without_others(one) for name, one in schema.pop("$defs").items()}
    own = _without_others(schema)
    came = {
        "received_at": {"type": "string", "format": "date-time"},
        "how": {"type": "string", "description": "", "maxLength": 5_000},
    }
    return {**own, "properties": {**own["properties"], **came}, "required": [*own["required"], *came]}, shared


def _without_others(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: one for name, one in schema.get("properties", {}).items() if name in _LETTER}
    return {**schema, "properties": kept}


async def _asking_letter(visit: Visit) -> Response:
    """A form for a notice that no system sent."""
    return _letter(visit, {}, None)


def _letter(visit: Visit, typed: Typed, error: ComplianceError | None) -> Response:
    known = {"revision": "1", "platform_id": visit.desk.blocking.platform_id}
    choices = {"lang": LANGUAGES, "category": sorted(visit.desk.blocking.policy.categories)}
    form = form_of(letter_schema(), {**known, **typed}, hidden=KNOWN, choices=choices)
    status = 200
    if error is not None:
        status, form = steps.problem_of(error)[0], with_error(form, error)
    return visit.page("letter.html", status, form=form)


async def _entering(visit: Visit) -> Response:
    """Type in a notice. Its clock runs from the recorded receipt."""
    typed = dict(await visit.typed())
    try:
        block = typed.pop("add", "")
        if typed.pop("again", "") or block:
            return _letter(visit, with_another(typed, block), None)
        said = body_of(letter_schema(), typed)
        received_at, how = said.pop("received_at", ""), said.pop("how", "")
        case = await visit.desk.enter(visit.person.actor, _notice(said), steps.time_of("received_at", received_at), how)
    except ComplianceError as error:
        return _letter(visit, typed, error)
    return visit.to(f"/cases/{case.id}", done="letter")


def _notice(said: Mapping[str, Any]) -> Notice:
    try:
        languages = [one["lang"] for one in said.get("statement_of_reasons", ()) if "lang" in one]
        return Notice.model_validate({**said, "languages": languages}, context=FROM_WIRE)
    except ValidationError as error:
        raise steps.refused(error, "") from None


# ---------------------------------------------------------------------------------------------------------- responses


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _base(request: Request) -> str:
    """Where the pages are mounted."""
    return str(request.scope.get("root_path", ""))


def _looks(request: Request) -> Looks:
    return looks_of(language_of(request.headers, request.cookies.get("lang", "")))


def _may_change(office: Office, request: Request) -> bool:
    """Whether a request may change anything: no other site's page may have people do it."""
    origin = office.origin or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return request.method == "GET" or is_own(_headers(request), origin)


def _typed(body: bytes) -> dict[str, str]:
    """What a browser sent, with the line ends that people see. Raises InvalidInput."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20_000)
    except ValueError:
        raise InvalidInput("this is no form.", field="", remedy="Send it again from its page.") from None
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def _own_path(path: str) -> str:
    """A path of these pages; the board in place of what leads elsewhere."""
    return path if path[:1] == "/" and path[1:2] not in ("/", "\\") and path.isprintable() else "/"


def _page(request: Request, looks: Looks, name: str, status: int = 200, **values: Any) -> Response:
    base = _base(request)
    drawn = template(_PACKAGE, f"templates/{name}").render(
        base=base,
        here=request.url.path.removeprefix(base),
        looks=looks,
        say=looks.say,
        languages=LANGUAGES,
        signs_in=request.app.state.signs_in,
        **values,
    )
    return Response(drawn, status, media_type="text/html")


def _problem(
    request: Request, looks: Looks, status: int, code: str, *, error: ComplianceError | None = None, person: Any = None
) -> Response:
    """A page that says what went wrong. The words of an error are English in every language."""
    return _page(request, looks, "problem.html", status, person=person, code=code, error=error)


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _problem(request, _looks(request), status, "not_found" if status == 404 else "method")


PAGES: Final = (
    Page("GET", "/", _board),
    Page("GET", "/rows", _rows),
    Page("POST", "/claims", _claim),
    Page("GET", "/letters", _asking_letter),
    Page("POST", "/letters", _entering),
    Page("GET", "/cases/{case}", _case),
    Page("GET", "/cases/{case}/received/{number:int}", _received),
    Page("POST", "/cases/{case}/look", _look),
    *(Page("GET", f"/cases/{{case}}/{steps.path_of(kind)}", _asking(kind), kind) for kind in KINDS),
    *(Page("POST", f"/cases/{{case}}/{steps.path_of(kind)}", _taking(kind), kind) for kind in KINDS),
)
"""All of them, but for signing in and choosing a language."""
