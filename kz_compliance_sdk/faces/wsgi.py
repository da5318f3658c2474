"""The intake as a WSGI app that mounts anywhere: `POST` a message, `GET` the health beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.services.admission import Response, Routes, refused, unreadable
from kz_compliance_sdk.services.intake import declared_length

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
App = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def wsgi_app(desk: ComplianceDesk) -> App:
    """The app: `POST <intake path>` and `GET <intake path>/health`, below the prefix that it is mounted under and
    below the path of `public_url`; anything else is 404.

    The server's own read timeout guards against slow bodies; WSGI gives an app none. A body without a Content-Length
    is refused.
    """
    routes = Routes(desk.settings.public_url, desk.settings.intake_path)

    def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        root, path = paths_of(environ)
        route = routes.route(root, root + path)
        if route == "health" and environ["REQUEST_METHOD"] == "GET":
            response = _health(desk)
        elif route == "intake":
            response = _intake(desk, environ)
        else:
            response = refused(404, "not_found", "There is nothing here.")
        line = f"{response.status} {HTTPStatus(response.status).phrase}"
        start_response(line, [*response.headers, ("content-length", str(len(response.body)))])
        return [response.body]

    return app


def _health(desk: ComplianceDesk) -> Response:
    try:
        body = json.dumps(desk.health_document()).encode()
    except StoreError as error:
        return unreadable(error)
    return Response(200, (("content-type", "application/json"),), body)


def paths_of(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Where the app is mounted, and the path below. PEP 3333 gives the bytes as characters, one for each."""
    root, path = (
        environ.get(name, "").encode("latin-1").decode("utf-8", "replace") for name in ("SCRIPT_NAME", "PATH_INFO")
    )
    return root, path


def _intake(desk: ComplianceDesk, environ: dict[str, Any]) -> Response:
    method = environ["REQUEST_METHOD"]
    headers = [
        (name[5:].replace("_", "-").lower(), value) for name, value in environ.items() if name.startswith("HTTP_")
    ]
    if environ.get("CONTENT_TYPE"):
        headers.append(("content-type", environ["CONTENT_TYPE"]))
    declared = environ.get("CONTENT_LENGTH") or ""
    if method == "POST" and not (declared.isascii() and declared.isdigit()):
        return refused(411, "length_required", "Send a Content-Length.")
    if declared:
        headers.append(("content-length", declared))
    length = declared_length(declared or "0", desk.settings.limits.max_body + 1)
    early = desk.refuse_early(method, headers, length)
    if early is not None:
        return early
    body = environ["wsgi.input"].read(length)
    if len(body) < length:
        # The sender went away: that must not count as a refusal under its key.
        return refused(400, "incomplete", "The body is shorter than its Content-Length.")
    return desk.receive(method, _raw_target(environ), headers, body)


def _raw_target(environ: dict[str, Any]) -> str:
    """The target as the request line had it, where the server tells; else the path that it decoded, encoded again."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    decoded = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    path = quote(decoded.encode("latin-1"), safe="/:@!$&'()*+,;=~")
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path
