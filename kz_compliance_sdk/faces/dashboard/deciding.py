"""The form on which a case is decided: item by item, or all items alike. It is the form of `Propose`, with one choice
in place of action and outcome: nothing is chosen before, and to refuse comes first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.commands import Command, Propose
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, QUESTIONS, ItemDecision
from kz_compliance_sdk.domain.notice import languages_of
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.faces import steps
from kz_compliance_sdk.faces.dashboard.forms import Form, Typed, body_of, form_of
from kz_compliance_sdk.services.loading import CaseFile

WAYS: Final = (
    "refused",
    *OUTCOME_OF_ACTION,
    "already_unavailable",
    "not_found",
    "clarification_needed",
    "cannot_comply",
    "contested",
)
"""What can become of an item: an action, or an outcome without one."""
ALIKE: Final = "alike"
"""The field that says that all open items are decided alike."""
CHECK: Final = "recorded_check"
"""The field that names a legal check that was recorded before."""
_CONTENT: Final = "content."
_ITEMS: Final = "proposal.items"


async def known(desk: AsyncComplianceDesk, file: CaseFile, typed: Typed) -> dict[str, str]:
    """What nobody types in: the items, what was seen of each, and the languages that they are answered in."""
    names = [item.item_id for item in file.case.items if item.item_id in file.case.open_items]
    languages = languages_of(await desk.notice(file.case.id))
    found = {f"{_CONTENT}{row.item_id}": row.digest for row in file.content if row.item_id in names}
    for number, name in enumerate(names[:1] if typed.get(ALIKE) else names):
        found[f"{_ITEMS}.{number}.item_id"] = name
        for place, lang in enumerate(languages):
            found[f"{_ITEMS}.{number}.wording.statement_of_reasons.{place}.lang"] = lang
    return found


def form(typed: Typed) -> Form:
    """The fields of a decision, with what is known and what was typed."""
    hidden = frozenset({"token", "item_id", "lang"})
    return form_of(steps.schema_of(Propose), _narrowed(typed), hidden=hidden, choices={"outcome": WAYS})


def _narrowed(typed: Typed) -> Typed:
    """What was typed, without the fields of single items where all are decided alike."""
    others = {name for name in typed if name.startswith(f"{_ITEMS}.") and not name.startswith(f"{_ITEMS}.0.")}
    return {name: value for name, value in typed.items() if name not in others} if typed.get(ALIKE) else typed


async def proposed(desk: AsyncComplianceDesk, case: Case, typed: Typed) -> Propose:
    """The proposal that was typed. Raises InvalidInput, and NotAllowed where items may not be decided alike."""
    body = body_of(steps.schema_of(Propose), _narrowed(typed))
    said = body.setdefault("proposal", {})
    for item in said.get("items", ()):
        _told(item)
    if version := typed.get(CHECK, ""):
        said["legal_check"] = int(version) if version.isascii() and version.isdigit() else version
    try:
        command = cast("Propose", steps.made(Propose, body, hint=""))
    except InvalidInput as error:
        # A check is answered or named, and what was not tried is no mistake.
        found = [one for one in (error, *error.more) if isinstance(one, InvalidInput) and one.field[-4:] != "-int"]
        raise InvalidInput.together(*found or [error]) from None
    proposal = command.proposal
    if typed.get(ALIKE):
        first, check = proposal.items[0], proposal.legal_check
        proposal = await desk.care.alike(case.id, first, legal_check=check, text_checked=proposal.text_checked)
    seen = [{"content_sha256": typed.get(f"{_CONTENT}{item.item_id}") or None} for item in proposal.items]
    items = tuple(item.model_copy(update=one) for item, one in zip(proposal.items, seen, strict=True))
    return replace(command, proposal=proposal.model_copy(update={"items": items}))


def _told(item: dict[str, Any]) -> None:
    """Say what was chosen for an item as action and outcome."""
    wording = item.setdefault("wording", {})
    way = wording.pop("outcome", "")
    item["action"] = way if way in OUTCOME_OF_ACTION else "none"
    if way:
        wording["outcome"] = OUTCOME_OF_ACTION.get(way, way)
    if way not in OUTCOME_OF_ACTION:
        item.pop("ground", None)
    for name, of in (("refusal_code", "refused"), ("cannot_comply", "cannot_comply"), ("contest", "contested")):
        if way != of:
            wording.pop(name, None)


async def shown(desk: AsyncComplianceDesk, file: CaseFile, command: Command[Any] | None) -> Mapping[str, Any]:
    """What stands beside the fields: what is asked, the checks that were recorded, and what would leave."""
    notice = await desk.notice(file.case.id)
    return {
        "named": {item.item_id: item for item in notice.items},
        "questions": [question.name for question in QUESTIONS],
        "checks": [row for row in file.legal_checks if row.revision == file.case.revision],
        "many": len(file.case.open_items),
        "preview": [leaves(item) for item in command.proposal.items] if isinstance(command, Propose) else [],
    }


def leaves(item: ItemDecision) -> str:
    """One item as the regulator gets it, but for the time from which a measure is in force."""
    return json.dumps(item.reported().model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2)
