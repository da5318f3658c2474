"""The platform's own application in the place of the plugin's desk: `kz_office` and `kz_outbox` then work on it."""

import pytest
from fastapi.testclient import TestClient

from photos.app import create_app
from photos.content import Photos


@pytest.fixture
def photos():
    content = Photos()
    content.add("42", "Casino")
    content.add("43", "Sunset")
    return content


@pytest.fixture
def kz_settings(kz_settings):
    return kz_settings.model_copy(update={"hosts": frozenset({"photos.example"})})


@pytest.fixture
def app(kz_settings, kz_http_regulator, kz_env, photos):
    return create_app(kz_settings, photos, regulator=kz_http_regulator, env=kz_env)


@pytest.fixture
def client(app):
    # Not entered: the application's worker stays out, and the tests say when something is delivered.
    return TestClient(app)


@pytest.fixture
def kz_desk(app, client, kz_pushes):
    with app.state.desk.blocking as desk:
        kz_pushes.through(client)
        yield desk


@pytest.fixture
def order(kz_desk, kz_notice):
    """Makes a signed removal order about photos of this platform."""

    def make(*photo_ids, **fields):
        items = [
            {
                "item_id": str(number),
                "url": f"https://photos.example/p/{photo_id}",
                "object_id": photo_id,
                "content_type": "image",
            }
            for number, photo_id in enumerate(photo_ids, start=1)
        ]
        return kz_notice(items=items, **fields)

    return make


@pytest.fixture
def status(client):
    """The status with which a photo is answered to a viewer in a country."""
    return lambda photo_id, country: client.get(f"/p/{photo_id}", headers={"x-country": country}).status_code
