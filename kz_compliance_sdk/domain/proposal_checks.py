"""What a proposal must hold, what its legal check must be for its measures, what in it contradicts itself, and when
items may be decided alike: each refusal names the field and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from pydantic import ValidationError

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import HEAD, Actor, Stamp
from kz_compliance_sdk.domain.case import Case, CaseState, ItemState
from kz_compliance_sdk.domain.decision import (
    OUTCOME_OF_ACTION,
    QUESTIONS,
    ItemDecision,
    LegalCheck,
    NamedCheck,
    Proposal,
    RecordedCheck,
    barring,
    is_unclear,
    recorded,
)
from kz_compliance_sdk.domain.events.arrivals import Opened
from kz_compliance_sdk.domain.events.review import Proposed, Withheld
from kz_compliance_sdk.domain.flags import codes
from kz_compliance_sdk.domain.ledger import Stamped
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.report import Outcome, Question, Statement
from kz_compliance_sdk.domain.review_policy import LEGAL, need
from kz_compliance_sdk.domain.values import says_something
from kz_compliance_sdk.domain.words import Words, words
from kz_compliance_sdk.errors import InvalidInput, NotAllowed

_OUTCOMES_WITHOUT_ACTION: frozenset[Outcome] = frozenset(
    {"already_unavailable", "not_found", "refused", "clarification_needed", "cannot_comply", "contested"}
)


def check_items(proposal: Proposal, open_items: frozenset[str]) -> None:
    """Refuse a proposal that does not speak of each open item once: InvalidInput names the field and the remedy."""
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


def check_proposal(proposal: Proposal, languages: tuple[str, ...]) -> None:
    """Refuse a proposal that is incomplete or contradicts itself: InvalidInput with field and remedy of each one."""
    InvalidInput.tell(_mistakes(proposal, languages))


def at_once(*checks: Callable[[], Any]) -> list[Any]:
    """What each of these checks gives. Raises InvalidInput with every mistake that they find."""
    given, wrong = list[Any](), list[InvalidInput]()
    for check in checks:
        try:
            given.append(check())
        except InvalidInput as error:
            wrong += [error, *(one for one in error.more if isinstance(one, InvalidInput))]
    InvalidInput.tell(wrong)
    return given


def _mistakes(proposal: Proposal, languages: tuple[str, ...]) -> Iterator[InvalidInput]:
    if not proposal.text_checked:
        yield InvalidInput(
            "nobody has confirmed that the outgoing text names no user or reporter.",
            field="text_checked",
            remedy="Read the text that goes to the regulator, then set text_checked to true.",
        )
    for number, item in enumerate(proposal.items):
        path = f"items[{number}]"
        found = [*_of_item(item, path), *_of_wording(item, path, languages)]
        yield from found or _unreportable(item, path)


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


def _empty(text: str, field: str, remedy: str) -> Iterator[InvalidInput]:
    try:
        need(text, field, remedy)
    except InvalidInput as error:
        yield error


def _of_item(item: ItemDecision, path: str) -> Iterator[InvalidInput]:
    outcome = item.wording.outcome
    yield from _empty(item.reasons, f"{path}.reasons", "Say what was seen and why this follows: they stay inside.")
    if item.is_measure:
        expected = OUTCOME_OF_ACTION[item.action]
        if outcome not in (expected, "partially_complied"):
            yield InvalidInput(
                f"the action {item.action!r} is reported as {expected!r}, not {outcome!r}.",
                field=f"{path}.wording.outcome",
                remedy=f"Use {expected!r}, or 'partially_complied' with the reasons.",
            )
        if item.ground is None:
            yield InvalidInput(
                "a measure needs a ground.", field=f"{path}.ground", remedy="Use 'local_law' or 'terms_of_service'."
            )
        if not item.scope:
            yield InvalidInput("a measure that applies nowhere.", field=f"{path}.scope", remedy="Use scope ('KZ',).")
        if item.worldwide and item.ground != "terms_of_service":
            yield InvalidInput(
                "a measure beyond Kazakhstan cannot rest on Kazakhstan's law.",
                field=f"{path}.scope",
                remedy="Use scope ('KZ',), or the ground 'terms_of_service' if your own terms are broken.",
            )
        if item.ground == "local_law" and item.finding == "not_illegal":
            yield InvalidInput(
                "a measure on the ground of local law contradicts the finding 'not_illegal'.",
                field=f"{path}.finding",
                remedy="Refuse with reasons, or act on the ground 'terms_of_service'.",
            )
    elif outcome not in _OUTCOMES_WITHOUT_ACTION:
        yield InvalidInput(
            f"the outcome {outcome!r} needs an action, and the action is 'none'.",
            field=f"{path}.wording.outcome",
            remedy=f"Use one of: {', '.join(sorted(_OUTCOMES_WITHOUT_ACTION))}.",
        )


def _of_wording(item: ItemDecision, path: str, languages: tuple[str, ...]) -> Iterator[InvalidInput]:
    wording, outcome = item.wording, item.wording.outcome
    if not wording.statement_of_reasons:
        yield InvalidInput(
            "the outcome has no statement of reasons.",
            field=f"{path}.wording.statement_of_reasons",
            remedy=f"Give the reasons in at least one of: {', '.join(languages)}.",
        )
    for place, said in enumerate(wording.statement_of_reasons):
        field = f"{path}.wording.statement_of_reasons[{place}].text"
        yield from _empty(said.text, field, "Say why, or leave this language out.")
    if wording.statement_of_reasons and not any(
        text.lang.split("-")[0] in languages for text in wording.statement_of_reasons
    ):
        yield InvalidInput(
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
            yield InvalidInput(
                f"the outcome {outcome!r} needs {field}.", field=f"{path}.wording.{field}", remedy="Fill it in."
            )
        if needed is not None and not condition:
            yield InvalidInput(
                f"{field} does not belong to the outcome {outcome!r}.",
                field=f"{path}.wording.{field}",
                remedy="Leave it out, or change the outcome.",
            )


def _unreportable(item: ItemDecision, path: str) -> Iterator[InvalidInput]:
    """What no report can carry must not be decided: nobody could ever be told."""
    try:
        item.reported()
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        yield InvalidInput(
            f"no report can carry this: {first['msg'].lower()}.",
            field=f"{path}.scope" if where.startswith("territorial_scope") else f"{path}.wording.{where}",
            remedy="Shorten it, fill it in, or leave it out.",
        )


# ------------------------------------------------------------------------------------------------ its legal check


@dataclass(frozen=True, slots=True)
class RestsOn:
    """The version of the legal check that a proposal rests on; `is_new` if it is recorded with the proposal. A measure
    takes a second person where an answer is `unclear`, where one `barred` local law and the measure rests on the
    platform's own terms, and where somebody else `contradicted` it."""

    row: RecordedCheck
    is_new: bool
    note: str
    unclear: bool
    barred: bool
    contradicted: bool
    check: LegalCheck

    @property
    def named(self) -> NamedCheck:
        return NamedCheck(version=self.row.version, digest=self.row.digest)


