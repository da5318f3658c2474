"""Telling the affected user: what a measure, its end or an appeal gives rise to, and when it may leave.

It leaves at once unless a legal basis and an end keep it back; nothing keeps it back for ever. What is told names who
demanded the measure and by which law. It holds nothing of a reporter, and names no moderator.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from string import Formatter
from types import MappingProxyType
from typing import Final, Literal, get_args

from kz_compliance_sdk.domain import fold
from kz_compliance_sdk.domain.actor import Stamp
from kz_compliance_sdk.domain.case import Case, ItemState, happened
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.decision import Action, Decision, ItemDecision
from kz_compliance_sdk.domain.events import delivery
from kz_compliance_sdk.domain.events.base import Happened
from kz_compliance_sdk.domain.fold import SilenceBasis, UserNoticeKind, UserNoticeStatus
from kz_compliance_sdk.domain.ledger import encoded
from kz_compliance_sdk.domain.messages import id_of, step
from kz_compliance_sdk.domain.notice import AuthorityType, Notice
from kz_compliance_sdk.domain.policy.values import UserPolicy
from kz_compliance_sdk.domain.proposal_checks import identity_check
from kz_compliance_sdk.domain.report import Ground, UserNotified
from kz_compliance_sdk.domain.values import Json, says_something
from kz_compliance_sdk.domain.words import LANGUAGES, Lang, compiled
from kz_compliance_sdk.errors import ConfigError

# ------------------------------------------------------------------------------------------------ statement templates
# The words in which an affected user is told: templates in Kazakh, Russian and English, and who has reviewed each.
#
# A template is data with a closed set of placeholders. It is filled with facts of the case and with nothing that a
# person wrote about somebody. What comes out is plain text: nothing in it is escaped for any markup.


StatementKind = Literal["measure", "restored", "appeal_upheld", "appeal_reversed"]

PLACEHOLDERS: Final = frozenset(
    {
        "action", "appeal_days", "appeal_url", "authority", "authority_kind", "effective_at", "ground", "legal_basis",
        "legal_provision", "object", "redress", "reference_number", "scope",
    }
)  # fmt: skip
"""What a line may speak of. A line that speaks of what is not known is left out."""

# Who demanded it and under which number is never left to a template's taste: the state's part is named.
_NAMED: Final = frozenset({"object", "authority", "reference_number"})
_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "action": tuple(name for name in get_args(Action) if name != "none"),
        "ground": get_args(Ground),
        "authority_kind": get_args(AuthorityType),
        "scope": ("KZ", "*"),
        "redress": ("body", "court"),
    }
)
_KINDS: Final[tuple[StatementKind, ...]] = get_args(StatementKind)


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one language. `reviewed_by` is empty while nobody has reviewed them."""

    lang: Lang
    lines: Mapping[StatementKind, tuple[str, ...]]
    words: Mapping[str, Mapping[str, str]]
    reviewed_by: str = ""

    def render(self, kind: StatementKind, facts: Mapping[str, str]) -> str:
        """The text for these facts; a fact that is empty or missing takes its line with it."""
        rendered = [line for line in (_filled(line, facts) for line in self.lines[kind]) if line is not None]
        return "\n".join(rendered).strip() + "\n"


@dataclass(frozen=True, slots=True)
class Templates:
    """The words of every language."""

    by_lang: Mapping[Lang, Template]

    @property
    def unreviewed(self) -> tuple[Lang, ...]:
        """The languages whose words nobody has reviewed."""
        return tuple(lang for lang in LANGUAGES if not self.by_lang[lang].reviewed_by)


def _filled(line: str, facts: Mapping[str, str]) -> str | None:
    parts: list[str] = []
    for text, name, _, _ in Formatter().parse(line):
        parts.append(text)
        if name is not None:
            value = " ".join(facts.get(name, "").split())
            if not value:
                return None
            parts.append(value)
    return "".join(parts)


@cache
def packaged_templates() -> Templates:
    """The words that come with this package. Read once. Nobody has reviewed them."""
    return Templates(
        {lang: read_template(compiled(lang, "user_notices"), lang, f"user_notices.{lang}") for lang in LANGUAGES}
    )


def with_own(base: Templates, own: Mapping[Lang, tuple[bytes, str]]) -> Templates:
    """`base` with a platform's own words for some languages: a compiled catalogue and the name of its file.

    Raises ConfigError naming file and message, also for words that do not say who reviewed them.
    """
    read = {lang: read_template(data, lang, file, reviewed=True) for lang, (data, file) in own.items()}
    return Templates({**base.by_lang, **read})


