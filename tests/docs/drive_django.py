"""A Django site made of the guide's own files, driven by Django's test client.

Run as `python -m tests.docs.drive_django DIR`. Everything of Django and of the guide is imported by name: the former
has no types, the latter exists only in DIR.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.docs.site import INTAKE_PATH, proposal, signed_notice
from tests.waiting import PATIENCE_S


def _configure(place: Path) -> None:
    sys.path.insert(0, str(place))
    import_module("django.conf").settings.configure(
        SECRET_KEY="only-for-this-run",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="site_urls",
        USE_TZ=True,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "moderation",
        ],
        # A file, because the worker's threads have connections of their own.
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(place / "site.sqlite3")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    import_module("django").setup()


def _drive() -> dict[str, Any]:
    auth, call_command = (
        import_module("django.contrib.auth.models"),
        import_module("django.core.management").call_command,
    )
    call_command("migrate", run_syncdb=True, verbosity=0)
    desk = import_module("moderation.desk").desk
    hidden = import_module("moderation.models").HiddenObject.objects.filter(hidden=True)

    client = import_module("django.test").Client()
    headers, body = signed_notice()
    sent: dict[str, Any] = {"data": body, "content_type": "application/json"}
    refused = client.post(INTAKE_PATH, **sent)
    pushed = client.post(INTAKE_PATH, headers=headers, **sent)
    again = client.post(INTAKE_PATH, headers=headers, **sent)

    user = auth.User.objects.create_user("aigerim")
    client.force_login(user)
    case_id = pushed.json()["case_reference"]
    path = f"/moderation/cases/{case_id}/proposal"
    auth.Group.objects.create(name="moderator").user_set.add(user)
    claimed = client.post("/moderation/claim").json()
    user.groups.clear()
    decided = json.dumps(proposal(desk().notice(case_id).model_dump(mode="json")))
    url = f"{path}?token={claimed['token']}"
    no_group = client.post(url, data=decided, content_type="application/json")
    user.groups.add(auth.Group.objects.get(name="moderator"))
    answer = client.post(url, data=decided, content_type="application/json")
    pack = client.post(f"/moderation/cases/{case_id}/evidence", {"lang": "kk"})

    def stop_when_hidden() -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not hidden.exists() and time.monotonic() < give_up:
            time.sleep(0.1)
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=stop_when_hidden).start()
    call_command("kz_compliance_worker")
    desk.cache_clear()
    health = client.get(f"{INTAKE_PATH}/health").json()
    return {
        "refused": refused.status_code,
        "pushed": pushed.status_code,
        "again": again.status_code,
        "claimed": claimed["case"] == case_id,
        "no_group": no_group.json()["code"],
        "state": answer.json()["state"],
        "evidence": [pack["Content-Type"], pack.content[:2].decode()],
        "hidden": hidden.count(),
        "health": health["status"],
        "asgi": asyncio.run(_through_asgi()),
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
    print(json.dumps(_drive()))
