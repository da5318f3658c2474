"""Where the contract has another answer to a bad input than the catalogue, and why.

The page `docs/contract/bad-inputs.md` is made from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["DIFFERENCES", "Channel", "Difference"]

Channel = Literal["pushed", "polled", "live"]
"""The way that an input takes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What this package does instead. `codes` is None where the server in front of it writes the answer."""

    status: int
    codes: frozenset[str] | None
    why: str


def _row(status: int, why: str, *codes: str) -> Difference:
    return Difference(status, frozenset(codes), why)


DIFFERENCES: Final[Mapping[tuple[str, Channel], Difference]] = {
    ("H024", "pushed"): _row(
        202,
        "The Host header is never read: whoever sends chooses it. The platform is chosen by the key and by the path, "
        "and the default profile signs the address as `public_url` has it.",
    ),
    ("S041", "pushed"): _row(
        404,
        "The intake app answers at its own path and knows no other; a signature gives no right anywhere else.",
        "not_found",
    ),
    ("M009", "pushed"): _row(
        202,
        "The contract makes `languages` optional: every statement of reasons names its own language, and those count.",
    ),
    ("M009", "polled"): _row(202, "As when it is pushed."),
    ("K001", "polled"): _row(
        202,
        "An entry of the feed is as old as its push; the window guards against a replay, and an entry is asked for.",
    ),
    ("V049", "pushed"): _row(
        202,
        "There is no case yet that could carry a flag. The cancellation is kept as `waiting`, somebody is alerted, and "
        "the notice, when it comes, starts cancelled.",
    ),
    ("V049", "polled"): _row(202, "As when it is pushed."),
    ("V050", "pushed"): _row(
        202,
        "A cancellation is a type of message here and has no notice id of its own, so it cannot name itself: it waits "
        "for its notice.",
    ),
    ("V050", "polled"): _row(202, "As when it is pushed."),
    ("V051", "pushed"): _row(
        202,
        "The contract knows no `revokes`: an unknown field is ignored and kept in the raw bytes. A notice is cancelled "
        "by `notice.cancelled` alone.",
    ),
    ("V051", "polled"): _row(202, "As when it is pushed."),
    ("H011", "live"): Difference(
        400,
        None,
        "With the parser httptools, uvicorn sees that what follows the message is no request, and refuses both with "
        "400. With h11 it is 401.",
    ),
    ("H016", "live"): Difference(
        202,
        None,
        "uvicorn has no deadline for a request's head, and an app never sees a request without one. Such sockets cost "
        "no thread and no notice is kept waiting; the proxy in front closes them.",
    ),
    ("H017", "live"): Difference(
        400,
        None,
        "The app answers a big head with 431. With the parser h11 uvicorn itself gives up on one that has not ended "
        "after 64 KiB, and says 400.",
    ),
    ("H034", "polled"): _row(
        202,
        "The contract has no call for one entry by its number. The gap is counted and somebody is alerted; it does let "
        "the feed be read again for 90 days.",
    ),
    ("Q009", "pushed"): _row(
        202,
        "An id is opaque: two spellings are two notices, never merged, and nothing guesses that they are one.",
    ),
    ("Q043", "pushed"): _row(
        503,
        "As asked, but for the alert at 80 %: the bound is on writes that wait for a commit, a few seconds of work, "
        "and not on open cases. Nobody could act in time; monitoring sees the 503.",
        "store_full",
    ),
    ("H022", "live"): Difference(
        202,
        None,
        "TLS ends at the host's proxy, and the app cannot see how the request came to it. Outside a sandbox "
        "`public_url` must be https, and the default profile signs that address.",
    ),
}
