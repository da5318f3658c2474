"""What a regulator's answer proves: a receipt for these very bytes, a refusal, or nothing that can be relied on.

Knows bytes and headers and no HTTP client. Reasons are codes, for the record of attempts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

from tenacity import RetryCallState, Retrying

from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.report import Receipt
from kz_compliance_sdk.errors import NotAuthentic, RegulatorError, Unreadable
from kz_compliance_sdk.ports import Delivered, Env, FeedMessage, FeedPage, Rejected, RetryAt, Sent, Unknown
from kz_compliance_sdk.wire.signature import SIGNATURE_HEADERS, KeyRing, verify_response
from kz_compliance_sdk.wire.strict_json import read
from kz_compliance_sdk.wire.v1 import FeedEntry, HeldNotice, encode, read_feed_by_entry, read_problem, read_receipt

# ----------------------------------------------------------------------------------------------------------- retrying
# What may be tried again within one call, and when: seconds only. Hours belong to the outbox.


T = TypeVar("T")

LONGEST_WAIT_S = 5
"""The longest Retry-After that is waited for within one call, in seconds."""

LONGEST_ASKED_S = 3_600
"""What a longer Retry-After is cut to, in seconds: nobody's clock but the law's may run for longer."""

_SECONDS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Again:
    """A passing fault. `after` is how many seconds the other side asked for, None if it did not say.

    `maybe_sent` means that the request may have arrived, `hopeless` that trying again at once cannot help.
    """

    reason: str
    after: int | None = None
    maybe_sent: bool = False
    hopeless: bool = False


@dataclass(slots=True)
class Call(Generic[T]):
    """One call with all its tries. `deadline` is a value of `Env.monotonic`; `maybe_sent` is true of any try."""

    once: Callable[[], T | Again]
    deadline: float
    maybe_sent: bool = False


class Tries:
    """Repeats a call while its faults pass, within its deadline. Safe for many threads at once."""

    def __init__(self, env: Env, attempts: int) -> None:
        self._env, self._attempts = env, attempts
        self._retrying = Retrying(
            sleep=env.sleep,
            stop=self._is_enough,
            wait=self._wait,
            retry=lambda state: _is_passing(_result(state)),
            retry_error_callback=_result,
        )

    def run(self, call: Call[T]) -> T | Again:
        """The first result that is no passing fault, or the last fault."""
        return self._retrying(_try, call)

    def _wait(self, state: RetryCallState) -> float:
        asked: int | None = _result(state).after
        return 1.0 + self._env.random() if asked is None else float(asked)

    def _is_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._attempts or state.upcoming_sleep > LONGEST_WAIT_S:
            return True
        deadline: float = state.args[0].deadline
        return self._env.monotonic() + state.upcoming_sleep >= deadline


def retry_after(value: str | None, now: int) -> int | None:
    """The seconds that a Retry-After header asks for, in either of its forms, at most an hour; None if it has neither.

    `now` is UTC seconds.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(int(text), LONGEST_ASKED_S)
    try:
        # A date without a zone would be read in the zone of this machine.
        at = parsedate_to_datetime(text)
        seconds = int(at.timestamp()) - now if at.tzinfo is not None else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return None if seconds is None else min(max(seconds, 0), LONGEST_ASKED_S)


def _try(call: Call[T]) -> T | Again:
    result = call.once()
    if isinstance(result, Again) and result.maybe_sent:
        call.maybe_sent = True
    return result


def _is_passing(result: object) -> bool:
    return isinstance(result, Again) and not result.hopeless


def _result(state: RetryCallState) -> Any:
    return None if state.outcome is None else state.outcome.result()


# ------------------------------------------------------------------------------------------------------------ answers


_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u0400-\u04ff]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are in lower case. `fault` says why `body` is empty though one was sent:
    `cut`, `deadline`, `too_large` or `encoded`."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fault: str = ""

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key == name), None)

    def retry_after(self, now: int) -> int | None:
        """For how many seconds the other side asks to be left alone. `now` is UTC seconds."""
        return retry_after(self.header("retry-after"), now)


