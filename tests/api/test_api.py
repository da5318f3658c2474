"""The JSON API: every operation for every role, a case from its notice to its receipt, and who sees what."""

from __future__ import annotations

import base64
import errno
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from openapi_spec_validator import validate
from starlette.routing import Route
from starlette.testclient import TestClient

from kz_compliance_sdk import Actor, ComplianceDesk, Settings
from kz_compliance_sdk.adapters.sql.checkpoint_reads import CheckpointReads
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain.actor import STAFF
from kz_compliance_sdk.domain.commands import KINDS
from kz_compliance_sdk.errors import ConfigError, StoreError
from kz_compliance_sdk.faces.dashboard import Tokens, api_app
from kz_compliance_sdk.faces.dashboard.api import MOST_BODY, OPERATIONS, Operation, openapi
from tests.case_makers import measure, proposal
from tests.docs.blocks import DOCS, blocks, write_files
from tests.docs.site import settings_file
from tests.driver import DAY
from tests.tokens import Tokened

ROLES = sorted(STAFF.names)
NO_CASE = "KZC-0000-0000"
JSON = {"content-type": "application/json"}


class Api(Tokened):
    """The API of a driver's desk."""

    def __init__(self, folder: Path, **of: Any) -> None:
        super().__init__(folder, **of)
        desk = self.office.desk
        self.desk = AsyncComplianceDesk(desk.settings, store=desk.store, env=desk.env)
        self.app = api_app(self.desk, Tokens(self.file, self.office.clock))
        self.client = TestClient(self.app)

    def ask(self, token: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {token}", **more.pop("headers", {})} if token else {}
        return self.client.request(method, path, headers=headers, json=body, **more)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    one = Api(tmp_path)
    yield one
    one.office.stop()


# -------------------------------------------------------------------------------------------------------- description


@pytest.mark.slow
def test_the_description_is_valid_and_names_every_command() -> None:
    said = openapi()
    validate(said)
    named = {one["operationId"] for path in said["paths"].values() for one in path.values()}
    assert {kind.__name__ for kind in KINDS} <= named


@pytest.mark.slow
def test_the_description_is_for_anybody_and_holds_no_case(api: Api) -> None:
    api.office.issue()
    answer = api.ask("", "GET", "/openapi.json")
    assert answer.status_code == 200
    assert "gambling" not in json.dumps(answer.json()["paths"]["/cases/{case}"])


def test_every_route_stands_among_the_operations(api: Api) -> None:
    routes = {route.path for route in api.app.routes if isinstance(route, Route)}
    assert routes == {one.path for one in OPERATIONS} | {"/openapi.json"}
    assert len(routes) == len(api.app.routes)


# --------------------------------------------------------------------------------------------------------- who may what


def called(api: Api, token: str, one: Operation, case: str) -> Any:
    return api.ask(token, one.method, one.path.replace("{case}", case), {} if one.method == "POST" else None)


ASKED = [one for one in OPERATIONS if one.path != "/events"]


@pytest.mark.parametrize("token", ["", "kzc_" + "0" * 64, "x" * 5_000], ids=["none", "unknown", "long"])
@pytest.mark.slow
def test_whoever_has_no_token_is_told_nothing(api: Api, token: str) -> None:
    case = api.office.issue()
    for one in ASKED:
        answer = called(api, token, one, case)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), one.name
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("role", [*ROLES, ""])
@pytest.mark.slow
def test_each_operation_is_for_its_roles(api: Api, role: str) -> None:
    token = api.token("p", *([role] if role else []))
    for one in ASKED:
        answer = called(api, token, one, NO_CASE)
        refused = bool(one.roles) and role not in one.roles
        if one.kind is not None and one.kind.may.never_head and role == "head":
            refused = True
        assert (answer.status_code == 403) == refused, (one.name, answer.text)
        if not refused and "{case}" in one.path:
            # What is missing in the form is told before it is looked whether the case is there.
            assert answer.status_code in (404, 422), one.name


@pytest.mark.slow
def test_a_case_of_another_platform_is_not_there(api: Api, tmp_path: Path) -> None:
    case = api.office.issue()
    other = Api(tmp_path, platform="another")
    token = other.token("p", *ROLES)
    for one in ASKED:
        if "{case}" in one.path and one.name != "look" and not (one.kind and one.kind.form()):
            assert called(other, token, one, case).status_code == 404, one.name
            assert called(api, token, one, case).status_code != 404, one.name
    other.office.stop()


# ------------------------------------------------------------------------------------------------------------ the work


