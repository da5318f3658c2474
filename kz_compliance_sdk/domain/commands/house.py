"""What the office does beside its cases: its entry in the register, and its shifts."""

from __future__ import annotations

import re
from typing import Annotated

from kz_compliance_sdk.domain.actor import STAFF, Stamp, roles
from kz_compliance_sdk.domain.clock import zone_named
from kz_compliance_sdk.domain.commands.base import OfficeCommand, Told
from kz_compliance_sdk.domain.events import office
from kz_compliance_sdk.domain.events.office import Standing
from kz_compliance_sdk.domain.fold import Opens, Stream
from kz_compliance_sdk.domain.forms import Field, past, words
from kz_compliance_sdk.domain.house import (
    DUTY,
    REGISTRATION,
    Entry,
    Registration,
    duty_in,
    month_of_duty,
    registration_in,
    shifts_in,
)
from kz_compliance_sdk.errors import IllegalMove, InvalidInput

_REGISTER = "The register"
_SHIFTS = "Shifts"
_LONGEST_S = 14 * 86_400
_SHIFT = re.compile(r"[0-9]{4}-[0-9]{2}/[0-9]{1,6}")


def _given(held: Stream, opens: Opens) -> Registration:
    found = registration_in(held, opens)
    if found is None:
        raise IllegalMove("nothing was given for the register yet: kz-compliance office register --template")
    return found


class GiveRegistration(OfficeCommand, may=roles("lead", "legal", "head"), name="register", panel=_REGISTER):
    """Give what the register is to hold of the platform, or what has changed of it. A person hands it in, by letter."""

    entry: Annotated[Entry, Field("The owner, apps, users a day, representative, office, head and deputies.")]

    def stream(self, stamp: Stamp) -> str:
        return REGISTRATION

    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        told = office.RegistrationGiven(users_a_day=self.entry.users_a_day)
        return told, {"entry": self.entry.model_dump_json()}


class RecordFiling(
    OfficeCommand,
    may=roles("lead", "legal", "head"),
    name="filed",
    panel=_REGISTER,
    told="It is recorded that the entry was handed in.",
):
    """Record that what was given for the register was handed in. Raises IllegalMove before it was given."""

    channel: Annotated[str, words("Say how it went: courier, post, the authority's chancellery.")]
    number: Annotated[str, words("Give its outgoing number.", is_line=True)]
    filed_at: Annotated[int, past("--at", "Give the time at which it was handed in.")]

    def stream(self, stamp: Stamp) -> str:
        return REGISTRATION

    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        _given(held, opens)
        return office.RegistrationFiled(at=self.filed_at), {"channel": self.channel, "outgoing_number": self.number}


class RecordStanding(
    OfficeCommand,
    may=roles("lead", "legal", "head"),
    name="standing",
    panel=_REGISTER,
    told="It is recorded that the register says: {standing}.",
):
    """Record what the register shows of the platform. With an end, lead and head are reminded of its renewal 30 days, 7
    days and a day before. Raises IllegalMove before anything was given for it."""

    standing: Annotated[Standing, Field("What the register shows.")]
    until: Annotated[int | None, Field("Until when the entry is good, if it ends.", is_time=True)] = None
    note: Annotated[str, Field("Where that was seen.", is_sealed=True)] = ""

    def stream(self, stamp: Stamp) -> str:
        return REGISTRATION

    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        _given(held, opens)
        if self.until is not None and self.until <= stamp.at:
            raise InvalidInput("it is past.", field="until", remedy="Give the day on which the entry ends, or none.")
        said = {"note": self.note} if self.note.strip() else {}
        return office.RegistrationStood(standing=self.standing, until=self.until or 0), said


class PlanShift(
    OfficeCommand,
    may=roles("lead", "head"),
    name="shift",
    panel=_SHIFTS,
    told="{person} is on duty from {from_at:time} until {until_at:time}.",
):
    """Say who is on duty, and when. Several can be at once. It gives nobody a right, and pages nobody."""

    person: Annotated[str, Field("The id of the person.", holds="ID", is_needed=True, is_line=True)]
    from_at: Annotated[int, Field("When the shift begins.", "--from", is_time=True)]
    until_at: Annotated[int, Field("When it ends: at most 14 days later.", "--until", is_time=True)]
    zone: Annotated[str, Field("The time zone in which that person works.", holds="ZONE")] = "Asia/Almaty"

    def stream(self, stamp: Stamp) -> str:
        return month_of_duty(self.from_at)

    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        if not self.from_at < self.until_at <= self.from_at + _LONGEST_S:
            remedy = "Give an end behind its beginning, at most 14 days later."
            raise InvalidInput("no shift is like this.", field="until_at", remedy=remedy)
        if self.until_at <= stamp.at:
            raise InvalidInput("it is past.", field="until_at", remedy="Give an end that is still to come.")
        if zone_named(self.zone) is None:
            remedy = "Give a name of the IANA list, such as Asia/Almaty or Europe/Berlin."
            raise InvalidInput("there is no such time zone.", field="zone", remedy=remedy)
        planned = office.ShiftPlanned(
            shift=shifts_in(held) + 1, from_at=self.from_at, until_at=self.until_at, zone=self.zone
        )
        return planned, {"on_duty": self.person}


class DropShift(
    OfficeCommand, may=roles("lead", "head"), name="drop-shift", panel=_SHIFTS, told="The shift {shift} is dropped."
):
    """Take a shift out of the roster that is not over yet."""

    shift: Annotated[str, Field("The shift, as `office duty` names it.", holds="MONTH/NUMBER")]

    def stream(self, stamp: Stamp) -> str:
        if not _SHIFT.fullmatch(self.shift):
            raise InvalidInput("no shift is named so.", field="shift", remedy="Name one as in 2026-12/3.")
        return f"{DUTY}{self.shift.partition('/')[0]}"

    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        found = [one for one in duty_in([held], opens).shifts if one.id == self.shift]
        if not found or found[0].until_at <= stamp.at:
            wrong = "it is over." if found else "there is no such shift."
            raise InvalidInput(wrong, field="shift", remedy="Name one that `office duty` lists.")
        return office.ShiftDropped(shift=int(self.shift.partition("/")[2])), {}


class HandOn(OfficeCommand, may=STAFF, name="note", panel=_SHIFTS, told="Your note to the next shift is kept."):
    """Leave a note for the next shift, about no case in particular. It is sealed, and never sent."""

    text: Annotated[str, words("Write what the next shift should know.")]

    def stream(self, stamp: Stamp) -> str:
        return month_of_duty(stamp.at)

    def decide(self, held: Stream, opens: Opens, stamp: Stamp) -> Told:
        return office.ShiftHandedOn(), {"text": self.text}
