"""What in an outgoing text looks like the identity of a person.

A person reads every text before it leaves. This only catches what a tired eye passes over: an account that the notice
named, by itself or within an address, an e-mail address, a phone number, an individual identification number (IIN).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from kz_compliance_sdk.domain.case import Case, ItemState
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.errors import InvalidInput

_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE: Final = re.compile(
    r"(?<![\w+])(?:\+\d[\d\s().-]{7,17}\d|[78][\s(-]*7\d{2}[\s).-]*\d{3}[\s.-]*\d{2}[\s.-]*\d{2})(?!\w)"
)
_TWELVE: Final = re.compile(r"(?<!\d)\d(?:[ -]?\d){11}(?!\d)")
# Weights of the checksum: law.md A5, from secondary sources. The second row counts where the first gives 10.
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
    for text, field in first.items():
        what = named.found_in(text)
        if what is not None:
            raise InvalidInput(
                f"the outgoing text holds {what}.",
                field=field,
                remedy="Take it out: say 'the account' or 'the item', and let the item's id name it.",
                code="identity",
            )