def test_a_case_goes_from_its_notice_to_its_receipt(api: Api) -> None:
    api.office.issue(category="election_rules")
    one, other = api.token("aigerim", "moderator"), api.token("daniyar", "legal")
    lease = api.ask(one, "POST", "/claims", {}).json()["lease"]
    case = lease["case"]["case"]
    held = api.ask(one, "GET", f"/cases/{case}").json()
    said = proposal(*(measure(item["item_id"]) for item in held["item_states"])).model_dump(mode="json")
    made = api.ask(one, "POST", f"/cases/{case}/decide", {"token": lease["token"], "proposal": said})
    assert made.status_code == 200, made.text
    assert made.json()["needs_approval"]
    own = api.ask(api.token("aigerim", "legal"), "POST", f"/cases/{case}/approve", {"digest": made.json()["digest"]})
    assert own.status_code == 403
    done = api.ask(other, "POST", f"/cases/{case}/approve", {"digest": made.json()["digest"]})
    assert done.status_code == 200, done.text
    api.office.deliver()
    shown = api.ask(other, "GET", f"/cases/{case}").json()
    assert (shown["state"], shown["decisions"][0]["approved_by"]) == ("closed", "daniyar")
    assert [event["actor"] for event in shown["audit"] if event["kind"] == "viewed"] == ["aigerim", "daniyar"]
    assert api.ask(one, "POST", "/claims", {}).status_code == 204
    assert api.office.faults() == []


