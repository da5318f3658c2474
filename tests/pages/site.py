"""The office's pages over a driver's desk, and people who look at them as a browser without a script does."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.testclient import TestClient

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.faces.dashboard import Sessions, Tokens, pages_app
from tests.tokens import Tokened

ORIGIN = "https://office.example"
OWN = {"sec-fetch-site": "same-origin"}
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


@dataclass
class Form:
    """A form as a browser has it: where it goes, what stands in its fields, and which buttons it has."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Seen(HTMLParser):
    """What stands on a page: every element with its attributes, the text, and the forms."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self._select = self._area = ""
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def form(self, action: str) -> Form:
        return next(one for one in self.forms if one.action == action)

    def has_form(self, action: str) -> bool:
        return action in [one.action for one in self.forms]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.elements.append((tag, said))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "form":
            self.forms.append(Form(said.get("action", ""), said.get("method", "get")))
        if not self.forms:
            return
        form, name = self.forms[-1], said.get("name", "")
        if tag == "button":
            form.buttons.append((name, said.get("value", "")))
        elif tag == "input" and name and (said.get("type") not in ("radio", "checkbox") or "checked" in said):
            form.fields[name] = said.get("value", "")
        elif tag == "select":
            self._select = name
            form.fields[name] = ""
        elif tag == "option" and "selected" in said:
            form.fields[self._select] = said.get("value", "")
        elif tag == "textarea":
            self._area = name
            form.fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            form = self.forms[-1]
            form.fields[self._area] = form.fields[self._area].removeprefix("\n")
            self._area = ""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._area:
            self.forms[-1].fields[self._area] += data
        else:
            self.texts.append(data)


class Somebody:
    """A person with a browser of their own."""

    def __init__(self, site: Site, token: str) -> None:
        self.client = TestClient(site.app, base_url=ORIGIN, follow_redirects=False)
        if token:
            answer = self.post("/sign-in", {"sign_in_token": token, "sign_in_to": "/"})
            assert answer.status_code == 303, answer.text

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def see(self, path: str) -> Seen:
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return Seen(answer.text)

    def post(self, path: str, typed: dict[str, str], headers: dict[str, str] | None = None) -> Any:
        sent = OWN if headers is None else headers
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.client.post(path, content=urlencode(typed), headers={**kind, **sent})

    def fill(self, path: str, **typed: str) -> Any:
        """Open the form of this path, fill it in and send it; `__` in a name is a dot."""
        form = self.see(path).form(path)
        return self.post(path, {**form.fields, **{name.replace("__", "."): value for name, value in typed.items()}})


class Site(Tokened):
    """The pages of a driver's desk."""

    def __init__(self, folder: Path, **of: Any) -> None:
        super().__init__(folder, **of)
        desk = self.office.desk
        content = self.office.content if self.office.can_look else None
        self.desk = AsyncComplianceDesk(desk.settings, content=content, store=desk.store, env=desk.env)
        self.sessions = Sessions(Tokens(self.file, self.office.clock), self.office.clock, self.bytes, is_secure=True)
        self.app = pages_app(self.desk, self.sessions, origin=ORIGIN)

    def person(self, actor: str, *roles: str, **scope: Any) -> Somebody:
        return Somebody(self, self.token(actor, *roles, **scope))

    def stranger(self) -> Somebody:
        return Somebody(self, "")
