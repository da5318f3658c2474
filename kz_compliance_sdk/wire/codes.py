"""Every code of the contract: what it means, what to do about it, and the statuses that carry it.

The one table: what refuses takes its remedy from here, and the published list is made from here. A code that is not in
it cannot be published, and a test finds one that is sent without being here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `intake` and `regulator` are the statuses with which each side sends it; a side with none never does.

    `mock_only`: no part of the contract, but something that the mock regulator says.
    """

    cause: str
    remedy: str
    intake: tuple[int, ...] = ()
    regulator: tuple[int, ...] = ()
    mock_only: bool = False


def _field(cause: str, remedy: str, *regulator: int) -> Code:
    return Code(cause, remedy, (422,), regulator)


def _mock(cause: str, remedy: str, *statuses: int) -> Code:
    return Code(cause, remedy, (), statuses, mock_only=True)


# A message holds URLs, a type and an authority only on its way to the platform.
_FIELDS: Final[Mapping[str, Code]] = {
    "amendment_target": _field(
        "An amendment has revision 1, or a notice supersedes itself.", "Name another notice, or a higher revision."
    ),
    "json_control": _field(
        "A text holds a control character or a bidirectional override.",
        "Remove control characters and bidirectional overrides.",
        422,
    ),
    "platform_mismatch": _field(
        "The envelope, the data and the key do not name one platform.",
        "Use one platform_id in the envelope and in the data, and the key of that platform.",
    ),
    "schema_format": _field(
        "A text does not have the form or the length that the contract gives.",
        "Use the form that the contract gives for this field.",
        422,
    ),
    "schema_missing": _field("A required field is missing or null.", "Add the field.", 422),
    "schema_type": _field(
        "A value has another type than the contract gives.",
        "Use the type that the contract gives for this field; nothing is converted.",
        422,
    ),
    "schema_value": _field(
        "A value is outside what the contract allows, or does not fit what is held.",
        "Use a value that the contract allows here.",
        422,
    ),
    "schema_version": _field("The message is of another version of the interface.", 'Send api_version "1".'),
    "scope_too_wide": _field("A URL names a whole site or a pattern.", "Name each item by its own URL."),
    "time_format": _field(
        "A time is not written as the contract gives, or is no day of the calendar.",
        "Write it as RFC 3339 with an offset, for example 2026-03-02T08:55:00Z.",
        400,
        422,
    ),
    "time_range": _field("A time lies too far off.", "Use a time between 1970 and 2199.", 400, 422),
    "type_unsupported": _field(
        "The type of the message is not known.",
        "Use a type that the contract names. User data is never handed over through this interface.",
    ),
    "url_control": _field("A URL holds a blank, a backslash or an invisible character.", "Percent-encode the URL."),
    "url_host": _field("The host of a URL can be read in more than one way.", "Use the public host name."),
    "url_internal": _field("A URL points into a private network.", "Use the public address."),
    "url_length": _field("A URL is longer than 2,048 characters.", "Use a shorter URL."),
    "url_scheme": _field("A URL is neither http nor https.", "Use http or https."),
    "url_userinfo": _field("A URL carries credentials.", "Remove the credentials from the URL."),
}

FIELD_CODES: Final = frozenset(_FIELDS)
"""Every code that speaks of a field; those of the whole body begin with `json_` as well."""

_BODY: Final[Mapping[str, Code]] = {
    "json_depth": _field("The JSON is nested more than 32 levels deep.", "Send it flatter.", 422),
    "json_duplicate_key": _field("An object names one key twice.", "Name each key once.", 422),
    "json_empty": _field("The body is empty.", "Send one JSON object.", 422),
    "json_nodes": _field("The JSON has too many values.", "Split the message.", 422),
    "json_not_object": _field("The body is JSON, but no object.", "Send one JSON object.", 422),
    "json_number": _field(
        "A number is not finite or has more than 300 digits.", "Send it as text, or leave it out.", 422
    ),
    "json_syntax": _field("The body is not JSON.", "Check it with a strict parser.", 422),
    "json_unicode": _field("A text holds half of a surrogate pair.", "Send whole characters.", 422),
    "json_utf8": _field(
        "The body is not UTF-8, or begins with a byte order mark.", "Encode it as UTF-8 without a byte order mark.", 422
    ),
}

_MEANING: Final[Mapping[str, Code]] = {
    "authority_key_mismatch": _field(
        "The key may not speak for the authority that the notice names.",
        "Sign it with a key that is registered for the authority.",
    ),
    "conflict": Code(
        "This revision of the notice is held already with another content.",
        "Send a correction as notice.amended with a higher revision. A person looks at both versions.",
        (409,),
    ),
    "id_dotted": _field(
        "The webhook-id holds a dot, which also separates what is signed.", "Send it with an id that has no dot."
    ),
    "id_mismatch": _field(
        "The header and the body name two message ids.", "Use the webhook-id as the id of the envelope."
    ),
    "intake_fault": _field(
        "The platform's own program failed when it took in an entry of the feed.",
        "The message itself may be right: the platform has kept it and looks at its own log.",
    ),
    "key_expired": _field(
        "The signature is right, but its key has expired.",
        "Sign it again with the current time and key; its clock runs from this first receipt.",
    ),
    "key_not_yet_valid": _field(
        "The signature is right, but its key is not valid yet.",
        "Sign it with a key that is valid now, or again when this one is; its clock runs from this first receipt.",
    ),
    "stale": _field(
        "The signature is right, but its time is more than 300 seconds off.",
        "Sign it again with the current time and key; its clock runs from this first receipt.",
    ),
}

