"""The pairs: how far a case has come, and the two acts that then race for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.review.races.host import Act, Side, notice_of
from tests.scene import PLATFORM

State = Literal["queued", "claimed", "reclaimed", "in_approval", "decided", "suspended"]
SOLO, PAIR = "illegal_gambling", "election_rules"
"""A category that needs no second person, and one that does."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two acts, each as (what, by whom), on a case that stands at `state`. `late` is how many seconds before the end of
    the lease each acts."""

    name: str
    state: State
    first: tuple[str, str]
    second: tuple[str, str]
    category: str = SOLO
    late: tuple[int, int] = (299, 299)


PAIRS = (
    Pair("claim, claim", "queued", ("claim", "m1"), ("claim", "m2")),
    Pair("claim, cancel", "queued", ("claim", "m1"), ("cancel", "")),
    Pair("propose, propose", "claimed", ("propose_measure", "m1"), ("propose_refusal", "m1")),
    Pair("propose, propose for approval", "claimed", ("propose_measure", "m1"), ("propose_refusal", "m1"), PAIR),
    Pair("propose, expire", "claimed", ("propose_measure", "m1"), ("expire", ""), late=(1, 0)),
    Pair("renew, expire", "claimed", ("renew", "m1"), ("expire", ""), late=(1, 0)),
    Pair("renew, release", "claimed", ("renew", "m1"), ("release", "m1")),
    Pair("release, propose", "claimed", ("release", "m1"), ("propose_measure", "m1")),
    Pair("stale propose, propose", "reclaimed", ("propose_measure", "m1"), ("propose_refusal", "m2")),
    Pair("stale release, renew", "reclaimed", ("release", "m1"), ("renew", "m2")),
    Pair("propose, cancel", "claimed", ("propose_measure", "m1"), ("cancel", "")),
    Pair("propose, amend", "claimed", ("propose_measure", "m1"), ("amend", "")),
    Pair("propose, approve by the same", "claimed", ("propose_measure", "duo"), ("approve_what_is_there", "duo"), PAIR),
    Pair("propose, approve", "claimed", ("propose_measure", "m1"), ("approve_what_is_there", "lead"), PAIR),
    Pair("approve, approve", "in_approval", ("approve", "lead"), ("approve", "legal"), PAIR),
    Pair("approve, approve by the proposer", "in_approval", ("approve", "lead"), ("approve", "duo"), PAIR),
    Pair("approve, send back", "in_approval", ("approve", "lead"), ("send_back", "legal"), PAIR),
    Pair("approve, undo", "in_approval", ("approve", "lead"), ("undo", "m1"), PAIR),
    Pair("approve, cancel", "in_approval", ("approve", "lead"), ("cancel", ""), PAIR),
    Pair("approve, amend", "in_approval", ("approve", "lead"), ("amend", ""), PAIR),
    Pair("undo, attempt", "decided", ("undo", "m1"), ("attempt", "")),
    Pair("undo, undo", "decided", ("undo", "m1"), ("undo", "m2")),
    Pair("undo, cancel", "decided", ("undo", "m1"), ("cancel", "")),
    Pair("attempt, attempt", "decided", ("attempt", ""), ("attempt", "")),
    Pair("attempt, cancel", "decided", ("attempt", ""), ("cancel", "")),
    Pair("confirm, confirm by the recorder", "suspended", ("confirm", "lead"), ("confirm", "legal")),
    Pair("confirm, end", "suspended", ("confirm", "lead"), ("end", "legal")),
)


def prepared(side: Side, pair: Pair, seed: int, at: int) -> tuple[Act, Act]:
    """Bring a new case to where the pair begins; its two acts."""
    side.clock.set(at)
    host = side.host
    notice = notice_of(seed, pair.category)
    host.push(notice, f"msg-{seed}")
    (case,) = host.store.queries(PLATFORM).cases(notice_id=notice.notice_id).cases

    def take(what: str, by: str, token: int = 0, digest: str = "", when: int = at) -> str:
        came = side.take(Act(what, by, case.id, when, seed, pair.category, token, digest))
        assert came.done, (pair.name, what, came)
        return came.digest

    token, digest, until = 0, "", at + 300
    proposer = "duo" if "duo" in (pair.first[1], pair.second[1]) else "m1"
    if pair.state not in ("queued", "suspended"):
        take("claim", proposer)
        token = 1
    if pair.state == "reclaimed":
        side.clock.set(at + 300)
        take("expire", "")
        take("claim", "m2")
        until = at + 600
    if pair.state in ("in_approval", "decided"):
        digest = take("propose_measure", proposer, token)
    if pair.state == "suspended":
        take("suspend", "legal")

    def act(one: tuple[str, str], late: int) -> Act:
        # In a case that was claimed anew, the second holder has the second token.
        held = 2 if pair.state == "reclaimed" and one[1] == "m2" else token
        when = until - late if pair.state in ("claimed", "reclaimed") else at
        return Act(one[0], one[1], case.id, when, seed, pair.category, held, digest)

    return act(pair.first, pair.late[0]), act(pair.second, pair.late[1])
