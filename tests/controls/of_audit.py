"""The ledger, checkpoints and evidence."""

from __future__ import annotations

from typing import Any

import msgspec

from kz_compliance_sdk.transparency import publication
from tests.controls.ways import (
    AUDIT,
    CHECKPOINTS,
    EVIDENCE,
    OF_AUDIT,
    OVERVIEW,
    STORE,
    Control,
    gives,
    instead,
)


def _of_any_platform(real: Any) -> Any:
    def claim(review: Any, *given: Any, **named: Any) -> Any:
        review._platform = "social"
        return real(review, *given, **named)

    return claim


def _in_so_many_words(real: Any) -> Any:
    def seal(part: Any) -> Any:
        return msgspec.structs.replace(real(part), mac=part.data.decode("utf-8", "replace"))

    return seal


CONTROLS: tuple[Control, ...] = (
    Control(
        "a verifier makes nothing of a pack again",
        "nobody signs a page that contradicts its events, not even with the platform's key",
        "guides/evidence.md",
        gives("evidence.verify_pack._Inside._made_again", what=()),
        f"{AUDIT}test_a_page_of_a_pack_that_contradicts_its_events_is_refused",
    ),
    Control(
        "a view leaves no trace",
        "every step of a case is an event, and so is who looked at it",
        OF_AUDIT,
        gives("evidence.taking.Evidence.record_view", what=True),
        f"{AUDIT}test_every_step_is_an_event",
    ),
    Control(
        "reasons in the chain",
        "what people wrote enters an event only as a salted digest",
        OF_AUDIT,
        instead("adapters.sql.ledger.seal", made=_in_so_many_words),
        f"{AUDIT}test_what_people_wrote_is_in_the_chain_as_a_digest_alone",
    ),
    *(
        Control(
            f"the chain is not held against its rows: {what}",
            "whatever is changed behind the library's back is found and named",
            page,
            gives("domain.proofs.check", "adapters.sql.queries.SqlQueries.strays", what=()),
            f"{AUDIT}test_what_is_changed_behind_its_back_is_found[{what}]",
        )
        for what, page in (
            ("event", OF_AUDIT),
            ("no event", OF_AUDIT),
            ("due time", OF_AUDIT),
            ("decision", EVIDENCE),
            ("message", EVIDENCE),
            ("text", OF_AUDIT),
        )
    ),
    Control(
        "the chain knows of no tries",
        "a try that was told and is changed, taken away or added is found",
        EVIDENCE,
        gives("domain.proofs.tellings_of", what={}),
        f"{AUDIT}test_a_try_that_was_told_is_held",
    ),
    Control(
        "checkpoints unread",
        "a chain that was told otherwise, its hashes made anew, is held against the checkpoints",
        CHECKPOINTS,
        gives("evidence.verify_store._hold_inside"),
        f"{AUDIT}test_a_chain_that_was_told_otherwise_with_its_hashes_is_held_by_the_checkpoint",
    ),
    Control(
        "nobody asks outside",
        "an old backup in the place of the store is found with a checkpoint from outside",
        CHECKPOINTS,
        gives("evidence.verify_store._hold_outside"),
        f"{AUDIT}test_an_old_backup_is_found_by_a_checkpoint_that_was_kept_elsewhere",
    ),
    Control(
        "reports without a checkpoint",
        "each report carries `size` and `root` of the last checkpoint",
        CHECKPOINTS,
        instead("services.loading.with_checkpoint", made=lambda _real: lambda _tx, respondent: respondent),
        f"{AUDIT}test_a_report_carries_the_head_and_the_last_checkpoint",
    ),
    Control(
        "platforms see each other",
        "of two platforms in one file neither sees the other's cases",
        OVERVIEW,
        instead("services.take.Taking.claim", made=_of_any_platform),
        f"{STORE}test_two_platforms_see_and_change_only_their_own",
    ),
    Control(
        "small counts are shown",
        "no small count is shown or follows from what is",
        "guides/transparency.md",
        gives("transparency.report.hide", what=({}, set())),
        "tests/figures/test_transparency_report.py::test_no_small_count_is_shown_or_follows_from_what_is[0]",
    ),
    Control(
        "small counts are hidden and nothing that covers them",
        "no method recovers a hidden count from all the sums of a report",
        "guides/transparency.md",
        gives("transparency.hiding.Suppression.hide", what=True),
        "tests/figures/test_published_together.py::test_a_linear_programme_recovers_no_hidden_count[120]",
    ),
    Control(
        "a revision is hidden as if it were the first report",
        "what two published reports of a period differ by is never few demands",
        "guides/transparency.md",
        gives("transparency.report._before"),
        "tests/figures/test_series.py::test_two_reports_of_a_period_tell_no_small_change",
    ),
    Control(
        "a month that was published is free for another period",
        "each month is published once",
        "guides/transparency.md",
        gives("transparency.publication._series", what=publication._Series()),
        "tests/figures/test_series.py::test_periods_do_not_overlap",
    ),
)
