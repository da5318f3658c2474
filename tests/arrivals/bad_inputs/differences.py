"""What is tested elsewhere, and the page about the differences: `python -m tests.arrivals.bad_inputs` writes it.

Every difference is run, and one that is no longer true fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kz_compliance_sdk.testing.conformance.bad_inputs import CASES, Channel, Difference
from kz_compliance_sdk.testing.conformance.bad_inputs import DIFFERENCES as PUSHED

__all__ = ["DIFFERENCES", "ELSEWHERE", "page"]


def _row(status: int, why: str, *codes: str) -> Difference:
    return Difference(status, frozenset(codes), why)


DIFFERENCES: Final[Mapping[tuple[str, Channel], Difference]] = {
    **PUSHED,
    ("M009", "polled"): _row(202, "As when it is pushed."),
    ("K001", "polled"): _row(
        202,
        "An entry of the feed is as old as its push; the window guards against a replay, and an entry is asked for.",
    ),
    ("V049", "polled"): _row(202, "As when it is pushed."),
    ("V050", "polled"): _row(202, "As when it is pushed."),
    ("V051", "polled"): _row(202, "As when it is pushed."),
    ("H011", "live"): Difference(
        400,
        None,
        "With the parser httptools, uvicorn sees that what follows the message is no request, and refuses both with "
        "400. With h11, and with `kz-compliance serve`, it is 401.",
    ),
    ("H016", "live"): Difference(
        202,
        None,
        "uvicorn has no deadline for a request's head, and an app never sees a request without one. Such sockets cost "
        "no thread and no notice is kept waiting; the proxy in front closes them. `kz-compliance serve` answers 408.",
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
    ("H022", "live"): Difference(
        202,
        None,
        "TLS ends at the host's proxy, and the app cannot see how the request came to it. Outside a sandbox "
        "`public_url` must be https, and the default profile signs that address.",
    ),
}
"""Those of the conformance kit, which pushes, and those of what is polled or needs a socket."""

ELSEWHERE: Final[Mapping[str, str]] = {
    "H037": "reading the regulator's answers: tests/delivery/test_http_regulator_reads.py",
    "K045": "the clock and its escalations",
    "K047": "the clock and its escalations",
    "K049": "the clock: deadlines are UTC integers, zone data only displays",
    "Q012": "the store: a crash around a commit",
    "Q014": "the store on PostgreSQL: a commit whose outcome is unknown",
    "Q016": "the store: synchronous=FULL, set and read back",
    "Q019": "the case: cancellations in each of their effects",
    "Q024": "leases",
    "Q025": "leases",
    "Q026": "review",
    "Q027": "review",
    "Q028": "review: four eyes",
    "Q029": "review: four eyes",
    "Q030": "review: four eyes",
    "Q032": "delivery",
    "Q033": "delivery",
    "Q034": "delivery",
    "Q035": "delivery",
    "Q036": "reading the regulator's answers: tests/delivery/test_http_regulator.py",
    "Q037": "reading the regulator's answers: tests/delivery/test_http_regulator.py",
    "Q038": "reading the regulator's answers: tests/delivery/test_http_regulator.py",
    "Q039": "delivery: the schedule of attempts",
    "Q040": "delivery: two workers",
    "Q042": "the dashboard",
    "Q044": "the store: the earliest deadline first",
    "Q046": "the audit chain",
    "Q048": "the audit chain: a checkpoint outside",
    "Q049": "the store: migrations",
    "Q052": "the store: where its file may lie",
}
"""Cases that are not about intake, and the part whose tests they belong to."""


def page() -> str:
    """The page of the documentation."""
    rows: dict[str, list[tuple[Channel, Difference]]] = {}
    for (case_id, channel), difference in sorted(DIFFERENCES.items()):
        rows.setdefault(case_id, []).append((channel, difference))
    lines = [_HEAD]
    for case_id, found in rows.items():
        case = CASES[case_id]
        ways = ", ".join(channel for channel, _ in found)
        asked = f"`{case.code}`" if case.http is None else f"{case.http} `{case.code}`"
        given = "; ".join(dict.fromkeys(_given(difference) for _, difference in found))
        why = " ".join(d.why for _, d in found if not d.why.startswith("As when"))
        lines.append(f"| {case_id} {case.name} | {ways} | {asked} | {given} | {why} |")
    return "\n".join(lines) + "\n"


def _given(difference: Difference) -> str:
    return " ".join([str(difference.status), *(f"`{code}`" for code in sorted(difference.codes or ()))])


_HEAD = f"""\
<!-- Made from the differences by `python -m tests.arrivals.bad_inputs`. Do not edit. -->

# Bad inputs

Whatever is sent to intake has one of three ends, and a person never has to guess which:

| End | Status | What is left of it |
|---|---|---|
| not authentic | 401, the same bytes for every cause; 404, 405, 408, 411, 413, 415, 431 for the transport | counters |
| authentic and usable | 202; 200 for a repeat; 409 against what is held | the bytes as they came, a case, its clock |
| authentic but unusable | 422 with the reason | the bytes as they came, a case in quarantine, its clock, an alert |

503 with `Retry-After` says that nothing was stored. The `code` of a problem, or the flag on a case, says what was
found.

`kz_compliance_sdk/testing/conformance/bad_inputs.json` is a catalogue of {len(CASES)} bad, hostile and odd inputs. The
tests send those that concern intake to a desk on a real database file, over HTTP and by the feed; after each they check
that nothing authentic was lost, that a refusal left no row, and that no log line holds a key, a signature or a person.
The code that the catalogue calls `auth` is `not_authentic` here. [The conformance kit](../guides/conformance.md) sends
them to anybody's intake.

## Where the answer differs

| Input | Way | The catalogue asks | Here | Why |
|---|---|---|---|---|"""
