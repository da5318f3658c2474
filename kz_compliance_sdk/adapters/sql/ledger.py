"""The ledger's tables, how streams are read from them, and how a batch of works appends to them.

`events` is the truth and is only inserted into. Everything is keyed by the stream's number, which is hashed nowhere.
`log` holds the order of everything, without gaps; on SQLite the writer numbers it, because it alone writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    select,
    text,
    union_all,
    update,
)

from kz_compliance_sdk.adapters.sql.dialects import each, each_keyed, number, raw, text_at, whole
from kz_compliance_sdk.adapters.sql.keys import DataKey, PartKeys
from kz_compliance_sdk.adapters.sql.rows import ONLY_ONE
from kz_compliance_sdk.adapters.sql.tables import Number, metadata, new_table, of_stream
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.events import READERS
from kz_compliance_sdk.domain.events.base import AS_READ, Event, Happened
from kz_compliance_sdk.domain.events.office import LedgerKeyRetired
from kz_compliance_sdk.domain.events.privacy import Erased, erasable, erased_of
from kz_compliance_sdk.domain.fold import Chain, Kept, Stream
from kz_compliance_sdk.domain.ledger import (
    SALT_BYTES,
    Damage,
    LedgerKeys,
    Link,
    NewerRelease,
    Part,
    PartClass,
    Sealed,
    Stamped,
    check_order,
    encode,
    link,
    read,
    seal,
)
from kz_compliance_sdk.domain.values import OWING, instant_text
from kz_compliance_sdk.errors import ConfigError, Conflict

if TYPE_CHECKING:
    from kz_compliance_sdk.adapters.sql.statements import Compiled


KEYS: Final = "keys"
"""The stream that says which ledger key was retired when."""

_CLASSES: Final[tuple[PartClass, PartClass]] = ("erasable", "kept")
_ALL: Final = -(2**63)
"""From here on is every event, whatever number somebody gave to one."""

streams = Table(
    "streams",
    metadata,
    Column("n", Number, primary_key=True, autoincrement=False, comment="the number"),
    Column("platform", String(64), nullable=False, comment="whose"),
    Column("name", String(200), nullable=False, comment="such as case/ and a reference"),
    comment="The name of each stream; all else is keyed by its number, which is hashed nowhere.",
    info={"kind": "ledger"},
)
Index("streams_name", streams.c.platform, streams.c.name, unique=True)


events = new_table(
    "events",
    "ledger",
    "What happened, each event a link of the chain of its stream. Inserted into and nothing else.",
    of_stream(),
    Column("seq", Integer, primary_key=True, comment="counts from 1"),
    Column("at", BigInteger, nullable=False, comment="when"),
    Column("kind", String(40), nullable=False, comment="what happened"),
    Column("content", LargeBinary, nullable=False, comment="the bytes that were hashed"),
    Column("people", LargeBinary, nullable=False, comment="who acted, also hashed; empty for the machine"),
    Column("hash", LargeBinary, nullable=False, comment="over the hash before it, content and people"),
    Column("mac", LargeBinary, nullable=False, comment="over the hash, under the ledger key; empty without one"),
    Column("key_id", LargeBinary, nullable=False, comment="names that key"),
    blobs=("content", "people", "hash", "mac", "key_id"),
)
parts = new_table(
    "parts",
    "ledger",
    "Words and bodies beside an event.",
    of_stream(),
    Column("seq", Integer, primary_key=True, comment="of which event"),
    Column("name", String(200), primary_key=True, comment="as the event calls it"),
    Column("class", String(8), nullable=False, comment="erasable or kept"),
    Column("bytes", LargeBinary, comment="salt and bytes, encrypted; none once it was erased"),
    blobs=(),
)
keys = new_table(
    "keys",
    "ledger",
    "The key of what lies encrypted in a stream.",
    of_stream(),
    Column("class", String(8), primary_key=True, comment="of which parts: erasable or kept"),
    Column("wrapped", LargeBinary, nullable=False, comment="by the master key"),
    Column(
        "master_key_id",
        String(128),
        nullable=False,
        comment="which one that is, for people: the wrapped bytes name it too, and nothing rests on this",
    ),
    blobs=("wrapped",),
)
log = new_table(
    "log",
    "ledger",
    "The order of everything on a platform, without gaps.",
    Column("platform", String(64), primary_key=True, comment="whose"),
    Column("n", BigInteger, primary_key=True, comment="the line, from 1"),
    Column("stream", Number, nullable=False, comment="whose event"),
    Column("seq", Integer, nullable=False, comment="which event of it"),
    Column("hash", LargeBinary, nullable=False, comment="that of the event"),
    blobs=("hash",),
)
Index("log_stream", log.c.stream, log.c.seq, unique=True)
tiles = new_table(
    "tiles",
    "ledger",
    "Nodes of the tree over the log, one for 256 of the level below: made anew at will, nothing is believed of them.",
    Column("platform", String(64), primary_key=True, comment="whose"),
    Column("level", Integer, primary_key=True, comment="from 1; level 0 is the log"),
    Column("n", BigInteger, primary_key=True, comment="the place in the level"),
    Column("hash", LargeBinary, nullable=False, comment="of the node"),
    blobs=("hash",),
)


class LedgerStatements:
    """Parameters are named `k_` for keys and `v_` for values; those of a list have their place at the end. Where events
    are `placed_later`, the log may lack the last ones of a stream for a while."""

    def __init__(self, compiled: Callable[[Any], Any], *, placed_later: bool) -> None:
        self.placed_later = placed_later
        s, e, p = streams.c, events.c, parts.c

        def last(column: Any) -> Any:
            """Of the log's last line of a stream."""
            mine = select(column).where(log.c.stream == s.n, log.c.platform == s.platform)
            return mine.order_by(log.c.seq.desc()).limit(ONLY_ONE).scalar_subquery()

        def key(cls: PartClass) -> Any:
            of_class = and_(keys.c.stream == s.n, keys.c["class"] == literal_column(f"'{cls}'"))
            return select(raw(keys.c.wrapped)).where(of_class).scalar_subquery()

        # A list is one parameter, JSON: of streams the names with the event from which each is read.
        names = each_keyed(bindparam("k_names")).table_valued("key", "value")
        # Each stream once with what is asked of it once: without the word each of its events would ask again.
        asked = (
            last(raw(log.c.hash)).label("head"),
            last(whole(log.c.n)).label("logged"),
            last(whole(log.c.seq)).label("ends"),
            *(key(cls).label(cls) for cls in _CLASSES),
            number(names.c.value).label("since"),
        )
        found_names = names.join(streams, and_(s.platform == bindparam("k_platform"), s.name == names.c.key))
        w = select(s.n, s.name, *asked).select_from(found_names).cte("wanted").prefix_with("MATERIALIZED")
        of_stream = (whole(w.c.n), *list(w.c)[1:-1])
        link_ = (whole(e.seq), whole(e.at), *map(raw, (e.kind, e.content, e.people, e.hash, e.mac, e.key_id)))
        behind = and_(e.stream == w.c.n, e.seq >= w.c.since)
        self.load = compiled(select(*of_stream, *link_).select_from(w.outerjoin(events, behind)))
        wanted = each(bindparam("k_wanted")).table_valued("value")
        of_list, seq, name = (text_at(wanted.c.value, literal_column(str(n), Integer)) for n in range(3))
        of_these = and_(p.stream == number(of_list), p.seq == number(seq), p.name == name)
        # From the list to the parts: the other way round every part of the stream would be read.
        joined = wanted.outerjoin(parts, of_these)
        self.words = compiled(select(p.stream, p.seq, p.name, raw(p["class"]), raw(p.bytes)).select_from(joined))
        self.parts = compiled(select(whole(p.seq), raw(p.name)).where(p.stream == bindparam("k_stream")))
        of_event = log.c.stream == bindparam("k_stream"), log.c.seq == bindparam("k_seq")
        self.place = compiled(select(whole(log.c.n)).where(*of_event))
        # What was taken away here may be there still, and behind a number that somebody made up there is room.
        named = (s.n, e.stream, p.stream, keys.c.stream, log.c.stream)
        used = (select(func.max(one)).where(one < literal_column(str(2**62))) for one in named)
        self.last_stream = compiled(union_all(*used))
        among = s.name > bindparam("k_after"), s.name < bindparam("k_before")
        self.last_named = compiled(select(raw(func.max(s.name))).where(s.platform == bindparam("k_platform"), *among))
        mine = log.c.platform == bindparam("k_platform")
        self.last_logged = compiled(select(func.max(log.c.n)).where(mine))
        here = e.stream == bindparam("k_stream"), e.seq == bindparam("k_seq")
        self.hash = compiled(select(raw(e.hash)).where(*here))
        gone = p.stream == bindparam("k_stream"), p["class"] == text("'erasable'"), p.bytes.is_not(None)
        self.empty = compiled(update(parts).where(*gone).values(bytes=null()))
        erased_key = keys.c.stream == bindparam("k_stream"), keys.c["class"] == text("'erasable'")
        self.destroy_key = compiled(delete(keys).where(*erased_key))


