"""Messages that a platform must not take: for each way to break one, the status that the contract answers.

Pure, and light enough to be read when tests are collected. The bad inputs of the contract are many more; these are one
of each kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Flaw = Literal["unsigned", "wrong_key", "tampered", "other_target", "stale", "media_type", "method", "body"]
"""What is wrong: the signature, the request around it, or the body, which is then rightly signed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to break a message. `status` is the answer; `change` makes the body; `only` limits it to a profile."""

    status: int
    flaw: Flaw | None
    why: str
    change: Callable[[bytes], bytes] = bytes
    only: str | None = None


def _edited(edit: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        message = json.loads(body)
        edit(message)
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()

    return change


def _twice(body: bytes) -> bytes:
    return b'{"type":"notice.issued",' + body[1:]


BROKEN: Final[Mapping[str, Recipe]] = {
    "unsigned": Recipe(401, "unsigned", "no signature"),
    "wrong_key": Recipe(401, "wrong_key", "signed with a key that nobody trusts"),
    "tampered": Recipe(401, "tampered", "changed after it was signed", lambda body: body + b" "),
    "other_target": Recipe(401, "other_target", "signed for another address", only="rfc9421"),
    "method": Recipe(405, "method", "sent with GET"),
    "media_type": Recipe(415, "media_type", "sent as text/plain"),
    "stale": Recipe(422, "stale", "signed an hour ago and never seen before: kept in quarantine"),
    "truncated": Recipe(422, "body", "cut off in its middle", lambda body: body[: len(body) // 2]),
    "not_utf8": Recipe(422, "body", "not UTF-8", lambda body: body.replace(b'"platform_id"', b'"\xff\xfe"', 1)),
    "not_an_object": Recipe(422, "body", "a JSON array", lambda body: b"[" + body + b"]"),
    "name_twice": Recipe(422, "body", "a name that is there twice", _twice),
    "unknown_type": Recipe(422, "body", "of no known type", _edited(lambda m: m.update(type="notice.shouted"))),
    "unknown_version": Recipe(422, "body", "of another version", _edited(lambda m: m.update(api_version="9"))),
    "other_platform": Recipe(422, "body", "for another platform", _edited(lambda m: m.update(platform_id="another"))),
    "missing_field": Recipe(422, "body", "without its legal basis", _edited(lambda m: m["data"].pop("legal_basis"))),
    "wrong_type": Recipe(422, "body", "a text for a number", _edited(lambda m: m["data"].update(revision="first"))),
    "no_items": Recipe(422, "body", "about nothing", _edited(lambda m: m["data"].update(items=[]))),
}
"""Each way by its name."""


def names(profile: str) -> list[str]:
    """The ways that a profile has."""
    return [name for name, recipe in BROKEN.items() if recipe.only in (None, profile)]
