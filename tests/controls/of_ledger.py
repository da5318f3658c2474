"""The ledger: what is hashed, what proves it, and what the fold makes of it."""

from __future__ import annotations

import json
from collections import defaultdict
from copy import copy
from dataclasses import replace
from typing import Any

from msgspec import structs

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.believed import Leaving
from kz_compliance_sdk.domain.events.base import AS_READ
from kz_compliance_sdk.domain.fold import object_in
from kz_compliance_sdk.errors import StoreDamaged
from kz_compliance_sdk.ports import Found
from tests.controls.ways import RELIABILITY, Control, gives, instead

_PAGE = "concepts/ledger.md"
_FORMAT, _ROWS = "tests/ledger/test_format.py::", "tests/ledger/test_rows_that_lie.py::"
_KEPT = "tests/ledger/test_kept.py::"
_REBUILT, _ATTACKS = "tests/ledger/test_rows_rebuilt.py::", "tests/ledger/test_attacks.py::"
_MEET = "tests/delivery/test_orders_that_meet.py::"
_SCHEMAS = "tests/ledger/test_schemas_that_lie.py::test_"
_KEYS, _WAITING = "tests/ledger/test_erasing_and_keys.py::", "tests/ledger/test_waiting.py::"
_LEAVES = "tests/ledger/test_what_leaves.py::"


def _time_of_its_content(real: Any) -> Any:
    return lambda one, *rest: real(structs.replace(one, at=json.loads(one.content)["at"]), *rest)


def _none_behind_it(real: Any) -> Any:
    def first(fetch: Any, opened: Any, limit: int, unreadable: list[str]) -> Any:
        found, were_all = real(fetch, opened, limit, unreadable)
        return ([], True) if unreadable else (found, were_all)

    return first


def _nothing_to_go_by(_real: Any) -> Any:
    def planned(case: Any) -> Any:
        raise StoreDamaged("its row is gone.", reference=case.stream)

    return planned


def _as_if_read(real: Any) -> Any:
    return lambda *given: structs.replace(real(*given), read=AS_READ)


def _as_its_row_says(real: Any) -> Any:
    return lambda shared, row: real(shared, row).but(category=row[8])


def _of_doings_alone(real: Any) -> Any:
    return lambda rows: real(row for row in rows if row[0] in ("trigger", "view"))


def _without_lies(real: Any) -> Any:
    return lambda *given: replace(real(*given), lies=())


def _folded(_case: Any, streams: Any) -> Any:
    return {name: object_in(stream) for name, stream in streams.items()}


def _believed(real: Any) -> Any:
    """What is kept is taken for the chain, whatever lies in the file by now."""

    def stream(held: Any, platform: str, name: str, base: Any, rows: Any) -> Any:
        found, kept = real(held, platform, name, base, rows), held._kept.of(platform, name)
        return kept if kept is not None and (found.fault is not None or found.seq < kept.seq) else found

    return stream


def _not_read_on(real: Any) -> Any:
    def stream(held: Any, platform: str, name: str, base: Any, rows: Any) -> Any:
        kept = held._kept.of(platform, name)
        return kept if kept is not None else real(held, platform, name, base, rows)

    return stream


def _kept_at_once(real: Any) -> Any:
    def append(held: Any, happened: Any) -> Any:
        seqs = real(held, happened)
        held.committed()
        return seqs

    return append


def _shared(_real: Any) -> Any:
    """The case after an event has the maps of the one before."""

    def evolve(case: Any, *events: Any) -> Any:
        after = copy(case)
        for on in events:
            fold.apply(after, on)
        return after

    return evolve


def _as_the_version_before(real: Any) -> Any:
    def read(links: Any, readers: Any, keys: Any, **where: Any) -> Any:
        next_too = {(kind, version + 1): one for (kind, version), one in readers.items()}
        return real(links, {**next_too, **readers}, keys, **where)

    return read


def _however_far_it_went_on(real: Any) -> Any:
    return lambda held, grown, one: real(held, grown, structs.replace(one, read=AS_READ))


def _behind_what_has_a_name(real: Any) -> Any:
    def new(held: Any, *name: str) -> int:
        held._next_stream = held._next_stream or 1
        return int(real(held, *name))

    return new


def _as_if_the_log_ended_there(real: Any) -> Any:
    def rows_of(held: Any, platform: str, since: Any) -> Any:
        found = real(held, platform, since)
        return {
            name: [(*row[:2], rows[-1][12], row[3], rows[-1][7], *row[5:]) for row in rows]
            for name, rows in found.items()
        }

    return rows_of


def _as_it_was_judged(real: Any) -> Any:
    return lambda kept, platform, name, _: real(
        kept, platform, name, kept._streams.get((platform, name), (None, {}))[1]
    )


