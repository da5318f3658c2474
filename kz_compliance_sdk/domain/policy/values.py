"""The values of a policy: what the law, or the platform, asks for, as frozen data.

All of it comes from files that somebody edits, so every value is validated, unknown keys are refused and every
term names its legal source. Nothing here reads a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

DAY_S = 86_400
YEAR_S = 366 * DAY_S

Name = Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9_]{0,63}\z")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
Url = Annotated[str, StringConstraints(pattern=r"\Ahttps?://[^\s]{1,500}\z")]
Yes = Annotated[bool, Field(strict=True)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=YEAR_S)]
PositiveSeconds = Annotated[int, Field(strict=True, ge=1, le=YEAR_S)]
Hours = Annotated[int, Field(strict=True, ge=1, le=YEAR_S // 3600)]
WorkingDays = Annotated[int, Field(strict=True, ge=1, le=366)]
Language = Annotated[str, StringConstraints(pattern=r"\A(?:kk|ru|en)\z")]
UndoWindow = Annotated[int, Field(strict=True, ge=0, le=3600)]


def refused(message: str, remedy: str, key: str = "") -> PydanticCustomError:
    """A broken rule: what is wrong, what to do, and below the value it was found in the key that it is about."""
    return PydanticCustomError("policy_rule", "{message}", {"message": message, "remedy": remedy, "key": key})


def _as_code(version: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.+:-]{1,80}", version) is None:
        raise refused("This is no code, and decisions name it.", "Use 1 to 80 letters, digits and _ . + : - alone.")
    return version


Version = Annotated[str, Field(strict=True), AfterValidator(_as_code)]
"""What tells a policy from others. What is added to it, such as "+own", still fits where 100 characters do."""


class Value(BaseModel):
    """A value out of a policy file: frozen, and an unknown key in it is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Value):
    """Where a rule comes from, and whether anybody has read it there.

    A verified source says who read it, when and where; an unverified one is never shown to a user as fact.
    """

    act: Text
    article: str = ""
    url: Url | None = None
    verified: Yes = False
    verified_by: Text | None = None
    verified_on: date | None = None
    note: str = ""

    @model_validator(mode="after")
    def _says_who_when_and_where(self) -> Self:
        if self.verified:
            for key in ("article", "url", "verified_by", "verified_on", "note"):
                if not getattr(self, key):
                    raise refused("A verified source needs this key.", "Add it, or say verified = false.", key)
        elif self.verified_by is not None or self.verified_on is not None:
            raise refused("An unverified source says who verified it.", "Remove verified_by and verified_on.")
        return self


Kind = Literal["request", "prescription", "submission", "notification", "recommendation", "court_order"]
KINDS: tuple[Kind, ...] = ("request", "prescription", "submission", "notification", "recommendation", "court_order")

T = TypeVar("T")


def _frozen(rows: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType(dict(rows))


Weekday = Annotated[int, Field(strict=True, ge=1, le=7)]
ClockTime = Annotated[str, StringConstraints(pattern=r"\A(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)\z")]
Many = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
FieldName = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,63}\z")]


class ApproverDuty(Value):
    """When so many approvers are on duty: on these days of the week (1 is Monday), from `starts` to `ends` in the
    policy's zone. A duty that ends before it starts runs over midnight, and belongs to the day on which it starts."""

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    starts: ClockTime
    ends: ClockTime
    approvers: Many = 1

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.starts == self.ends:
            raise refused("This duty has no length.", 'Give two times; the whole day is "00:00" to "24:00".', "ends")
        return self


