"""The application: the photos, and the receiver of notices beside them."""

from typing import Annotated

from fastapi import FastAPI, Header, HTTPException

from kz_compliance_sdk import AsyncComplianceDesk, Env, Regulator, Settings, asgi_app
from kz_compliance_sdk.contrib.fastapi import lifespan
from photos.content import PhotoEnforcer, Photos


def create_app(
    settings: Settings, photos: Photos, *, regulator: Regulator | None = None, env: Env | None = None
) -> FastAPI:
    """`regulator` and `env` are for tests: another way to the regulator, another clock."""
    desk = AsyncComplianceDesk(settings, regulator=regulator, env=env)
    enforcer = PhotoEnforcer(photos, desk.blocking.env.clock)
    desk.on_enforce(enforcer.enforce)
    desk.on_restore(enforcer.restore)

    app = FastAPI(lifespan=lifespan(desk))
    app.state.desk = desk
    app.mount("/kz", asgi_app(desk))

    @app.get("/p/{photo_id}")
    def photo(photo_id: str, x_country: Annotated[str, Header()]) -> dict[str, str]:
        try:
            title = photos.seen_from(photo_id, x_country)
        except KeyError:
            raise HTTPException(404) from None
        if title is None:
            raise HTTPException(451, "not available in your country")
        return {"title": title}

    return app


def production() -> FastAPI:
    """What `uvicorn --factory photos.app:production` serves."""
    return create_app(Settings.load(), Photos())
