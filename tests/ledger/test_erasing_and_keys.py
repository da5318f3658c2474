"""What was erased is gone from every file; which keys open and prove a ledger, and how one takes another's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kz_compliance_sdk.adapters.sql.keys import MasterKeys
from kz_compliance_sdk.adapters.sql.rewrapping import retire_ledger_keys, rewrap
from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import retention
from kz_compliance_sdk.domain.change import Change, Happened, happenings
from kz_compliance_sdk.domain.events import KINDS
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.events.office import LedgerKeyRetired
from kz_compliance_sdk.domain.events.privacy import Erased, Held, erasable
from kz_compliance_sdk.domain.ledger import Damage, LedgerKeys
from kz_compliance_sdk.domain.retention import Holdings
from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.values import stream_of
from kz_compliance_sdk.errors import ConfigError, Conflict, StoreUnusable
from tests.case_makers import PLATFORM, in_state
from tests.ledger.stored import (
    AT,
    M1,
    NEW,
    OLD,
    ONE,
    TWO,
    Batch,
    Outside,
    appended,
    every_kind,
    happened,
    opened,
    raw_bytes,
    streams,
    viewed,
    words,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite3"


# ------------------------------------------------------------------------------------------------------ erasing


def erase(store: SqliteStore, name: str) -> None:
    def work(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([name])[name].whole()
        event = Erased(ground="retention", emptied=erasable(stream.events))
        return (Happened(PLATFORM, name, event, AT, stream.seq),), None

    store.submit(PLATFORM, work).result(10)
    assert store.truncate_log()


@pytest.mark.slow
def test_what_was_erased_is_in_no_byte_of_the_files(path: Path) -> None:
    store = opened(path)
    # Long words lie on pages of their own, which become free.
    long = Happened(PLATFORM, ONE, Held(until=AT), AT, 0, M1, {"reasons": bytes(range(256)) * 80})
    appended(store, *every_kind(ONE), long, *every_kind(TWO))
    outside = Outside(path)
    lay = "SELECT p.class, p.bytes FROM parts p JOIN streams s ON s.n = p.stream WHERE s.name = ?"
    held = outside.run(lay, ONE)
    key = "SELECT k.class, k.wrapped FROM keys k JOIN streams s ON s.n = k.stream WHERE s.name = ?"
    wrapped = dict(outside.run(key, ONE))
    outside.close()
    before = raw_bytes(path)
    assert all(data[12:28] in before for _, data in held), "the control: they lay there"
    gone = [data[n : n + 16] for cls, data in held if cls == "erasable" for n in range(12, len(data) - 16, 1_000)]
    assert sum(piece in before for piece in gone) > len(gone) - 8, "but for what lies across two pages"
    assert wrapped["erasable"] in before
    erase(store, ONE)
    after = raw_bytes(path)
    assert [cls for cls, data in held if data[12:28] in after] == ["kept"] * sum(cls == "kept" for cls, _ in held)
    assert not any(piece in after for piece in gone), "nor a piece of one"
    assert wrapped["erasable"] not in after
    assert wrapped["kept"] in after
    classes = [one.event.words for one in (*every_kind(ONE), long)]
    said = {(classes[seq - 1][part], data is None) for (seq, part), data in words(store, ONE).items()}
    assert said == {("erasable", True), ("kept", False)}
    assert None not in words(store, TWO).values()
    case = streams(store, ONE)[ONE]
    assert (case.seq, case.fault) == (len(KINDS) + 1, None)
    store.close()
    outside = Outside(path)
    assert outside.found() == []
    outside.close()


def test_words_and_their_erasure_in_one_batch_never_reach_the_file(path: Path) -> None:
    store = opened(path, threaded=True)
    text = b"somebody's own words, as they were written down"
    ends: list[Any] = []

    def write(tx: Any) -> tuple[Change, None]:
        read = tx.streams([ONE])[ONE].seq
        return (Happened(PLATFORM, ONE, Held(until=AT), AT, read, M1, {"reasons": text}),), None

    def erased(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([ONE])[ONE]
        event = Erased(ground="retention", emptied=erasable(stream.events))
        return (Happened(PLATFORM, ONE, event, AT, stream.seq),), None

    def after(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([ONE])[ONE]
        ends.append(tx.words(stream, [(1, "reasons")]))
        return write(tx)

    for future in Batch(store).run(write, erased, after):
        future.result(10)
    assert ends == [{(1, "reasons"): None}]
    assert words(store, ONE) == {(1, "reasons"): None, (3, "reasons"): text}
    store.close()
    outside = Outside(path)
    assert outside.run("SELECT seq, bytes IS NULL FROM parts ORDER BY seq") == [(1, 1), (3, 0)]
    assert outside.run("SELECT count(*) FROM keys") == [(1,)]
    assert outside.found() == []
    outside.close()


def test_the_step_that_erases_a_case_tells_what_its_stream_holds(path: Path) -> None:
    store, case = opened(path), in_state(CaseState.CLOSED)
    name = stream_of(case.id)
    told: list[Event] = []

    def erased(tx: Any) -> tuple[Change, None]:
        stream = tx.streams([name])[name]
        change, _ = retention.erase(case, Holdings(), stream, "retention", stamp=tx.stamp())
        (happening,) = happenings(change)
        told.append(happening.event)
        return (msgspec.structs.replace(happening, read=stream.seq),), None

    store.submit(PLATFORM, erased).result(10)
    appended(store, happened(name, "held", read=1), viewed(name, 1), happened(name, "instructed", read=1))
    store.submit(PLATFORM, erased).result(10)
    assert told == [
        Erased(ground="retention"),
        Erased(ground="retention", emptied=((2, 1), (4, 4))),
    ]
    assert set(words(store, name).values()) == {None}
    store.close()


def test_erasing_what_is_there_no_more_or_still_is_a_conflict(path: Path) -> None:
    store = opened(path)
    appended(store, happened(ONE, "held", read=0))
    for emptied in ((), ((1, 2),), ((2, 1),)):
        with pytest.raises(Conflict, match="other words than are to be erased"):
            appended(store, Happened(PLATFORM, ONE, Erased(ground="retention", emptied=emptied), AT, 1))
    assert words(store, ONE) == {(1, "reasons"): b"held: the reasons of it"}
    store.close()


# ----------------------------------------------------------------------------------------------------- the keys


def test_another_master_key_takes_the_place_of_the_first(path: Path) -> None:
    store = opened(path)
    appended(store, *every_kind(ONE))
    said = words(store, ONE)
    store.close()
    both = MasterKeys({"m-2": b"2" * 32, "m-1": b"m" * 32}, "m-2")
    store = opened(path, keys=both)
    done = rewrap(store.writing, both, store._env.entropy)
    assert (done.count, done.damaged) == (2, ())
    assert rewrap(store.writing, both, store._env.entropy).count == 0
    store.close()
    store = opened(path, keys=MasterKeys({"m-2": b"2" * 32}, "m-2"))
    assert words(store, ONE) == said
    store.close()
    with pytest.raises(StoreUnusable) as refused:
        opened(path)
    assert refused.value.code == "master_key"
    outside = Outside(path)
    assert outside.run("SELECT DISTINCT master_key_id FROM keys") == [("m-2",)]
    outside.close()


def test_a_store_with_macs_does_not_open_without_its_ledger_key(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = opened(path)
    store.close()
    opened(path, ledger_keys=LedgerKeys()).close()  # nothing is proved yet
    store = opened(path)
    appended(store, viewed(ONE, 0))
    store.close()
    for wrong in (LedgerKeys(), LedgerKeys((OLD,))):
        with pytest.raises(StoreUnusable, match=r"Set privacy\.ledger_key, or privacy\.earlier_ledger_keys") as refused:
            opened(path, ledger_keys=wrong)
        assert refused.value.code == "ledger_key"
        assert NEW.id.hex() in str(refused.value)
    opened(path, ledger_keys=LedgerKeys((OLD, NEW))).close()


def retire(store: SqliteStore, key: str) -> None:
    last = len(list(store.queries(PLATFORM).log_lines()))

    def work(tx: Any) -> tuple[Change, None]:
        event = LedgerKeyRetired(key=key, last=last)
        return (Happened(PLATFORM, "keys", event, AT, tx.streams(["keys"])["keys"].seq),), None

    store.submit(PLATFORM, work).result(10)


BOTH = LedgerKeys((NEW, OLD))


def test_one_ledger_key_takes_the_place_of_another(path: Path) -> None:
    store = opened(path, ledger_keys=LedgerKeys((OLD,)))
    appended(store, viewed(ONE, 0), viewed(TWO, 0))
    store.close()
    store = opened(path, ledger_keys=BOTH)
    appended(store, viewed(ONE, 1))
    retire(store, OLD.id.hex())
    appended(store, viewed(TWO, 1))
    found = streams(store, ONE, TWO, "keys")
    assert [(stream.seq, stream.fault) for stream in found.values()] == [(2, None), (2, None), (1, None)]
    store.close()


def retired(store: SqliteStore) -> list[str]:
    with store.engine.connect() as connection:
        return retire_ledger_keys(connection, PLATFORM, store.ledger_keys, store.submit)


def test_all_but_the_newest_key_are_retired_once(path: Path) -> None:
    store = opened(path, ledger_keys=LedgerKeys())
    assert retired(store) == []
    appended(store, viewed(ONE, 0))
    store.close()
    store = opened(path, ledger_keys=BOTH)
    assert retired(store) == [OLD.id.hex(), ""]
    assert retired(store) == []
    events = [on.event for on in streams(store, "keys")["keys"].events]
    assert events == [LedgerKeyRetired(key=OLD.id.hex(), last=1), LedgerKeyRetired(key="", last=1)]
    assert streams(store, ONE)[ONE].fault is None
    store.close()


def test_where_there_was_always_a_key_the_time_without_one_is_not_believed(path: Path) -> None:
    store = opened(path)
    appended(store, viewed(ONE, 0))
    assert retired(store) == []
    store.close()


def test_the_key_in_use_is_not_retired(path: Path) -> None:
    for keys, key in ((LedgerKeys((NEW,)), NEW.id.hex()), (LedgerKeys(), "")):
        store = opened(path, ledger_keys=keys)
        with pytest.raises(ValueError, match="in use cannot be retired"):
            retire(store, key)
        store.close()


def test_who_says_again_that_a_key_is_retired_gives_nothing_back(path: Path) -> None:
    store = opened(path, ledger_keys=LedgerKeys((OLD,)))
    appended(store, viewed(ONE, 0))
    store.close()
    store = opened(path, ledger_keys=BOTH)
    retire(store, OLD.id.hex())
    appended(store, viewed("case/3", 0))
    store.close()
    _forged(path, TWO)
    store = opened(path, ledger_keys=BOTH)
    for _ in range(2):
        assert "had been retired" in str(streams(store, TWO)[TWO].fault)
        retire(store, OLD.id.hex())
    store.close()


def test_a_host_with_a_retired_key_appends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = opened(path, ledger_keys=BOTH)
    retire(store, OLD.id.hex())
    store.close()
    store = opened(path, ledger_keys=LedgerKeys((OLD, NEW)))
    with pytest.raises(ConfigError, match=r"privacy\.ledger_key.*retired"):
        appended(store, viewed(ONE, 0))
    assert streams(store, ONE)[ONE].number == 0
    store.close()


def _forged(path: Path, *names: str) -> None:
    """Events by somebody who has the file and the retired key: a store of theirs without the stream `keys`."""
    outside = Outside(path)
    held = {table: outside.run(f"SELECT * FROM {table}") for table in ("streams", "events", "log")}  # noqa: S608
    (number,) = outside.run("SELECT n FROM streams WHERE name = 'keys'")[0]
    outside.run("DELETE FROM events WHERE stream = ?", number)
    outside.run("DELETE FROM log WHERE stream = ?", number)
    outside.run("UPDATE streams SET name = 'aside' WHERE name = 'keys'")
    outside.close()
    store = opened(path, ledger_keys=LedgerKeys((OLD, NEW)))
    for name in names:
        appended(store, viewed(name, streams(store, name)[name].seq))
    store.close()
    outside = Outside(path)
    outside.run("UPDATE streams SET name = 'keys' WHERE name = 'aside'")
    for table, rows in held.items():
        for row in rows:
            holders = ", ".join("?" * len(row))
            outside.run(f"INSERT OR IGNORE INTO {table} VALUES ({holders})", *row)  # noqa: S608
    outside.close()


def test_an_event_under_a_retired_key_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = opened(path, ledger_keys=LedgerKeys((OLD,)))
    appended(store, viewed(ONE, 0), viewed(TWO, 0))
    store.close()
    store = opened(path, ledger_keys=BOTH)
    retire(store, OLD.id.hex())
    appended(store, viewed(TWO, 1))
    store.close()
    _forged(path, ONE, "case/3")
    outside = Outside(path, BOTH)
    found = outside.ledger().streams(PLATFORM, [ONE, TWO, "case/3"])
    assert "had been retired" in str(found[ONE].fault)
    assert "had been retired" in str(found["case/3"].fault)
    assert found[TWO].fault is None
    outside.close()


def test_an_older_key_after_a_newer_one_is_refused_before_it_is_retired(tmp_path: Path) -> None:
    path = tmp_path / "desk.sqlite3"
    store = opened(path, ledger_keys=BOTH)
    appended(store, viewed(ONE, 0))
    store.close()
    store = opened(path, ledger_keys=LedgerKeys((OLD, NEW)))
    appended(store, viewed(ONE, 1))
    store.close()
    store = opened(path, ledger_keys=BOTH)
    with pytest.raises(Damage, match="older ledger key"):
        streams(store, ONE)[ONE].whole()
    store.close()


def test_a_store_that_had_no_ledger_key_takes_one(path: Path) -> None:
    store = opened(path, ledger_keys=LedgerKeys())
    appended(store, viewed(ONE, 0), viewed(TWO, 0))
    store.close()
    store = opened(path)
    assert "not of a ledger key" in str(streams(store, ONE)[ONE].fault)
    retire(store, "")
    appended(store, viewed(ONE, 1))
    found = streams(store, ONE, TWO)
    assert [(stream.seq, stream.fault) for stream in found.values()] == [(2, None), (1, None)]
    store.close()


def test_without_the_stream_of_keys_only_the_newest_key_is_believed(path: Path) -> None:
    store = opened(path, ledger_keys=LedgerKeys((OLD,)))
    appended(store, viewed(ONE, 0))
    store.close()
    store = opened(path, ledger_keys=BOTH)
    retire(store, OLD.id.hex())
    appended(store, viewed(TWO, 0))
    store.close()
    outside = Outside(path, BOTH)
    assert outside.found() == []
    outside.run("UPDATE events SET mac = zeroblob(32) WHERE kind = 'ledger_key_retired'")
    found = outside.ledger().streams(PLATFORM, [ONE, TWO, "keys"])
    assert "stream `keys`" in str(found[ONE].fault)
    assert found[TWO].fault is None
    assert "MAC" in str(found["keys"].fault)
    outside.close()