def read_template(data: bytes, lang: Lang, file: str, *, reviewed: bool = False) -> Template:
    """Read one language's words from a compiled catalogue. Raises ConfigError that names the file and the message.

    `reviewed`: it must say by whom and on which day it was reviewed.
    """
    try:
        catalogue = GNUTranslations(BytesIO(data))
    except (OSError, ValueError, LookupError, struct.error):
        raise ConfigError(
            "This is no compiled catalogue.", field=file, remedy="Compile the .po file (msgfmt), and name the .mo file."
        ) from None
    catalogue.add_fallback(_Nothing())
    reader = _Reader(file, catalogue)
    if catalogue.info().get("language") != lang:
        raise reader.wrong(
            "Language", "It holds the words of another language.", f"Write Language: {lang} in its head."
        )
    by = reader.review(needed=reviewed)
    return Template(
        lang=lang,
        lines=MappingProxyType({kind: reader.lines(kind) for kind in _KINDS}),
        words=MappingProxyType(
            {table: {name: reader.text(table, name) for name in names} for table, names in _WORDS.items()}
        ),
        reviewed_by=by,
    )


class _Nothing(NullTranslations):
    """What a catalogue does not hold is empty, and not its own name."""

    def pgettext(self, context: str, message: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Reader:
    file: str
    catalogue: GNUTranslations

    def wrong(self, key: str, message: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=f"{self.file}: {key}", remedy=remedy)

    def text(self, table: str, name: str) -> str:
        text = self.catalogue.pgettext(table, name)
        if not text.strip():
            raise self.wrong(f"{table}.{name}", "This text is missing.", f"Give {table}, {name} its msgstr.")
        return text

    def review(self, *, needed: bool) -> str:
        by, day = (self.catalogue.pgettext("review", name).strip() for name in ("by", "on"))
        if needed and not by:
            raise self.wrong("review.by", "It does not say who reviewed these words.", "Name the person or the firm.")
        if by or day:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise self.wrong("review.on", "This is no day.", "Write 2026-01-31.") from None
        return by

    def lines(self, kind: StatementKind) -> tuple[str, ...]:
        text, key = self.text("statement", kind), f"statement.{kind}"
        if missing := sorted(_NAMED - self.placeholders(text, key)):
            raise self.wrong(key, f"It never says {{{missing[0]}}}.", "Add a line with it: the user has to know.")
        return tuple(text.split("\n"))

    def placeholders(self, text: str, key: str) -> set[str]:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError:
            raise self.wrong(key, "A brace is not closed.", "Write {{ and }} for braces themselves.") from None
        for _, name, form, conversion in parsed:
            if name is not None and (name not in PLACEHOLDERS or form or conversion):
                known = ", ".join(sorted(PLACEHOLDERS))
                raise self.wrong(key, f"There is no placeholder {{{name}}}.", f"Use one of: {known}.")
        return {name for _, name, _, _ in parsed if name is not None}


# ------------------------------------------------------------------------------------------------------- user notices


@dataclass(frozen=True, slots=True)
class AuthorityWords:
    """The words that can be told; what is missing or left out is empty. `complete` says that nothing was left out."""

    name: Mapping[Lang, str]
    unit: str
    laws: tuple[str, ...]
    reference_number: str
    redress: str
    complete: bool


def authority_words(case: Case, notice: Notice) -> AuthorityWords:
    """The words of the notice's authority. None of them may name an account of the notice, or who signed it."""
    holds_identity, withheld = identity_check(case, notice), list[str]()

    def clean(text: str | None) -> str:
        if text and holds_identity(text):
            withheld.append(text)
            return ""
        return text or ""

    authority, redress = notice.issuing_authority, notice.redress
    parts = () if redress is None else (redress.body, redress.deadline, redress.url)
    cited = (", ".join(filter(None, (basis.act, basis.article))) for basis in notice.legal_basis)
    return AuthorityWords(
        name={lang: clean(authority.name.best(lang)) for lang in LANGUAGES},
        unit=clean(authority.unit),
        laws=tuple(filter(None, map(clean, cited))),
        reference_number=clean(notice.reference_number),
        redress=", ".join(filter(None, map(clean, parts))),
        complete=not withheld,
    )


MESSENGER = "messenger"
UNSENT = ("due", "delayed")
_HEARD = (*UNSENT, "sent")
_DAY_S = 86_400
_NOT_TOLD = "\N{EM DASH}"
_NOTIFIED: Mapping[str, UserNotified] = {"sent": "yes", "delayed": "delayed", "off": "not_allowed", "failed": "no"}


@dataclass(frozen=True, slots=True)
class UserNoticeState:
    """Where the notice to the affected user of one item stands, as the chain of the case has it. Times are UTC seconds.

    `due_at` is when it leaves, and `delay_until` when a delay ends, None if there is none. `basis` says whose legal
    basis keeps the user from being told: the `notice`'s, that of a `person` of the platform, the `platform`'s own for
    telling nobody, or empty. The words of that basis lie in the notice, or sealed beside their event. `item_id` and
    `lane`, which stands for the object, are those of the case, empty where it does not know them any more.
    """

    message_id: str
    item_id: str
    lane: str
    decision_version: int
    kind: UserNoticeKind
    state: UserNoticeStatus
    due_at: int
    sent_at: int | None = None
    delay_until: int | None = None
    basis: SilenceBasis = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """How a platform tells its users: in which words, within which times, where they appeal. `off_because` is the
    written legal basis of a platform that tells nobody; empty where users are told."""

    policy: UserPolicy = field(default_factory=UserPolicy)
    templates: Templates = field(default_factory=packaged_templates)
    off_because: str = ""
    appeal_url: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """When the user is told. `asks`: the notice wants silence without a legal basis, without an end, or for longer than
    the policy's longest, and a person has until `due_at` to put it off."""

    state: Literal["due", "delayed", "off"]
    due_at: int
    delay_until: int | None = None
    basis: SilenceBasis = ""
    asks: bool = False


def plan(notice: Notice, telling: Telling, now: int) -> Plan:
    """When the user may be told of a measure that comes into force `now` (UTC seconds)."""
    if telling.off_because:
        return Plan("off", now, basis="platform")
    wish = notice.user_notice
    until = wish.delay_until if wish is not None else None
    if wish is None or (wish.allowed and until is None) or (until is not None and until <= now):
        return Plan("due", now)
    if until is not None and says_something(wish.legal_basis or ""):
        # An end in a hundred years is none.
        latest = now + telling.policy.longest_delay_s
        ends = min(until, latest)
        return Plan("delayed", ends, ends, "notice", asks=until > latest)
    wait = telling.policy.ask_s
    return Plan("due", now + wait, asks=wait > 0)


def tellings(case: Case, chain: fold.Case) -> list[UserNoticeState]:
    """Where the telling of each item's user stands by the chain of a case, in the order of the decisions behind it."""
    items = {item.number: item for item in case.items}
    held = sorted(chain.tellings.values(), key=lambda one: (one.decision, one.due_at, one.message))
    return [_telling(one, items.get(one.item)) for one in held]


def _telling(held: fold.Telling, item: ItemState | None) -> UserNoticeState:
    return UserNoticeState(
        message_id=held.message,
        item_id=name_of(item) if item is not None else "",
        lane=_lane_of(item.object_key) if item is not None and item.object_key else "",
        decision_version=held.decision,
        kind=held.kind,
        state=held.state,
        due_at=held.due_at,
        sent_at=held.sent_at or None,
        delay_until=held.delay_until or None,
        basis=held.basis,
    )


def count_unsent(chain: fold.Case) -> int:
    """How many users are still to be told of something."""
    return sum(one.state in UNSENT for one in chain.tellings.values())


def notified(tellings: Iterable[UserNoticeState], now: int) -> dict[str, UserNotified]:
    """What a report says about the telling of each item. Of one that is about to be told it says nothing."""
    last: dict[str, UserNoticeState] = {}
    for held in sorted(tellings, key=_place):
        if held.kind != "appeal_decided" and held.state != "void":
            last[held.item_id] = held
    return {name: said for name, held in last.items() if (said := _said(held, now)) is not None}


def _place(held: UserNoticeState) -> tuple[int, bool]:
    """Where it stands in the history of its item."""
    return held.decision_version, held.kind == "restored"


def _said(held: UserNoticeState, now: int) -> UserNotified | None:
    over = held.state == "delayed" and held.delay_until is not None and held.delay_until <= now
    return None if over else _NOTIFIED.get(held.state)


def planned(item: ItemState, what: Plan) -> dict[str, UserNotified]:
    """What the report that goes with a measure says of it: it is written before anybody is told."""
    said = _NOTIFIED.get(what.state)
    return {} if said is None else {name_of(item): said}


def _lane_of(object_key: str) -> str:
    """What tells the notices about one object from those about another."""
    return f"object:{hashlib.sha256(object_key.encode()).hexdigest()}"


def name_of(item: ItemState) -> str:
    """The id under which the authority knew an item."""
    return item.was or item.item_id


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the user is to be told of: the case after it, the item, and the notice as it stands."""

    case: Case
    item: ItemState
    notice: Notice
    tellings: Sequence[UserNoticeState]
    decisions: Mapping[int, Decision]
    telling: Telling
    stamp: Stamp


def of_measure(on: Occasion, what: Plan) -> tuple[Happened, ...]:
    """What a measure that came into force gives rise to. Nothing if the user knows of this very measure already."""
    # An end that is still to be told may be on its way to the user at this moment: it counts as told.
    heard = [held for held in (*_of_measures(on), *_ends(on)) if held.state in _HEARD]
    last = max(heard, key=_place, default=None)
    if last is not None and last.kind == "measure" and _alike(on, last.decision_version, on.item.decision_version):
        return ()
    return _queued(on, "measure", what, measure=on.item.measure, void=_void(_of_measures(on), on))


def of_lifting(on: Occasion, measure: str) -> tuple[Happened, ...]:
    """What the end of `measure` gives rise to: what was still to be told of it is void, and a delay of it goes on."""
    same = _of_measures(on)
    since = max(map(_place, same), default=(0, False))
    if any(held.item_id != name_of(on.item) and held.state in _HEARD and _place(held) > since for held in _ends(on)):
        return _void(same, on)
    return _queued(on, "restored", _like(same, on), measure=measure, void=_void(same, on))


def of_appeal(on: Occasion, appeal: int, *, reversed_: bool, measure: str) -> tuple[Happened, ...]:
    """Tell the user what was decided on the appeal of that number: at once, unless they must not know of the measure
    itself yet."""
    what = _like(_of_measures(on), on)
    return _queued(on, "appeal_decided", what, measure=measure, appeal=appeal, reversed_=reversed_)


def _of_measures(on: Occasion) -> list[UserNoticeState]:
    about = name_of(on.item), _lane_of(on.item.object_key)
    return [held for held in on.tellings if held.kind == "measure" and (held.item_id, held.lane) == about]


def _ends(on: Occasion) -> list[UserNoticeState]:
    """What was told of ends on the object: each is told once, under any of the case's items about it."""
    return [held for held in on.tellings if held.kind == "restored" and held.lane == _lane_of(on.item.object_key)]


def _like(unsent: Iterable[UserNoticeState], on: Occasion) -> Plan:
    """When more may be told of a measure: at once, or together with what is still kept back of it."""
    now = on.stamp.at
    if on.telling.off_because:
        return Plan("off", now, basis="platform")
    what = Plan("due", now)
    for held in unsent:
        if held.state == "delayed" and held.delay_until is not None and held.delay_until > now:
            what = Plan("delayed", held.delay_until, held.delay_until, held.basis)
        elif held.state == "due" and held.due_at > now:
            what = Plan("due", held.due_at)
    return what


def _void(tellings: Iterable[UserNoticeState], on: Occasion) -> tuple[Happened, ...]:
    """What no longer holds is told to nobody."""
    unsent = [held for held in tellings if held.state in UNSENT]
    return (voided(on.case, unsent, on.stamp),) if unsent else ()


def voided(case: Case, tellings: Iterable[UserNoticeState], stamp: Stamp) -> Happened:
    """That these are told to nobody."""
    return happened(case, delivery.UserNoticeVoided(messages=tuple(held.message_id for held in tellings)), stamp)


def is_wanted(case: Case, held: UserNoticeState | None, action: str) -> bool:
    """Whether what a message says still holds at the moment at which it leaves."""
    if held is None or held.state not in UNSENT:
        return False
    if held.kind == "appeal_decided":
        return True
    here = [item for item in case.items if name_of(item) == held.item_id and _lane_of(item.object_key) == held.lane]
    if held.kind == "restored":
        return not any(item.measure for item in here)
    return any(item.measure == action and item.status != "lifting" for item in here)


def told(case: Case, held: UserNoticeState, at: int | None, stamp: Stamp) -> Change:
    """The user was told `at` (UTC seconds); None: never can be, and people get to know it. Holds nothing else up."""
    name = held.message_id
    came = delivery.UserNeverTold(message=name) if at is None else delivery.UserTold(message=name, at_platform=at)
    return step(case, "tell_user", happened(case, came, stamp))[0]


def _alike(on: Occasion, one: int, other: int) -> bool:
    first, second = (_decided(on, version) for version in (one, other))
    return first is not None and second is not None and _told_of(first) == _told_of(second)


def _told_of(decided: ItemDecision) -> tuple[object, ...]:
    return decided.action, decided.scope, decided.ground, decided.wording.legal_provision


def _decided(on: Occasion, version: int) -> ItemDecision | None:
    decision = on.decisions.get(version)
    return decision.item(name_of(on.item)) if decision is not None else None


def _queued(
    on: Occasion,
    kind: UserNoticeKind,
    what: Plan,
    *,
    measure: str,
    void: tuple[Happened, ...] = (),
    appeal: int = 0,
    reversed_: bool = False,
) -> tuple[Happened, ...]:
    """What is told now; `void` is what no longer holds because of it."""
    case, item, stamp = on.case, on.item, on.stamp
    number = appeal or item.effect_version
    key = id_of(case, f"user_notice/{kind}", decision=item.decision_version, number=number, item=item.number)
    if any(known.message_id == key for known in on.tellings):
        return void
    of_authority, said = authority_words(case, on.notice), {known.decision_version for known in on.tellings}
    missing = what.state != "off" and not of_authority.complete and item.decision_version not in said
    owed = delivery.UserNoticeOwed(
        item=item.number,
        notice=kind,
        appeal=appeal,
        effect=item.effect_version,
        state=what.state,
        due_at=what.due_at,
        basis=what.basis,
        asks=what.asks,
        words_missing=missing,
    )
    if what.state == "off":
        return (*void, happened(case, owed, stamp))
    words: StatementKind = kind if kind != "appeal_decided" else "appeal_reversed" if reversed_ else "appeal_upheld"
    body = _body(on, kind, words, measure, of_authority)
    return (*void, happened(case, owed, stamp, {"body": body}))


def _body(on: Occasion, kind: UserNoticeKind, words: StatementKind, measure: str, said: AuthorityWords) -> bytes:
    """What the user may know. Names of people, and whatever they wrote about each other, have no way into it."""
    item, notice, decided = on.item, on.notice, _behind(on, measure)
    authority = notice.issuing_authority
    outcome = {"restored": "restored", "appeal_upheld": "upheld", "appeal_reversed": "reversed"}.get(words)
    if outcome is None:
        outcome = decided.wording.outcome if decided is not None else ""
    ground = decided.ground or "" if decided is not None else ""
    provision = decided.wording.legal_provision or "" if decided is not None else ""
    scope = decided.scope if decided is not None else item.scope
    texts: dict[str, Json] = {}
    for lang in LANGUAGES:
        template = on.telling.templates.by_lang[lang]
        known = template.words
        of_type = known["authority_kind"][authority.type]
        facts = {
            "object": item.url or item.object_id or item.account_ref,
            "action": known["action"].get(measure, ""),
            "scope": ", ".join(known["scope"].get(code, code) for code in scope),
            "effective_at": local(item.effective_at) if item.effective_at else "",
            "ground": known["ground"].get(ground, ""),
            "legal_provision": provision,
            "legal_basis": "; ".join(said.laws),
            # That a state authority demanded it is told also where its name cannot be.
            "authority": ", ".join(filter(None, (said.name[lang], said.unit))) or of_type,
            "authority_kind": of_type,
            "reference_number": said.reference_number or _NOT_TOLD,
            # Nobody is left without a way to contest the demand because it names none.
            "redress": said.redress or known["redress"]["court" if authority.type == "court" else "body"],
            "appeal_url": on.telling.appeal_url,
            "appeal_days": str(-(-on.telling.policy.appeal_term_s // _DAY_S)),
        }
        texts[lang] = template.render(words, facts)
    return encoded(
        {
            "case_id": on.case.id,
            "item_id": name_of(item),
            "kind": kind,
            "object_key": item.object_key,
            "url": item.url,
            "object_id": item.object_id,
            "account_ref": item.account_ref,
            "outcome": outcome,
            "action": measure,
            "scope": list(scope),
            "ground": ground,
            "legal_provision": provision,
            "legal_basis": list(said.laws),
            "authority": {lang: said.name[lang] for lang in LANGUAGES},
            "authority_type": authority.type,
            "reference_number": said.reference_number,
            "effective_at": item.effective_at,
            "made_at": on.stamp.at,
            "appeal_url": on.telling.appeal_url,
            "appeal_answer_s": on.telling.policy.appeal_term_s,
            "texts": texts,
        }
    )


def _behind(on: Occasion, measure: str) -> ItemDecision | None:
    """The decision that the measure rests on: that of the item, or the latest before it that decided this measure."""
    for version in sorted((v for v in on.decisions if v <= on.item.decision_version), reverse=True):
        decided = on.decisions[version].item(name_of(on.item))
        if decided is not None and decided.action == measure:
            return decided
    return None
