"""The ledger's format: a stream is a chain of links, and a link is the exact bytes of one event.

    hash = SHA-256("kz-compliance/event/v2\\n" || hash before it || SHA-256(content) || SHA-256(people))
    mac  = HMAC-SHA256(ledger key, "kz-compliance/mac/v1\\n" || hash)

`content` says what happened, and names who acted by two numbers. `people` says who these are, in a block of its own:
where it is redacted the chain still proves itself. What somebody wrote is no part of either: it lies in a `Part` beside
the link, and the content holds its name, its class and a salted digest, so that erasing it changes no hash.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.values import Json
from kz_compliance_sdk.errors import StoreDamaged

_EVENT: Final = b"kz-compliance/event/v2\n"
_MAC: Final = b"kz-compliance/mac/v1\n"
FIRST: Final = bytes(32)
"""What stands before the first event of a stream."""
SALT_BYTES: Final = 16

PartClass = Literal["erasable", "kept"]
"""`erasable` goes at the end of retention; `kept` (receipts, proofs of origin, answers that were given) never does."""


class Damage(StoreDamaged):
    """A stream whose stored links do not prove themselves: nothing may be decided on it. `seq` is where it breaks."""

    code = "stream_damaged"

    def __init__(self, stream: str, seq: int, what: str) -> None:
        super().__init__(f"event {seq} of the stream is damaged: {what}", reference=stream)
        self.stream, self.seq, self.what = stream, seq, what


class NewerRelease(StoreDamaged):
    """An event that a later release wrote. It is no damage, but as little can be decided on it here: its stream is left
    alone, as one that cannot be read."""

    code = "newer_release"

    def __init__(self, stream: str, seq: int, kind: str, version: int) -> None:
        super().__init__(
            f"event {seq} of the stream, {kind} of version {version}, was written by a newer release. Install it.",
            reference=stream,
        )
        self.stream, self.seq, self.kind, self.version = stream, seq, kind, version


@dataclass(frozen=True, slots=True)
class LedgerKey:
    """The key of the chain, 32 random bytes kept outside the database. Whoever has only the database cannot append."""

    secret: bytes = field(repr=False)
    id: bytes = field(init=False, compare=False)
    """Eight bytes that name it and say nothing of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hashlib.sha256(self.secret).digest()[:8])

    def mac(self, hash_: bytes) -> bytes:
        return hmac.digest(self.secret, _MAC + hash_, "sha256")


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """The ledger keys at hand, the newest first: under that one is what is new. Empty where the store has none."""

    keys: tuple[LedgerKey, ...] = ()

    @property
    def current(self) -> LedgerKey | None:
        return self.keys[0] if self.keys else None

    def by_id(self) -> dict[bytes, LedgerKey | None]:
        return {key.id: key for key in self.keys}


