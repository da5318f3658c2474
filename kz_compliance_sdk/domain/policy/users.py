"""What a platform owes the people whose content a measure meets: when they are told, and how an appeal runs."""

from __future__ import annotations

from kz_compliance_sdk.domain.policy.basis import DAY_S, PositiveSeconds, Seconds, Source, Value, Yes

OWN = Source(
    act="the platform's own rule",
    note="unverified: no text that sets these for Kazakhstan was read. Two weeks is what EU Regulation 2021/784 gives "
    "a complaint, by a secondary source; the other lengths of time are our choice",
)


class UserPolicy(Value):
    """Times in seconds, and what an appeal that succeeds asks for."""

    ask_s: Seconds = DAY_S
    """How long a person may take to decide, where a notice asks for silence without a legal basis or without an end.
    The user is told when it has passed."""
    longest_delay_s: PositiveSeconds = 42 * DAY_S
    """How long the user is not told at most, because a notice asks for it or a person put it off. A longer silence
    takes a new decision of a person."""
    appeal_term_s: PositiveSeconds = 14 * DAY_S
    """How soon after its receipt an appeal is decided."""
    appeal_near_s: Seconds = 2 * DAY_S
    """How long before that people are told that it nears."""
    report_reversals: Yes = True
    """Whether the regulator gets a corrected report when an appeal has lifted a measure that was reported already."""
    source: Source = OWN
