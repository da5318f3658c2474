"""What a proposal must hold, what its legal check must be for its measures, what in it contradicts itself, and when
items may be decided alike: each refusal names the field and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, ItemDecision, Proposal
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.legal_check import (
    QUESTIONS,
    LegalCheck,
    NamedCheck,
    RecordedCheck,
    barring,
    is_unclear,
    recorded,
)
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Outcome
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import InvalidInput, NotAllowed

_OUTCOMES_WITHOUT_ACTION: frozenset[Outcome] = frozenset(
    {"already_unavailable", "not_found", "refused", "clarification_needed", "cannot_comply", "contested"}
)


def check_proposal(proposal: Proposal, open_items: frozenset[str], languages: tuple[str, ...]) -> None:
    """Refuse a proposal that is incomplete or contradicts itself: InvalidInput names the field and the remedy."""
    seen = [item.item_id for item in proposal.items]
    for item_id in seen:
        if item_id not in open_items:
            raise InvalidInput(
                f"item {item_id!r} is not open in this case.",
                field="items",
                remedy="Leave it out, or read the case again.",
            )
    if len(set(seen)) != len(seen):
        raise InvalidInput("an item is decided twice.", field="items", remedy="Decide each item once.")
    if missing := sorted(open_items - set(seen)):
        raise InvalidInput(
            f"{len(missing)} of the open items have no decision, {missing[0]!r} first.",
            field="items",
            remedy="Decide each item; 'clarification_needed' and 'refused' are decisions too.",
        )
    if not proposal.text_checked:
        raise InvalidInput(
            "nobody has confirmed that the outgoing text names no user or reporter.",
            field="text_checked",
            remedy="Read the text that goes to the regulator, then set text_checked to true.",
        )
    for number, item in enumerate(proposal.items):
        _check_item(item, f"items[{number}]", languages)


def check_orders(case: Case, proposal: Proposal) -> bool:
    """Whether a measure is proposed for an item whose order fell: it rests on the platform's own terms, and a second
    person decides. Raises InvalidInput for one on the ground of local law."""
    fallen = {item.item_id for item in case.items if not item.order_stands}
    acts = [(n, item) for n, item in enumerate(proposal.items) if item.is_measure and item.item_id in fallen]
    for number, item in acts:
        if item.ground != "terms_of_service":
            raise InvalidInput(
                f"the order about the item {item.item_id!r} no longer stands, so no measure can rest on it.",
                field=f"items[{number}].ground",
                remedy="Decide it without a measure; or act on the ground 'terms_of_service', by two persons.",
            )
    return bool(acts)


def _check_item(item: ItemDecision, path: str, languages: tuple[str, ...]) -> None:
    wording, outcome = item.wording, item.wording.outcome
    need(item.reasons, f"{path}.reasons", "Say what was seen and why this follows: they stay inside.")
    if item.is_measure:
        expected = OUTCOME_OF_ACTION[item.action]
        if outcome not in (expected, "partially_complied"):
            raise InvalidInput(
                f"the action {item.action!r} is reported as {expected!r}, not {outcome!r}.",
                field=f"{path}.wording.outcome",
                remedy=f"Use {expected!r}, or 'partially_complied' with the reasons.",
            )
        if item.ground is None:
            raise InvalidInput(
                "a measure needs a ground.", field=f"{path}.ground", remedy="Use 'local_law' or 'terms_of_service'."
            )
        if not item.scope:
            raise InvalidInput("a measure that applies nowhere.", field=f"{path}.scope", remedy="Use scope ('KZ',).")
        if item.worldwide and item.ground != "terms_of_service":
            raise InvalidInput(
                "a measure beyond Kazakhstan cannot rest on Kazakhstan's law.",
                field=f"{path}.scope",
                remedy="Use scope ('KZ',), or the ground 'terms_of_service' if your own terms are broken.",
            )
        if item.ground == "local_law" and item.finding == "not_illegal":
            raise InvalidInput(
                "a measure on the ground of local law contradicts the finding 'not_illegal'.",
                field=f"{path}.finding",
                remedy="Refuse with reasons, or act on the ground 'terms_of_service'.",
            )
    elif outcome not in _OUTCOMES_WITHOUT_ACTION:
        raise InvalidInput(
            f"the outcome {outcome!r} needs an action, and the action is 'none'.",
            field=f"{path}.wording.outcome",
            remedy=f"Use one of: {', '.join(sorted(_OUTCOMES_WITHOUT_ACTION))}.",
        )
    if not wording.statement_of_reasons:
        raise InvalidInput(
            "the outcome has no statement of reasons.",
            field=f"{path}.wording.statement_of_reasons",
            remedy=f"Give the reasons in at least one of: {', '.join(languages)}.",
        )
    for place, said in enumerate(wording.statement_of_reasons):
        need(said.text, f"{path}.wording.statement_of_reasons[{place}].text", "Say why, or leave this language out.")
    if not any(text.lang.split("-")[0] in languages for text in wording.statement_of_reasons):
        raise InvalidInput(
            "the statement of reasons is in none of the notice's languages.",
            field=f"{path}.wording.statement_of_reasons",
            remedy=f"Give it in at least one of: {', '.join(languages)}.",
        )
    for condition, needed, field in (
        (outcome == "refused", wording.refusal_code, "refusal_code"),
        (outcome == "cannot_comply", wording.cannot_comply, "cannot_comply"),
        (outcome == "contested", wording.contest, "contest"),
    ):
        if condition and needed is None:
            raise InvalidInput(
                f"the outcome {outcome!r} needs {field}.", field=f"{path}.wording.{field}", remedy="Fill it in."
            )
        if needed is not None and not condition:
            raise InvalidInput(
                f"{field} does not belong to the outcome {outcome!r}.",
                field=f"{path}.wording.{field}",
                remedy="Leave it out, or change the outcome.",
            )
    _check_reportable(item, path)


def _check_reportable(item: ItemDecision, path: str) -> None:
    """What no report can carry must not be decided: nobody could ever be told."""
    try:
        item.reported()
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"no report can carry this: {first['msg'].lower()}.",
            field=f"{path}.scope" if where.startswith("territorial_scope") else f"{path}.wording.{where}",
            remedy="Shorten it, fill it in, or leave it out.",
        ) from None


# ------------------------------------------------------------------------------------------------ its legal check


@dataclass(frozen=True, slots=True)
class RestsOn:
    """The version of the legal check that a proposal rests on. `is_new` if it is recorded with the proposal. Two doubts
    call for a second person on a measure: an answer is `unclear`, or somebody else `contradicted` it."""

    row: RecordedCheck
    is_new: bool
    note: str
    unclear: bool
    contradicted: bool
    check: LegalCheck

    @property
    def named(self) -> NamedCheck:
        return NamedCheck(version=self.row.version, digest=self.row.digest)


def rests_on(case: Case, proposal: Proposal, known: Sequence[RecordedCheck], stamp: Stamp) -> RestsOn | None:
    """The check that a proposal rests on; None where it gives none and proposes no measure.

    Raises InvalidInput for a measure without a check, for a version that is not there or speaks of another revision of
    the notice, and for a measure on local law against an answer that bars it.
    """
    given = proposal.legal_check
    if given is None:
        if not any(item.is_measure for item in proposal.items):
            return None
        raise InvalidInput(
            "a measure needs an answered legal check.",
            field="legal_check",
            remedy=f"Answer yes, no or unclear: {', '.join(q.name for q in QUESTIONS)}; or name a recorded version.",
        )
    if isinstance(given, LegalCheck):
        check, row = given, recorded(case, given, known, stamp)
    else:
        row = _named(case, given, known)
        check = row.check
    measures = [item for item in proposal.items if item.is_measure]
    if any(item.ground == "local_law" for item in measures):
        for name in barring(check):
            raise InvalidInput(
                f"the legal check answers {name} with {check.answers[name]!r}, yet a measure rests on local law.",
                field=f"legal_check.{name}",
                remedy="Refuse with reasons, ask for clarification, or act under your own terms.",
            )
    return RestsOn(
        row,
        is_new=isinstance(given, LegalCheck),
        note=check.note,
        unclear=bool(measures) and is_unclear(check),
        contradicted=bool(measures) and _is_contradicted(case, row, known),
        check=check,
    )


def _named(case: Case, version: int, known: Sequence[RecordedCheck]) -> RecordedCheck:
    row = next((row for row in known if row.version == version), None)
    if row is None:
        raise InvalidInput(
            f"this case has no legal check of version {version}.",
            field="legal_check",
            remedy="Read the case again, or answer the questions in the proposal.",
        )
    if row.revision != case.revision:
        raise InvalidInput(
            f"the legal check of version {version} speaks of revision {row.revision} of the notice, and it is now "
            f"revision {case.revision}.",
            field="legal_check",
            remedy="Answer the questions for the notice as it stands now.",
        )
    return row


def _is_contradicted(case: Case, chosen: RecordedCheck, known: Sequence[RecordedCheck]) -> bool:
    """Whether somebody else's last answers about this revision bar the measure or leave a question open: nobody may
    overrule them alone."""
    last = {row.answered_by: row for row in known if row.revision == case.revision}
    others = (row.check for name, row in last.items() if name != chosen.answered_by)
    return any(barring(check) or is_unclear(check) for check in others)


def is_off(case: Case, policy: Policy) -> bool:
    """Whether each item of this case must be decided by itself."""
    return policy.needs_legal_review(case.category, codes(case.flags))


def alike(
    case: Case, policy: Policy, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
) -> Proposal:
    """A proposal that decides every open item as `decided` says; its `item_id` is of no account.

    Raises NotAllowed where bulk decisions are off and more than one item is open.
    """
    names = [item.item_id for item in case.items if item.item_id in case.open_items]
    if len(names) > 1 and is_off(case, policy):
        raise NotAllowed(
            f"{len(names)} items of a case with legal review cannot be decided alike: give each its own decision and "
            "its own reasons.",
            code="bulk_off",
            reference=case.id,
        )
    changes: tuple[dict[str, Any], ...] = tuple({"item_id": name} for name in names)
    return Proposal(
        items=tuple(decided.model_copy(update=change) for change in changes),
        legal_check=legal_check,
        text_checked=text_checked,
    )


def check_bulk(case: Case, proposal: Proposal, policy: Policy) -> None:
    """Refuse reasons that were copied from item to item where bulk decisions are off. Raises InvalidInput."""
    if len(proposal.items) < 2 or not is_off(case, policy):
        return
    first: dict[str, str] = {}
    for number, item in enumerate(proposal.items):
        reasons = "".join(filter(str.isalnum, item.reasons.casefold()))
        other = first.setdefault(reasons, item.item_id)
        if other != item.item_id:
            raise InvalidInput(
                f"the items {other!r} and {item.item_id!r} have the same reasons, and this case has legal review.",
                field=f"items[{number}].reasons",
                remedy="Look at each item by itself and write what is true of it alone.",
                code="bulk_off",
            )
