"""Flask: the receiver before the application, the moderators' endpoints, and `flask kz-worker`.

app = Flask(__name__)
KzCompliance(app, Settings.load(), actor=actor, enforcer=PlatformEnforcer())
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from flask import Blueprint, Flask, current_app, request
from flask import Response as Answer

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.faces.operations import ROUTES, Route, answered, explained
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.faces.wsgi import paths_of, wsgi_app
from kz_compliance_sdk.services.admission import Response, Routes

NAME = "kz_compliance"


class KzCompliance:
    """A desk in a Flask application. The receiver answers before Flask, so that no hook reads the body first.

    `actor` gives the Actor who is signed in, for the endpoints of moderators below `moderation`. Enforcer, content and
    messenger are called within an application context. What a view of the platform's own raises explains itself.
    """

    def __init__(
        self, app: Flask, desk: ComplianceDesk, *, actor: Callable[[], Actor], moderation: str = "/moderation"
    ) -> None:
        self.desk = desk
        desk.call_within(app.app_context)
        app.extensions[NAME] = self
        app.wsgi_app = _before(app.wsgi_app, self.desk)  # type: ignore[method-assign]  # as Flask's own pages do
        app.register_blueprint(self._blueprint(actor), url_prefix=moderation)
        app.register_error_handler(ComplianceError, lambda error: _answer(explained(error)))
        app.cli.command("kz-worker")(self.work)

    def work(self) -> None:
        """Deliver, watch the clock and read the regulator's feed, until SIGINT or SIGTERM."""
        with self.desk as desk:
            Worker(desk).serve()

    def _blueprint(self, actor: Callable[[], Actor]) -> Blueprint:
        made = Blueprint(NAME, __name__)
        for route in ROUTES:
            path = "/" + route.path.replace("{case_id}", "<uuid:case_id>")
            made.add_url_rule(path, route.name, self._view(route, actor), methods=[route.method])
        return made

    def _view(self, route: Route, actor: Callable[[], Actor]) -> Callable[..., Answer]:
        def view(case_id: UUID | str = "") -> Answer:
            headers = {name.lower(): value for name, value in request.headers.items()}
            sent = request.args.to_dict(), headers, request.get_data()
            return _answer(answered(route, self.desk, actor(), str(case_id), *sent))

        return view


def desk_of() -> ComplianceDesk:
    """The desk of the application that is answering."""
    return cast("KzCompliance", current_app.extensions[NAME]).desk


def _before(host: Callable[..., Any], desk: ComplianceDesk) -> Callable[..., Any]:
    intake, routes = wsgi_app(desk), Routes(desk.settings.public_url, desk.settings.intake_path)

    def dispatch(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        is_ours = routes.is_public(*paths_of(environ))
        return (intake if is_ours else host)(environ, start_response)

    return dispatch


def _answer(given: Response) -> Answer:
    return Answer(given.body, given.status, dict(given.headers))
