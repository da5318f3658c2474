"""What comes in, and the store."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.controls.ways import (
    INTAKE,
    OF_CLOCK,
    OVERVIEW,
    RELIABILITY,
    STORE,
    Control,
    folds,
    gives,
    instead,
    leaves,
    pages_nobody,
)


def _no_commit(real: Any) -> Any:
    def commit(transaction: Any) -> None:
        transaction.flush()
        transaction.rollback()

    return commit


CONTROLS: tuple[Control, ...] = (
    Control(
        "an answer before the commit",
        "nothing is acknowledged before it is durable",
        RELIABILITY,
        instead("adapters.sql.transaction.SqlTransaction.commit", made=_no_commit),
        f"{INTAKE}test_what_was_acknowledged_is_there_for_everybody",
    ),
    Control(
        "a failed commit taken for a success",
        "a commit whose outcome is unknown is looked up, and acknowledged only if it landed",
        RELIABILITY,
        gives("adapters.sql.transaction.SqlTransaction.landed", what=True),
        f"{STORE}test_a_commit_that_did_not_land_is_not_acknowledged_and_can_be_repeated",
    ),
    Control(
        "a landed commit taken for a failure",
        "what landed is acknowledged, whatever the disk answered",
        RELIABILITY,
        gives("adapters.sql.transaction.SqlTransaction.landed"),
        f"{STORE}test_a_commit_that_landed_is_acknowledged_whatever_was_answered",
    ),
    Control(
        "an unknown commit acknowledged",
        "what nobody can look up is not acknowledged",
        RELIABILITY,
        gives("adapters.sql.transaction.SqlTransaction.landed", what=True),
        f"{STORE}test_what_nobody_knows_is_not_acknowledged[False]",
    ),
    *(
        Control(
            f"nobody watches the store's file{end}",
            "nothing is acknowledged into a file that is gone",
            RELIABILITY,
            gives("adapters.sql.files.Files._wrong", "adapters.sql.files.Files._glance"),
            f"{STORE}test_nothing_is_acknowledged_into_a_file_that_is_gone[{end}]",
        )
        for end in ("", "-wal", "-shm")
    ),
    *(
        Control(
            broken,
            "a store that lacks what was acknowledged is not opened",
            RELIABILITY,
            seam,
            f"{STORE}test_an_older_copy_in_the_place_of_the_store_is_not_opened",
        )
        for broken, seam in (
            ("nobody asks the mark", gives("adapters.sql.mark.Mark.missing", what=[])),
            ("nobody writes the mark", gives("adapters.sql.mark.Mark.keep")),
        )
    ),
    Control(
        "locks are taken on trust",
        "a place in which locks do not hold is refused",
        RELIABILITY,
        gives("adapters.sql.store.refuse_without_locks"),
        f"{STORE}test_where_everybody_gets_a_lock_no_store_is_opened",
    ),
    Control(
        "signatures unchecked",
        "what is not authentic gets a 401 and leaves nothing but a counter",
        OVERVIEW,
        instead(
            "wire.signature.keyring.hmac",
            made=lambda real: SimpleNamespace(digest=real.digest, compare_digest=lambda *_: True),
        ),
        f"{INTAKE}test_what_is_not_authentic_leaves_nothing",
    ),
    Control(
        "a repeat gets another answer",
        "the same message again gets the first answer",
        OVERVIEW,
        instead("services.admission.answer_to", made=lambda real: lambda *told: (real(*told)[0], b"{}")),
        f"{INTAKE}test_the_same_message_again_gets_the_first_answer",
    ),
    Control(
        "a repeat in another envelope is news",
        "a notice that is known opens no second case",
        OVERVIEW,
        gives("services.admission._same_notice", what=False),
        f"{INTAKE}test_the_same_notice_in_another_envelope_opens_no_second_case",
    ),
    Control(
        "a contradiction taken for a repeat",
        "nothing authentic is lost, whatever it looks like",
        RELIABILITY,
        gives("services.admission._same_notice", what=True),
        f"{INTAKE}test_another_content_of_a_known_revision_is_kept_beside_it",
    ),
    Control(
        "nobody told of a quarantine",
        "a message that cannot be used goes to quarantine, and a person is alerted",
        OVERVIEW,
        pages_nobody("arrivals.Quarantined"),
        f"{INTAKE}test_what_cannot_be_used_is_kept_with_its_clock_running_and_people_alerted",
    ),
    Control(
        "no clock in quarantine",
        "the clock of a message in quarantine runs",
        OVERVIEW,
        leaves("domain.arrivals.quarantine", watch_at=None),
        f"{INTAKE}test_what_cannot_be_used_is_kept_with_its_clock_running_and_people_alerted",
    ),
    Control(
        "the receipt of the second",
        "of what was first unusable and later usable the receipt is that of the first",
        OF_CLOCK,
        folds("arrivals.Admitted", received_at=lambda case: case.received_at + 3600),
        f"{INTAKE}test_what_becomes_usable_keeps_the_receipt_of_the_first",
    ),
    Control(
        "a letter counts from its typing",
        "a letter counts from its recorded receipt at the office",
        OF_CLOCK,
        instead("services.admission._clock", made=lambda _real: lambda _received, tx: tx.now),
        f"{INTAKE}test_a_letter_counts_from_its_receipt_at_the_office",
    ),
    Control(
        "another platform's message",
        "a message whose envelope names another platform is quarantined",
        OVERVIEW,
        gives("services.intake._mismatch"),
        f"{INTAKE}test_a_message_for_another_platform_is_quarantined",
    ),
    Control(
        "what came early is forgotten",
        "a message about a notice that has not come yet is applied when the notice arrives",
        OVERVIEW,
        instead("services.admission.follow_waiting", made=lambda _real: lambda _tx, case, change, *_: (change, case)),
        f"{INTAKE}test_what_comes_before_its_notice_takes_effect_with_it",
    ),
)