class Safeguards(Value):
    """What a policy asks for beside terms and categories. Times are in seconds (`_s`)."""

    legal_review_flags: Annotated[frozenset[Name], Field(min_length=1)]
    """Flags of a case that call for somebody with the role `legal`, whatever the category."""
    official_types: Annotated[frozenset[Name], Field(min_length=1)]
    """The types of authority that count as an official agency."""
    official_categories: frozenset[Name] = frozenset()
    """Categories in which an official is the offended party."""
    official_acts: frozenset[Text] = frozenset()
    """Provisions that protect officials, as `act` for all its articles or `act/article` for one."""
    official_fields: frozenset[FieldName] = frozenset()
    """Fields of a notice, beyond the contract, by which its sender says that an official is the offended party."""
    kind_senders: Annotated[Mapping[Kind, frozenset[Name]], AfterValidator(_frozen), PlainSerializer(dict)] = Field(
        default_factory=dict, validate_default=True
    )
    """The types of authority that are entitled to a kind of notice. A kind without a row is not limited."""
    user_data_fields: Annotated[frozenset[FieldName], Field(min_length=1)]
    """Fields of a notice or an item, beyond the contract, by which its sender asks for data of a user."""
    user_data_phrases: frozenset[Text] = frozenset()
    """Words, in lower case, by which a notice that asks for the action `other` asks for data of a user."""
    volume_notices: Many
    """More new notices than this from one authority, or under one key, within the window are unusual."""
    volume_window_s: PositiveSeconds
    reasons_least_chars: Many = 1
    """Reasons that are shorter than this in every language say too little."""
    approver_outside_always: Yes = False
    """Whether every measure needs an approver outside the country."""
    approver_outside_categories: frozenset[Name] = frozenset()
    approver_outside_flags: frozenset[Name] = frozenset()
    approver_duty: tuple[ApproverDuty, ...] = ()
    """When approvers are on duty. Empty: nobody has said, and nobody is paged for it."""

    @field_validator("user_data_phrases")
    @classmethod
    def _in_lower_case(cls, phrases: frozenset[str]) -> frozenset[str]:
        return frozenset(phrase.lower() for phrase in phrases)

    def may_send(self, authority_type: str, kind: Kind) -> bool:
        """Whether a body of this type is entitled to this kind of notice, as far as the policy limits it."""
        entitled = self.kind_senders.get(kind)
        return entitled is None or authority_type in entitled

    def needs_outside(self, category: str, flags: frozenset[str]) -> bool:
        """Whether a measure needs an approver outside the country."""
        return (
            self.approver_outside_always
            or category in self.approver_outside_categories
            or not flags.isdisjoint(self.approver_outside_flags)
        )


OWN = Source(
    act="the platform's own rule",
    note="unverified: no text that sets these for Kazakhstan was read. Two weeks is what EU Regulation 2021/784 gives "
    "a complaint, by a secondary source; the other lengths of time are our choice",
)


class UserPolicy(Value):
    """Times in seconds, and what an appeal that succeeds asks for."""

    ask_s: Seconds = DAY_S
    """How long a person may take to decide, where a notice asks for silence without a legal basis or without an end.
    The user is told when it has passed."""
    longest_delay_s: PositiveSeconds = 42 * DAY_S
    """How long the user is not told at most, because a notice asks for it or a person put it off. A longer silence
    takes a new decision of a person."""
    appeal_term_s: PositiveSeconds = 14 * DAY_S
    """How soon after its receipt an appeal is decided."""
    appeal_near_s: Seconds = 2 * DAY_S
    """How long before that people are told that it nears."""
    report_reversals: Yes = True
    """Whether the regulator gets a corrected report when an appeal has lifted a measure that was reported already."""
    source: Source = OWN


Audience = Literal["moderator", "lead", "head"]
AUDIENCES: tuple[Audience, ...] = ("moderator", "lead", "head")
"""Who may be paged, in the order in which a page widens."""

OnlyIf = Literal["unclaimed", "open"]

UNKNOWN_CATEGORY = "unknown"
OTHER_ACT = "other"
_ARTICLE = re.compile(r"([0-9]{1,3}(?:-[0-9]{1,2})?) ?(?![0-9A-Za-zА-Яа-я-])")

LeaseTime = Annotated[int, Field(strict=True, ge=30, le=DAY_S)]

