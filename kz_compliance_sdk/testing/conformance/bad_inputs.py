"""The catalogue of bad, hostile and odd inputs: each case, what must come of it, and the request of its recipe.

Signing is the caller's part. Where the contract has another answer than the catalogue, DIFFERENCES says why; the page
`docs/contract/bad-inputs.md` is made from it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

from kz_compliance_sdk.testing.conformance.checks import WRITTEN

DOCUMENT: Final[Mapping[str, Any]] = json.loads(
    files("kz_compliance_sdk.testing.conformance").joinpath("bad_inputs.json").read_text(encoding="utf-8")
)
BASE: Final[Mapping[str, Any]] = DOCUMENT["base"]

OUR_CODES: Final[Mapping[str, str]] = {"auth": "not_authentic"}
"""Codes that have another name here. The rest are the same word for word."""


@dataclass(frozen=True, slots=True)
class BadInput:
    """One case. `http` is None where the end state counts and not a status."""

    id: str
    name: str
    layer: str
    recipe: tuple[Mapping[str, Any], ...]
    outcome: str
    http: int | None
    code: str

    @property
    def is_live(self) -> bool:
        """Whether it needs a socket, a sequence or a store that fails, and so has a test of its own."""
        return any(step["op"] in ("live", "steps") or "storage" in step or "tzdata" in step for step in self.recipe)

    @property
    def slug(self) -> str:
        """The name as part of a check's name."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower()).strip("_")


def _case(row: Mapping[str, Any]) -> BadInput:
    expected = row["expected"]
    http = expected["http"]
    return BadInput(
        row["id"],
        row["name"],
        row["layer"],
        tuple(row["recipe"]),
        expected["outcome"],
        http if isinstance(http, int) else None,
        OUR_CODES.get(expected["code"], expected["code"]),
    )


CASES: Final[Mapping[str, BadInput]] = {row["id"]: _case(row) for row in DOCUMENT["cases"]}


Headers = list[tuple[str, str]]


def envelope(
    notice_id: str = "KZ-2026-0000123",
    *,
    message_id: str = BASE["webhook_id"],
    platform_id: str = "social",
    sent_at: str = "2026-03-02T08:59:00Z",
    **data: Any,
) -> dict[str, Any]:
    """The base notice of the catalogue as a message of the contract; `data` replaces fields of the notice."""
    base = BASE["notice"]
    return {
        "id": message_id,
        "type": "notice.issued",
        "api_version": "1",
        "sent_at": sent_at,
        "platform_id": platform_id,
        "data": {
            "notice_id": notice_id,
            "revision": 1,
            "kind": "request",
            "reference_number": "45/1",
            "issuing_authority": {
                "id": base["authority"]["id"],
                "name": {"en": base["authority"]["name"]},
                "type": "authorised_body",
            },
            "platform_id": platform_id,
            "addressee": {"legal_representative": "Sample LLP"},
            "issued_at": base["issued_at"],
            "languages": [base["language"]],
            "deadline": {"due_at": base["deadline"]},
            "legal_basis": base["legal_basis"],
            "category": base["category"],
            "statement_of_reasons": [{"lang": "kk", "text": "Себебі материалда айтылады."}],
            "items": _items(base["content"]),
            "requested_action": "remove",
            # Fields that the contract does not have: kept in the raw bytes, otherwise ignored.
            "priority": base["priority"],
            "reporter": base["reporter"],
            **data,
        },
    }


def cancelled(message: Mapping[str, Any], notice_id: str) -> dict[str, Any]:
    """The message as a cancellation of `notice_id`."""
    data = {"notice_id": notice_id, "revision": 1, "effect": "withdrawn", "issued_at": "2026-03-02T08:58:00Z"}
    return {**message, "type": "notice.cancelled", "data": data}


def serialised(message: Mapping[str, Any]) -> bytes:
    """The message as it is sent."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def body_of(case: BadInput, message: Mapping[str, Any], names: Mapping[str, str] | None = None) -> bytes:
    """The body of a case, made from a good `message`. `names` replaces names that the recipes use, wherever they stand.

    Raises ValueError if the message does not hold what the recipe changes.
    """
    made = copy.deepcopy(dict(message))
    steps = [_renamed(step, names or {}) for step in case.recipe]
    for step in steps:
        if step["op"] == "set":
            holder, name, convert = _place(made, step["path"])
            holder[name] = convert(step["value"])
        elif step["op"] == "remove":
            holder, name, _ = _place(made, step["path"])
            del holder[name]
    body = serialised(_in_our_words(made))
    for step in steps:
        body = _before(step, body)
    return body


def webhook_id_of(case: BadInput, message_id: str) -> str:
    """The id that the signature of Standard Webhooks covers."""
    return next((step["value"] for step in case.recipe if step["op"] == "header_before"), message_id)


def mode_of(case: BadInput) -> str:
    """How the case is signed: the `mode` of its step `sign`, else `valid`."""
    return next((step["mode"] for step in case.recipe if step["op"] == "sign"), "valid")


def skew_of(case: BadInput) -> int:
    """How many seconds the receiver's clock is ahead of the signature."""
    return next((int(step["skew_s"]) for step in case.recipe if step["op"] == "clock"), 0)