All = Callable[..., list[Any]]
"""Runs a compiled statement with its named values, and gives its rows."""
Execute = Callable[[str, tuple[Any, ...]], int]
ExecuteMany = Callable[[Any, list[tuple[Any, ...]]], None]


class Ledger:
    """The streams of one moment, such as a transaction: each is read once and remembered until `begin`."""

    def __init__(self, statements: LedgerStatements, part_keys: PartKeys, ledger_keys: LedgerKeys, ask: All) -> None:
        self._s, self._part_keys, self._ledger_keys, self._all = statements, part_keys, ledger_keys, ask
        self._by_id = ledger_keys.by_id()
        self._streams: dict[tuple[str, str], Stream] = {}
        self._retired: dict[str, dict[str, int]] = {}
        self._judged: dict[str, Mapping[str, int]] = {}
        self._logged: dict[str, int] = {}
        self._words: dict[tuple[str, str], dict[tuple[int, str], bytes | None]] = {}
        self._foreseen: dict[tuple[int, int, str], tuple[Any, Any] | None] = {}
        self._kept = Kept()
        self._whole: set[tuple[str, str]] = set()

    def forget(self) -> None:
        """Read everything anew: no word that was opened is held any longer."""
        self._streams.clear()
        self._retired.clear()
        self._judged.clear()
        self._logged.clear()
        self._words.clear()
        self._foreseen.clear()
        self._whole.clear()
        self._part_keys.begin()

    def streams(self, platform: str, names: Iterable[str]) -> dict[str, Stream]:
        """These streams by name, in one statement. One that does not prove itself has a `fault`, and holds up no other;
        one of which nothing is stored is empty."""
        read = self._streams
        found = {name: read.get((platform, name)) for name in names}
        missing = [name for name, stream in found.items() if stream is None]
        if missing:
            if (platform, KEYS) not in read and KEYS not in found:
                missing.append(KEYS)  # every other key is judged by it
            self._load(platform, missing)
        return {name: stream or read[platform, name] for name, stream in found.items()}

    def anew(self, platform: str, names: Iterable[str]) -> None:
        """Have these streams read whole, whatever is kept of them. All that was appended must be written."""
        for name in names:
            self._whole.add((platform, name))
            self._streams.pop((platform, name), None)

    def stream(self, platform: str, name: str) -> Stream:
        """One of `streams`."""
        known = self._streams.get((platform, name))
        return self.streams(platform, [name])[name] if known is None else known

    def last_named(self, platform: str, begins: str) -> str:
        """The last name of those stored streams whose names begin so; empty where none does."""
        ((name,),) = self._all(self._s.last_named, k_platform=platform, k_after=begins, k_before=f"{begins}~")
        return "" if name is None else bytes(name).decode("utf-8", "replace")

    def words(self, stream: Stream, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], bytes | None]:
        """The bytes of these parts by sequence and name, in one statement; None for one that was erased. Raises Damage
        for one that is missing or is not what its event speaks of, KeyError for one of which no event speaks."""
        asked, known = list(dict.fromkeys(wanted)), self._words.setdefault((stream.platform, stream.name), {})
        missing = [one for one in asked if one not in known]
        if missing:
            said = {(seq, name): stream.at(seq).event.parts[name] for seq, name in missing}
            found = self._stored_parts(stream.number, missing)
            for one in missing:
                part = self._part(stream, *one, said[one], found.get(one))
                known[one] = None if part is None else part.data
        return {one: known[one] for one in asked}

    def foresee(self, wanted: Iterable[tuple[int, int, str]]) -> None:
        """Read in one statement what will be asked of several streams: the number of a stream, and a part of it."""
        asked = [one for one in wanted if one not in self._foreseen]
        found = self._ask_parts(asked)
        self._foreseen |= {one: found.get(one) for one in asked}

    def chain(self, stream: Stream) -> Chain:
        """A stream with the bytes of its events, and whatever opens of its parts; none of it where nothing may be
        decided on the stream."""
        if stream.fault is not None:
            return Chain(stream, faults=[str(stream.fault)])
        parts, damage = self._parts(stream)
        said = {(on.seq, name) for on in stream.events for name in on.event.parts}
        held = self._all(self._s.parts, k_stream=stream.number)
        stored = ((seq, bytes(name).decode("utf-8", "replace")) for seq, name in held)
        strays = [
            Damage(stream.name, seq or 0, f"it does not speak of its part {name}")
            for seq, name in stored
            if (seq, name) not in said
        ]
        found = [*strays, *damage.values()]
        # What comes after an erasure brings another key.
        erased_last = bool(stream.events) and isinstance(stream.events[-1].event, Erased)
        if erased_last and self._part_keys.holds(stream.platform, stream.name, "erasable"):
            found.append(Damage(stream.name, stream.seq, "the key of what it erased is there"))
        rows = self._rows_of(stream.platform, {stream.name: _ALL})[stream.name]
        links = [_link(stream.platform, stream.name, row) for row in sorted(rows, key=_seq_of)]
        return Chain(stream, links, parts, damage, list(map(str, found)))

    def _parts(self, stream: Stream) -> tuple[dict[tuple[int, str], Part], dict[tuple[int, str], Damage]]:
        """The parts of a stream that open, by sequence and name, and what is wrong with the others."""
        parts: dict[tuple[int, str], Part] = {}
        faults: dict[tuple[int, str], Damage] = {}
        said = {(on.seq, name): part for on in stream.events for name, part in on.event.parts.items()}
        found, gone = self._stored_parts(stream.number, list(said)), erased_of(stream.events)
        for (seq, name), sealed in said.items():
            try:
                part = self._part(stream, seq, name, sealed, found.get((seq, name)))
                if part is None:
                    continue
                parts[seq, name] = part
                if sealed.cls == "erasable" and seq in gone:
                    raise Damage(stream.name, seq, f"its part {name} should have been erased, and is there")
            except Damage as damage:
                faults[seq, name] = damage
        return parts, faults

    def erasable_key(self, platform: str, stream: str) -> DataKey | None:
        """The key of what is erasable in a stream, None if it has none. Raises StoreDamaged if it does not open."""
        self.streams(platform, [stream])
        return self._part_keys.erasable(platform, stream)

    def logged(self, platform: str) -> int:
        """The number of the log's last line, those of this batch among them; 0 before the first."""
        if platform not in self._logged:
            ((last,),) = self._all(self._s.last_logged, k_platform=platform)
            if not isinstance(last, int | None):
                raise Damage("log", 0, "its last line has no number")
            self._logged[platform] = last or 0
        return self._logged[platform]

    # ------------------------------------------------------------------------------------------------- reading

    def _load(self, platform: str, names: list[str]) -> None:
        if KEYS in names and any(self._kept.of(platform, name) is not None for name in names):
            names.remove(KEYS)
            self._load(platform, [KEYS])  # what is kept is judged by it
        bases = {name: self._base(platform, name) for name in names}
        rows = self._rows_of(platform, {name: _ALL if base is None else base.seq + 1 for name, base in bases.items()})
        if KEYS in rows:
            self._judge_by(platform, self._stream(platform, KEYS, bases[KEYS], rows.pop(KEYS)))
        for name, found in rows.items():
            self._streams[platform, name] = self._stream(platform, name, bases[name], found)

    def _judge_by(self, platform: str, stream: Stream) -> None:
        """From now on these ledger keys are retired."""
        self._streams[platform, KEYS] = stream
        if stream.fault is None:
            told = [on.event for on in stream.events if isinstance(on.event, LedgerKeyRetired)]
            # What was retired once stays so from there: whoever says it again gives nothing back.
            self._retired[platform] = {one.key: one.last for one in reversed(told)}
            self._judged[platform] = self._retired[platform]

    def _base(self, platform: str, name: str) -> Stream | None:
        """Behind what of a stream it is read; None where all of it is."""
        if (platform, name) in self._whole or platform not in self._retired:
            return None
        return self._kept.still(platform, name, self._retired[platform])

    def _rows_of(self, platform: str, since: Mapping[str, int]) -> dict[str, list[Any]]:
        """The rows of streams by name, of each from its event of this sequence on."""
        rows: dict[str, list[Any]] = {name: [] for name in since}
        for row in self._all(self._s.load, k_platform=platform, k_names=msgspec.json.encode(since).decode()):
            rows[row[1]].append(row)
        return rows

    def _stream(self, platform: str, name: str, base: Stream | None, rows: list[Any]) -> Stream:
        """The stream of these rows, which follow what is known of it. Where it was kept once, that is still in it."""
        kept = self._kept.of(platform, name)
        number = rows[0][0] or 0 if rows else 0 if kept is None else kept.number
        stream = Stream(platform, name, number)
        try:
            if rows:
                _, _, head, logged, ends, *wrapped = rows[0][:7]
                for cls, stored in zip(_CLASSES, wrapped, strict=True):
                    if stored is not None:
                        self._part_keys.stored(platform, name, cls, stored)
                links = [_link(platform, name, row) for row in sorted(rows, key=_seq_of)]
                placed = (ends or 0) if self._s.placed_later else None
                stream = self._read(stream if base is None else base, number, links, logged or 0, placed)
                if not self._is_logged(stream, head, logged, ends):
                    raise Damage(name, stream.seq + 1, "the log does not end with the stream")
            if kept is not None and (stream.seq < kept.seq or stream.at(kept.seq).hash != kept.head):
                raise Damage(name, kept.seq, "it is gone, or another one than was read before")
        except (Damage, NewerRelease) as fault:
            return Stream(platform, name, number, fault=fault)
        return stream

    def _is_logged(self, stream: Stream, head: bytes | None, logged: int | None, ends: int | None) -> bool:
        """Whether the log ends with a stream; where it follows later, whether it ends with an event of it, or has none
        yet."""
        if not self._s.placed_later or ends == stream.seq:
            return (stream.head, stream.seq) == (head, ends) and logged is not None
        if ends is None:
            return logged is None
        return 0 < ends < stream.seq and stream.at(ends).hash == head and logged is not None

    def _read(self, base: Stream, number: int, links: list[Link], logged: int, placed: int | None) -> Stream:
        retired = self._retired.get(base.platform, {})
        keys_ = {**self._by_id, b"": None} if "" in retired else self._by_id
        roster, after = base.roster.copy(), (base.seq, base.head)
        found = read(links, READERS, keys_, platform=base.platform, stream=base.name, after=after, roster=roster)
        last_of = check_order(links, self._ledger_keys)
        others = last_of.keys() - {current.id if (current := self._ledger_keys.current) is not None else b""}
        if others and base.name != KEYS and base.platform not in self._retired:
            raise Damage(base.name, 1, "whether its ledger key is retired cannot be read from the stream `keys`")
        for key_id, seq in last_of.items():
            last = retired.get(key_id.hex(), logged)
            # Where the whole stream was logged by then no event need be looked up.
            has_no_place = placed is not None and seq > placed and key_id.hex() in retired
            if (logged > last or has_no_place) and self._place(number, seq) > last:
                raise Damage(base.name, seq, "it was appended under a ledger key that had been retired")
        return base.then(number, found, roster)

    def _place(self, number: int, seq: int) -> int:
        """The number of an event in the log; one that is not there stands behind everything."""
        found = self._all(self._s.place, k_stream=number, k_seq=seq)
        return found[0][0] or 2**63 if found else 2**63

    def _stored_parts(self, number: int, asked: Sequence[tuple[int, str]]) -> dict[tuple[int, str], tuple[Any, Any]]:
        wanted, seen = [(number, *one) for one in asked], self._foreseen
        found = self._ask_parts([one for one in wanted if one not in seen])
        held = {one: found[one] if one in found else seen.get(one) for one in wanted}
        return {one[1:]: part for one, part in held.items() if part is not None}

    def _ask_parts(self, wanted: Sequence[tuple[int, int, str]]) -> dict[tuple[int, int, str], tuple[Any, Any]]:
        if not wanted:
            return {}
        rows = self._all(self._s.words, k_wanted=msgspec.json.encode(wanted).decode())
        return {(number, seq, name): (cls, data) for number, seq, name, cls, data in rows if seq is not None}

    def _part(self, stream: Stream, seq: int, name: str, said: Sealed, found: tuple[Any, Any] | None) -> Part | None:
        if found is None or found[0] != said.cls.encode():
            raise Damage(stream.name, seq, f"its part {name} is missing, or of another class")
        if found[1] is None:
            if said.cls == "erasable" and seq in erased_of(stream.events):
                return None
            raise Damage(stream.name, seq, f"its part {name} was emptied, and no event says so")
        part = self._part_keys.open(stream.platform, stream.name, seq, name, said, found[1])
        if part is None:
            raise Damage(stream.name, seq, f"its part {name} does not open, or is not what was sealed")
        return part


