"""The house beside its cases: its entry in the register, and who is on duty when. Each is the fold of its streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.events.office import (
    RegistrationFiled,
    RegistrationGiven,
    RegistrationStood,
    RenewalReminded,
    ShiftDropped,
    ShiftHandedOn,
    ShiftPlanned,
    Standing,
)
from kz_compliance_sdk.domain.fold import Opens, Stream
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.values import Line

REGISTRATION: Final = "registration"
"""The stream of the platform's entry in the register."""
DUTY: Final = "duty/"
"""How the stream of each month begins whose shifts were planned; the month of Almaty follows."""
USERS_A_DAY: Final = 100_000
"""With more users in Kazakhstan a day, on average over a month, a platform has to appoint a legal representative, and
the authorised body keeps a register: law 18-VIII of 10 July 2023 on online platforms and online advertising, art. 9(1)
and (2), read in an unofficial English translation (zakonpravo.kz)."""
REMIND_DAYS: Final = (30, 7, 1)
"""So many days before an entry ends, people are reminded of its renewal."""
_DAY_S: Final = 86_400


# -------------------------------------------------------------------------------------------------------- registration


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Named(_Given):
    """A person of the office. Citizenship is recorded, and never judged."""

    name: Line
    citizenship: Line | None = None


class Entry(_Given):
    """What a platform gives for the register. The contract names its parts; `deputies` stay in the house."""

    owner: Line
    apps: Annotated[tuple[Line, ...], Field(min_length=1, max_length=1000)]
    users_a_day: Annotated[int, Field(ge=0, le=2**53 - 1)]
    legal_representative: Line
    office: Line
    head: Named
    deputies: tuple[Named, ...] = ()

    @property
    def needs_representative(self) -> bool:
        """Whether it is above the threshold of the law."""
        return self.users_a_day > USERS_A_DAY


@dataclass(frozen=True, slots=True)
class Registration:
    """The platform's entry, as it was given last, and where it stands. Times are UTC seconds, 0 where there is none.
    `filed_at` is when a person handed it in, `standing` what the register shows since `stood_at`, good `until` a day;
    `reminded` names the days before that of which people were reminded."""

    entry: Entry
    given_at: int
    given_by: str
    filed_at: int = 0
    channel: str = ""
    number: str = ""
    standing: Standing | Literal[""] = ""
    stood_at: int = 0
    until: int = 0
    note: str = ""
    reminded: frozenset[int] = frozenset()

    def due(self, now: int) -> int:
        """Of how many days before its end people are to be reminded at `now` (UTC seconds); 0 if of none."""
        days = [days for days in REMIND_DAYS if self.until and now >= self.until - days * _DAY_S]
        return min(days) if days and not self.reminded & {one for one in REMIND_DAYS if one <= min(days)} else 0


def registration_in(stream: Stream, opens: Opens) -> Registration | None:
    """The entry of which a stream tells; None before it was given. Raises Damage, NewerRelease."""
    found: Registration | None = None
    for on, said in _told(stream, opens):
        match on.event:
            case RegistrationGiven():
                entry = Entry.model_validate_json(said["entry"])
                last = Registration(entry, on.at, on.who.id if on.who else "")
                kept = ("standing", "stood_at", "until", "note", "reminded")
                found = replace(last, **{name: getattr(found, name) for name in kept}) if found else last
            case RegistrationFiled(at=at) if found:
                found = replace(found, filed_at=at, channel=said["channel"], number=said["outgoing_number"])
            case RegistrationStood(standing=standing, until=until) if found:
                note = said.get("note", "")
                found = replace(found, standing=standing, stood_at=on.at, until=until, note=note, reminded=frozenset())
            case RenewalReminded(days=days) if found:
                found = replace(found, reminded=found.reminded | {days})
    return found


# ---------------------------------------------------------------------------------------------------------------- duty


class Shift(NamedTuple):
    """A person on duty from one time until another (UTC seconds). `id` is the month in which it begins and its number
    there; `zone` is the time zone in which that person works."""

    id: str
    person: str
    from_at: int
    until_at: int
    zone: str
    planned_by: str


class HandedOn(NamedTuple):
    """What a person left for the next shift."""

    at: int
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Duty:
    """The shifts that stand, by when they begin, and what was left for the next one, oldest first."""

    shifts: tuple[Shift, ...] = ()
    notes: tuple[HandedOn, ...] = ()

    def at(self, now: int) -> tuple[Shift, ...]:
        """Who is on duty at `now` (UTC seconds)."""
        return tuple(one for one in self.shifts if one.from_at <= now < one.until_at)


def month_of_duty(at: int) -> str:
    """The stream of the shifts that begin in the month of a time (UTC seconds)."""
    return f"{DUTY}{local(at)[:7]}"


def duty_in(streams: Iterable[Stream], opens: Opens) -> Duty:
    """What the streams of some months tell. Raises Damage, NewerRelease."""
    shifts: dict[str, Shift] = {}
    notes: list[HandedOn] = []
    for stream in streams:
        month = stream.name.removeprefix(DUTY)
        for on, said in _told(stream, opens):
            by = on.who.id if on.who else ""
            match on.event:
                case ShiftPlanned(shift=n, from_at=from_at, until_at=until_at, zone=zone):
                    shifts[f"{month}/{n}"] = Shift(f"{month}/{n}", said["on_duty"], from_at, until_at, zone, by)
                case ShiftDropped(shift=n):
                    shifts.pop(f"{month}/{n}", None)
                case ShiftHandedOn():
                    notes.append(HandedOn(on.at, by, said["text"]))
    in_order = sorted(shifts.values(), key=lambda one: (one.from_at, one.person))
    return Duty(tuple(in_order), tuple(sorted(notes)))


def shifts_in(stream: Stream) -> int:
    """How many shifts were ever planned there: the next one has the number behind that."""
    return sum(isinstance(on.event, ShiftPlanned) for on in stream.whole().events)


def _told(stream: Stream, opens: Opens) -> list[tuple[Stamped, dict[str, str]]]:
    """The events of a stream, each with what was written in it."""
    events = stream.whole().events
    found = opens(stream, [(on.seq, name) for on in events for name in on.event.parts])
    return [
        (on, {name: (found[on.seq, name] or b"").decode("utf-8", "replace") for name in on.event.parts})
        for on in events
    ]