@dataclass(frozen=True, slots=True)
class Answers:
    """Judges the answers that one platform gets. `ring` holds the keys of the regulator and of nobody else."""

    ring: KeyRing
    platform_id: str

    def to_send(self, reply: Reply, message: OutboxMessage, now: int) -> Sent:
        """What became of a message that was posted. Passing faults (408, 425, 429, 5xx) are the caller's.

        Delivered only with a receipt that the regulator signed, that names the message and the digest of its bytes.
        """
        status = reply.status
        if status in (200, 201):
            receipt = self._receipt(reply, now)
            if isinstance(receipt, str):
                return Unknown(receipt)
            if not receipt.covers(message.id, message.body):
                return Unknown("receipt_mismatch")
            return _delivered(receipt, reply, message)
        if status < 300:
            return Unknown(f"no_receipt:{status}")
        if status < 400:
            return RetryAt("redirect")
        if status == 409:
            receipt = self._receipt(reply, now)
            if isinstance(receipt, Receipt):
                if receipt.subject_id == message.id:
                    return _delivered(receipt, reply, message)
                return Rejected("conflict", "the regulator holds another message in its place")
        code, reason = _problem(reply)
        return Rejected(code, reason, final=status == 422)

    def to_look_up(self, reply: Reply, message: OutboxMessage, now: int) -> Delivered | RetryAt | None:
        """What the regulator holds of a message: the receipt of a report, or those of the notice otherwise.

        Other bytes under that id were recorded before the store was restored from an older copy: they stand.
        """
        if reply.status == 404:
            return None
        if reply.status != 200 or reply.fault:
            return RetryAt(f"look_up_{reply.fault or reply.status}")
        doubt = self._doubt(reply, now)
        if doubt:
            return RetryAt(doubt)
        try:
            if message.kind == "report":
                receipt = read_receipt(reply.body)
                return _delivered(receipt, reply, message) if receipt.subject_id == message.id else None
            held = read(HeldNotice, reply.body, max_nodes=100_000)
        except Unreadable as error:
            return RetryAt(f"look_up_unreadable:{error.code}")
        for receipt in (*held.acknowledgements, *held.clarification_requests):
            if receipt.subject_id == message.id:
                otherwise = not receipt.covers(message.id, message.body)
                return Delivered(receipt.receipt_id, receipt.recorded_at, encode(receipt), otherwise=otherwise)
        return None

    def _receipt(self, reply: Reply, now: int) -> Receipt | str:
        """The proved receipt, or why there is none."""
        if reply.fault:
            return f"receipt_{reply.fault}"
        doubt = self._doubt(reply, now)
        if doubt:
            return doubt
        try:
            return read_receipt(reply.body)
        except Unreadable as error:
            return f"receipt_unreadable:{error.code}"

    def _doubt(self, reply: Reply, now: int) -> str:
        """Why the answer is not proved to be the regulator's word to this platform; empty if it is.

        Its age is no doubt: a receipt that was given once stays true, and it names what it is for.
        """
        try:
            verified = verify_response(self.ring, reply.status, reply.headers, reply.body, now)
        except NotAuthentic as error:
            return f"receipt_unproved:{error.code}"
        if verified.platform_id != self.platform_id:
            return "receipt_other_platform"
        return "receipt_key_expired" if verified.key_expired else ""


def feed_page(reply: Reply, after: str) -> FeedPage:
    """The page of the feed behind `after`. Raises RegulatorError. Each entry carries its own signature."""
    if reply.status == 400 and _problem(reply)[0] == "cursor_unknown":
        raise feed_error("cursor_unknown")
    if reply.status != 200 or reply.fault:
        raise feed_error(reply.fault or f"status_{reply.status}")
    try:
        page = read_feed_by_entry(reply.body)
    except Unreadable as error:
        raise feed_error(f"unreadable:{error.code}") from error
    if page.has_more and page.next_cursor in (None, after):
        raise feed_error("cursor_stands_still")
    return FeedPage(
        messages=_feed_messages(page.entries),
        next_cursor=page.next_cursor,
        has_more=page.has_more,
    )


def feed_error(reason: str) -> RegulatorError:
    """The error that leaves the cursor where it is."""
    return RegulatorError(f"the feed could not be read: {reason}", maybe_sent=False, code=reason.partition(":")[0])


def _feed_messages(entries: Sequence[FeedEntry | None]) -> tuple[FeedMessage, ...]:
    """The entries as they are handed to intake. What cannot be read goes there as well: no signature fits it, so it is
    refused, counted and read again later, and the feed does not end here for good."""
    found: list[FeedMessage] = []
    # The place of one that cannot be read follows from the first that can, so that no gap is seen where none is.
    known = next((entry.sequence - at for at, entry in enumerate(entries) if entry is not None), None)
    for at, entry in enumerate(entries):
        if entry is None:
            found.append(FeedMessage(0 if known is None else max(0, known + at), "POST", (), b""))
            continue
        try:
            body = entry.exact_body()
        except Unreadable:
            body = entry.body.encode()
        found.append(FeedMessage(entry.sequence, entry.method, tuple(entry.header_list()), body))
    return tuple(found)


def _delivered(receipt: Receipt, reply: Reply, message: OutboxMessage) -> Delivered:
    signature = tuple((name.lower(), value) for name, value in reply.headers if name.lower() in SIGNATURE_HEADERS)
    otherwise = not receipt.covers(message.id, message.body)
    return Delivered(receipt.receipt_id, receipt.recorded_at, reply.body, signature, otherwise)


def _problem(reply: Reply) -> tuple[str, str]:
    problem = read_problem(reply.body)
    if problem is None:
        return f"status_{reply.status}", f"status {reply.status}"
    told = " ".join(part for part in (problem.title, problem.detail, problem.field) if part)
    return _plain(problem.code or f"status_{reply.status}", 64), _plain(f"{reply.status} {told}", 300)


def _plain(text: str, length: int) -> str:
    return _UNPRINTABLE.sub(" ", text)[:length].strip()
