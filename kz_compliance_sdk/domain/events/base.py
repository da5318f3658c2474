"""What every event is made of: the types that its fields may have, its parts, what it does to a case; and an event on
its way to its stream.

An event says what happened, not which fields changed: it holds what came from outside, from chance or from policy, and
nothing that its `apply` can work out. Its fields are open: numbers that we gave, times in UTC seconds, versions, codes
of closed lists, keyed digests. What anybody wrote is a part, named in `parts`; the class says in `words` which parts it
may have, and of what class each is. Who acted is the envelope's (`ledger.py`), never a field.

No `apply` holds a rule: it reads whatever is written. What may happen is for the commands to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct, field

from kz_compliance_sdk.domain.actor import Actor, Roles, roles
from kz_compliance_sdk.domain.fold import Case, Owner, PlatformObject
from kz_compliance_sdk.domain.ledger import PartClass, Sealed, Stamped

_MOST: Final = 2**53 - 1
At = Annotated[int, Meta(ge=0, le=_MOST, title="time")]
"""UTC seconds; 0 where there is none."""
Number = Annotated[int, Meta(ge=0, le=_MOST, title="number")]
"""A number that we gave: of an item, a version, a revision, a sequence."""
Seconds = Annotated[int, Meta(ge=-_MOST, le=_MOST, title="number")]
"""A length of time, in seconds; below 0 it goes back."""
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.+/:-]{0,100}$", title="code")]
"""A code of a closed list: the contract's, the policy's, this library's."""
Flag = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}(:[0-9]{1,4})?$", title="flag")]
"""A flag, and the number of the item that it speaks of."""
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:~-]{1,160}$", title="name")]
"""An id that stays open: of an authority, a notice, a key, a message of ours."""
Scope = Annotated[str, Meta(pattern=r"^([A-Z]{2}|\*)$", title="code")]
"""Where a measure applies: a country, or `*` for everywhere."""
Keyed = Annotated[str, Meta(pattern="^([0-9a-f]{32}|[0-9a-f]{64})?$", title="digest")]
"""A digest under the platform's object key, which nobody can guess from; empty where there is none."""
Root = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", title="root")]
"""The root of the tree over the log: a SHA-256 of hashes, in hex."""
Signature = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{1,1024}={0,2}$", title="signature")]
"""A signature of the platform's own, Base64."""
Object = Annotated[str, Meta(pattern="^object/[0-9a-f]{32}$", title="stream")]
"""The stream of an object of the platform."""
Language = Annotated[str, Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", title="code")]
"""A language tag of the contract."""
Source = Literal["pushed", "polled", "typed"]
Authenticity = Literal["signed", "unverified", "verified"]
Audience = tuple[Literal["moderator", "lead", "legal", "head"], ...]

_CODE: Final = re.compile(r"[A-Za-z0-9_.+/:-]{1,100}")


def code_or_other(text: str) -> str:
    """A code that comes from outside, as an event can hold it: `other` for what is none."""
    return text if not text or _CODE.fullmatch(text) else "other"


EVERYBODY: Final = ("moderator", "lead", "head")
REVIEWERS: Final = ("moderator", "lead")


class Event(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What all kinds share: the parts that lie beside them, who `may` bring it about, where only people do, and how
    each is `called` in the chain: its class in snake case.

    A command may let fewer people than its event: what an older release let them do is not unlawful for that."""

    called: ClassVar[str] = ""
    words: ClassVar[Mapping[str, PartClass]] = MappingProxyType({})
    may: ClassVar[Roles] = roles()
    v: ClassVar[int] = 1
    parts: dict[str, Sealed] = {}

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        cls.called = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def apply(self, case: Case, on: Stamped) -> None:
        """What it does to the case; nothing, unless the kind says otherwise."""

    def change(self, held: PlatformObject) -> None:
        """What it does to the object in whose stream it stands; nothing, unless the kind says otherwise."""


class ObjectEvent(Event, frozen=True, kw_only=True):
    """An event of an object's stream, and the item of the case from which it comes."""

    case: Name
    item: Number

    @property
    def owner(self) -> Owner:
        return self.case, self.item


class HouseEvent(Event, frozen=True, kw_only=True):
    """An event of a stream of the office's own, which is of no case."""


class Value(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A group of fields within an event."""


def words(**classes: PartClass) -> Mapping[str, PartClass]:
    """The parts that a kind may have."""
    return MappingProxyType(classes)


AS_READ: Final = -2
"""The sequence that the transaction read: for streams whose decision was made inside it. It is none that anybody can
count to."""


class Happened(Struct, frozen=True, gc=False):
    """One event of a stream of the ledger. `read` is the sequence of the last event that the decision knew of the
    stream, 0 for a new one: events of one change follow each other, and all of a stream name the same. `at` is UTC
    seconds, `actor` None for the machine. `words` are the bytes of the event's parts by name; its field `parts` is
    empty, because salts and digests are the store's."""

    platform_id: str
    stream: str
    event: Event
    at: int
    read: int
    actor: Actor | None = None
    words: Mapping[str, bytes] = field(default_factory=dict)
