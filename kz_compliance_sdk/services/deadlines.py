"""The watch: which escalation steps are due. Its cost depends on what is due, not on how many cases are open."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from kz_compliance_sdk.domain import results, steps
from kz_compliance_sdk.domain.audit import SYSTEM, Stamp
from kz_compliance_sdk.domain.change import Change, EscalationFired, Heartbeat, Write
from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.loading import answering_of

WATCHER = "watcher"
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """What one watch came to: cases looked at, steps fired."""

    cases: int
    fired: int


def watch(
    store: Store, platform_id: str, policy: Policy, respondent: Respondent, now: int | None = None, *, beat: bool = True
) -> Watched:
    """Fire each step that is due at `now` (UTC seconds; by default the store's clock) once.

    Safe to call from several workers and as often as wanted: the step and the time of the next one are written
    together. `beat` records a heartbeat as well, so that its absence can be seen.
    """
    looked_at = fired = 0
    store.submit(platform_id, _free_expired).result()
    work = partial(_pass, platform_id=platform_id, policy=policy, respondent=respondent, now=now)
    while True:
        found, times = store.submit(platform_id, partial(work, beat=beat and not looked_at)).result()
        looked_at, fired = looked_at + found, fired + times
        if found < _AT_ONCE:
            return Watched(looked_at, fired)


def _free_expired(tx: Tx) -> tuple[Change, None]:
    """Leases that ran out go back to the queue, where people see them, even if nobody claims."""
    stamp = Stamp(tx.now, SYSTEM)
    return tuple(write for case in tx.expired_leases(_AT_ONCE) for write in steps.expire(case, stamp=stamp)), None


def _pass(
    tx: Tx, platform_id: str, policy: Policy, respondent: Respondent, now: int | None, *, beat: bool
) -> tuple[Change, tuple[int, int]]:
    at = tx.now if now is None else now
    writes: list[Write] = [Heartbeat(platform_id, WATCHER, tx.now)] if beat else []
    cases = tx.cases_to_watch(at, _AT_ONCE)
    stamp = Stamp(at, SYSTEM)
    for case in cases:
        change = results.escalate(case, policy, stamp)
        writes += change
        if results.interim_due(case, policy, at):
            after = results.after(case, change)
            writes += results.report_interim(after, answering_of(tx, case, respondent), stamp)
    fired = sum(isinstance(write, EscalationFired) for write in writes)
    return tuple(writes), (len(cases), fired)
