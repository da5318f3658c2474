"""Who acts is an Actor: what is none, or has fields of another kind, is named with what mends it, by every step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kz_compliance_sdk import Actor, ComplianceDesk
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.ports import Resolved
from kz_compliance_sdk.testing.office import Office
from kz_compliance_sdk.testing.signed import NoticeFactory
from kz_compliance_sdk.transparency.report import Period
from tests.test_public_api import groups_of


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"id": 7}, "actor"),
        ({"id": None}, "actor"),
        ({"id": "a", "account": None}, "actor"),
        ({"id": "a", "country": 49}, "actor"),
        ({"id": "a", "roles": "moderator"}, "actor.roles"),
        ({"id": "a", "roles": ["moderator"]}, "actor.roles"),
        ({"id": "a", "roles": None}, "actor.roles"),
        ({"id": "a", "roles": frozenset({7})}, "actor.roles"),
    ],
)
def test_an_actor_of_other_kinds_is_no_actor(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        Actor(**fields)
    assert wrong.value.field == field
    assert "Give " in wrong.value.remedy


def steps(desk: ComplianceDesk) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public step of the desk and of its groups that somebody takes."""
    owners = [("", desk), *((f"{name}.", getattr(desk, name)) for name in groups_of(type(desk).__mro__[1]))]
    for prefix, owner in owners:
        for name, step in inspect.getmembers(owner, inspect.ismethod):
            if not name.startswith("_") and "actor" in inspect.signature(step).parameters:
                yield f"{prefix}{name}", step


@pytest.mark.parametrize("actor", ["aigerim", 7, SimpleNamespace(id="a", roles=frozenset({"head"}))], ids=repr)
def test_every_step_names_what_is_no_actor(
    kz_desk: ComplianceDesk, kz_notice: NoticeFactory, kz_office: Office, actor: Any
) -> None:
    notice = kz_notice()
    notice.send()
    kz_desk.on_resolve(lambda _reference: Resolved("p", "0" * 64, available=True, at=0))
    lease, now = kz_office.claim(), kz_desk.store.now()
    period = Period(now - 86_400, now)
    values: dict[str, Any] = {
        "case_id": lease.case.id,
        "token": lease.token,
        "proposal": kz_office.proposal(notice.notice),
        "command": commands.Acknowledge(),
        "notice": notice.notice,
        "received_at": now,
        "how": "letter",
        "digest": "0" * 64,
        "reasons": "x",
        "message_id": next(iter(kz_desk.case_file(lease.case.id).messages)).id,
        "proof": SimpleNamespace(),
        "report": kz_desk.transparency.draft(period),
        "period": period,
    }
    found = dict(steps(kz_desk))
    found.pop("transparency.lumen")  # the lines of a draft are anybody's
    assert {"claim", "take", "evidence", "record_view", "privacy.export", "transparency.own"} <= found.keys()
    for name, step in found.items():
        needed = [
            parameter.name
            for parameter in inspect.signature(step).parameters.values()
            if parameter.default is parameter.empty and parameter.name != "actor"
        ]
        with pytest.raises(InvalidInput, match="is no Actor") as wrong:
            step(actor, **{each: values[each] for each in needed})
        assert wrong.value.field == "actor", name
