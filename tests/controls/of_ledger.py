"""The ledger: what is hashed, what proves it, and what the fold makes of it."""

from __future__ import annotations

from tests.controls.ways import Control, gives, instead

_PAGE = "concepts/ledger.md"
_FORMAT = "tests/ledger/test_format.py::"


CONTROLS: tuple[Control, ...] = (
    Control(
        "a forged tail with right hashes",
        "whoever writes to the database cannot append: each event carries a MAC under a key outside it",
        _PAGE,
        gives("domain.ledger._check_mac"),
        f"{_FORMAT}test_whatever_is_changed_is_found_and_named[a forged tail with right hashes]",
    ),
    Control(
        "any part is the one that was sealed",
        "a part is bound to its event by a salted digest",
        _PAGE,
        gives("domain.ledger.hmac.compare_digest", what=True),
        f"{_FORMAT}test_a_part_is_bound_to_its_event_and_can_go_without_it",
    ),
    Control(
        "one name for two numbers",
        "a number stands for one person and one account throughout a stream",
        _PAGE,
        instead("domain.ledger.Roster.numbers", made=lambda _real: lambda _roster, actor: (1, 1) if actor else (0, 0)),
        f"{_FORMAT}test_a_stream_says_who_did_what_when",
    ),
)
