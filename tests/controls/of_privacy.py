"""Personal data, and the safety of people."""

from __future__ import annotations

from typing import Any

from tests.controls.ways import (
    OF_AUDIT,
    OF_CLOCK,
    OF_PRIVACY,
    PRIVACY,
    RELIABILITY,
    Control,
    both,
    gives,
    instead,
    is_now,
    roles_unchecked,
)


def _with_the_address(real: Any) -> Any:
    def page(case: Any, reason: str, *given: Any, **named: Any) -> Any:
        return real(case, f"{reason} nightingale", *given, **named)

    return page


def _keeps_keys(real: Any) -> Any:
    def write(ledger: Any, inserts: Any, execute: Any, execute_many: Any) -> None:
        def but_keys(sql: str, values: Any) -> Any:
            return 0 if sql == ledger._s.destroy_key.sql else execute(sql, values)

        real(ledger, inserts, but_keys, execute_many)

    return write


CONTROLS: tuple[Control, ...] = (
    Control(
        "plain cells",
        "what an authority wrote lies in the file encrypted with a key of the case",
        OF_PRIVACY,
        both(
            instead("adapters.sql.keys.PrivateRows._sealed", made=lambda _real: lambda *given: given[-1]),
            instead("adapters.sql.keys.PartKeys.seal", made=lambda _real: lambda *given: given[-1].data),
        ),
        f"{PRIVACY}test_nothing_personal_lies_in_the_file_in_the_clear",
    ),
    Control(
        "erased in name only",
        "at the end of retention the key is destroyed and the cells are emptied",
        OF_PRIVACY,
        instead("adapters.sql.ledger.Appending.write", made=_keeps_keys),
        f"{PRIVACY}test_at_its_end_personal_data_goes_and_what_happened_stays",
    ),
    Control(
        "erased before its time",
        "a case with a measure in force is kept for 1095 days after its end",
        OF_PRIVACY,
        gives("domain.retention.class_of", what="closed"),
        f"{PRIVACY}test_nothing_goes_before_its_time",
    ),
    Control(
        "no secure delete",
        "the pages of what was erased are overwritten",
        OF_PRIVACY,
        is_now("adapters.sql.sqlite.OVERWRITE_ALL", "PRAGMA secure_delete = FAST"),
        f"{PRIVACY}test_what_was_erased_is_overwritten",
    ),
    Control(
        "a hold holds nothing",
        "retention never touches a case that a legal hold keeps",
        OF_PRIVACY,
        gives("domain.retention.is_held", what=False),
        f"{PRIVACY}test_a_legal_hold_and_an_open_contest_keep_a_case",
    ),
    Control(
        "a contest keeps nothing",
        "retention never touches a case that an open contest keeps",
        OF_PRIVACY,
        gives("domain.retention.is_contested", what=False),
        f"{PRIVACY}test_a_legal_hold_and_an_open_contest_keep_a_case",
    ),
    Control(
        "a hold is cut short by another",
        "a new hold can make it longer and not shorter",
        OF_PRIVACY,
        gives("domain.commands.office.is_held", what=False),
        f"{PRIVACY}test_a_new_hold_is_never_shorter",
    ),
    Control(
        "erased while in force",
        "an early erasure is refused while a measure is in force",
        OF_PRIVACY,
        gives("domain.commands.office._refuse_what_is_needed"),
        f"{PRIVACY}test_a_measure_in_force_stops_an_early_erasure",
    ),
    Control(
        "one person erases",
        "an early erasure takes two people",
        OF_PRIVACY,
        gives("domain.commands.office.check_another"),
        f"{PRIVACY}test_an_early_erasure_takes_two_people",
    ),
    Control(
        "colleagues by name",
        "in an export the people of the office are numbers",
        OF_PRIVACY,
        instead(
            "services.privacy.export_document",
            made=lambda real: lambda case, records, **_named: real(case, records, with_staff=True),
        ),
        f"{PRIVACY}test_what_is_taken_out_is_on_record_and_names_no_colleague",
    ),
    Control(
        "packs for everybody",
        "a full evidence pack takes somebody who may disclose",
        OF_AUDIT,
        roles_unchecked("disclose"),
        f"{PRIVACY}test_a_pack_names_nobody_unless_somebody_answers_for_it",
    ),
    Control(
        "alerts that tell",
        "an alert carries the case reference and a reason code, no content and no names",
        OF_CLOCK,
        instead("domain.fold.Case.page", made=_with_the_address),
        f"{PRIVACY}test_an_alert_carries_a_reference_and_a_code_alone",
    ),
    Control(
        "logs that tell",
        "no log line holds what somebody else's code said",
        RELIABILITY,
        instead("services.delivery.kind_and_place", made=lambda _real: repr),
        f"{PRIVACY}test_no_log_line_holds_what_the_platforms_code_said",
    ),
)
