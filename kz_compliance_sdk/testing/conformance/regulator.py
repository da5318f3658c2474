"""All the checks of a regulator, as a platform meets it: its feed, receipts, idempotency, look-ups and pushes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kz_compliance_sdk.testing.conformance import promises
from kz_compliance_sdk.testing.conformance import regulator_calls as calls
from kz_compliance_sdk.testing.conformance import regulator_feed as feed
from kz_compliance_sdk.testing.conformance.checks import PROFILES, Check
from kz_compliance_sdk.testing.conformance.promises import Promise
from kz_compliance_sdk.testing.conformance.regulator_scene import RegulatorScene, RegulatorTarget
from kz_compliance_sdk.wire.signature import Profile

__all__ = ["REGULATOR_CHECKS", "RegulatorScene", "RegulatorTarget"]


def _check(
    name: str,
    promise: Promise,
    sends: str,
    wants: str,
    remedy: str,
    run: Callable[[RegulatorScene], None],
    *needs: str,
    profiles: tuple[Profile, ...] = PROFILES,
) -> Check[RegulatorScene]:
    return Check(f"regulator.{name}", promise, sends, wants, remedy, run, needs, profiles)


_CURSOR: Final = "A cursor stands after the last entry of its page: it skips nothing and repeats nothing."
_ONCE: Final = "Store the receipt with the key and the digest, under a unique key, and give it again."
_VERIFY: Final = "Verify the raw bytes before you read them, and answer 401."
_RECORD: Final = "Answer 201 with the receipt of what you recorded."

REGULATOR_CHECKS: Final[tuple[Check[RegulatorScene], ...]] = (
    _check("feed.page", promises.FEED_PAGE, "GET /v1/notices", "data, next_cursor, has_more",
           "Answer 200 with a page of the contract.", feed.feed_page),
    _check("feed.messages", promises.FEED, "GET /v1/notices", "messages of the contract, for this platform",
           "Give the exact bytes of each message in base64.", feed.feed_messages),
    _check("feed.signatures", promises.FEED, "GET /v1/notices", "a signature for the push of each entry",
           "Sign each entry as if it was pushed to the platform's address; --intake-url says which one the kit takes.",
           feed.feed_signed),
    _check("feed.oldest_first", promises.FEED, "GET /v1/notices", "growing sequences",
           "Give each message a number that grows, and sort by it.", feed.feed_in_order),
    _check("feed.skips_nothing", promises.FEED_PAGE, "the feed whole, and one by one", "the same entries", _CURSOR,
           feed.feed_skips_nothing),
    _check("feed.moves_on", promises.FEED_PAGE, "the feed one by one", "each entry once", _CURSOR, feed.feed_moves_on),
    _check("feed.cursor_again", promises.FEED_PAGE, "the same cursor twice", "the same page", _CURSOR,
           feed.feed_cursor_again),
    _check("feed.limit", promises.FEED_PAGE, "limit=1", "1 entry at most", "Give no more entries than asked for.",
           feed.feed_limit),
    _check("feed.strange_cursor", promises.PROBLEMS, "a cursor that was never given out", "a problem, 400",
           "Refuse a cursor that you do not know: an empty page would hide notices.", feed.feed_strange_cursor),
    _check("acknowledgement.recorded", promises.ACKNOWLEDGED, "an acknowledgement", "201 with a receipt", _RECORD,
           calls.records("acknowledgements"), "notice"),
    _check("clarification_request.recorded", promises.ASKED, "a clarification request", "201 with a receipt", _RECORD,
           calls.records("clarification-requests"), "notice"),
    _check("report.recorded", promises.REPORTED, "a report", "201 with a receipt", _RECORD, calls.records("reports"),
           "notice"),
    _check("report.one_for_each_sequence", promises.REPORTED, "another report of the same case and sequence",
           "409 with the recorded receipt", "Keep the first, and answer with its receipt.", calls.report_standing,
           "notice"),
    _check("report.sequence_may_have_gaps", promises.REPORTED, "reports 1 and 3 of a case", "201 to both",
           "Let sequences grow, with gaps.", calls.report_next, "notice"),
    _check("report.unknown_item", promises.REPORTED, "a report about an item that the notice has not", "422",
           "Compare the items with those of the notice.", calls.report_unknown_item, "notice"),
    _check("receipt.names_the_message", promises.RECEIPT, "one of each kind", "subject_id is the message's id",
           "Name the Idempotency-Key as subject_id.", calls.receipt_names_message, "notice"),
    _check("receipt.names_the_digest", promises.RECEIPT, "one of each kind", "the SHA-256 of the bytes that were sent",
           "Hash the raw body, before you parse it.", calls.receipt_names_digest, "notice"),
    _check("receipt.is_signed", promises.RECEIPT_SIGNED, "one of each kind", "a signature over status and digest",
           "Sign the answer that carries a receipt with the key that the platform trusts.", calls.receipt_signed,
           "notice"),
    _check("idempotency.same_bytes", promises.SAME_RECEIPT, "one of each kind, twice", "the same receipt", _ONCE,
           calls.same_key_same_receipt, "notice"),
    _check("idempotency.at_once", promises.SAME_RECEIPT, f"one report {calls.AT_ONCE} times at once",
           "the same receipt", _ONCE, calls.same_key_at_once, "notice"),
    _check("idempotency.other_bytes", promises.REFUSED_FOR_GOOD, "other bytes under the same key", "409 or 422",
           "Compare the digest with that of the first.", calls.same_key_other_bytes, "notice"),
    _check("idempotency.without_a_key", promises.KEYED, "a report without an Idempotency-Key", "400 or 422",
           "Refuse it: without a key a repeat is a second report.", calls.without_key, "notice"),
    _check("look_up.report", promises.FOUND, "GET a report that was recorded", "200 with its receipt",
           "Answer the look-up from what you recorded.", calls.look_up_report, "notice"),
    _check("look_up.unknown_report", promises.FOUND, "GET a report that was never sent", "404",
           "Answer 404: the platform will send it again.", calls.look_up_unknown),
    _check("look_up.notice", promises.HELD, "GET the notice after one of each kind", "200 with their receipts",
           "List every receipt of the notice.", calls.look_up_notice, "notice"),
    _check("look_up.unknown_notice", promises.HELD, "GET a notice that was never issued", "404", "Answer 404.",
           calls.unknown_notice),
    _check("look_up.report_on_unknown_notice", promises.HELD, "a report about a notice that was never issued", "404",
           "Answer 404, and record nothing.", calls.answer_to_unknown_notice, "notice"),
    _check("signature.unsigned", promises.KEYED, "a GET and a POST without a signature", "401", _VERIFY,
           calls.unsigned),
    _check("signature.wrong_key", promises.KEYED, "a GET and a POST that a stranger signed", "401", _VERIFY,
           calls.wrong_key),
    _check("signature.tampered_body", promises.RAW, "a body that was changed after it was signed", "401", _VERIFY,
           calls.tampered),
    _check("signature.another_address", promises.RFC9421, "a request that was signed for another query", "401", _VERIFY,
           calls.other_address, profiles=("rfc9421",)),
    _check("signature.stale", promises.WINDOW, "a request that was signed an hour ago", "401",
           "Refuse what is more than 300 seconds from your clock.", calls.stale),
    _check("signature.refused_is_not_recorded", promises.KEYED, "an unsigned report, then its look-up", "404",
           "Record nothing before the signature holds.", calls.refused_is_not_recorded, "notice"),
    _check("problem.form", promises.PROBLEMS, "requests that fail, for several reasons",
           "application/problem+json with type, title, status, code", "Answer as RFC 9457 writes it.", calls.problems),
    _check("push.signed", promises.ENVELOPE, "a push to the kit", "a signature for the platform's address",
           "Sign for the address as the platform has it; --intake-url says which one the kit takes.", feed.push_signed,
           "listener"),
    _check("push.message", promises.ENVELOPE, "a push to the kit", "a message of the contract, for this platform",
           "Push the envelope of the contract.", feed.push_message, "listener"),
    _check("push.again_after_503", promises.AGAIN, "503 with Retry-After to the first push", "the same bytes again",
           "Push again, the same bytes under the same id, until it is answered for good.", feed.push_again, "listener"),
    _check("push.is_in_the_feed", promises.ENVELOPE, "a push to the kit, then the feed", "the same bytes in both",
           "Keep the bytes that were pushed, and give them in the feed.", feed.push_in_feed, "listener"),
)  # fmt: skip
"""Each has a name of its own."""