_TRANSPORT: Final[Mapping[str, Code]] = {
    "not_authentic": Code(
        "The origin of the request is not proved. Every cause gets the same bytes.",
        "Check the key, the address that was signed, the digest and the clock.",
        (401,),
        (401,),
    ),
    "encoding": Code("The body has a content encoding.", "Send the body as it is, without a content encoding.", (415,)),
    "framing": Code(
        "The head gives a Content-Length and a Transfer-Encoding.",
        "Send a Content-Length or a Transfer-Encoding, not both.",
        (400,),
    ),
    "headers": Code(
        "The head has more than 128 headers or 32,768 bytes of them.", "Send fewer or shorter headers.", (431,)
    ),
    "http_malformed": Code(
        "The request is not HTTP/1.1, or has no Host or several.", "Check it with another client.", (400,), (400,)
    ),
    "incomplete": Code("The body is shorter than its Content-Length.", "Send the whole body.", (400,)),
    "length_required": Code("The server needs the length of the body first.", "Send a Content-Length.", (411,)),
    "media_type": Code("The body is not declared as JSON in UTF-8.", "Send application/json in UTF-8.", (415,), (415,)),
    "method_not_allowed": Code(
        "The address does not answer this method.", "Use a method that Allow names.", (405,), (405,)
    ),
    "not_found": Code("There is nothing at this address.", "Push to the address that the platform gave.", (404,)),
    "timeout": Code("The head or the body did not come in time.", "Send it again, faster.", (408,)),
    "too_large": Code("The body is larger than 262,144 bytes, or the platform's own limit.", "Split it.", (413,)),
}

_AGAIN: Final = "Send the same message again after Retry-After. Nothing was acknowledged."
_STORE: Final[Mapping[str, Code]] = {
    "commit_unknown": Code("It could not be learnt whether the message was stored.", _AGAIN, (503,)),
    "storage_busy": Code("Storing the message takes too long.", _AGAIN, (503,)),
    "storage_full": Code("The platform's disk is full.", _AGAIN, (503,)),
    "store": Code("The platform could not store the message.", _AGAIN, (503,)),
    "store_closed": Code("The platform is shutting down.", _AGAIN, (503,)),
    "store_full": Code("More messages wait to be stored than the platform takes.", _AGAIN, (503,)),
    "store_unusable": Code("The platform's store cannot be used as it is.", _AGAIN, (503,)),
    "too_many_connections": Code("More connections are open than the platform takes.", _AGAIN, (503,)),
}

_REGULATOR: Final[Mapping[str, Code]] = {
    "cursor_unknown": Code("The cursor was not given out here.", "Begin without one, or with since.", regulator=(400,)),
    "idempotency_key_missing": Code(
        "The Idempotency-Key is missing, there twice, or malformed.",
        "Send one Idempotency-Key of 1 to 128 of A-Z a-z 0-9 . _ : -",
        regulator=(400,),
    ),
    "idempotency_key_reused": Code(
        "The Idempotency-Key was used for something else.", "Give each message its own key.", regulator=(422,)
    ),
    "limit_invalid": Code("limit is no number from 1 to 1,000.", "Send one, or leave it out.", regulator=(400,)),
    "notice_unknown": Code(
        "No such notice was issued to this platform.", "Check the notice_id in the path.", regulator=(404,)
    ),
    "path_unknown": Code("There is nothing at this address.", "Use a path of this document.", regulator=(404,)),
    "platform_unknown": Code(
        "The key does not belong to the platform in the path.", "Use the platform's own id.", regulator=(404,)
    ),
    "query_invalid": Code("after and since stand in one request.", "Use after or since.", regulator=(400,)),
    "registration_unknown": Code("The platform is not in the register.", "Register it with PUT.", regulator=(404,)),
    "report_unknown": Code("No such report was recorded.", "Send the report.", regulator=(404,)),
    "since_too_old": Code("The feed reaches back 90 days.", "Use a later time.", regulator=(400,)),
    "body_too_large": Code("The body is larger than 8 MiB.", "Split the report.", regulator=(413,)),
    "head_too_large": Code("The head is larger than 64 KiB.", "Send fewer or shorter headers.", regulator=(431,)),
}

_MOCK: Final[Mapping[str, Code]] = {
    "clock_runs": _mock(
        "The clock runs by itself and cannot be advanced.", "Wait, or hand in a clock that stands still.", 409
    ),
    "internal_error": _mock("The mock was told to fail as a server does.", "Try again later.", 500),
    "key_unknown": _mock("No such key is known, or none is left to rotate to.", "Give it in spare_keys.", 404),
    "message_id_taken": _mock("A message of this id was already issued.", "Use another message_id.", 409),
    "message_unknown": _mock("No message of this id was issued.", "Issue it first.", 404),
    "mock_failed": _mock("The mock has a fault of its own.", "Read its log, and report it.", 500),
    "not_from_here": _mock(
        "The mock is driven from its own machine alone, and not by a page in a browser.",
        "Call it on a loopback address without an Origin.",
        403,
    ),
    "revision_taken": _mock("This revision was already issued.", "Use a higher revision.", 409),
    "scenario_unknown": _mock("There is no scenario of this name.", "GET /control/scenarios names them.", 404),
    "too_many_requests": _mock("The mock was told to say so.", "Try again after Retry-After.", 429),
    "unavailable": _mock("The mock was told to be down.", "Try again after Retry-After.", 503),
}

CODES: Final[Mapping[str, Code]] = {
    **_FIELDS,
    **_BODY,
    **_MEANING,
    **_TRANSPORT,
    **_STORE,
    **_REGULATOR,
    **_MOCK,
}
"""By name. The order is the order of the published page."""


def remedy_of(code: str) -> str:
    """What to do about a refusal; empty for a code that is not of the contract."""
    known = CODES.get(code)
    return "" if known is None else known.remedy
