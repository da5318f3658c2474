"""A Django site made of the guide's own files, driven by Django's test client against a mock regulator on a socket.

Run as `python -m tests.docs.drive_django DIR`. Everything of Django and of the guide is imported by name: the former is
to be configured first, the latter exists only in DIR.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from tests.docs.first_integration import People, a_regulator
from tests.docs.site import INTAKE_PATH
from tests.waiting import comes


def _configure(place: Path) -> None:
    sys.path.insert(0, str(place))
    apps = ["admin", "auth", "contenttypes", "messages", "sessions"]
    site: dict[str, Any] = {"INSTALLED_APPS": [f"django.contrib.{name}" for name in apps]}
    exec((place / "site_settings.py").read_text(), site)  # noqa: S102  the guide's own
    processors = ["django.template.context_processors.request", "django.contrib.auth.context_processors.auth"]
    import_module("django.conf").settings.configure(
        SECRET_KEY="only-for-this-run",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="whole_site_urls",
        USE_TZ=True,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        INSTALLED_APPS=site["INSTALLED_APPS"],
        KZ_COMPLIANCE=site["KZ_COMPLIANCE"],
        # A file, because the worker's threads have connections of their own.
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(place / "site.sqlite3")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {"context_processors": [*processors, "django.contrib.messages.context_processors.messages"]},
            }
        ],
    )
    (place / "whole_site_urls.py").write_text(
        "from django.contrib import admin\nfrom django.urls import path\n"
        "from site_urls import urlpatterns as own\nurlpatterns = [*own, path('admin/', admin.site.urls)]\n"
    )
    import_module("django").setup()


def _checks() -> dict[str, list[str]]:
    """What the checks find, as the guide has it and with one thing wrong."""
    override = import_module("django.test").override_settings
    check = import_module("kz_compliance_sdk.contrib.django.checks").check
    enforcer = {"enforcer": "moderation.enforcement.PlatformEnforcer"}
    url = "https://social.example/other"
    wrong: dict[str, dict[str, Any]] = {
        "as the guide has it": {},
        "no settings": {"KZ_COMPLIANCE": {**enforcer, "settings": {"platform_id": "no name"}}},
        "a key that there is not": {"KZ_COMPLIANCE": {**enforcer, "enforcers": "x.y"}},
        "no such enforcer": {"KZ_COMPLIANCE": {"enforcer": "moderation.enforcement.Nobody"}},
        "an enforcer without methods": {"KZ_COMPLIANCE": {"enforcer": "collections.OrderedDict"}},
        "another address": {"KZ_COMPLIANCE": {**enforcer, "settings": {"public_url": url, "intake_path": "/x"}}},
        "too small": {"DATA_UPLOAD_MAX_MEMORY_SIZE": 1000},
        "no enforcer": {"KZ_COMPLIANCE": {}},
    }
    found = {}
    for name, settings in wrong.items():
        with override(**settings):
            found[name] = [message.id for message in check()]
    return found


def _said(command: str, *given: str) -> str:
    out = StringIO()
    import_module("django.core.management").call_command(command, *given, stdout=out)
    return out.getvalue().strip()


def _drive(place: Path) -> dict[str, Any]:
    auth, client_of = import_module("django.contrib.auth.models"), import_module("django.test").Client
    _said("migrate", "--run-syncdb", "--verbosity=0")
    office = import_module("kz_compliance_sdk.contrib.django.office")
    hidden = import_module("moderation.models").HiddenObject.objects.filter(hidden=True)
    client = client_of()

    def raw(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        kind = headers.get("content-type", "application/octet-stream")
        answer = client.generic(method, path, body, kind, headers=dict(headers))
        return answer.status_code, answer.content

    with a_regulator(place, os.environ) as (regulator, notice):
        (place / "cases.sqlite3").unlink()
        _said("kz_compliance_upgrade")
        _said("kz_compliance_upgrade")
        told: dict[str, Any] = {"checks": _checks()}
        told["migrations"] = _said("makemigrations", "--check", "--dry-run")
        people = People(raw, "/kz/moderation")
        case_id = people.push(notice)
        told["anonymous"] = raw("GET", "/kz/moderation/cases", {}, b"")[0]
        user = auth.User.objects.create_user("aigerim")
        client.force_login(user)
        auth.Group.objects.create(name="editor").user_set.add(user)
        status, refused = people.ask("GET", "cases")
        told["no group"] = [status, refused["code"]]
        auth.Group.objects.create(name="moderator").user_set.add(user)
        people.decide(case_id)
        told["csrf"] = _forged(client_of, user, case_id)
        told["evidence"] = people.pack(case_id)[:2].decode()

        def stop_when_closed() -> None:
            desk = office.desk()
            try:
                comes(lambda: desk.case(case_id).state == "closed")
            finally:
                signal.raise_signal(signal.SIGTERM)

        threading.Thread(target=stop_when_closed).start()
        _said("kz_compliance_worker")
        told["closed"] = regulator.books.notices[notice.notice.notice_id].outcomes()
        told["hidden"] = hidden.count()
        told["health"] = json.loads(raw("GET", f"{INTAKE_PATH}/health", {}, b"")[1])["status"]
        told["admin"] = _admin(case_id, notice.notice.notice_id)
        chain = office.desk().case_file(case_id).chain
        told["viewed"] = any(type(stamped.event).__name__ == "Viewed" for stamped in chain.events)
        told["dumped"] = len(_said("dumpdata", "kz_compliance"))
        told["asgi"] = asyncio.run(_through_asgi())
        office.desk().close()
    return told


def _forged(client_of: Any, user: Any, case_id: str) -> list[int]:
    """What a page of another site comes to that sends the user's cookie: a step, and the evidence. What the regulator
    sends has no token, and is asked for its signature."""
    client = client_of(enforce_csrf_checks=True)
    client.force_login(user)
    paths = f"/kz/moderation/cases/{case_id}/note", f"/kz/moderation/cases/{case_id}/evidence", INTAKE_PATH
    return [client.post(path, {}, content_type="application/json").status_code for path in paths]


def _admin(case_id: str, notice_id: str) -> dict[str, Any]:
    """What the admin shows to whoever may see cases, and what it refuses."""
    models, client = import_module("django.contrib.auth.models"), import_module("django.test").Client()
    viewer = models.User.objects.create_user("viewer", is_staff=True)
    client.force_login(viewer)
    at = "/admin/kz_compliance/case/"
    nobody = client.get(at).status_code
    viewer.user_permissions.add(models.Permission.objects.get(codename="view_case"))
    return {
        "list": [notice_id in client.get(f"{at}{query}").content.decode() for query in ("", "?state=closed")],
        "case": "closed" in client.get(f"{at}{case_id}/change/").content.decode(),
        "add": client.get(f"{at}add/").status_code,
        "nobody": nobody,
        "none": client.get(f"{at}none/change/").status_code,
        "wrong cursor": client.get(f"{at}?cursor=wrong").status_code,
    }


async def _through_asgi() -> list[int]:
    """The receiver's health comes from the receiver, another address from Django."""
    application = import_module("site_asgi").application

    async def status(path: str) -> int:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"social.example")],
            "scheme": "https",
            "server": ("social.example", 443),
            "client": ("127.0.0.1", 1),
        }
        sent: list[dict[str, Any]] = []
        read = False

        async def receive() -> dict[str, Any]:
            nonlocal read
            if read:
                await asyncio.sleep(3600)
            read = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await application(scope, receive, send)
        found: int = sent[0]["status"]
        return found

    return [await status(f"{INTAKE_PATH}/health"), await status("/nothing/here")]


if __name__ == "__main__":
    _configure(Path(sys.argv[1]))
    print(json.dumps(_drive(Path(sys.argv[1]))))
