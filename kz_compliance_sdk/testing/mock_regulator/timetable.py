"""The part of the control interface that is about time: the agenda, scenarios, conduct, keys and the clock."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from kz_compliance_sdk.testing.mock_regulator.agenda import Done, read_step, step_json
from kz_compliance_sdk.testing.mock_regulator.books import RegistrationStatus
from kz_compliance_sdk.testing.mock_regulator.conduct import Conduct
from kz_compliance_sdk.testing.mock_regulator.exchange import Refused, refuse
from kz_compliance_sdk.testing.mock_regulator.scenarios import SCENARIOS
from kz_compliance_sdk.wire.reading import validated
from kz_compliance_sdk.wire.signature import SigningKey
from kz_compliance_sdk.wire.strict_json import loads
from kz_compliance_sdk.wire.values import ValueModel, instant_text

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.mock_regulator.regulator import MockRegulator

__all__ = ["Body", "Timetable", "asked_for", "done_json", "record_of"]

_MOST_STEPS = 10_000


class Body(ValueModel):
    """What a command carries. A field that is not known is a mistake, and is named."""

    model_config = ConfigDict(extra="forbid")


class _Skew(Body):
    seconds: int = Field(ge=-31_536_000, le=31_536_000)


class _Rotate(Body):
    key_id: str | None = None
    platform_id: str | None = None
    authority_id: str | None = None


class _Registration(Body):
    status: RegistrationStatus
    platform_id: str | None = None


class _Play(Body):
    scenario: str
    seed: int = 1
    notices: int | None = Field(default=None, ge=0, le=9_999)
    pace: int = Field(default=1, ge=1, le=86_400)


class _Plan(Body):
    steps: list[dict[str, Any]] = Field(min_length=1, max_length=_MOST_STEPS)


class _Advance(Body):
    seconds: int = Field(ge=0, le=31_536_000)


_B = TypeVar("_B", bound=Body)
_R = TypeVar("_R")


def asked_for(model: type[_B], body: bytes) -> _B:
    """What a body asks for. Raises Unreadable."""
    return validated(model, loads(body))


def record_of(wanted: type[_R], body: bytes) -> _R:
    """The dataclass whose fields a body gives. Raises Refused, which names the field, and Unreadable."""
    value = loads(body)
    known = {field.name for field in dataclasses.fields(wanted)}  # type: ignore[arg-type]  # only dataclasses come here
    for name in value:
        if name not in known:
            raise refuse(422, "schema_value", f"A {wanted.__name__.lower()} has no such field.", field=name)
    try:
        return TypeAdapter(wanted).validate_python(value)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise refuse(422, "schema_value", f"{first['msg']}.", field=where) from None


def done_json(done: Done) -> dict[str, Any]:
    """A step that was taken, and what came of it."""
    return {**step_json(done.step), "taken_at": instant_text(done.at), "outcome": done.outcome}


class Timetable:
    """Answers the commands that `routes` names."""

    def __init__(self, regulator: MockRegulator) -> None:
        self._regulator = regulator

    def routes(self) -> Mapping[tuple[str, str], Callable[[bytes], Any]]:
        """Each command with what answers it."""
        return {
            ("POST", "skew"): self._skew,
            ("GET", "keys"): self._keys,
            ("POST", "rotate"): self._rotate,
            ("POST", "registration"): self._registration,
            ("GET", "conduct"): self._conduct,
            ("POST", "conduct"): self._behave,
            ("GET", "scenarios"): self._scenarios,
            ("POST", "play"): self._play,
            ("GET", "agenda"): self._agenda,
            ("POST", "plan"): self._plan,
            ("POST", "advance"): self._advance,
        }

    def _skew(self, body: bytes) -> dict[str, Any]:
        self._regulator.skew(asked_for(_Skew, body).seconds)
        return {"skew_s": self._regulator.skew_s}

    def _keys(self, _body: bytes) -> dict[str, Any]:
        regulator = self._regulator
        with regulator.locked():
            used = {name: regulator.signing.of(name).key_id for name in regulator.platforms}
            return {"keys": [_key_json(key) for key in regulator.signing.known], "in_use": used}

    def _rotate(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Rotate, body)
        if asked.platform_id is not None and asked.platform_id not in self._regulator.platforms:
            raise _platform_unknown()
        try:
            key = self._regulator.rotate(asked.key_id, platform_id=asked.platform_id, authority_id=asked.authority_id)
        except KeyError as missing:
            raise refuse(404, "key_unknown", f"{missing.args[0]}.", field="key_id") from None
        return _key_json(key)

    def _registration(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Registration, body)
        try:
            self._regulator.set_registration(asked.status, asked.platform_id)
        except KeyError:
            raise _platform_unknown() from None
        return {"status": asked.status}

    def _conduct(self, _body: bytes) -> dict[str, Any]:
        return dataclasses.asdict(self._regulator.conduct)

    def _behave(self, body: bytes) -> dict[str, Any]:
        self._regulator.behave(record_of(Conduct, body))
        return dataclasses.asdict(self._regulator.conduct)

    def _scenarios(self, _body: bytes) -> dict[str, Any]:
        return {
            "scenarios": [
                {"name": each.name, "told": each.told, "seconds": each.seconds, "notices": each.notices}
                for each in SCENARIOS.values()
            ]
        }

    def _play(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Play, body)
        try:
            steps = self._regulator.play(asked.scenario, asked.seed, notices=asked.notices, pace=asked.pace)
        except KeyError as missing:
            raise refuse(404, "scenario_unknown", f"{missing.args[0]}.", field="scenario") from None
        return {"planned": len(steps), "until": instant_text(max((step.at for step in steps), default=0))}

    def _agenda(self, _body: bytes) -> dict[str, Any]:
        regulator = self._regulator
        return {
            "now": instant_text(regulator.now()),
            "agenda": [step_json(step) for step in regulator.agenda()],
            "history": [done_json(done) for done in regulator.history()[-1_000:]],
        }

    def _plan(self, body: bytes) -> dict[str, Any]:
        steps = [read_step(value) for value in asked_for(_Plan, body).steps]
        for step in steps:
            if step.platform_id is not None and step.platform_id not in self._regulator.platforms:
                raise _platform_unknown()
        self._regulator.plan(*steps)
        return {"planned": len(steps)}

    def _advance(self, body: bytes) -> dict[str, Any]:
        asked = asked_for(_Advance, body)
        try:
            taken = self._regulator.advance(asked.seconds)
        except TypeError as wrong:
            raise refuse(409, "clock_runs", f"{wrong}.") from None
        return {"now": instant_text(self._regulator.now()), "taken": [done_json(done) for done in taken]}


def _key_json(key: SigningKey) -> dict[str, Any]:
    """Of a shared secret only its id: a page that shows it would be the place to steal it."""
    told = {"key_id": key.key_id, "algorithm": key.algorithm}
    if key.algorithm == "ed25519":
        told["public_key"] = base64.b64encode(key.verification_material()).decode("ascii")
    return told


def _platform_unknown() -> Refused:
    return refuse(422, "platform_unknown", "No such platform is known here.", field="platform_id")
