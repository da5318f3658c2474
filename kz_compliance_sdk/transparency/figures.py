"""The public figures, each with its definition. What is counted, in what unit, and what its parts add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["demands", "items", "messages", "reminders", "sanctions", "user_notices", "appeals"]

OTHER = "other"
"""The value under which small counts of a free list are added up: what stands there came from outside."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `of` names the count that its values add up to (a figure, or `figure/value`), empty if they add up to
    none. `many`: a demand can count under several values. `free`: the values are words from outside, and small ones are
    added up under `other`. `public`: nothing in it can point to a person, so nothing is hidden."""

    id: str
    unit: Unit
    definition: str
    of: str = ""
    many: bool = False
    free: bool = False
    public: bool = False


_TOLD = "demands_told"
_F = Figure

FIGURES: tuple[Figure, ...] = (
    _F(
        "demands", "demands",
        "Demands of authorities that reached the platform in the period, by the receipt that started their clock. Each "
        "notice is counted once, however often it was amended, clarified or decided anew.",
    ),
    _F(
        "demands_by_progress", "demands",
        "answered: the regulator holds the final report. cancelled: the authority took it back before anything was "
        "answered. set_aside: closed without an answer, as a demand for user data that a lawyer took over. "
        "open_or_withheld: not ended yet, or a national rule bars telling the user until a day that has not come. "
        "These are counted here and in the next two figures, and nowhere else.",
        of="demands",
    ),
    _F(
        "demands_not_told", "demands",
        "open: not ended yet, or not readable on the day of the report. withheld: ended, and held back by a rule that "
        "the demand names. What is withheld counts like any other demand once its own day has come, and at the latest "
        "from the day on that the report names.",
        of="demands_by_progress/open_or_withheld",
    ),
    _F(
        "demands_running_overdue", "demands",
        "Running demands whose statutory term was over on the day of the report.",
    ),
    _F(
        "messages_unusable", "messages",
        "Authentic messages of the period that could not be used and never became a demand.",
        public=True,
    ),
    _F(
        _TOLD, "demands",
        "Answered and cancelled demands, and those set aside, that nothing keeps back. Every figure below is about "
        "these, unless it says otherwise.",
    ),
    _F("demands_by_authority", "demands", "By the authority that issued the demand.", of=_TOLD, free=True),
    _F(
        "demands_by_authority_type", "demands",
        "By the type of authority: authorised_body, prosecutor, national_security, court, other. unknown: not "
        "recorded.",
        of=_TOLD,
    ),
    _F(
        "demands_by_originating_body", "demands",
        "By the body that asked the issuing authority to act. none: the demand names no such body.",
        of=_TOLD, free=True,
    ),
    _F(
        "demands_by_category", "demands",
        "By the subject that the demand states. unlisted: a word that the platform's policy does not know.",
        of=_TOLD,
    ),
    _F(
        "demands_by_legal_basis", "demands",
        "By each act and article that the demand cites; a demand that cites several counts under each of them. "
        "unknown: not recorded.",
        of=_TOLD, many=True, free=True,
    ),
    _F(
        "demands_by_kind", "demands",
        "By the kind of process: request, prescription, submission, notification, recommendation, court_order.",
        of=_TOLD,
    ),
    _F(
        "demands_by_channel", "demands",
        "How it came: pushed or polled from the regulator's system, or typed in from a letter, an e-mail or a call.",
        of=_TOLD,
    ),
    _F(
        "demands_unofficial", "demands",
        "Demands by an unofficial process, by why they count as such: recommendation (it binds nobody), unverified "
        "(nobody could confirm where it came from), no_authority (refused: its sender may not demand this), "
        "no_legal_basis (refused for that reason), not_authentic (refused for that reason). A demand can count under "
        "several.",
        of="demands_by_process/unofficial", many=True,
    ),
    _F(
        "demands_by_process", "demands",
        "unofficial: the demand counts under at least one value of demands_unofficial. official: under none.",
        of=_TOLD,
    ),
    _F(
        "demands_by_result", "demands",
        "What a demand came to. complied_fully: a measure on its ground for every item that was there. "
        "complied_partly: for some, or only in part. own_terms_only: measures under the platform's own terms and none "
        "on the demand's ground. reversed: every measure was lifted again. nothing_there: every item was gone before. "
        "refused, clarification_needed, cannot_comply, contested: the answer for every item that was there. mixed: "
        "several of these. cancelled: the authority took back every item before it was decided. unanswered: the demand "
        "was set aside.",
        of=_TOLD,
    ),
    _F("results_by_category", "demands", "demands_by_result within each category, as `category / result`."),
    _F("results_by_authority", "demands", "demands_by_result within each authority, as `authority / result`."),
    _F(
        "demands_by_clarification", "demands",
        "asked: the platform asked the authority at least once what was meant, by a request or in its answer. "
        "A request that was taken back before it left is not counted.",
        of=_TOLD,
    ),
    _F(
        "demands_by_cancellation", "demands",
        "Demands that the authority took back in whole or in part, by effect: withdrawn, annulled, remedied, or "
        "effect_missing. A demand can count under several.",
        many=True,
    ),
    _F(
        "demands_by_correction", "demands",
        "corrected: the platform superseded its own answer after it was received. Its latest answer is counted, once.",
        of=_TOLD,
    ),
    _F(
        "demands_by_decision_time", "demands",
        "in_time: decided before the statutory term was over. late: decided after. undecided: it ended without a "
        "decision.",
        of=_TOLD,
    ),
    _F(
        "demands_by_receipt_time", "demands",
        "in_time: the regulator's receipt for the final report came before the statutory term was over. late: after. "
        "none: there was nothing to report.",
        of=_TOLD,
    ),
    _F(
        "demands_for_user_data", "demands",
        "yes: the demand asks for data about users. The platform answers none of these here.",
        of=_TOLD,
    ),
    _F(
        "demands_by_secrecy", "demands",
        "barred: the demand said that the user may not be told, and the bar is over, has no end, or names no rule.",
        of=_TOLD,
    ),
    _F("reminders", "reminders", "Reminders of the authorities about these demands.", public=True),
    _F("items", "items", "Items that these demands name: URLs, objects and accounts."),
    _F(
        "items_by_kind", "items",
        "url: named by an address. object: by the platform's own id. account: an account as a whole. unknown: not "
        "recorded.",
        of="items",
    ),
    _F("items_by_authority", "items", "By the authority that issued the demand.", of="items", free=True),
    _F("items_by_category", "items", "By the subject that the demand states.", of="items"),
    _F(
        "items_by_ground", "items",
        "own_terms: the platform acted under its own terms, without agreeing that the law was broken. demand: all "
        "others.",
        of="items",
    ),
    _F(
        "items_by_outcome", "items",
        "What the regulator was told of each item last. stopped: the authority took it back before a decision. "
        "unanswered: its demand was set aside. Items under the platform's own terms are not in here.",
        of="items_by_ground/demand",
    ),
    _F(
        "items_own_terms", "items",
        "Items on which the platform acted under its own terms, by outcome.",
        of="items_by_ground/own_terms",
    ),
    _F("items_refused", "items", "Refused items, by the reason given.", of="items_by_outcome/refused"),
    _F("items_by_scope", "items", "kz: in Kazakhstan alone. beyond_kz: a measure beyond it.", of="items"),
    _F(
        "sanctions", "sanctions",
        "Sanctions against the platform that were announced in the period, by level.",
        public=True,
    ),
    _F(
        "user_notices", "user_notices",
        "Notices to affected users of a measure, which fell due in the period: sent, due, delayed (a legal basis and a "
        "day keep it back), failed, off (the platform tells nobody, on a written legal basis).",
    ),
    _F(
        "appeals", "appeals",
        "Appeals of users that were received in the period: open, upheld (the measure stays), reversed (it was "
        "lifted), withdrawn.",
    ),
)  # fmt: skip

_BY_ID = {one.id: one for one in FIGURES}


def figure(name: str) -> Figure:
    """Raises KeyError."""
    return _BY_ID[name]


MEASURES = frozenset({"removed", "restricted", "account_restricted", "age_restricted", "labelled", "preserved"})
_GONE = frozenset({"already_unavailable", "not_found"})


def is_own_terms(outcome: str, ground: str) -> bool:
    """Whether the platform acted on an item under its own terms."""
    return ground == "terms_of_service" and (outcome in MEASURES or outcome in ("partially_complied", "restored"))


def result_of(items: list[tuple[str, str]]) -> str:
    """What a demand came to, from the outcome and the ground of each of its items."""
    there = [item for item in items if item[0] not in _GONE]
    answered = {(outcome, is_own_terms(outcome, ground)) for outcome, ground in there if outcome != "stopped"}
    if not answered:
        return "nothing_there" if len(there) < len(items) else "cancelled"
    on_demand = {outcome for outcome, own in answered if not own}
    complied = on_demand & MEASURES
    if complied and on_demand <= MEASURES and len({own for _, own in answered}) == 1:
        return "complied_fully"
    if complied or "partially_complied" in on_demand:
        return "complied_partly"
    if any(own and outcome != "restored" for outcome, own in answered):
        return "own_terms_only"
    outcomes = {outcome for outcome, _ in answered}
    if len(outcomes) > 1:
        return "reversed" if "restored" in outcomes else "mixed"
    (one,) = outcomes
    return "reversed" if one == "restored" else one
