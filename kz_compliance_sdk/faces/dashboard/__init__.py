"""What the office works with over HTTP: the pages and the JSON API, with the permissions of whoever asks."""

from __future__ import annotations

from kz_compliance_sdk.faces.dashboard.access import Person, SignIn, Tokens
from kz_compliance_sdk.faces.dashboard.api import api_app
from kz_compliance_sdk.faces.dashboard.pages import pages_app
from kz_compliance_sdk.faces.dashboard.sessions import Sessions

__all__ = ["Person", "Sessions", "SignIn", "Tokens", "api_app", "pages_app"]
