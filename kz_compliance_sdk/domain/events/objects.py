"""What happens to an object of the platform: the versions that its effects get, and whose measures hold it."""

from __future__ import annotations

from kz_compliance_sdk.domain.events.base import At, Number, ObjectEvent
from kz_compliance_sdk.domain.fold import PlatformObject


class Versioned(ObjectEvent, frozen=True, kw_only=True):
    """An effect was decided, and has this version: the platform carries none out that is older than one it has seen."""

    version: Number

    def change(self, held: PlatformObject) -> None:
        held.version = max(held.version, self.version)
        held.handed_out.add((self.version, *self.owner))


class InForce(ObjectEvent, frozen=True, kw_only=True):
    """A measure holds the object from now on. A sealed copy of what it hides is kept until `until`."""

    until: At = 0

    def change(self, held: PlatformObject) -> None:
        held.holds[self.owner] = self.until


class Lifted(ObjectEvent, frozen=True, kw_only=True):
    """The ground of a measure is gone: for this item nothing holds the object any more. What else does goes on."""

    def change(self, held: PlatformObject) -> None:
        held.holds.pop(self.owner, None)


class CopyFreed(ObjectEvent, frozen=True, kw_only=True):
    """The sealed copy behind a measure need not be kept any longer: people were told, or the case was erased. The
    measure stays."""

    def change(self, held: PlatformObject) -> None:
        if self.owner in held.holds:
            held.holds[self.owner] = 0