# pydantic's serialiser for a Mapping insists on a dict and warns about a mappingproxy.
_Rows = Annotated[Mapping[Name, T], AfterValidator(_frozen), PlainSerializer(dict)]


def one_unit(hours: int | None, working_days: int | None) -> None:
    if (hours is None) == (working_days is None):
        raise refused("A term has one unit.", "Give either hours or working_days.")


class Term(Value):
    """How long the platform has: consecutive `hours`, or `working_days` by the calendar. Exactly one of the two."""

    hours: Hours | None = None
    working_days: WorkingDays | None = None
    source: Source

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        one_unit(self.hours, self.working_days)
        return self

    @property
    def least_hours(self) -> int:
        """The fewest hours that this term can last: a working day ends 24 hours after its own beginning or later."""
        return self.hours if self.hours is not None else 24 * (self.working_days or 0)

    def __str__(self) -> str:
        return f"{self.hours} h" if self.hours is not None else f"{self.working_days} working days"


class After(Value):
    """`after_s` seconds after the notice was received."""

    after_s: Seconds


class Before(Value):
    """`before_s` seconds before the notice is due; 0 is the moment itself."""

    before_s: Seconds


class Repeat(Value):
    """Every `every_s` seconds once the notice is overdue, for as long as the case is open."""

    every_s: PositiveSeconds


def _which(value: Any) -> str | None:
    for tag in ("after_s", "before_s", "every_s"):
        if (isinstance(value, Mapping) and tag in value) or hasattr(value, tag):
            return tag
    return None


When = Annotated[
    Annotated[After, Tag("after_s")] | Annotated[Before, Tag("before_s")] | Annotated[Repeat, Tag("every_s")],
    Discriminator(
        _which,
        custom_error_type="step_when",
        custom_error_message="This must be one of { after_s = N }, { before_s = N }, { every_s = N }",
    ),
]


class Step(Value):
    """One rung of the escalation ladder: when it fires, for which cases, whom it pages and how loudly."""

    id: Name
    when: When
    only_if: OnlyIf = "open"
    audience: Annotated[tuple[Audience, ...], Field(min_length=1)]
    severity: Annotated[int, Field(strict=True, ge=1, le=100)]

    @field_validator("audience")
    @classmethod
    def _in_order(cls, audience: tuple[Audience, ...]) -> tuple[Audience, ...]:
        return tuple(who for who in AUDIENCES if who in audience)