def changed(case: BadInput, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """The headers and the body after what the case does to a request that was signed."""
    for step in case.recipe:
        match step["op"]:
            case "header":
                headers = _with_header(headers, step["name"], step["value"])
            case "drop_header":
                headers = [pair for pair in headers if pair[0] != step["name"]]
            case "after_text":
                body = body.replace(step["find"].encode(), step["with"].encode(), 1)
            case "after_append_hex":
                body += bytes.fromhex(step["hex"])
    return headers, body


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, Mapping):
        return {key: _renamed(inner, names) for key, inner in value.items()}
    return [_renamed(inner, names) for inner in value] if isinstance(value, list) else value


def _items(content: object) -> object:
    if not isinstance(content, list):
        return content
    return [
        {"item_id": str(number)} | {{"kind": "content_type"}.get(name, name): value for name, value in item.items()}
        for number, item in enumerate(content, start=1)
    ]


def _same(value: Any) -> Any:
    return value


# Where a field of the catalogue lies in the contract, and what its value becomes. `/priority` stands for a number
# that the contract has; `/type`, `/revokes` and `/amends` are seen to below.
_FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "/schema": ("/api_version", lambda value: value.removeprefix("kz-notice/")),
    "/type": ("/type", lambda value: {"removal": "notice.issued"}.get(value, value)),
    "/authority": ("/data/issuing_authority", _same),
    "/authority/id": ("/data/issuing_authority/id", _same),
    "/authority/name": ("/data/issuing_authority/name/en", _same),
    "/content": ("/data/items", _items),
    "/content/0/url": ("/data/items/0/url", _same),
    "/language": ("/data/languages", lambda value: [value]),
    "/deadline": ("/data/deadline", lambda value: None if value is None else {"due_at": value}),
    "/priority": ("/data/revision", _same),
    "/amends": ("/data/supersedes", _same),
}


def _place(message: dict[str, Any], path: str) -> tuple[Any, Any, Callable[[Any], Any]]:
    """What holds the field of a path, the field's name or number in it, and what its value becomes."""
    pointer, convert = _FIELDS.get(path, (f"/data{path}", _same))
    *parents, last = pointer.split("/")[1:]
    at: Any = message
    for step in parents:
        at = at[int(step) if isinstance(at, list) else step]
    return at, int(last) if isinstance(at, list) else last, convert


def _in_our_words(message: dict[str, Any]) -> dict[str, Any]:
    """A revocation and an amendment are types of message here, each with its own shape."""
    if message.get("type") == "revocation":
        return cancelled(message, message["data"]["revokes"])
    if message.get("type") == "amendment":
        message["type"], message["data"]["revision"] = "notice.amended", 2
    return message


def _before(step: Mapping[str, Any], body: bytes) -> bytes:
    match step["op"]:
        case "text" | "text_repeat":
            new = step["with"] if step["op"] == "text" else step["prefix"] + step["unit"] * step["times"]
            old = step["find"].encode()
            if old not in body:
                raise ValueError(f"the body does not hold {step['find']!r}")
            return body.replace(old, new.encode(), 1)
        case "body_text":
            return bytes(step["text"].encode())
        case "body_hex":
            return bytes.fromhex(step["hex"])
        case "body_repeat":
            return bytes((step["prefix"] + step["unit"] * step["times"] + step["suffix"]).encode())
        case "encode":
            return body.decode().encode(step["codec"])
    return body


def _with_header(headers: Headers, name: str, template: str) -> Headers:
    given = dict(headers)
    known = {"{ts}": given.get("webhook-timestamp", ""), "{sig}": given.get("webhook-signature", "")}
    known["{b64}"] = known["{sig}"].partition(",")[2]
    value = re.sub(r"\{[a-z0-9]+\}", lambda match: known[match[0]], template)
    return [*(pair for pair in headers if pair[0] != name), (name, value)]


Channel = Literal["pushed", "polled", "live"]
"""The way that an input takes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What this package does instead. `codes` is None where the server in front of it writes the answer."""

    status: int
    codes: frozenset[str] | None
    why: str


DIFFERENCES: Final[Mapping[tuple[str, Channel], Difference]] = {
    (name, "pushed"): Difference(row["status"], frozenset(row["codes"]), row["why"])
    for name, row in WRITTEN["differences"].items()
}
