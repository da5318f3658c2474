"""FastAPI: the worker for as long as the application lives, and the moderators' endpoints.

desk = AsyncComplianceDesk(Settings.load(), enforcer=PlatformEnforcer())
app = FastAPI(lifespan=lifespan(desk))
app.mount("/kz", asgi_app(desk))  # the path of public_url
app.include_router(router(desk, actor), prefix="/moderation")
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from threading import Thread
from typing import Annotated, Any
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi import Response as Answer

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.errors import ComplianceError, ConfigError
from kz_compliance_sdk.faces import steps
from kz_compliance_sdk.faces.operations import ROUTES, Route, answered, explained
from kz_compliance_sdk.faces.worker import Worker
from kz_compliance_sdk.services.admission import Response


def lifespan(
    desk: AsyncComplianceDesk, *, worker: bool = True
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]:
    """The lifespan of an application: its worker runs, unless it is a process of its own, and the desk is closed at the
    end. Each process of several runs a worker; leases keep them apart."""

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        running = Worker(desk.blocking)
        thread = Thread(target=running.run, name="kz-compliance-worker")
        if worker:
            thread.start()
        try:
            yield {"kz_compliance": desk}
        finally:
            if worker:
                running.stop()
                await run_sync(thread.join)
            await desk.close()

    return living


def desk_of(request: Request) -> AsyncComplianceDesk:
    """The desk of the application that answers; see `Desk`. Raises ConfigError for one without the `lifespan`."""
    desk = getattr(request.state, "kz_compliance", None)
    if not isinstance(desk, AsyncComplianceDesk):
        raise ConfigError("there is no desk.", field="lifespan", remedy="Give FastAPI `lifespan=lifespan(desk)`.")
    return desk


Desk = Annotated[AsyncComplianceDesk, Depends(desk_of)]
"""The desk, for endpoints of the platform's own."""


async def on_error(_request: Request, error: Exception) -> Answer:
    """For `app.add_exception_handler(ComplianceError, on_error)`: what endpoints of the platform's own raise."""
    if not isinstance(error, ComplianceError):
        raise error
    return _answer(explained(error))


def router(desk: AsyncComplianceDesk, actor: Callable[..., Any]) -> APIRouter:
    """The moderators' endpoints. `actor` is a dependency that gives the Actor who is signed in."""
    made = APIRouter(tags=["kz-compliance"])
    for route in ROUTES:
        made.add_api_route(
            f"/{route.path}",
            _endpoint(route, desk, actor),
            methods=[route.method],
            name=route.name,
            summary=route.text,
            openapi_extra=_described(route),
            response_class=Answer,
        )
    return made


def _endpoint(route: Route, desk: AsyncComplianceDesk, actor: Callable[..., Any]) -> Callable[..., Answer]:
    def endpoint(request: Request, actor: Actor, body: bytes, case_id: UUID | str = "") -> Answer:
        return _answer(answered(route, desk.blocking, actor, str(case_id), request.query_params, request.headers, body))

    kinds: dict[str, Any] = {
        "request": Request,
        "actor": Annotated[Actor, Depends(actor)],
        "body": Annotated[bytes, Depends(_body)],
    }
    if "{case_id}" in route.path:
        kinds["case_id"] = UUID
    # FastAPI reads from the signature what to ask for.
    only = inspect.Parameter.KEYWORD_ONLY
    named = [inspect.Parameter(name, only, annotation=kind) for name, kind in kinds.items()]
    vars(endpoint)["__signature__"] = inspect.Signature(named)
    return endpoint


async def _body(request: Request) -> bytes:
    return await request.body()


def _described(route: Route) -> dict[str, Any]:
    """The body of a command, as OpenAPI has it."""
    if route.kind is None:
        return {}
    schema, shared = steps.schema_of(route.kind)

    def whole(told: Any) -> Any:
        """What is told, with what it refers to in its place: a router can add nothing beside its operations."""
        if isinstance(told, list):
            return [whole(one) for one in told]
        if not isinstance(told, dict):
            return told
        if "$ref" in told:
            return whole(shared[told["$ref"].rpartition("/")[2]])
        return {name: whole(held) for name, held in told.items()}

    return {"requestBody": {"content": {"application/json": {"schema": whole(schema)}}}}


def _answer(given: Response) -> Answer:
    return Answer(given.body, given.status, dict(given.headers))