def _seq_of(row: Any) -> int:
    return row[7] or 0


def _link(platform: str, name: str, row: Any) -> Link:
    """The one mapping from a row of `load`: the stream's seven columns, then the event's."""
    seq, at, kind, content, people, hash_, mac, key_id = row[7:]
    if None in (seq, at, kind, content, people, hash_, mac, key_id):
        raise Damage(name, seq or 1, "its row is missing, or holds what was never written")
    return Link(platform, name, seq, at, kind.decode("utf-8", "replace"), content, people, hash_, mac, key_id)


class End(NamedTuple):
    """The last line of a platform's log: its number, the number of its stream and its place there, the hash of its
    event, and when that was."""

    n: int
    stream: int
    seq: int
    hash: bytes
    at: int

    @property
    def told(self) -> str:
        return f"line {self.n} of {instant_text(self.at)}"


class Appending(Ledger):
    """The ledger of one writer: a batch of works appends to it, each sees what those before it appended, and `write`
    stores all of it with a statement for each table."""

    _order = "log"
    """The table in which the order of events is told."""

    def __init__(
        self,
        statements: LedgerStatements,
        part_keys: PartKeys,
        ledger_keys: LedgerKeys,
        ask: All,
        entropy: Callable[[int], bytes],
    ) -> None:
        super().__init__(statements, part_keys, ledger_keys, ask)
        self._entropy = entropy
        self.begin()

    def begin(self) -> None:
        """Nothing is appended yet."""
        self.forget()
        self._next_stream = 0
        self.ends: dict[str, End] = {}
        """By platform the last line of the log that was appended since the beginning."""
        self._forget()

    def append(self, happened: Sequence[Happened]) -> list[int]:
        """Append what one work says has happened: all of it, or nothing in any stream. Gives the sequence of each.

        Raises Conflict for a stream that went on since it was read, Damage or NewerRelease for one on which nothing may
        be decided, StoreDamaged where a key of its parts does not open, ConfigError under a retired ledger key,
        ValueError for what would be damage when it is read.
        """
        grown: dict[tuple[str, str], tuple[Stream, Stream]] = {}
        for platform in {one.platform_id for one in happened}:
            names = [one.stream for one in happened if one.platform_id == platform]
            for name, stream in self.streams(platform, names).items():
                grown[platform, name] = stream, stream.then(stream.number, [], stream.roster.copy())
            self._refuse_retired(platform)
            self._foresee_order(platform)
        made = [self._linked(grown[one.platform_id, one.stream], one) for one in happened]
        for _, after in grown.values():
            if after.name.startswith(OWING):
                # An event that its case cannot take would be damage for ever.
                after.case  # noqa: B018  folded
        # From here on nothing is refused.
        for key, (_, after) in grown.items():
            after.number = after.number or self._new_stream(*key)
            self._streams[key] = after
        for (link_, words), one in zip(made, happened, strict=True):
            self._stage(self._streams[one.platform_id, one.stream].number, link_, words, one.event)
        return [link_.seq for link_, _ in made]

    def write(
        self,
        inserts: Mapping[str, Compiled],
        execute: Execute,
        execute_many: ExecuteMany,
        overwriting: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Store what was appended, with a statement for each table, and destroy what was erased."""

        def insert(table: str, rows: list[tuple[Any, ...]]) -> None:
            if len(rows) == 1:
                execute(inserts[table].sql, rows[0])
            elif rows:
                execute_many(inserts[table], rows)

        insert("streams", self._rows["streams"])
        insert("events", self._rows["events"])
        if self._erased:
            self._foreseen.clear()
            with overwriting():
                for number in self._erased:
                    execute(self._s.empty.sql, (number,))
                    execute(self._s.destroy_key.sql, (number,))
        insert("keys", [(*key, *row) for key, row in self._new_keys.items()])
        insert("parts", [(*key, *row) for key, row in self._new_parts.items()])
        insert(self._order, self._rows[self._order])
        self._forget()

    def committed(self) -> None:
        """What was read and written stands: what is long of it is kept."""
        self._kept.keep((one for one in self._streams.values() if one.name != KEYS), self._judged)

    def landed(self) -> bool | None:
        """After a commit of unknown outcome: whether the last event that was written stands; None if none was."""
        if not self.ends:
            return None
        end = next(iter(self.ends.values()))
        found = self._all(self._s.hash, k_stream=end.stream, k_seq=end.seq)
        return bool(found) and found[0][0] == end.hash

    # ----------------------------------------------------------------------------------------------- appending

    def _forget(self) -> None:
        self._rows: dict[str, list[tuple[Any, ...]]] = {"streams": [], "events": [], self._order: []}
        self._new_keys: dict[tuple[int, str], tuple[bytes, str]] = {}
        self._new_parts: dict[tuple[int, int, str], tuple[str, bytes | None]] = {}
        self._erased: dict[int, None] = {}

    def _refuse_retired(self, platform: str) -> None:
        current = self._ledger_keys.current
        if (current.id.hex() if current is not None else "") in self._retired.get(platform, {}):
            raise ConfigError(
                "the ledger key of this process has been retired: nothing that it appends would be believed.",
                field="privacy.ledger_key",
                remedy="Set the newest ledger key here too, and this one under privacy.earlier_ledger_keys; restart.",
            )

    def _linked(self, grown: tuple[Stream, Stream], one: Happened) -> tuple[Link, list[Part]]:
        """The link of an event behind what its stream has by now, and its parts. `grown` is the stream before its work
        and after it, which the event joins."""
        before, after = grown
        read = before.whole().seq
        if one.read not in (AS_READ, read):
            raise Conflict("it went on meanwhile. Nothing was written; read it again.", reference=one.stream)
        if one.event.parts or one.words.keys() - one.event.words.keys():
            raise ValueError(f"{one.event.called} may have these words and no sealed part: {sorted(one.event.words)}")
        event, entropy = one.event, self._entropy
        if isinstance(event, Erased):
            if event.emptied != erasable(after.events):
                raise Conflict("it holds other words than are to be erased; read it again.", reference=one.stream)
            after.said = {}
        words = [Part(name, event.words[name], entropy(SALT_BYTES), data) for name, data in one.words.items()]
        if words:
            event = msgspec.structs.replace(event, parts={part.name: seal(part) for part in words})
            for part in words:
                self._part_keys.check(one.platform_id, one.stream, part.cls)
        kind, actor = event.called, one.actor if one.actor is not None and one.actor.id != SYSTEM.id else None
        try:
            # What cannot be read would be damage for ever.
            encoded = encode(event)
            event = READERS[kind, event.v](encoded)
        except msgspec.DecodeError as error:
            raise ValueError(f"{one.stream}: this is no {kind}: {error}") from None
        if one.at < 0:
            raise ValueError(f"{one.stream}: {one.at} is no time")
        current = self._ledger_keys.current
        if isinstance(event, LedgerKeyRetired) and event.key == (current.id.hex() if current is not None else ""):
            raise ValueError("the ledger key in use cannot be retired: a newer one takes its place first")
        seq = after.seq + 1
        made = link(
            one.platform_id,
            one.stream,
            seq,
            one.at,
            msgspec.Raw(encoded),
            kind=kind,
            version=event.v,
            before=after.head,
            roster=after.roster,
            key=current,
            actor=actor,
            salt=entropy(SALT_BYTES) if actor is not None else b"",
        )
        by = after.roster.numbers(actor)
        after.events.append(Stamped(seq, one.at, *by, actor, kind, event, made.hash))
        return made, words

    def _new_stream(self, platform: str, name: str) -> int:
        number = self._next_number()
        self._rows["streams"].append((number, platform, name))
        return number

    def _next_number(self) -> int:
        if not self._next_stream:
            self._next_stream = 1 + max(int(last or 0) for (last,) in self._all(self._s.last_stream))
        number, self._next_stream = self._next_stream, self._next_stream + 1
        return number

    def _foresee_order(self, platform: str) -> None:
        self.logged(platform)  # a log without an end refuses the work before anything of it is staged

    def _place_in_order(self, platform: str, number: int, seq: int, hash_: bytes, at: int) -> None:
        n = self._logged[platform] = self.logged(platform) + 1
        self._rows[self._order].append((platform, n, number, seq, hash_))
        self.ends[platform] = End(n, number, seq, hash_, at)

    def _stage(self, number: int, made: Link, words: list[Part], event: Event) -> None:
        platform, stream, seq = made.platform, made.stream, made.seq
        self._rows["events"].append(
            (number, seq, made.at, made.kind, made.content, made.people, made.hash, made.mac, made.key_id)
        )
        self._place_in_order(platform, number, seq, made.hash, made.at)
        for part in words:
            stored = self._part_keys.made(platform, stream, part.cls)
            if stored is not None:
                self._new_keys[number, part.cls] = stored, self._part_keys.master_key_id
            self._new_parts[number, seq, part.name] = part.cls, self._part_keys.seal(platform, stream, seq, part)
        if isinstance(event, Erased):
            self._erase(number, platform, stream)
        if isinstance(event, LedgerKeyRetired) and stream == KEYS:
            self._retired[platform] = {event.key: event.last, **self._retired[platform]}

    def _erase(self, number: int, platform: str, stream: str) -> None:
        """What is not stored yet never will be; the rest goes when the batch is written."""
        self._erased[number] = None
        self._words.pop((platform, stream), None)
        self._new_keys.pop((number, "erasable"), None)
        self._part_keys.destroyed(platform, stream)
        for key, (cls, _) in self._new_parts.items():
            if key[0] == number and cls == "erasable":
                self._new_parts[key] = cls, None

    def _stored_parts(self, number: int, asked: Sequence[tuple[int, str]]) -> dict[tuple[int, str], tuple[Any, Any]]:
        held = {one: self._new_parts.get((number, *one)) for one in asked}
        fresh = {one: (row[0].encode(), row[1]) for one, row in held.items() if row is not None}
        # What was erased in this batch is still in the file, and no longer of it.
        return super()._stored_parts(number, [one for one in asked if one not in fresh]) | fresh