def rests_on(case: Case, proposal: Proposal, known: Sequence[RecordedCheck], stamp: Stamp) -> RestsOn | None:
    """The check that a proposal rests on; None where it gives none and proposes no measure.

    Raises InvalidInput for a measure without a check, for a version that is not there or speaks of another revision of
    the notice, and against an answer that bars for a measure on local law, or on own terms without a rule of them.
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
    measures = {number: item for number, item in enumerate(proposal.items) if item.is_measure}
    bars = barring(check) if measures else []
    if bars:
        _check_barred(bars[0], check, measures)
    return RestsOn(
        row,
        is_new=isinstance(given, LegalCheck),
        note=check.note,
        unclear=bool(measures) and is_unclear(check),
        barred=bool(bars),
        contradicted=bool(measures) and _is_contradicted(case, row, known),
        check=check,
    )


def _check_barred(name: str, check: LegalCheck, measures: Mapping[int, ItemDecision]) -> None:
    for number, item in measures.items():
        if item.ground == "local_law":
            raise InvalidInput(
                f"the legal check answers {name} with {check.answers[name]!r}, yet a measure rests on local law.",
                field=f"legal_check.{name}",
                remedy="Refuse with reasons, ask for clarification, or act under your own terms, by two persons.",
            )
        if not says_something(item.wording.legal_provision or ""):
            raise InvalidInput(
                f"the legal check answers {name} with {check.answers[name]!r}, and the measure on the item "
                f"{item.item_id!r} does not say which rule of your own terms it rests on.",
                field=f"items[{number}].wording.legal_provision",
                remedy="Name the rule of your terms and its place in them; or refuse with reasons.",
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
    """Whether each measure of this case must be decided by itself."""
    return policy.needs_legal_review(case.category, codes(case.flags))


def alike(
    case: Case, policy: Policy, decided: ItemDecision, *, legal_check: LegalCheck | int | None, text_checked: bool
) -> Proposal:
    """A proposal that decides every open item as `decided` says; its `item_id` is of no account.

    Raises NotAllowed for a measure on more than one where bulk decisions are off: to refuse is one step anywhere.
    """
    names = [item.item_id for item in case.items if item.item_id in case.open_items]
    if decided.is_measure and len(names) > 1 and is_off(case, policy):
        raise NotAllowed(
            f"no measure meets {len(names)} items of a case with legal review alike: give each its own decision and "
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
    """Refuse measures whose reasons were copied from item to item where bulk decisions are off. Raises InvalidInput."""
    if len(proposal.items) < 2 or not is_off(case, policy):
        return
    first: dict[str, str] = {}
    for number, item in enumerate(proposal.items):
        if not item.is_measure:
            continue
        reasons = "".join(filter(str.isalnum, item.reasons.casefold()))
        other = first.setdefault(reasons, item.item_id)
        if other != item.item_id:
            raise InvalidInput(
                f"the items {other!r} and {item.item_id!r} have the same reasons, and this case has legal review.",
                field=f"items[{number}].reasons",
                remedy="Look at each item by itself and write what is true of it alone.",
                code="bulk_off",
            )


# --------------------------------------------------------------------------------------------------------- identities
# What in an outgoing text looks like the identity of a person.
#
# A person reads every text before it leaves. This only catches what a tired eye passes over: an account that the notice
# named, by itself or within an address, an e-mail address, a phone number, an individual identification number (IIN).


_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = re.compile(
    r"(?<![\w+])(?:\+\d[\d\s().-]{7,17}\d|[78][\s(-]*7\d{2}[\s).-]*\d{3}[\s.-]*\d{2}[\s.-]*\d{2})(?!\w)"
)
_TWELVE: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){11}(?!\d)")
# Weights of the checksum, from secondary sources and unverified. The second row counts where the first gives 10.
_FIRST: Final = tuple(range(1, 12))
_SECOND: Final = (*range(3, 12), 1, 2)
_SHORTEST_ACCOUNT: Final = 3
_PROFILE: Final = re.compile(r"/@(\w[\w.-]+\w)")


def is_iin(number: str) -> bool:
    """Whether twelve digits are an IIN: a day of birth that can be, and the right check digit. A company's number
    (BIN) has no day there."""
    month, day = int(number[2:4]), int(number[4:6])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return False
    digits: list[int] = [int(digit) for digit in number]
    for weights in (_FIRST, _SECOND):
        rest = sum(weight * digit for weight, digit in zip(weights, digits[:11], strict=True)) % 11
        if rest != 10:
            return bool(rest == digits[11])
    return False


def found_in(text: str, accounts: Iterable[str] = (), urls: Iterable[str] = ()) -> str | None:
    """What in the text looks like somebody's identity, in words that do not repeat it; None if nothing does.

    `urls` are the addresses that the notice names: a text may repeat one of them, whosever name stands in it.
    """
    return _Named.of(accounts, urls).found_in(text)


def _is_named(handle: str, said: str) -> bool:
    """Whether a text speaks of the account of an address. What could be any word is one only after its sign."""
    sign = "@" if handle.isalpha() else "@?"
    return handle in said and re.search(rf"(?<!\w){sign}{re.escape(handle)}(?!\w)", said) is not None


def check_proposal_texts(case: Case, proposal: Proposal, notice: Notice) -> None:
    """Refuse outgoing text of a proposal that holds somebody's identity. Raises InvalidInput with its field."""
    _check(_of_proposal(proposal), _Named.by(case, notice))