def test_a_page_leads_on_to_the_next(api: Api) -> None:
    names = {api.office.issue(n) for n in range(1, 6)}
    token, seen, cursor = api.token("p", "lead"), list[str](), None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.ask(token, "GET", "/cases", params=query).json()
        seen += [case["case"] for case in page["cases"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert set(seen) == names
    assert len(seen) == len(names)


def test_what_is_assigned_to_somebody_is_given_to_no_other_who_is_scoped(api: Api) -> None:
    case = api.office.issue()
    lead, scope = api.token("lead", "lead"), ("illegal_gambling",)
    assert api.ask(lead, "POST", f"/cases/{case}/assign", {"to": "theirs"}).json()["case"]["assigned_to"] == "theirs"
    other, theirs = (api.token(name, "moderator", categories=scope) for name in ("other", "theirs"))
    assert api.ask(other, "POST", "/claims", {}).status_code == 204
    assert api.ask(theirs, "POST", "/claims", {}).json()["lease"]["case"]["case"] == case
    taken = api.ask(lead, "POST", f"/cases/{case}/take-over", {"reasons": "they went home"}).json()
    assert taken["lease"]["case"]["lease"]["owner"] == "lead"


def test_who_is_scoped_sees_and_gets_no_other_case(tmp_path: Path) -> None:
    api = Api(tmp_path)
    mine = api.office.issue(1, category="election_rules")
    other = api.office.issue(2)
    token = api.token("p", *ROLES, categories=("election_rules",))
    assert [case["case"] for case in api.ask(token, "GET", "/cases").json()["cases"]] == [mine]
    for one in ASKED:
        if "{case}" in one.path and one.name != "look" and not (one.kind and one.kind.form()):
            assert called(api, token, one, other).status_code == 404, one.name
    assert api.ask(token, "POST", "/claims", {"case": other}).status_code == 404
    assert api.ask(token, "POST", "/claims", {}).json()["lease"]["case"]["case"] == mine
    assert api.ask(token, "POST", "/claims", {}).status_code == 204
    assert api.office.case(other)["lease"] is None
    api.office.stop()


def test_a_body_of_another_kind_changes_nothing(api: Api) -> None:
    case, token = api.office.issue(), api.token("p", "lead")
    answer = api.ask(
        token, "POST", f"/cases/{case}/note", content=b'{"text": "a=b"}', headers={"content-type": "text/plain"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")
    assert "a=b" not in api.ask(token, "GET", f"/cases/{case}").text


def test_who_is_scoped_and_comes_second_gets_the_next(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes the most urgent case between the question and the commit."""
    first, second = (api.office.issue(number) for number in (1, 2))
    token = api.token("p", "moderator", categories=("illegal_gambling",))
    other, claim = Actor("q", frozenset({"moderator"})), ComplianceDesk.claim

    def later(self: Any, actor: Actor, **given: Any) -> Any:
        if actor.id == "p":
            claim(self, other)
        return claim(self, actor, **given)

    monkeypatch.setattr(ComplianceDesk, "claim", later)
    assert api.ask(token, "POST", "/claims", {}).json()["lease"]["case"]["case"] == second
    assert api.office.case(first)["lease"]["owner"] == "q"


@pytest.mark.slow
def test_what_is_wrong_is_named(api: Api) -> None:
    case, token = api.office.issue(), api.token("p", *ROLES)
    wrong: list[tuple[str, Any, str]] = [
        ("note", {"text": 5}, "text"),
        ("note", {"text": "a", "more": 1}, "more"),
        ("note", {}, "text"),
        ("hold", {"reasons": "a", "until": "tomorrow"}, "until"),
        ("hold", {"reasons": "a", "until": 5}, "until"),
        ("renew", {"token": "1"}, "token"),
        ("decide", {"token": 1, "proposal": {"items": [{}]}}, "proposal.items.0.item_id"),
    ]
    for name, body, field in wrong:
        answer = api.ask(token, "POST", f"/cases/{case}/{name}", body)
        assert answer.status_code == 422, (name, answer.text)
        assert answer.json()["field"] == field
        assert answer.headers["content-type"] == "application/problem+json"
    for body in (b"{", b"[]", b"\xff", b"[" * 100_000, b" " * (MOST_BODY + 1)):
        answer = api.ask(token, "POST", f"/cases/{case}/note", content=body, headers=JSON)
        assert answer.status_code == 422
    for field, value in (
        ("limit", "x"),
        ("limit", "9" * 5_000),
        ("overdue", "1"),
        ("cursor", cursor([10**30, 1])),
        ("cursor", cursor([1, 10**30])),
        ("cursor", cursor([True, 1])),
        ("cursor", base64.urlsafe_b64encode(b"[" * 5_000).decode()),
    ):
        answer = api.ask(token, "GET", "/cases", params={field: value})
        assert (answer.status_code, answer.json()["field"]) == (422, field), value
    for field in ("case", "category"):
        for word in (5, "\ud800", "\0"):
            answer = api.ask(token, "POST", "/claims", content=json.dumps({field: word}), headers=JSON)
            assert (answer.status_code, answer.json()["field"]) == (422, field), word
    assert api.ask(token, "GET", "/cases", params={"stat": "x"}).json()["field"] == "stat"
    assert api.ask(token, "GET", "/nothing").json()["code"] == "not_found"
    assert api.ask(token, "GET", f"/cases/{case}/note").status_code == 405


def cursor(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def test_a_time_is_text(api: Api) -> None:
    case, token = api.office.issue(), api.token("p", "legal")
    body = {"reasons": "a court looks at it", "until": "2027-01-01T05:00:00+05:00"}
    assert api.ask(token, "POST", f"/cases/{case}/hold", body).status_code == 200


def test_what_came_too_late_is_a_conflict(api: Api) -> None:
    case, token = api.office.issue(), api.token("p", "moderator")
    answer = api.ask(token, "POST", f"/cases/{case}/release", {"token": 7})
    assert (answer.status_code, answer.json()["code"]) == (409, "lease_lost")


@pytest.mark.slow
def test_the_guide_mounts_in_an_app_that_knows_its_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KZ_COMPLIANCE_CONFIG", str(settings_file(tmp_path)))
    monkeypatch.syspath_prepend(tmp_path)
    write_files(DOCS / "guides" / "api.md", tmp_path)
    given = Settings.load()
    ComplianceDesk(given, create=True).close()
    office = importlib.import_module("office")
    try:
        client = TestClient(office.app)
        assert client.get("/office/me").status_code == 401
        assert client.get("/office/me", headers={"x-signed-in-as": "aigerim"}).json()["roles"] == ["moderator"]
        assert client.get("/office/cases", headers={"x-signed-in-as": "aigerim"}).json()["cases"] == []
    finally:
        office.desk.blocking.close()
        sys.modules.pop("office")


# -------------------------------------------------------------------------------------------------------------- tokens


def test_what_the_guide_asks_for_is_an_operation() -> None:
    shown = "".join(block.text for block in blocks(DOCS / "guides" / "api.md") if block.language == "console")
    found = set()
    for line in shown.replace("\\\n", " ").splitlines():
        if line.startswith("$ curl"):
            path = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "{case}", line.partition("/api")[2])
            found.add(("POST" if "--json" in line else "GET", path))
    assert found == {("GET", "/cases"), ("POST", "/claims"), ("POST", "/cases/{case}/note")}
    assert found <= {(one.method, one.path) for one in OPERATIONS}


def test_a_token_ends_with_its_time(api: Api) -> None:
    token = api.token("p", "lead", days=1)
    api.office.wait(DAY - 1)
    assert api.ask(token, "GET", "/me").json()["roles"] == ["lead"]
    api.office.wait(1)
    assert api.ask(token, "GET", "/me").status_code == 401


def test_who_is_taken_out_of_the_file_is_out_at_once(api: Api) -> None:
    token, kept = api.token("p", "lead"), api.file.read_text(encoding="utf-8")
    assert api.ask(token, "GET", "/me").status_code == 200
    api.file.write_text(kept.rpartition("[[tokens]]")[0], encoding="utf-8")
    assert api.ask(token, "GET", "/me").status_code == 401
    api.file.write_text(kept, encoding="utf-8")
    assert api.ask(token, "GET", "/me").status_code == 200


@pytest.mark.parametrize(
    "broken", ["", "no toml", "[[tokens]]\nsha256 = '0'\n", "[[tokens]]\nactor = 1\n", None], ids=str
)
def test_a_file_that_cannot_be_read_lets_nobody_in(api: Api, broken: str | None) -> None:
    token = api.token("p", "lead")
    assert api.ask(token, "GET", "/me").status_code == 200
    if broken is None:
        api.file.unlink()
    else:
        api.file.write_text(broken, encoding="utf-8")
    assert api.ask(token, "GET", "/me").status_code == 401


def test_a_token_is_added_behind_a_line_without_an_end(api: Api) -> None:
    api.file.write_text(api.file.read_text(encoding="utf-8").rstrip(), encoding="utf-8")
    assert api.ask(api.token("p", "lead"), "GET", "/me").json()["actor"] == "p"


@pytest.mark.parametrize(
    ("actor", "authority", "field"),
    [("", "a", "actor"), ("x" * 129, "a", "actor"), ("\ud800", "a", "actor"), ("p", "\ud800", "authorities.0")],
    ids=["none", "long", "surrogate", "authority"],
)
def test_what_no_token_can_say_is_not_written(api: Api, actor: str, authority: str, field: str) -> None:
    before = api.file.read_bytes()
    with pytest.raises(ConfigError) as refused:
        api.token(actor, "lead", authorities=(authority,))
    assert refused.value.field == field
    assert api.file.read_bytes() == before


def test_a_file_that_could_not_be_read_for_a_moment_is_read_again(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = api.token("p", "lead")
    with monkeypatch.context() as busy:
        busy.setattr(Path, "read_text", _no_file_left)
        assert [api.ask(token, "GET", "/me").status_code for _ in range(3)] == [401, 401, 401]
    assert caplog.text.count("nobody is let in") == 1
    assert api.ask(token, "GET", "/me").status_code == 200


def _no_file_left(*_given: Any, **_more: Any) -> str:
    raise OSError(errno.EMFILE, "Too many open files")


def test_the_file_is_for_its_account_alone_and_holds_no_token(api: Api) -> None:
    token = api.token('p"\n[[tokens]]', "lead", categories=("a\\b",), authorities=("z",))
    assert api.file.stat().st_mode & 0o777 == 0o600
    assert token not in api.file.read_text(encoding="utf-8")
    said = api.ask(token, "GET", "/me").json()
    assert (said["actor"], said["categories"], said["authorities"]) == ('p"\n[[tokens]]', ["a\\b"], ["z"])


# -------------------------------------------------------------------------------------------------------------- events


def test_events_come_in_their_order_and_again_from_the_last(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.LOOK_EVERY_S", 0.01)
    first = api.office.issue(1)
    token = api.token("p", "lead", categories=("illegal_gambling",))

    def happens() -> None:
        api.office.issue(2, category="election_rules")
        api.office.issue(3)

    seen = anyio.run(_events, api, token, "", happens, 1)
    assert len(seen) == 1
    last = api.office.cases(notice_id=api.office.notice(3)["notice_id"])[0]["case"]
    assert json.loads(seen[0][1]) == {"case": last, "seq": json.loads(seen[0][1])["seq"], "state": "queued"}
    again = anyio.run(_events, api, token, "0", lambda: None, 2)
    assert json.loads(again[0][1])["case"] == first
    numbers = [number for number, _ in again]
    assert numbers == sorted(numbers)


def test_a_stream_ends_with_the_right_to_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.LOOK_EVERY_S", 0.01)
    token, kept = api.token("p", "lead"), api.file.read_text(encoding="utf-8")

    def taken_out() -> None:
        api.file.write_text(kept.rpartition("[[tokens]]")[0], encoding="utf-8")
        api.office.issue(1)

    assert anyio.run(_events, api, token, "", taken_out, 100) == []


def test_a_stream_begins_without_reading_the_log_from_its_first_line(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.LOOK_EVERY_S", 0.01)
    api.office.issue(1)
    api.office.checkpoint()
    asked: list[int] = []
    real = CheckpointReads.log_lines

    def lines(self: Any, after: int = 0, *given: Any, **more: Any) -> Any:
        asked.append(after)
        return real(self, after, *given, **more)

    monkeypatch.setattr(CheckpointReads, "log_lines", lines)
    anyio.run(_events, api, api.token("p", "lead"), "", lambda: api.office.issue(2), 1)
    assert asked
    assert 0 not in asked


def test_a_stream_ends_between_two_events_of_what_it_caught_up_with(api: Api) -> None:
    token, kept = api.token("p", "lead"), api.file.read_text(encoding="utf-8")
    for number in range(1, 4):
        api.office.issue(number)

    def taken_out() -> None:
        api.file.write_text(kept.rpartition("[[tokens]]")[0], encoding="utf-8")

    assert len(anyio.run(_events, api, token, "0", lambda: None, 100, taken_out)) == 1


@pytest.mark.slow
def test_a_stream_holds_a_part_of_the_log_and_loads_a_case_once_for_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.AT_ONCE", 4)
    case, token = api.office.issue(1), api.token("p", "lead")
    for number in range(8):
        api.ask(token, "POST", f"/cases/{case}/note", {"text": str(number)})
    drawn, loaded, seen = list[Any](), list[str](), list[int]()
    lines, load = CheckpointReads.log_lines, AsyncComplianceDesk.case

    def counted(self: Any, *given: Any, **more: Any) -> Iterator[Any]:
        for line in lines(self, *given, **more):
            drawn.append(line)
            yield line

    async def loads(self: Any, case_id: str) -> Any:
        loaded.append(case_id)
        return await load(self, case_id)

    monkeypatch.setattr(CheckpointReads, "log_lines", counted)
    monkeypatch.setattr(AsyncComplianceDesk, "case", loads)
    events = anyio.run(_events, api, token, "0", lambda: None, 9, lambda: seen.append(len(drawn)))
    assert len(events) == 9
    assert seen[0] <= 4
    assert len(loaded) <= len(drawn) / 4 + 1


def test_a_stream_that_could_not_read_ends_and_goes_on_from_the_last_event(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kz_compliance_sdk.faces.dashboard.api.LOOK_EVERY_S", 0.01)
    for number in range(1, 4):
        api.office.issue(number)
    token = api.token("p", "lead")
    whole = anyio.run(_events, api, token, "0", lambda: None, 3)
    load = AsyncComplianceDesk.case

    async def fails(self: Any, case_id: str) -> Any:
        if case_id == json.loads(whole[1][1])["case"]:
            raise StoreError("the disk does not answer.")
        return await load(self, case_id)

    with monkeypatch.context() as down:
        down.setattr(AsyncComplianceDesk, "case", fails)
        before = anyio.run(_events, api, token, "0", lambda: None, 100)
    assert before == whole[:1]
    assert anyio.run(_events, api, token, str(before[-1][0]), lambda: None, 2) == whole[1:]
    monkeypatch.setattr(CheckpointReads, "log_lines", _disk_fails)
    assert anyio.run(_events, api, token, "0", lambda: None, 100) == []


def _disk_fails(*_given: Any, **_more: Any) -> Any:
    raise StoreError("the disk does not answer.")


async def _events(
    api: Api, token: str, after: str, happens: Any, many: int, then: Any = lambda: None
) -> list[tuple[int, str]]:
    """So many events of the stream; `happens` once it has begun, `then` after each."""
    found: list[tuple[int, str]] = []
    ended = anyio.Event()
    headers = [(b"authorization", f"Bearer {token}".encode())]
    headers += [(b"last-event-id", after.encode())] if after else []
    scope = {"type": "http", "method": "GET", "path": "/events", "headers": headers, "query_string": b""}
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        if (one := next(asked, None)) is not None:
            return one
        await ended.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        for line in message.get("body", b"").decode().split("\n\n"):
            if line.startswith("retry"):
                happens()
            if line.startswith("id: "):
                number, _, data = line.split("\n")
                found.append((int(number[4:]), data[6:]))
                then()
        if len(found) >= many:
            ended.set()

    with anyio.fail_after(60):
        await api.app({**scope, "asgi": {"version": "3.0"}}, receive, send)
    return found[:many]