class Sealed(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What the content says of a part: its class, and HMAC-SHA256 of its bytes under its salt, in hex."""

    cls: PartClass = msgspec.field(name="class")
    mac: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Part(Struct, frozen=True, gc=False):
    """A text or a body beside a link. Without salt and bytes nobody can tell what it was."""

    name: str
    cls: PartClass
    salt: bytes
    data: bytes


def seal(part: Part) -> Sealed:
    """What the content of the event says of a part. Raises ValueError for a salt that is too short to hide anything."""
    if len(part.salt) != SALT_BYTES:
        raise ValueError(f"a part is sealed with {SALT_BYTES} bytes of salt")
    return Sealed(cls=part.cls, mac=hmac.digest(part.salt, part.data, "sha256").hex())


def opens(sealed: Sealed, part: Part) -> bool:
    """Whether this is the part of which the content speaks."""
    return sealed.cls == part.cls and hmac.compare_digest(
        bytes.fromhex(sealed.mac), hmac.digest(part.salt, part.data, "sha256")
    )


class Link(Struct, frozen=True, gc=False):
    """One stored event. `content` and `people` are the bytes that were hashed; the columns beside them repeat what the
    content says, so that rows can be found, and are compared with it whenever it is read. Where the people were taken
    out of a copy that is handed on, `redacted` is the SHA-256 of what stood there."""

    platform: str
    stream: str
    seq: int
    at: int
    kind: str
    content: bytes
    people: bytes
    hash: bytes
    mac: bytes
    key_id: bytes
    redacted: bytes = b""


class _Content(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    at: Annotated[int, Meta(ge=0)]
    by: tuple[Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=0)]]
    data: Raw
    kind: str
    platform: str
    seq: Annotated[int, Meta(ge=1)]
    stream: str
    v: Annotated[int, Meta(ge=1)]


class _People(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Who acted. The salt keeps a name from being found out of the hash by trying."""

    id: str
    salt: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    account: str = ""
    country: str = ""
    roles: tuple[str, ...] = ()


encode = msgspec.json.Encoder(order="sorted").encode
"""The one form of what is hashed."""
_content = msgspec.json.Decoder(_Content).decode
_people = msgspec.json.Decoder(_People).decode


def encoded(value: Json) -> bytes:
    """The same bytes as `values.canonical`, for a value that a type checker has seen: nothing is checked again."""
    return encode(value)


def hash_of(before: bytes, content: bytes, people: bytes, redacted: bytes = b"") -> bytes:
    """The hash of an event, 32 bytes."""
    inner = hashlib.sha256(content).digest() + (redacted or hashlib.sha256(people).digest())
    return hashlib.sha256(_EVENT + before + inner).digest()


class Roster(Struct, gc=False):
    """Who a stream's numbers stand for, in the order in which they first appeared in it. Person 0 is the machine,
    account 0 is one that nobody named."""

    persons: dict[str, int] = {}
    accounts: dict[str, int] = {}

    def copy(self) -> Roster:
        """The same people, to which others can be added."""
        return Roster(self.persons.copy(), self.accounts.copy())

    def numbers(self, actor: Actor | None) -> tuple[int, int]:
        """The person's number and the account's; None is the machine. Somebody new gets the next one."""
        if actor is None:
            return 0, 0
        person = self.persons.setdefault(actor.id, len(self.persons) + 1)
        return person, self.accounts.setdefault(actor.account, len(self.accounts) + 1) if actor.account else 0

    @property
    def names(self) -> dict[int, str]:
        """Each person's id by number; the machine's is empty."""
        return {0: "", **{number: name for name, number in self.persons.items()}}

    def name(self, person: int) -> str:
        """A person's id by number; the machine's is empty."""
        return _name(self.persons, person) if person else ""

    def who(self, person: int, account: int) -> Actor:
        """Who these numbers stand for, by id and account alone; the machine has neither."""
        return Actor(_name(self.persons, person), account=_name(self.accounts, account))


def _name(numbers: Mapping[str, int], number: int) -> str:
    return next((name for name, one in numbers.items() if one == number), "")


def link(
    platform: str,
    stream: str,
    seq: int,
    at: int,
    event: Struct | Raw,
    *,
    kind: str,
    version: int,
    before: bytes,
    roster: Roster,
    key: LedgerKey | None,
    actor: Actor | None = None,
    salt: bytes = b"",
) -> Link:
    """The link that follows the hash `before`. `event` may be encoded already; `at` is UTC seconds, `actor` None for
    the machine; `salt` is fresh randomness of 16 bytes that hides who acted."""
    body = event if isinstance(event, Raw) else Raw(encode(event))
    content = encode(_Content(at, roster.numbers(actor), body, kind, platform, seq, stream, version))
    people = b""
    if actor is not None:
        if len(salt) != SALT_BYTES:
            raise ValueError(f"who acted is hidden by {SALT_BYTES} bytes of salt")
        roles = tuple(sorted(actor.roles))
        people = encode(_People(actor.id, salt.hex(), actor.account, actor.country, roles))
    hash_ = hash_of(before, content, people)
    mac, key_id = (key.mac(hash_), key.id) if key is not None else (b"", b"")
    return Link(platform, stream, seq, at, kind, content, people, hash_, mac, key_id)


class Stamped(Struct, frozen=True, gc=False):
    """An event as it was read from a link that proves itself. `person` 0 is the machine, `account` 0 one that nobody
    named; `who` says who they are, None for the machine and where the people were redacted."""

    seq: int
    at: int
    person: int
    account: int
    who: Actor | None
    kind: str
    event: Any
    hash: bytes


Readers = Mapping[tuple[str, int], Any]
"""For each kind and version what makes a value of its bytes: a msgspec decoder's `decode`."""


def read(
    links: Sequence[Link],
    readers: Readers,
    keys: Mapping[bytes, LedgerKey | None],
    *,
    platform: str,
    stream: str,
    after: tuple[int, bytes] = (0, FIRST),
    roster: Roster | None = None,
) -> list[Stamped]:
    """The events of a stream, or those after the sequence and hash of a kept fold, each checked before it is decoded:
    its place, its hash, its MAC, and that the columns beside the content say what the content says.

    `keys` are the ledger keys by id; empty where the store has none, and None under the empty id where there was a time
    before the first of them. `roster` is filled with who the numbers are.
    Raises Damage, and NewerRelease for a kind or a version that this release does not know.
    """
    known, (seq, before) = Roster() if roster is None else roster, after
    found: list[Stamped] = []
    for one in links:
        seq += 1
        if one.seq != seq or one.stream != stream or one.platform != platform:
            raise Damage(stream, seq, "an event is missing, added or out of order")
        if one.hash != hash_of(before, one.content, one.people, one.redacted):
            raise Damage(stream, seq, "its bytes are not those that were hashed")
        _check_mac(one, keys)
        found.append(_stamped(one, readers, known))
        before = one.hash
    return found


def check_order(links: Iterable[Link], keys: LedgerKeys) -> dict[bytes, int]:
    """The last event under each key, by the key's id. Raises Damage for an event under an older key than one before it:
    who has an old key cannot go on with a stream that a newer one has come to."""
    ages = {key.id: age for age, key in enumerate(keys.keys)}
    last: dict[bytes, int] = {}
    youngest = len(ages)
    for one in links:
        age = ages.get(one.key_id, len(ages))
        if age > youngest:
            raise Damage(one.stream, one.seq, "its MAC is of an older ledger key than that of the event before it")
        youngest, last[one.key_id] = age, one.seq
    return last


_FIRST_KEY: Final = (
    "If the ledger key is new to this store run `kz-compliance db retire-keys`; else it was put there from outside"
)


def _check_mac(one: Link, keys: Mapping[bytes, LedgerKey | None]) -> None:
    if not one.key_id and not one.mac and (not keys or b"" in keys):
        return
    key = keys.get(one.key_id)
    if key is None or not hmac.compare_digest(key.mac(one.hash), one.mac):
        none = "" if one.key_id or one.mac else f": it has none. {_FIRST_KEY}"
        raise Damage(one.stream, one.seq, f"its MAC is not of a ledger key that is in use{none}")


def _stamped(one: Link, readers: Readers, roster: Roster) -> Stamped:
    try:
        content = _content(one.content)
    except msgspec.DecodeError as error:
        raise Damage(one.stream, one.seq, f"its content is no event: {error}") from None
    told = content.platform, content.stream, content.seq, content.at, content.kind
    if told != (one.platform, one.stream, one.seq, one.at, one.kind):
        raise Damage(one.stream, one.seq, "the columns beside it do not say what its content says")
    reader = readers.get((content.kind, content.v))
    if reader is None:
        raise NewerRelease(one.stream, one.seq, content.kind, content.v)
    try:
        event = reader(content.data)
    except msgspec.DecodeError as error:
        raise Damage(one.stream, one.seq, f"its content is no {content.kind}: {error}") from None
    return Stamped(one.seq, one.at, *content.by, _who(one, content.by, roster), one.kind, event, one.hash)


def who_is(people: bytes, stream: str, seq: int) -> str:
    """The id of who acted, from what an event holds of people. Raises Damage."""
    try:
        return _people(people).id
    except msgspec.DecodeError as error:
        raise Damage(stream, seq, f"its people cannot be read: {error}") from None


def _who(one: Link, by: tuple[int, int], roster: Roster) -> Actor | None:
    """Who acted; a number and a name belong together throughout the stream."""
    if by[0] == 0 and one.people:
        raise Damage(one.stream, one.seq, "the machine has no name")
    if by[0] == 0 or one.redacted:
        return None
    try:
        said = _people(one.people)
    except msgspec.DecodeError as error:
        raise Damage(one.stream, one.seq, f"its people cannot be read: {error}") from None
    who = Actor(said.id, frozenset(said.roles), said.account, said.country)
    if roster.numbers(who) != by:
        raise Damage(one.stream, one.seq, "a number stands for two persons or accounts of this stream, or one has two")
    return who
