"""What the benchmarks send: notices of 2 kB under ids of their own, signed, or decided into changes."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from kz_compliance_sdk.domain.actor import SYSTEM, Stamp
from kz_compliance_sdk.domain.arrivals import Arrival, open_case
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.domain.values import reference_of
from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.wire.signature import Profile, sign
from kz_compliance_sdk.wire.v1 import read_message
from tests.ledger.shadow import keyed

PLATFORM = builders.PLATFORM_ID
PATH = "/notices"
BYTES = 2048
_MARK = "KZ-2026-MARK000000"
_SEED = 1


def _items(count: int) -> tuple[Item, ...]:
    # Objects of each notice's own: effects on one object wait for each other, and that is not what is measured.
    return tuple(
        Item(
            item_id=str(number),
            url=f"{builders.HOST}/p/{_MARK}-{number}",
            object_id=f"post:{_MARK}-{number}",
            content_type="post",
            evidence_sha256=hashlib.sha256(str(number).encode()).hexdigest(),
        )
        for number in range(1, count + 1)
    )


@cache
def _template(items: int) -> bytes:
    for length in range(1, BYTES):
        long = builders.notice(_SEED, notice_id=_MARK, urgency_reason="т" * length)
        whole = long.model_copy(update={"items": _items(items)})
        body = builders.message_bytes(whole, message_id=f"msg-{_MARK}", sent_at=int(time.time()))
        if len(body) >= BYTES:
            return body
    raise AssertionError("the sample notice is larger than it should be")


def _name(number: int) -> str:
    return f"KZ-2026-B{number:09d}"


def body(number: int, items: int = 3) -> bytes:
    """The message with the notice of that number, of so many items."""
    return _template(items).replace(_MARK.encode(), _name(number).encode())


@cache
def notice() -> Notice:
    """The notice as a value."""
    data = read_message(body(0)).data
    assert isinstance(data, Notice)
    return data


def request(number: int, profile: Profile, port: int, now: int) -> bytes:
    """The whole signed HTTP request, as it goes over the wire."""
    data = body(number)
    target_uri = f"http://127.0.0.1:{port}{PATH}"
    signed = sign(
        keys.regulator_signing_key(profile),
        profile,
        "POST",
        target_uri,
        data,
        now,
        f"msg-{_name(number)}",
        f"n{number}",
    )
    lines = [f"POST {PATH} HTTP/1.1", f"host: 127.0.0.1:{port}", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in signed]
    lines.append(f"content-length: {len(data)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


@dataclass(frozen=True, slots=True)
class Ready:
    """A new case, decided: what `store.save` takes."""

    case_id: str
    change: Change


def ready(
    first: int, count: int, *, received_at: int | None = None, keyed: Callable[..., str] = keyed, items: int = 3
) -> Iterator[Ready]:
    """Decided intakes: the case, its first events with the message's own bytes, and the acknowledgement. `keyed` is the
    store's, for cases that are decided later."""
    policy, now = kz_policy(), int(time.time()) if received_at is None else received_at
    stamp = Stamp(now, SYSTEM, keyed=keyed)
    proof = b'{"headers":[["webhook-id","msg"],["webhook-signature","v1,' + base64.b64encode(b"s" * 32) + b'"]]}'
    for number in range(first, first + count):
        data, name = body(number, items), _name(number)
        named = read_message(data).data
        assert isinstance(named, Notice)
        case_id = reference_of(PLATFORM, named.issuing_authority.id, named.notice_id)
        message = (keys.SENDER, f"msg-{name}", hashlib.sha256(data).hexdigest())
        arrival = Arrival(
            PLATFORM, message, "pushed", "signed", "regulator", now, now,
            body=data, proof=proof, profile="standard-webhooks", key_id="sample", signed_at=now,
        )  # fmt: skip
        change, _ = open_case(case_id, named, arrival, policy, stamp)
        yield Ready(case_id, change)
