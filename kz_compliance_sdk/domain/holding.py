"""What a step knows of the objects that its case is about, and what it tells of them.

Whatever rests on an object is told in its stream too, behind what was read there: two orders about one object that fall
at the same moment on two hosts would both leave the measure to the other.

A measure must stay reversible: an appeal can succeed, an order can be annulled. So a sealed copy of what it hides is
kept, and people are told when that time is over; nothing is deleted here, and no measure ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, ItemState, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.events import objects as told
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.events.base import Happened, ObjectEvent
from kz_compliance_sdk.domain.fold import PlatformObject, Stream, object_in
from kz_compliance_sdk.domain.ledger import Damage
from kz_compliance_sdk.domain.messages import step
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.references import object_stream, stream_of


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects by their keys, each as its stream was read."""

    known: Mapping[str, PlatformObject] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, int]:
        """The latest version that was handed out for each object."""
        return {key: held.version for key, held in self.known.items()}

    def own(self, case: Case) -> frozenset[tuple[str, int]]:
        """The measures of a case that are in force: the object and the item's number of each."""
        return frozenset((key, n) for key, held in self.known.items() for owner, n in held.holds if owner == case.id)

    def held_by_others(self, case: Case) -> frozenset[str]:
        """The objects that another case holds."""
        return frozenset(key for key, held in self.known.items() if any(owner != case.id for owner, _ in held.holds))

    def held_beside(self, case: Case, key: str, number: int) -> bool:
        """Whether anything but this item of a case holds an object."""
        left_behind = self._left_behind(case, key)
        return any(owner != (case.id, number) and owner not in left_behind for owner in self.known[key].holds)

    def kept_until(self, case: Case, item: ItemState) -> int:
        """Until when (UTC seconds) the copy behind an item's measure is kept; 0 if none need be."""
        held = self.known.get(item.object_key)
        return held.holds.get((case.id, item.number), 0) if held is not None else 0

    # ------------------------------------------------------------------------------------------ what is told

    def versioned(self, case: Case, item: ItemState, stamp: Stamp) -> Happened:
        """That an effect was decided for an item, under the version that the item has now."""
        event = told.Versioned(case=case.id, item=item.number, version=item.effect_version)
        return self._happened(case, item.object_key, event, stamp)

    def in_force(self, case: Case, item: ItemState, stamp: Stamp) -> Happened:
        """That an item's measure holds its object: while it stands, nobody else's restore may lift it."""
        event = told.InForce(case=case.id, item=item.number, until=item.preserve_until)
        return self._happened(case, item.object_key, event, stamp)

    def lifted(self, case: Case, item: ItemState, stamp: Stamp) -> list[Happened]:
        """That an item holds its object no more; and with it none that the case knew before its erasure."""
        if not item.object_key:
            return []  # its name was erased: nothing of it can be lifted
        numbers = [item.number, *(n for _, n in sorted(self._left_behind(case, item.object_key)))]
        events = [told.Lifted(case=case.id, item=number) for number in numbers]
        return [self._happened(case, item.object_key, event, stamp) for event in events]

    def copies_freed(self, case: Case, items: Iterable[ItemState], stamp: Stamp) -> list[Happened]:
        """That the copies behind the measures of these items need not be kept any longer."""
        events = [(one.object_key, told.CopyFreed(case=case.id, item=one.number)) for one in items]
        return [self._happened(case, key, event, stamp) for key, event in events]

    def _left_behind(self, case: Case, key: str) -> set[tuple[str, int]]:
        """The measures of a case on an object whose items it knows no more, since it was erased and came again."""
        numbers = {item.number for item in case.items}
        held = self.known.get(key)
        return {one for one in held.holds if one[0] == case.id and one[1] not in numbers} if held is not None else set()

    def _happened(self, case: Case, key: str, event: ObjectEvent, stamp: Stamp) -> Happened:
        held = self.known.get(key)
        stream = object_stream(key, stamp.keyed) if held is None else held.stream
        return Happened(case.platform_id, stream, event, stamp.at, held.seq if held is not None else 0, stamp.actor)


def names_of(case: fold.Case) -> list[str]:
    """The streams of the objects that a case is about."""
    return list(dict.fromkeys(item.object for item in case.items.values()))


def believed_objects(case: fold.Case, streams: Mapping[str, Stream]) -> dict[str, PlatformObject]:
    """Each of these objects by the name of its stream. Raises Damage for one that lacks a version which the chain of
    the case names, Damage or NewerRelease for one on which nothing may be decided."""
    held = {name: object_in(stream) for name, stream in streams.items()}
    reference = case.stream.removeprefix(stream_of(""))
    for item in case.items.values():
        known = held.get(item.object)
        if known is not None and item.version and (item.version, reference, item.number) not in known.handed_out:
            what = f"it never handed out the version {item.version} that the item {item.number} of {case.stream} has"
            raise Damage(known.stream, known.seq + 1, what)
    return held


def preserve_until(policy: Policy, notice: Notice, start: int) -> int:
    """Until when the copy is kept, in UTC seconds: the policy's time from `start`, or longer if the notice asks so."""
    asked = notice.preservation.until if notice.preservation is not None else 0
    return max(start + policy.preservation_s, asked)


def preservation_ended(case: Case, items: Sequence[ItemState], objects: Objects, stamp: Stamp) -> Change:
    """Tell people, once, that the copies behind the measures of these items need not be kept any longer."""
    told = office.PreservationEnded(items=tuple(item.number for item in items))
    change, _ = step(case, "preservation_ended", happened(case, told, stamp))
    return (*change, *objects.copies_freed(case, items, stamp))
