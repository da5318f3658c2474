"""The house beside its cases: take what people say of it, tell how it stands, and remind them of a renewal."""

from __future__ import annotations

from collections.abc import Iterator

from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.commands.base import OfficeCommand
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.events.office import RenewalReminded
from kz_compliance_sdk.domain.house import (
    REGISTRATION,
    Duty,
    Registration,
    duty_in,
    month_of_duty,
    registration_in,
)
from kz_compliance_sdk.domain.messages import notify
from kz_compliance_sdk.ports import Store, Tx

_DAY_S, _MONTH_S = 86_400, 28 * 86_400


class House:
    """The register and the roster of one platform."""

    def __init__(self, store: Store, platform_id: str) -> None:
        self._store, self._platform = store, platform_id

    def take(self, actor: Actor, command: OfficeCommand) -> None:
        """Take a command of the office. Beside what its class says it raises NotAllowed for somebody who may not take
        it, and InvalidInput naming the field and the remedy."""
        command.allow(actor)

        def work(tx: Tx) -> tuple[Change, None]:
            stamp = tx.stamp(actor)
            command.admit(stamp)
            name = command.stream(stamp)
            held = tx.streams([name])[name].whole()
            event, said = command.decide(held, tx.words, stamp)
            data = {part: text.encode() for part, text in said.items()}
            return (Happened(self._platform, name, event, stamp.at, held.seq, actor, data),), None

        self._store.submit(self._platform, work).result()

    def registration(self) -> Registration | None:
        """The platform's entry in the register, and where it stands; None before it was given."""
        return self._store.submit(self._platform, lambda tx: ((), _registration(tx))).result()

    def duty(self, start: int, end: int) -> Duty:
        """The shifts that lie between two times (UTC seconds), and what was handed on in their months."""

        def read(tx: Tx) -> tuple[Change, Duty]:
            names = list(dict.fromkeys(_months(start, end)))
            told = duty_in(tx.streams(names).values(), tx.words)
            within = tuple(one for one in told.shifts if one.from_at < end and one.until_at > start)
            return (), Duty(within, told.notes)

        return self._store.submit(self._platform, read).result()


def remind(tx: Tx, platform_id: str) -> tuple[Change, None]:
    """Remind lead and head that the platform's entry in the register ends, once for each time before it."""
    stream = tx.streams([REGISTRATION])[REGISTRATION]
    found = _registration(tx) if stream.fault is None and stream.events else None
    if found is None or not (days := found.due(tx.now)):
        return (), None
    reminded = Happened(platform_id, REGISTRATION, RenewalReminded(days=days), tx.now, stream.seq)
    whom, stamp = ("lead", "head"), tx.stamp()
    alert = notify(platform_id, REGISTRATION, "registration_ends", whom, 30, stamp, since=found.until, key=str(days))
    return (reminded, alert), None


def _registration(tx: Tx) -> Registration | None:
    return registration_in(tx.streams([REGISTRATION])[REGISTRATION], tx.words)


def _months(start: int, end: int) -> Iterator[str]:
    """The streams of the months in which a shift can begin that lies between two times: the longest is two weeks."""
    at = start - 14 * _DAY_S
    while at < end:
        yield month_of_duty(at)
        at += _MONTH_S
    yield month_of_duty(end)
