"""Ids that follow content: the same notice always gives the same case, and the same decision the same message.

So a store that was restored from an older copy, and takes in anew what came since, tells the other side nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final


def reference_of(platform_id: str, authority_id: str, notice_id: str, ordinal: int = 0) -> str:
    """The reference of the case of a notice. Of a message that could not be used, `notice_id` is `~` and the SHA-256 of
    its bytes: no notice can have that id."""
    return _uuid("case", platform_id, authority_id, notice_id, ordinal)


def free_reference(
    platform_id: str, authority_id: str, notice_id: str, is_taken: Callable[[str], bool]
) -> tuple[str, int]:
    """The first reference of a notice that no case has, and its ordinal."""
    ordinal = 0
    while is_taken(reference := reference_of(platform_id, authority_id, notice_id, ordinal)):
        ordinal += 1
    return reference, ordinal


def stream_of(reference: str) -> str:
    """The stream of a case."""
    return f"case/{reference}"


def object_stream(object_key: str, keyed: Callable[..., str]) -> str:
    """The stream of an object of the platform; `keyed` gives the digest of a name under the platform's object key. One
    of which only its stream is known any more is called by that."""
    return object_key if object_key.startswith("object/") else f"object/{keyed(object_key)}"


MESSAGES: Final = "message/"
"""How the name of a message's stream begins."""


def message_stream(key: str, body: str, keyed: Callable[..., str]) -> str:
    """The stream of a message that no case takes when it comes: `key` is the keyed digest of its sender and id, `body`
    that of its bytes."""
    return f"{MESSAGES}{keyed(key, body)}"


def message_id(stream: str, kind: str, decision: int, number: int, item: int) -> str:
    """The id and idempotency key of a message: the same content always yields the same."""
    return _uuid("message", stream, kind, decision, number, item)


def alert_id(platform_id: str, about: str, reason: str, at: int, key: str) -> str:
    """The id of an alert that belongs to no case, given `at` (UTC seconds)."""
    return _uuid("alert", platform_id, about, reason, at, key)


def appeal_id_of(platform_id: str, reference: str) -> str:
    """The id of an appeal, by the keyed digest of the platform's own number of it: the same number always yields the
    same."""
    return _uuid("appeal", platform_id, reference)


def _uuid(what: str, *parts: str | int) -> str:
    """A UUID of version 8. No part can hold a line feed, but one of an alert, which identifies nothing outside."""
    name = "\n".join((f"kz-compliance/{what}/v1", *map(str, parts)))
    text = hashlib.sha256(name.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:32]}"
