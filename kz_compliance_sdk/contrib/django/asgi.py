"""The receiver before Django: an intake then holds no thread while its commit is under way, and no middleware reads the
body first.

    application = before(get_asgi_application())
"""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.contrib import Once
from kz_compliance_sdk.contrib.django.office import load
from kz_compliance_sdk.faces.asgi import App, asgi_app
from kz_compliance_sdk.services.admission import Routes


def before(django_app: Any) -> App:
    """The ASGI application of a site: what the regulator sends goes to the receiver, all else to Django."""
    settings = load()
    routes = Routes(settings.public_url, settings.intake_path)
    intake = Once(lambda: asgi_app(AsyncComplianceDesk(settings)))  # after the server has forked

    async def application(scope: Any, receive: Any, send: Any) -> None:
        is_ours = scope["type"] == "http" and routes.is_public(scope.get("root_path", ""), scope["path"])
        await (intake() if is_ours else django_app)(scope, receive, send)

    return application
