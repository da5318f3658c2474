"""How a message came, and what the ledger says of it: of what it carried, of the items that it names or lets fall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from msgspec import structs

from kz_compliance_sdk.domain.actor import Actor, Stamp
from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.case import Case, ItemState, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.events.arrivals import Came, Fallen, Fate, Named
from kz_compliance_sdk.domain.events.base import Authenticity, Event, Happened, Source
from kz_compliance_sdk.domain.messages import object_key
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.domain.references import object_stream
from kz_compliance_sdk.domain.values import Changeable, instant_text


@dataclass(frozen=True)
class Arrival(Changeable):
    """How a message came. `received_at` starts the clock; `published_at` is when the sender says it was sent; both are
    UTC seconds. `message` names the stored bytes: sender, message id, SHA-256. `authorities` are those for which the
    sender speaks. `entered_by` typed it in, come in by `account`, and says `how` it came; `by` is that person, where
    the machine takes the message in. `body` are the exact bytes, whose origin `proof` shows: signed at `signed_at` by
    the profile `profile` with the key `key_id`. Before a new notice `volume` others had come from its authority, or
    under its key, and `volume_limit` are usual."""

    platform_id: str
    message: tuple[str, str, str]
    source: Source
    authenticity: Authenticity
    channel: str
    received_at: int
    published_at: int
    flags: tuple[str, ...] = ()
    entered_by: str = ""
    account: str = ""
    how: str = ""
    volume: int = 0
    volume_limit: int = 0
    by: Actor | None = None
    body: bytes = field(default=b"", repr=False)
    proof: bytes = field(default=b"", repr=False)
    profile: str = ""
    key_id: str = ""
    signed_at: int = 0
    authorities: frozenset[str] = frozenset()

    @property
    def sender(self) -> str:
        return self.message[0]

    @property
    def message_id(self) -> str:
        return self.message[1]

    @property
    def body_sha256(self) -> str:
        return self.message[2]


def accepted_body(reference: str, due_at: int, received_at: int) -> bytes:
    """The answer to a message that a case has taken: when its clock started and when it is due, UTC seconds."""
    # A UUID and two times need no escaping; the keys stand in canonical order.
    due, received = instant_text(due_at), instant_text(received_at)
    return f'{{"case_reference":"{reference}","due_at":"{due}","received_at":"{received}"}}'.encode("ascii")


def noted_body(subject: str, received_at: int) -> bytes:
    """The answer to a message that no case takes, such as one about a notice that has not come yet."""
    # With its null: a sender that looks for a case must find that there is none.
    return canonical({"case_reference": None, "received_at": instant_text(received_at), "subject_id": subject})


def came(arrival: Arrival, stamp: Stamp) -> Came:
    """How the message came. It was simply accepted, until `answered` says otherwise."""
    sender, message_id, sha256 = arrival.message
    return Came(
        key=stamp.keyed(sender, message_id),
        body=stamp.keyed(sha256),
        source=arrival.source,
        sender=sender,
        channel="by_hand" if arrival.channel == "by_hand" else "regulator",
        profile=arrival.profile,
        key_id=arrival.key_id or None,
        # A right signature can name any time: the exact one stands in the proof.
        signed_at=max(0, arrival.signed_at),
        volume=arrival.volume,
        volume_limit=arrival.volume_limit,
    )


def carried(arrival: Arrival, event: Event, texts: Mapping[str, str] | None = None) -> dict[str, str | bytes]:
    """The words of the event that a message makes: its bytes, what proves them, how it came, and these `texts`. Of a
    letter who typed it in, and when, is the event's own."""
    proof = b"" if arrival.source == "typed" else arrival.proof
    words: dict[str, str | bytes] = {
        "message": arrival.body,
        "proof": proof,
        "how_it_came": arrival.how,
        **(texts or {}),
    }
    return {name: said for name, said in words.items() if said and name in event.words}


def happened_with(
    arrival: Arrival, case: Case, event: Event, stamp: Stamp, texts: Mapping[str, str] | None = None
) -> Happened:
    """The event that a message makes of a case, with its words."""
    return happened(case, event, stamp, carried(arrival, event, texts), by=arrival.by)


def answered(change: Change, status: int, reply: bytes) -> Change:
    """The change that a message made, with the exact answer to it: a repeat gets these bytes again."""
    return tuple(_answered(write, status, reply) if isinstance(write, Happened) else write for write in change)


def _answered(told: Happened, status: int, reply: bytes) -> Happened:
    how = getattr(told.event, "came", None)
    if not isinstance(how, Came):
        return told
    event = structs.replace(told.event, came=structs.replace(how, status=status))
    return replace(told, event=event, words={**told.words, "reply": reply})


def flags_told(flags: Iterable[str], items: Iterable[ItemState]) -> tuple[str, ...]:
    """Flags with the number of the item that each speaks of; without one, where the case has no such item."""
    number = {item.item_id: item.number for item in items}
    parted = [flag.partition(":") for flag in flags]
    return tuple(f"{code}:{number[item]}" if item in number else code for code, _, item in parted)


def named_told(
    before: Iterable[ItemState], after: Iterable[ItemState], noticed: Mapping[str, Item], stamp: Stamp
) -> tuple[Named, ...]:
    """The items that a message names, with the numbers that the case gives them."""
    was, now = ({item.item_id: item for item in items} for items in (before, after))
    return tuple(_named(was.get(name), now[name], item, stamp) for name, item in noticed.items())


def _named(was: ItemState | None, now: ItemState, item: Item, stamp: Stamp) -> Named:
    stream = object_stream(object_key(item), stamp.keyed)
    if was is None or was.number != now.number:
        return Named(number=now.number, object=stream, instead_of=0 if was is None else was.number)
    return Named(number=now.number, object=stream, begun=not was.measure and bool(now.measure))


def fallen_told(before: Iterable[ItemState], after: Iterable[ItemState]) -> tuple[Fallen, ...]:
    """What becomes of these items, whose order no longer stands: each as it was `before`. One of which nothing was ever
    done is not among those `after` it once its id names another object."""
    now = {item.number: item for item in after}
    return tuple(_fallen(was, now.get(was.number)) for was in before)


def _fallen(was: ItemState, now: ItemState | None) -> Fallen:
    if now is None:
        return Fallen(item=was.number, fate="stopped", order=True)
    order = bool(now.fell) and not was.fell
    stood = was.status, was.effect_version, was.action, was.measure
    fate = _FATES.get(now.status, "stays")
    if fate == "stays" or stood == (now.status, now.effect_version, now.action, now.measure):
        return Fallen(item=was.number, fate="stays", order=order)
    version = now.effect_version if now.effect_version != was.effect_version else 0
    return Fallen(item=was.number, fate=fate, version=version, held=bool(now.measure), order=order)


_FATES: Mapping[str, Fate] = {"stopped": "stopped", "lifting": "lifting", "kept": "kept"}
