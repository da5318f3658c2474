"""Controls that take real processes, or minutes: tests of their own, which the quick part leaves out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlowControl:
    """A promise, the page under `docs/` that makes it, what is broken, and the test that breaks it and looks."""

    promise: str
    page: str
    broken: str
    test: str


_RELIABILITY = "reliability.md"
_KILL, _RACES = "tests/kills/test_kill.py::", "tests/review/test_races.py::"

SLOW: tuple[SlowControl, ...] = (
    SlowControl(
        "whatever a power cut leaves of the store's files holds all that anybody was told",
        _RELIABILITY,
        "a disk does not sync the log, or the database, and says that it did",
        "tests/store/test_power_cuts.py::test_control_a_disk_that_does_not_sync_what_it_says_it_did_loses_some",
    ),
    SlowControl(
        "what is acknowledged is stored, whatever is killed",
        _RELIABILITY,
        "a receiver answers before its commit",
        f"{_KILL}test_control_an_answer_that_leaves_before_its_commit_loses_notices_under_kills",
    ),
    SlowControl(
        "each confirmation is in the regulator's books exactly once, whatever is killed",
        _RELIABILITY,
        "a worker sends again under a new id",
        f"{_KILL}test_control_a_worker_that_sends_again_under_a_new_id_doubles_confirmations",
    ),
    SlowControl(
        "a worker that was stopped beyond its leases doubles nothing",
        _RELIABILITY,
        "it goes on under a new id",
        f"{_KILL}test_control_a_worker_that_comes_back_under_a_new_id_doubles_confirmations",
    ),
    SlowControl(
        "both sets of books agree, whatever the network does",
        _RELIABILITY,
        "a side that is wrong, in four ways, and on two hosts",
        "tests/kills/test_week.py::test_a_side_that_is_wrong_is_found",
    ),
    SlowControl(
        "two people who act at once never decide twice",
        "concepts/review.md",
        "one check is taken away: versions, leases, the approver, what has begun",
        f"{_RACES}test_what_a_check_stops_is_found_once_it_is_gone",
    ),
    SlowControl(
        "whatever is changed behind the library's back is found and named",
        "concepts/checkpoints.md",
        "one rule of the verification is switched off",
        "tests/ledger/test_tampering.py::test_without_one_of_its_rules_the_verification_misses_some",
    ),
    SlowControl(
        "nothing that leaves or is logged names a user or a reporter",
        "concepts/privacy.md",
        "what was planted is let out",
        "tests/privacy/test_leaks.py::test_the_search_finds_what_leaks",
    ),
    SlowControl(
        "no word of anybody outlives retention, in whatever encoding, in the store, in packs or in figures",
        "concepts/privacy.md",
        "a cited law stands in the chain as its notice has it",
        "tests/privacy/test_planted.py::test_the_control_a_word_in_an_open_field_is_found",
    ),
    SlowControl(
        "no ciphertext and no key of what was erased is left in the file, its log or its free pages",
        "concepts/privacy.md",
        "pages are not overwritten",
        "tests/privacy/test_planted.py::test_the_control_pages_that_are_not_overwritten_are_found",
    ),
)
