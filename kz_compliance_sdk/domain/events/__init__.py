"""Everything that can happen: one file a subject, each kind with what it does to a case beside it.

`KINDS` is the whole vocabulary by the name that stands in the chain, `READERS` what reads each kind and version.
"""

from __future__ import annotations

from types import MappingProxyType, ModuleType
from typing import Final

import msgspec

from kz_compliance_sdk.domain.events import arrivals, delivery, office, privacy, remedies, review
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.ledger import Readers, Stamped

__all__ = ["KINDS", "READERS", "is_text", "texts_in"]


def _of(module: ModuleType) -> list[type[Event]]:
    own = (value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__)
    return [value for value in own if issubclass(value, Event)]


SUBJECTS: Final = (arrivals, review, office, delivery, remedies, privacy)
KINDS: Final = MappingProxyType({kind.called: kind for module in SUBJECTS for kind in _of(module)})
READERS: Final[Readers] = MappingProxyType(
    {(name, kind.v): msgspec.json.Decoder(kind).decode for name, kind in KINDS.items()}
)


_DOCUMENTS: Final = frozenset(
    (
        "message id proof reply proposal objects receipt signature report"
        " reported.body asked.body user_notice_owed.body alerted.body"
    ).split()
)
"""Parts that are no text of a person of the office: documents of their own, and what came from outside."""


def is_text(kind: str, name: str) -> bool:
    """Whether a part of an event holds what a person of the office wrote."""
    return not {name, f"{kind}.{name}"} & _DOCUMENTS


def texts_in(on: Stamped) -> list[str]:
    """The names of the parts of an event that hold what a person of the office wrote."""
    return [name for name in on.event.parts if is_text(on.kind, name)]
