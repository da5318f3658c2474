"""The lines of the contract that checks hold: each with the page, the section and the words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

_CONTRACT: Final = "contract/index.md"


@dataclass(frozen=True, slots=True)
class Promise:
    """Words of a page of the documentation. `section` is the anchor of the heading that they stand under."""

    section: str
    quote: str
    page: str = _CONTRACT

    @property
    def where(self) -> str:
        """The page and the anchor, below the documentation's root."""
        return f"{self.page}#{self.section}"


_from = partial(Promise, "from-the-regulator")
_exits = partial(Promise, "three-exits")
_to = partial(Promise, "to-the-regulator")
_signed = partial(Promise, "signatures")

ENVELOPE: Final = _from("The same envelope, pushed to `<public_url><intake_path>` or read from the feed")
REPEATED: Final = _from("A repeat has the same `id` and the same bytes")
UNKNOWN_FIELD: Final = _from("An unknown field is ignored and stays in the raw bytes")
UNKNOWN_CATEGORY: Final = _from("an unknown category is accepted with a flag")
OPENS: Final = _from("opens a case; its clock starts at receipt")

REFUSED: Final = _exits("401, the same bytes for every cause")
TRANSPORT: Final = _exits("400, 404, 405, 408, 411, 413, 415, 431 for the transport")
NOTHING_KEPT: Final = _exits("counters, never the body")
ACCEPTED: Final = _exits("202 with `case_reference`, `received_at`, `due_at`")
REPEAT: Final = _exits("200 with the first answer for a repeat")
CONFLICT: Final = _exits("409 when the same revision comes with another content, which is quarantined")
DURABLE: Final = _exits("raw bytes, case, its first event, acknowledgement")
UNUSABLE: Final = _exits("422 with `code`, `field` and the reason")
QUARANTINED: Final = _exits("raw bytes in quarantine, its clock, an alert")
PROBLEM: Final = _exits("And with a 422, as `application/problem+json`.")
LATE: Final = _exits("takes the third exit if the message was never seen")
INHERITED: Final = _exits("is admitted and **inherits its receipt**")
EARLY: Final = _exits("is stored, answered with 202 and a null `case_reference`")

RFC9421: Final = _signed("method, target URI, digest, `created`, `nonce`; Ed25519 with a `keyid`")
EXACTLY: Final = _signed(
    "one signature with the tag `kz-compliance`, a `created`, a `nonce`, a `keyid`, and no `expires`"
)
OTHER_TAGS: Final = _signed("Signatures with other tags, such as those of a proxy, are left alone")
JUDGED_ALONE: Final = _signed("a message with a `Signature-Input` is judged by RFC 9421 alone")
WEBHOOKS: Final = _signed("HMAC-SHA256 (`v1`) or Ed25519 (`v1a`), several signatures for rotation")
WEBHOOK_ID: Final = _signed("the `webhook-id` must be the `id` of the envelope")
WINDOW: Final = _signed("The window is 300 seconds either way")
RAW: Final = _signed("The raw bytes are verified before they are parsed")
PINNED: Final = _signed(
    "A key in the settings speaks for one sender, for named authorities, for one platform, from one time to another"
)
HOST: Final = Promise(
    "where-the-answer-differs", "The Host header is never read: whoever sends chooses it.", "contract/bad-inputs.md"
)

FEED: Final = _to("the feed, oldest first; each entry has the exact bytes and the signature made for pushing them")
FEED_PAGE: Final = _to("`data`, `next_cursor`, `has_more`")
ACKNOWLEDGED: Final = _to("a revision was received | 201 receipt")
ASKED: Final = _to("what is missing or contradictory | 201 receipt")
REPORTED: Final = _to("the outcome, item by item | 201 receipt; 409 with the recorded one; 422 problem")
FOUND: Final = _to("did a report arrive? | 200 with its receipt, 404")
HELD: Final = _to("200 with what is held of the notice and each receipt, 404")
KEYED: Final = _to("Every POST carries an `Idempotency-Key`, which is the message's id, and a signature")
SAME_RECEIPT: Final = _to("The same key with the same body gets the same receipt")
RECEIPT: Final = _to("The SDK believes it only if it names what was sent and its digest")
RECEIPT_SIGNED: Final = _to("`receipt_id`, `subject_id`, `body_sha256`, `recorded_at`, signed by the regulator")
REFUSED_FOR_GOOD: Final = _to(
    "422, or 409 with a receipt for other bytes | refused for good, unless a receipt of this id is found"
)
PROBLEMS: Final = _to("Errors on either side are problems as RFC 9457 writes them, with a stable `code`")
AGAIN: Final = _exits("503 with `Retry-After` says that nothing was acknowledged: send the same message again.")
