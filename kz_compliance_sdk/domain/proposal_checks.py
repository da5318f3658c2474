"""What a proposal must hold, and what in it contradicts itself: each refusal names the field and the remedy."""

from __future__ import annotations

from pydantic import ValidationError

from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION, ItemDecision, Proposal
from kz_compliance_sdk.domain.report import Outcome
from kz_compliance_sdk.domain.steps import need
from kz_compliance_sdk.errors import InvalidInput

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