def check_questions(case: Case, questions: Sequence[Question], notice: Notice, *, text_checked: bool) -> None:
    """Refuse questions that nobody has read for identities, or that hold one. Raises InvalidInput with the field."""
    if not text_checked:
        raise InvalidInput(
            "nobody has confirmed that the outgoing text names no user or reporter.",
            field="text_checked",
            remedy="Read the questions that go to the authority, then set text_checked to true.",
        )
    texts = (
        (f"questions[{number}].text[{place}].text", said.text)
        for number, question in enumerate(questions)
        for place, said in enumerate(question.text)
    )
    _check(texts, _Named.by(case, notice))


def check_statement(case: Case, statement: Sequence[Statement], field: str) -> None:
    """Refuse a statement for the authority that holds somebody's identity. Raises InvalidInput with its field."""
    texts = ((f"{field}[{place}].text", said.text) for place, said in enumerate(statement))
    _check(texts, _Named.by(case))


def identity_check(case: Case, notice: Notice) -> Callable[[str], bool]:
    """Whether a text that an authority wrote holds somebody's identity: also that of the official who signed."""
    signatory = (notice.signatory.name,) if notice.signatory is not None else ()
    named = _Named.by(case, notice, signatory)
    return lambda text: named.found_in(text) is not None


@dataclass(frozen=True, slots=True)
class _Named:
    """What a notice names, as it is looked for in every text: accounts as they are written and without their sign,
    addresses in which others can stand, and the accounts of those addresses."""

    accounts: tuple[tuple[str, str], ...]
    urls: tuple[str, ...]
    profiles: frozenset[str]

    @classmethod
    def by(cls, case: Case, notice: Notice | None = None, names: Iterable[str] = ()) -> _Named:
        items: list[Item | ItemState] = [*(notice.items if notice is not None else ()), *case.items]
        accounts = {item.account_ref for item in items if item.account_ref}
        return cls.of(accounts.union(names), {item.url for item in items if item.url})

    @classmethod
    def of(cls, accounts: Iterable[str], urls: Iterable[str]) -> _Named:
        written = (account.casefold().strip() for account in accounts)
        own = tuple(url.casefold().rstrip("/") for url in urls)
        profiles = frozenset(name for url in own for name in _PROFILE.findall(unquote(url)))
        return cls(tuple((account, account.lstrip("@")) for account in written), own, profiles)

    def found_in(self, text: str) -> str | None:
        if "@" in text and _EMAIL.search(text):
            return "an e-mail address"
        if any(is_iin(re.sub(r"\D", "", number)) for number in _TWELVE.findall(text)):
            return "an individual identification number"
        if _PHONE.search(text):
            return "a phone number"
        said = text.casefold()
        for written, name in self.accounts:
            if len(name) < _SHORTEST_ACCOUNT or name not in said:
                continue
            if _is_named(name, said) if name != written else re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said):
                return "an account that the notice names"
        for url in self.urls:
            if url in said:
                said = re.sub(rf"{re.escape(url)}/?(?![\w/@%?#=&-])", " ", said)
        if _PROFILE.search(said):
            return "an address of somebody's account"
        if any(_is_named(name, said) for name in self.profiles):
            return "an account that the notice names"
        return None