CONTROLS: tuple[Control, ...] = (
    Control(
        "nobody asks the log where a stream ends",
        "the log ends with each of its streams: an event that is missing from either is found",
        _PAGE,
        instead("adapters.sql.ledger.Ledger._rows_of", made=_as_if_the_log_ended_there),
        "tests/ledger/test_append.py::test_a_stream_with_which_the_log_does_not_end_is_damaged[events]",
    ),
    Control(
        "what was judged once is judged for ever",
        "once another ledger key is retired all of a chain is judged again",
        _PAGE,
        instead("domain.fold.Kept.still", made=_as_it_was_judged),
        f"{_KEPT}test_where_a_key_was_retired_since_all_of_it_is_judged_again",
    ),
    Control(
        "each try is told",
        "1,500 tries are 12 events",
        _PAGE,
        gives("domain.believed._is_to_be_told", what=True),
        "tests/ledger/test_tries.py::test_1500_tries_are_told_in_12_events_and_each_row_is_read_once",
    ),
    Control(
        "what waited waits on",
        "a message that waited takes effect once, and its stream says so",
        _PAGE,
        instead("domain.received.Lodging.is_open", made=lambda _real: property(lambda _held: True)),
        f"{_WAITING}test_what_waited_takes_effect_once_and_says_so_in_both_streams",
    ),
    Control(
        "what a newer release wrote is read as if it were known",
        "a stream of a newer release is left alone, and holds up no other",
        _PAGE,
        instead("adapters.sql.ledger.read", made=_as_the_version_before),
        "tests/ledger/test_newer_release.py::"
        "test_a_stream_of_a_newer_release_is_left_alone_and_holds_up_no_other[versioned]",
    ),
    Control(
        "a stream that went on is written to all the same",
        "if a stream has gone on since it was read, nothing of the decision is written, in any stream",
        _PAGE,
        instead("adapters.sql.ledger.Appending._linked", made=_however_far_it_went_on),
        "tests/ledger/test_append.py::test_a_stale_work_fails_alone_and_leaves_nothing_in_any_stream",
    ),
    Control(
        "the number of a stream that was taken away is given again",
        "no new stream gets the number of one that was taken away",
        _PAGE,
        instead("adapters.sql.ledger.Appending._new_stream", made=_behind_what_has_a_name),
        "tests/ledger/test_append.py::test_no_new_stream_gets_the_number_of_one_that_was_taken_away",
    ),
    Control(
        "a store opens without its ledger key",
        "a store that holds MACs of a ledger key does not open without it",
        _PAGE,
        gives("adapters.sql.store.check_ledger_keys"),
        f"{_KEYS}test_a_store_with_macs_does_not_open_without_its_ledger_key",
    ),
    Control(
        "an old ledger key goes on with what a newer one has come to",
        "an event under an older key is refused in a stream that a newer one has come to",
        _PAGE,
        gives("adapters.sql.ledger.check_order", what={}),
        f"{_KEYS}test_an_older_key_after_a_newer_one_is_refused_before_it_is_retired",
    ),
    Control(
        "a retired ledger key is as good as any",
        "an event under a ledger key that had been retired is refused on reading",
        _PAGE,
        gives("adapters.sql.ledger.Ledger._place", what=0),
        f"{_KEYS}test_an_event_under_a_retired_key_is_refused_when_it_is_read",
    ),
    Control(
        "a host with a retired ledger key goes on writing",
        "nothing is appended by a host that still has a retired ledger key",
        _PAGE,
        gives("adapters.sql.ledger.Appending._refuse_retired"),
        f"{_KEYS}test_a_host_with_a_retired_key_appends_nothing",
    ),
    Control(
        "nobody asks whether a history is lawful",
        "whoever appends with the ledger key writes no lawful history by that",
        _PAGE,
        gives("domain.proofs.broken", what=()),
        "tests/ledger/test_lawfulness.py::test_whoever_appends_under_the_ledger_key_is_named_by_the_verification",
    ),
    Control(
        "a row says which event tells of a message",
        "a row of which its stream does not tell gives no answer, and people are told",
        _PAGE,
        gives("adapters.sql.inbox.tells", what=True),
        f"{_WAITING}test_a_row_that_lies_about_an_answer_gives_none_and_is_told",
    ),
    Control(
        "a row makes a message wait",
        "a row that makes wait what does not has no effect, and is told when its notice comes",
        _PAGE,
        gives("adapters.sql.inbox.makes_wait", what=True),
        f"{_WAITING}test_what_no_authority_wrote_of_a_notice_waits_for_it_in_vain_and_is_told[moved]",
    ),
    Control(
        "nothing is lifted whose words are damaged",
        "a measure whose words are damaged is lifted on the object as other words of the chain call it",
        _PAGE,
        instead("domain.believed._lifting", made=lambda _real: lambda _stream, owed, _opens: Leaving(owed)),
        f"{_LEAVES}test_a_measure_is_lifted_all_the_same_and_on_no_other_object",
    ),
    Control(
        "a count of notices that was edited is believed",
        "a notice that was told of fewer before it than came is named",
        "concepts/audit.md",
        gives("evidence.verify_store._miscounted", what=()),
        "tests/arrivals/test_volume.py::"
        "test_a_count_that_was_taken_away_is_named_with_the_notice_that_it_let_through[DELETE FROM volumes]",
    ),
    Control(
        "a case is changed by what comes after it",
        "the case before an event stays as it was",
        _PAGE,
        instead("domain.fold.evolve", made=_shared),
        f"{_KEPT}test_a_case_before_an_event_stays_as_it_was[kept]",
    ),
    *(
        Control(
            f"what was kept is believed: {how}",
            "a long chain that is kept is held against the file whenever it is read",
            _PAGE,
            instead("adapters.sql.ledger.Ledger._stream", made=_believed),
            f"{_KEPT}test_a_tail_that_was_cut_or_rewritten_is_noticed[{how}]",
        )
        for how in ("a tail that was cut with its log", "its head rewritten")
    ),
    Control(
        "nothing is read behind what is kept",
        "what another process appended is read behind what is kept",
        _PAGE,
        instead("adapters.sql.ledger.Ledger._stream", made=_not_read_on),
        f"{_KEPT}test_another_process_that_appends_is_seen",
    ),
    Control(
        "what was rolled back is kept",
        "nothing is kept before it is committed",
        _PAGE,
        instead("adapters.sql.ledger.Appending.append", made=_kept_at_once),
        f"{_KEPT}test_nothing_is_kept_of_what_was_rolled_back",
    ),
    Control(
        "opened words stay",
        "no word that was opened outlives its transaction",
        _PAGE,
        gives("adapters.sql.transaction.SqlTransaction._forget"),
        f"{_KEPT}test_no_word_outlives_its_erasure[another]",
    ),
    Control(
        "the sweep believes what is kept",
        "the sweep reads each chain whole",
        _PAGE,
        gives("adapters.sql.ledger.Ledger.anew"),
        f"{_KEPT}test_an_event_that_was_rewritten_behind_the_head_decides_nothing_and_is_named_within_the_hour",
    ),
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
    Control(
        "rows are believed",
        "a row that was edited decides nothing",
        _PAGE,
        instead("adapters.sql.statements.Shared.case_from", made=_as_its_row_says),
        f"{_ROWS}test_a_category_that_was_edited_takes_nobody_s_second_person_away",
    ),
    Control(
        "a row says what leaves",
        "nothing leaves that its chain does not owe, or does not owe yet",
        _PAGE,
        instead("adapters.sql.view.leaving", made=lambda _real: lambda _stream, message, _now: message),
        f"{_ROWS}test_what_must_not_leave_yet_stays_although_its_row_says_that_it_may",
    ),
    Control(
        "a row has the bytes that leave",
        "the bytes that leave are made of the chain",
        _PAGE,
        instead("adapters.sql.view.as_made", made=lambda _real: lambda _stream, message, *_: message),
        "tests/ledger/test_what_leaves.py::test_an_alert_goes_to_whom_the_ladder_names_whatever_its_row_says",
    ),
    Control(
        "the columns beside an event are not compared",
        "a stream that does not prove itself decides nothing",
        _PAGE,
        instead("domain.ledger._stamped", made=_time_of_its_content),
        f"{_ROWS}test_an_event_that_was_changed_decides_nothing_and_hides_nothing",
    ),
    Control(
        "the sweep finds no lies",
        "the hourly sweep mends a row that lies",
        RELIABILITY,
        instead("adapters.sql.view.View._found", made=_without_lies),
        f"{_ROWS}test_a_row_that_lies_is_named_mended_and_paged[due_at]",
    ),
    Control(
        "a row keeps back what its case owes",
        "what a case owes leaves within the hour, whatever its row says",
        RELIABILITY,
        gives("adapters.sql.view.View._astray", what=defaultdict(list)),
        f"{_ATTACKS}test_a_report_that_a_row_keeps_back_leaves_within_the_hour[never]",
    ),
    Control(
        "an alert of no case is kept back by its row",
        "an alert of no case leaves within the hour, whatever its row says",
        RELIABILITY,
        gives("adapters.sql.view.View._alert_found", what=Found("alert/any")),
        f"{_ATTACKS}test_an_alert_of_no_case_that_a_row_keeps_back_leaves_within_the_hour[its row is gone]",
    ),
    Control(
        "when a message was refused for good is not told by its chain",
        "what was refused for good says when, whatever its row says",
        RELIABILITY,
        instead("domain.believed.as_owed", made=lambda real: lambda *given: real(*given).but(settled_at=None)),
        f"{_ATTACKS}test_what_was_refused_for_good_says_when_though_its_row_is_made_anew",
    ),
    Control(
        "whoever is said to know is not told",
        "nobody is kept from being told of a broken chain",
        RELIABILITY,
        gives("services.loading.is_until", what=True),
        f"{_ATTACKS}test_nobody_is_kept_from_being_told_of_a_broken_chain",
    ),
    Control(
        "a row puts its case off",
        "the hourly sweep mends a row that puts its case off",
        RELIABILITY,
        instead("services.sweep.Sweep._planned", made=lambda _real: lambda _sweep, case, _now: case),
        f"{_ROWS}test_a_line_of_the_watch_that_lies_or_is_gone_is_named_mended_and_paged[is late]",
    ),
    Control(
        "what was put off is passed over",
        "a step that a row put off fires once the row is mended",
        RELIABILITY,
        gives("services.sweep.planned_anew", what={"watch_at": 1 << 60}),
        f"{_ROWS}test_a_step_that_a_line_put_off_fires_once_the_line_is_mended",
    ),
    Control(
        "only triggers and views are looked at",
        "whatever is in the schema that this release did not make so is named, and told within the hour",
        RELIABILITY,
        instead("adapters.sql.schema._objects", made=_of_doings_alone),
        f"{_SCHEMAS}a_schema_that_is_another_is_named_and_told_within_the_hour[tables that swallow]",
    ),
    Control(
        "an index is believed to hold what its table does",
        "an index that lies is named, and what it hid comes back once it is made anew",
        RELIABILITY,
        gives("adapters.sql.schema.lying_indexes", what=[]),
        f"{_SCHEMAS}what_an_index_hides_comes_back_once_it_is_made_anew[watches_due]",
    ),
    Control(
        "what waits in vain goes on waiting",
        "a cancellation that a row kept from its notice takes effect within the hour",
        RELIABILITY,
        gives("services.sweep.follow_late", what=()),
        "tests/ledger/test_waiting.py::test_a_cancellation_that_a_lie_kept_from_its_notice_takes_effect_within_the_hour"
        "[the row of its case lied when it came]",
    ),
    Control(
        "what the sweep remembers is taken as it stands",
        "no line of daily work ends the sweep",
        RELIABILITY,
        instead("services.sweep.count_in", made=lambda _real: lambda text: int(text or "0")),
        "tests/ledger/test_daily_work_that_lies.py::test_the_sweep_goes_on_whatever_its_line_remembers[x]",
    ),
    Control(
        "mended in silence",
        "people are told of a row that was mended",
        RELIABILITY,
        gives("services.sweep.Sweep._told", what=()),
        f"{_ROWS}test_a_row_that_lies_is_named_mended_and_paged[state]",
    ),
    Control(
        "a row that is gone stays gone",
        "a row that is gone is made anew from its chain, and its case is decided",
        RELIABILITY,
        instead("domain.believed.planned_anew", made=_nothing_to_go_by),
        f"{_REBUILT}test_a_row_that_was_deleted_comes_back_and_its_case_is_decided",
    ),
    Control(
        "how far an object had been read is not heeded",
        "two orders about one object meet whatever the interleaving: no measure stays with no order left",
        _PAGE,
        instead("domain.holding.Objects._happened", made=_as_if_read),
        f"{_MEET}test_both_read_before_either_writes",
    ),
    Control(
        "any version of an object is believed",
        "a case that names a version which its object never handed out is damaged",
        _PAGE,
        instead("adapters.sql.queries.believed_objects", made=lambda _real: _folded),
        f"{_ROWS}test_a_version_that_the_object_never_handed_out_is_damage",
    ),
    Control(
        "a broken chain holds up what stands behind it",
        "a broken chain hides nothing: the other cases go on",
        RELIABILITY,
        instead("adapters.sql.statements.first_that_open", made=_none_behind_it),
        f"{_ROWS}test_an_event_that_was_changed_decides_nothing_and_hides_nothing",
    ),
    Control(
        "nobody hears of a broken chain",
        "a broken chain hides nothing: people are told of it",
        RELIABILITY,
        gives("services.sweep.alerts", what=()),
        f"{_ROWS}test_an_event_that_was_changed_decides_nothing_and_hides_nothing",
    ),
)