def _check_ladder(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    ids = [step.id for step in steps]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise refused(f"Two steps are called {twice[0]}.", "Give each step an id of its own.")
    if not any(isinstance(step.when, Repeat) and step.only_if == "open" for step in steps):
        raise refused(
            "Nothing repeats, so an overdue case would fall silent.",
            'Add a step with when = { every_s = N } and only_if = "open".',
        )
    return steps


Ladder = Annotated[tuple[Step, ...], AfterValidator(_check_ladder)]


Category = Literal[
    "child_sexual_exploitation", "cyberbullying_of_child", "drugs", "election_rules", "fake_account",
    "false_information", "fraud", "illegal_gambling", "insult_of_official", "mass_riots", "other", "personal_data",
    "pornography", "suicide_promotion", "terrorism_extremism", "unsanctioned_assembly", "violence",
]  # fmt: skip
"""The categories of the packaged policy. An authority may use a word that is none of them; its case is flagged."""


class CategoryPolicy(Value):
    """What a category of content asks for. Political speech always means legal review and a second pair of eyes."""

    category: Name
    legal_review: Yes
    four_eyes: Yes
    political_speech: Yes
    term: Term | None = None
    """The category's own term; `None` leaves the term to the kind of the notice."""
    source: Source
    expert_group: Yes = False
    """Whether an order of this category rests on a decision of the expert group."""
    expert_group_source: Source | None = None

    @model_validator(mode="after")
    def _says_where_the_expert_group_comes_from(self) -> Self:
        if self.expert_group and self.expert_group_source is None:
            raise refused("A rule names its legal source.", "Add it.", "expert_group_source")
        return self

    @model_validator(mode="after")
    def _political_speech_is_reviewed(self) -> Self:
        if self.political_speech and not (self.legal_review and self.four_eyes):
            raise refused("Political speech is always reviewed.", "Set legal_review = true and four_eyes = true.")
        return self


class Calendar(Value):
    """Which days are working days: Monday to Friday, less `holidays`, plus weekend days that are `worked`."""

    holidays: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()
    source: Source | None = None

    @model_validator(mode="after")
    def _no_day_is_both(self) -> Self:
        both = sorted(self.holidays & self.worked)
        if both:
            raise refused(f"{both[0]} is a holiday and worked at once.", "Remove it from one list.", "worked")
        return self

    def is_working(self, day: date) -> bool:
        """Whether `day` is a working day."""
        return day in self.worked or (day.weekday() < 5 and day not in self.holidays)

    def covers(self, year: int) -> bool:
        """Whether the calendar knows this year. In a year that it does not know every weekday counts as worked."""
        return any(day.year == year for day in self.holidays)


class Policy(Value):
    """The rules of one country, as data: terms, categories, the ladder. Units are in the names (`_s`: seconds)."""

    country: Literal["KZ"]
    version: Version
    zone: Literal["Asia/Almaty"]
    terms_by_kind: Annotated[Mapping[Kind, Term], AfterValidator(_frozen), PlainSerializer(dict)]
    default_term: Term
    categories: _Rows[CategoryPolicy]
    ladder: Ladder
    undo_window_s: UndoWindow = 60
    """How long a decision rests before its measure is carried out."""
    lease_s: LeaseTime = 900
    """How long a claim holds a case without being renewed."""
    lift_term_s: PositiveSeconds
    """How soon a measure is lifted after its order was withdrawn or annulled."""
    lift_source: Source
    preservation_s: Seconds
    """How long a sealed copy of what a measure hides is kept, so that the measure can be lifted."""
    preservation_source: Source
    interim_before_s: Seconds = 7200
    """How long before a case is due an interim report is offered."""
    four_eyes_always: Yes = False
    four_eyes_lifting: Yes = False
    """Whether a decision that takes back a measure in force needs a second person. An appeal has one without it:
    whoever decided first never decides on it."""
    four_eyes_flags: frozenset[Name] = frozenset()
    """Flags of a notice that call for a second pair of eyes whatever the category."""
    known_acts: _Rows[frozenset[Text]] = Field(default_factory=dict, validate_default=True)
    """The acts that a legal basis may cite without being flagged: each by a code of ours, with the names and numbers by
    which it is cited, as `act` for all its articles or `act/article` for one. Empty: whatever is cited is known."""
    authority_names: Annotated[
        Mapping[Text, Mapping[Language, Text]], AfterValidator(_frozen), PlainSerializer(dict)
    ] = Field(default_factory=dict, validate_default=True)
    """What authorities are called, by id and language: what one calls itself is its own words, and is not kept."""
    authority_categories: Annotated[Mapping[Text, frozenset[Name]], AfterValidator(_frozen), PlainSerializer(dict)] = (
        Field(default_factory=dict, validate_default=True)
    )
    """The categories that an authority may speak of. An authority without a row is not limited."""
    users: UserPolicy = UserPolicy()
    calendar: Calendar = Calendar()
    safeguards: Safeguards

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        for kind in KINDS:
            if kind not in self.terms_by_kind:
                raise refused("This kind of notice has no term.", "Add it.", f"terms_by_kind.{kind}")
        for name, row in self.categories.items():
            if row.category != name:
                raise refused(f"It holds the row of {row.category}.", "Rename one.", f"categories.{name}")
        cited: dict[str, str] = {}
        for code, acts in self.known_acts.items():
            for act in sorted(acts):
                if cited.setdefault(act, code) != code:
                    raise refused(
                        f"{act} is cited as {cited[act]} already.", "Leave it in one row.", f"known_acts.{code}"
                    )
        for authority, names in self.authority_categories.items():
            for name in sorted(names - self.categories.keys()):
                where = f"authority_categories.{authority}"
                raise refused(f"{name} is no category of this policy.", "Correct its spelling or remove it.", where)
        return self

    def category(self, name: str) -> CategoryPolicy:
        """The row of a category. What has no row gets the strictest: review, four eyes, the shortest term of all."""
        row = self.categories.get(name)
        if row is not None:
            return row
        terms = [row.term for row in self.categories.values() if row.term is not None]
        return CategoryPolicy(
            category=UNKNOWN_CATEGORY,
            legal_review=True,
            four_eyes=True,
            political_speech=True,
            term=min((*terms, self.default_term), key=lambda term: term.least_hours) if terms else None,
            source=Source(act="none", note="not a category of this policy: the strictest row applies"),
        )

    def term(self, kind: str, category: str) -> Term:
        """The term that runs for a notice: the category's own, else the kind's, else the default.

        A category without a row gets whichever is shortest.
        """
        of_kind = cast("Mapping[str, Term]", self.terms_by_kind).get(kind, self.default_term)
        own = self.category(category).term
        if own is None:
            return of_kind
        return own if category in self.categories else min(own, of_kind, key=lambda term: term.least_hours)

    def needs_four_eyes(self, category: str, *, worldwide: bool, flags: frozenset[str]) -> bool:
        """Whether a measure needs a second person: by category, for a worldwide measure, or for a flag."""
        return bool(self.four_eyes_rules(category, worldwide=worldwide, flags=flags))

    def four_eyes_rules(self, category: str, *, worldwide: bool, flags: frozenset[str]) -> tuple[str, ...]:
        """What asks for a second person: `always`, `worldwide`, `category`, and the flags that do."""
        asked = {
            "always": self.four_eyes_always,
            "worldwide": worldwide,
            "category": self.category(category).four_eyes,
        }
        return (*(rule for rule, asks in asked.items() if asks), *sorted(flags & self.four_eyes_flags))

    def needs_legal_review(self, category: str, flags: frozenset[str]) -> bool:
        """Whether a measure needs somebody with the role `legal` among those who decide: by category, or for a flag."""
        return self.category(category).legal_review or not flags.isdisjoint(self.safeguards.legal_review_flags)

    def cited(self, act: str, article: str | None) -> str:
        """What the chain may say of a cited provision: the code of its act, and the article's number where it has one.
        `other` for an act that this policy does not know; nothing of its words."""
        code = self.act_of(act, article)
        number = _ARTICLE.match(article or "") if code else None
        return f"{code}/{number[1]}" if number else code or OTHER_ACT

    def act_of(self, act: str, article: str | None) -> str:
        """The code of a cited act, empty for one that this policy does not know."""
        named = {act, f"{act}/{article}"}
        return next((code for code, names in self.known_acts.items() if not names.isdisjoint(named)), "")

    def may_order(self, authority_id: str, category: str) -> bool:
        """Whether the authority's mandate, as far as this policy limits it, covers the category."""
        mandate = self.authority_categories.get(authority_id)
        return mandate is None or category in mandate

    def sources(self) -> Iterator[tuple[str, Source]]:
        """Every key that rests on a legal source, with the source, in the order of the file."""
        for kind, term in self.terms_by_kind.items():
            yield f"terms_by_kind.{kind}", term.source
        yield "default_term", self.default_term.source
        yield "lift_term_s", self.lift_source
        yield "users", self.users.source
        yield "preservation_s", self.preservation_source
        for name, row in self.categories.items():
            yield f"categories.{name}", row.source
            if row.term is not None:
                yield f"categories.{name}.term", row.term.source
            if row.expert_group_source is not None:
                yield f"categories.{name}.expert_group", row.expert_group_source
        if self.calendar.source is not None:
            yield "calendar", self.calendar.source