def _of_proposal(proposal: Proposal) -> Iterator[tuple[str, str]]:
    for number, item in enumerate(proposal.items):
        path, wording = f"items[{number}].wording", item.wording
        for place, said in enumerate(wording.statement_of_reasons):
            yield f"{path}.statement_of_reasons[{place}].text", said.text
        if wording.legal_provision:
            yield f"{path}.legal_provision", wording.legal_provision
        for name, part in (("cannot_comply", wording.cannot_comply), ("contest", wording.contest)):
            for key, value in part.model_dump().items() if part is not None else ():
                if isinstance(value, str):
                    yield f"{path}.{name}.{key}", value


def _check(texts: Iterable[tuple[str, str]], named: _Named) -> None:
    # Items that are decided alike are told in the same words: each text is searched once.
    first: dict[str, str] = {}
    for field, text in texts:
        first.setdefault(text, field)
    held = ((named.found_in(text), field) for text, field in first.items())
    InvalidInput.tell(
        InvalidInput(
            f"the outgoing text holds {what}.",
            field=field,
            remedy="Take it out: say 'the account' or 'the item', and let the item's id name it.",
            code="identity",
        )
        for what, field in held
        if what is not None
    )


# ------------------------------------------------------------------------------------------------------ second person
# Why a decision takes a second person: the rules that ask for one, and what was recorded of them.
#
# Each rule has one code. Beside these there is a rule for each flag that a policy names in `four_eyes_flags`: its code
# is the flag's.


_HEAD_PROPOSED: Final = "head_of_office"
_VOLUME: Final = "volume_unusual"


def asking(
    case: Case,
    proposal: Proposal,
    policy: Policy,
    actor: Actor,
    *,
    legal: RestsOn | None,
    unseen: bool,
    without_order: bool,
) -> tuple[str, ...]:
    """The rules that ask for a second person on this proposal of this person; none if one person decides.

    `unseen` says that nobody could look at what a measure is about, `without_order` that the order about it fell.
    """
    marks = codes(case.flags)
    acts = any(item.is_measure for item in proposal.items)
    in_force = {item.item_id for item in case.items if item.measure}
    lifts = any(item.item_id in in_force and not item.is_measure for item in proposal.items)
    asked = {
        "head_of_office": HEAD in actor.roles,
        "content_unseen": unseen,
        "order_fell": without_order,
        "check_unclear": legal is not None and legal.unclear,
        "check_barred": legal is not None and legal.barred,
        "check_contradicted": legal is not None and legal.contradicted,
        "legal_review": acts and LEGAL not in actor.roles and policy.needs_legal_review(case.category, marks),
        "approver_outside": acts and policy.safeguards.needs_outside(case.category, marks),
        "lifting": lifts and policy.four_eyes_lifting,
    }
    worldwide = any(item.worldwide for item in proposal.items)
    own = tuple(rule for rule, asks in asked.items() if asks)
    return own + policy.four_eyes_rules(case.category, worldwide=worldwide, flags=marks)


def said_openly(rules: Iterable[str]) -> tuple[str, ...]:
    """These rules but for the one that says who proposed: that is told by the roles of that person alone."""
    return tuple(rule for rule in rules if rule != _HEAD_PROPOSED)


def asked_for(of: fold.Case, events: Iterable[Stamped], version: int) -> dict[str, Any]:
    """What the events `of` a case tell of why a decision takes a second person: `rules`, the version of the `policy`,
    the `category` then; where unusually many notices asked for it, how many came before (`volume`), and how many are
    usual (`volume_limit`). That the head proposed is told where the people are."""
    found: dict[str, Any] = {"policy": "", "category": "", "volume": None, "volume_limit": None}
    rules: list[str] = []
    volume: dict[str, int | None] = {}
    case = fold.Case(of.platform, of.stream)
    for on in events:
        fold.apply(case, on)
        match on.event:
            case Opened(came=came) if came.volume_limit:
                volume = {"volume": came.volume, "volume_limit": came.volume_limit}
            case Proposed(decision=said) if said == version:
                found |= {"policy": on.event.policy, "category": case.category}
                by_head = on.event.four_eyes and on.who is not None and HEAD in on.who.roles
                rules += [*([_HEAD_PROPOSED] if by_head else []), *on.event.rules]
            case Withheld() if case.decision == version and case.state is CaseState.IN_APPROVAL:
                rules.append("withheld")
    if _VOLUME in rules:
        found |= volume
    return found | {"rules": rules}


def in_words(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What `asked_for` found, with each rule in English words (`says`)."""
    return {**asked, "says": says(asked, words("en", "cases"))}


def says(asked: Mapping[str, Any], say: Words) -> list[str]:
    """Each rule of `asked_for` in words."""
    values = {name: asked[name] for name in ("category", "volume", "volume_limit")}
    return [say("rule", rule, **values) for rule in asked["rules"]]
