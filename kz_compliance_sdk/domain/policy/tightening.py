"""A platform may ask more of itself than the policy does, and never less.

A fragment has the shape of a policy with most of it left out. Every key in it knows which direction is tighter; a
step in the other direction is a `ConfigError` that names the key, and nothing of the fragment is taken.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Set
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.policy.values import (
    KINDS,
    After,
    ApproverDuty,
    Before,
    Calendar,
    CategoryPolicy,
    FieldName,
    Hours,
    Kind,
    Language,
    LeaseTime,
    Many,
    Name,
    Policy,
    PositiveSeconds,
    Repeat,
    Safeguards,
    Seconds,
    Source,
    Step,
    Term,
    Text,
    UndoWindow,
    Value,
    Version,
    WorkingDays,
    Yes,
    one_unit,
)
from kz_compliance_sdk.domain.values import canonical, digest
from kz_compliance_sdk.errors import ConfigError

# ------------------------------------------------------------------------------------------------------------ reading
# TOML text to policy values, and every mistake in it to a `ConfigError` that names the key and the remedy.


M = TypeVar("M", bound=BaseModel)
K = TypeVar("K")
R = TypeVar("R")
_SOURCE_KEYS = frozenset({"source", "lift_source", "preservation_source", "expert_group_source"})


def parse_policy(text: str, *, calendar: Calendar | None = None) -> Policy:
    """Read a whole policy from TOML. The calendar is a file of its own: without one every weekday is a working day.

    Raises `ConfigError` that names the key and says what to put there.
    """
    raw = load_toml(text, "policy")
    if "calendar" in raw:
        raise ConfigError(
            "A policy holds no calendar.", field="calendar", remedy="Put it into a file of its own and pass that."
        )
    categories = raw.get("categories")
    if isinstance(categories, dict):
        raw["categories"] = {
            name: {**row, "category": name} if isinstance(row, dict) and "category" not in row else row
            for name, row in categories.items()
        }
    if calendar is not None:
        raw["calendar"] = calendar
    return build(Policy, raw)


def parse_calendar(text: str) -> Calendar:
    """Read a calendar of holidays and worked weekend days from TOML. Raises `ConfigError`."""
    return build(Calendar, load_toml(text, "calendar"))


@cache
def kz_policy() -> Policy:
    """The policy for Kazakhstan that comes with this package, with its calendar. Read once."""
    return parse_policy(packaged("kz.toml"), calendar=kz_calendar())


@cache
def kz_calendar() -> Calendar:
    """The working days of Kazakhstan as far as this package knows them (unverified). Read once."""
    return parse_calendar(packaged("kz_calendar.toml"))


def packaged(name: str) -> str:
    """The text of a data file that lies beside this module."""
    return files("kz_compliance_sdk.domain.policy").joinpath(name).read_text(encoding="utf-8")


def load_toml(text: str, what: str) -> dict[str, Any]:
    """TOML to plain values, with every `source = "name"` replaced by the row `[sources.name]`."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"This is not TOML: {error}.", field=what, remedy="Correct that line.") from None
    sources = raw.pop("sources", {})
    if not isinstance(sources, dict):
        raise ConfigError("This is not a table.", field="sources", remedy="Write each source as [sources.NAME].")
    return {key: _with_sources(value, sources, key) for key, value in raw.items()}


def _with_sources(value: Any, sources: Mapping[str, Any], path: str) -> Any:
    if isinstance(value, list):
        return [_with_sources(item, sources, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        if path.rpartition(".")[2] in _SOURCE_KEYS and isinstance(value, str):
            if value not in sources:
                remedy = f"Define [sources.{value}] or correct the name."
                raise ConfigError(f"There is no source {value!r}.", field=path, remedy=remedy)
            return sources[value]
        return value
    return {key: _with_sources(item, sources, f"{path}.{key}") for key, item in value.items()}


def build(model: type[M], raw: Mapping[str, Any]) -> M:
    """Validate, and translate the first complaint into a `ConfigError`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _config_error(model, error) from None


def _config_error(model: type[BaseModel], error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    key, kind, message = _key(first["loc"]), first["type"], first["msg"]
    if kind == "policy_rule":
        rule = first["ctx"]
        key, remedy = ".".join(filter(None, (key, rule["key"]))), rule["remedy"]
    elif kind == "missing":
        message, remedy = "This key is missing.", "Add it."
    elif kind == "extra_forbidden" or first["loc"][-1:] == ("[key]",):
        message, remedy = "This key is not known.", "Correct its spelling or remove it."
    else:
        message, remedy = f"{message}.", "Correct this value."
    more = error.error_count() - 1
    return ConfigError(
        message,
        field=key or model.__name__.lower(),
        remedy=f"{remedy} ({more} more after this one.)" if more else remedy,
    )


def _key(loc: tuple[int | str, ...]) -> str:
    path, before = "", None
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        # pydantic puts the tag of the union after "when", and "[key]" after a key that is itself wrong.
        elif before != "when" and part != "[key]":
            path += f".{part}" if path else part
        before = part if before != "when" else None
    return path


# --------------------------------------------------------------------------------------------------------- tightening


def looser(key: str, message: str, remedy: str) -> ConfigError:
    """What to raise for a step in the wrong direction."""
    return ConfigError(f"This is looser than the policy: {message}.", field=key, remedy=remedy)


def at_most(key: str, base: int, asked: int | None) -> int:
    """The smaller of the two; raises ConfigError for more than the policy has."""
    if asked is not None and asked > base:
        raise looser(key, f"{asked} is more than {base}", f"Give {base} or less.")
    return base if asked is None else asked


def at_least(key: str, base: int, asked: int | None) -> int:
    """The larger of the two; raises ConfigError for less than the policy has."""
    if asked is not None and asked < base:
        raise looser(key, f"{asked} is less than {base}", f"Give {base} or more.")
    return base if asked is None else asked


def only_on(key: str, base: bool, asked: bool | None) -> bool:
    """On where either says so; raises ConfigError for switching off."""
    if asked is False and base:
        raise looser(key, "it is already true", "Remove the key.")
    return base if asked is None else asked


def among(key: str, asked: frozenset[str], known: Collection[str]) -> frozenset[str]:
    """Names out of those that there are. A safeguard with a misspelt name would be none, and nobody would see it."""
    unknown = sorted(asked - set(known))
    if unknown:
        raise ConfigError(f"There is no {unknown[0]!r}.", field=key, remedy="Correct its spelling.")
    return asked


def within(key: str, base: frozenset[str] | None, asked: frozenset[str] | None) -> frozenset[str]:
    """A choice out of what the policy has; a policy without a row (`None`) has everything."""
    if asked is None:
        return base or frozenset()
    more = sorted(asked - base) if base is not None else []
    if more:
        raise looser(key, f"it adds {more[0]!r}", "Remove that entry.")
    return asked


def within_rows(
    key: str, base: Mapping[K, frozenset[str]], asked: Mapping[K, frozenset[str]]
) -> dict[K, frozenset[str]]:
    """As `within`, row by row."""
    return {**base, **{name: within(f"{key}.{name}", base.get(name), only) for name, only in asked.items()}}


def rows_within(
    key: str, base: Mapping[str, frozenset[str]], asked: Mapping[str, frozenset[str]] | None
) -> Mapping[str, frozenset[str]]:
    """As `within`, of rows that the policy has: the others are left out."""
    if asked is None:
        return base
    return {name: within(f"{key}.{name}", base.get(name, frozenset()), only) for name, only in asked.items()}


def rows_added(_key: str, base: Mapping[K, R], asked: Mapping[K, R]) -> Mapping[K, R]:
    """The rows of the policy, and more; the fragment's where both have one."""
    return {**base, **asked}


def added(_key: str, base: frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """What the policy has, and more."""
    return base | asked


def flags_added(key: str, base: frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """As `added`, of flags that there are."""
    return base | among(key, asked, FLAG_MEANINGS)


def tightened(base: object, asked: Value, prefix: str = "") -> dict[str, Any]:
    """What `base` and a fragment come to under each name whose field says which direction is tighter; `prefix` is what
    stands before the name in a complaint."""
    return {
        name: tighter(prefix + name, getattr(base, name), getattr(asked, name))
        for name, field in type(asked).model_fields.items()
        for tighter in field.metadata
    }


class SafeguardsFragment(Value):
    """What is left out stays as it is; of a list, only what is new is written."""

    legal_review_flags: Annotated[frozenset[Name], flags_added] = frozenset()
    official_types: Annotated[frozenset[Name] | None, within] = None
    official_categories: Annotated[frozenset[Name], added] = frozenset()
    official_acts: Annotated[frozenset[Text], added] = frozenset()
    official_fields: Annotated[frozenset[FieldName], added] = frozenset()
    kind_senders: Annotated[Mapping[Kind, frozenset[Name]], within_rows] = Field(default_factory=dict)
    user_data_fields: Annotated[frozenset[FieldName], added] = frozenset()
    user_data_phrases: Annotated[frozenset[Text], added] = frozenset()
    volume_notices: Annotated[Many | None, at_most] = None
    volume_window_s: Annotated[PositiveSeconds | None, at_least] = None
    reasons_least_chars: Annotated[Many | None, at_least] = None
    approver_outside_always: Annotated[Yes | None, only_on] = None
    approver_outside_categories: Annotated[frozenset[Name], added] = frozenset()
    approver_outside_flags: Annotated[frozenset[Name], flags_added] = frozenset()
    approver_duty: tuple[ApproverDuty, ...] = ()


def stricter(base: Safeguards, asked: SafeguardsFragment, categories: Collection[str]) -> Safeguards:
    """`base` with what a platform adds; `categories` are the policy's. Raises ConfigError that names the key for
    anything looser, and for a flag or a category that there is not."""
    key = "safeguards"
    for name in ("official_categories", "approver_outside_categories"):
        among(f"{key}.{name}", getattr(asked, name), categories)
    if base.approver_duty and asked.approver_duty not in ((), base.approver_duty):
        raise looser(f"{key}.approver_duty", "it has a roster of its own", "Remove this one, or change the policy's.")
    return Safeguards(**tightened(base, asked, f"{key}."), approver_duty=asked.approver_duty or base.approver_duty)


class TermFragment(Value):
    """A shorter term: `hours` or `working_days`. Its source becomes the platform's own rule, never the law."""

    hours: Hours | None = None
    working_days: WorkingDays | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        one_unit(self.hours, self.working_days)
        return self


class CategoryFragment(Value):
    """What a platform asks for a category in addition."""

    legal_review: Annotated[Yes | None, only_on] = None
    four_eyes: Annotated[Yes | None, only_on] = None
    political_speech: Annotated[Yes | None, only_on] = None
    expert_group: Annotated[Yes | None, only_on] = None
    term: TermFragment | None = None


class UserFragment(Value):
    """What a platform asks of itself towards the people whose content a measure meets."""

    ask_s: Annotated[Seconds | None, at_most] = None
    longest_delay_s: Annotated[PositiveSeconds | None, at_most] = None
    appeal_term_s: Annotated[PositiveSeconds | None, at_most] = None
    appeal_near_s: Annotated[Seconds | None, at_least] = None
    report_reversals: Annotated[Yes | None, only_on] = None


class PolicyFragment(Value):
    """What a platform asks of itself in addition to a policy. What is left out stays as it is."""

    version: Version | None = None
    terms_by_kind: Mapping[Kind, TermFragment] = Field(default_factory=dict)
    default_term: TermFragment | None = None
    categories: Mapping[str, CategoryFragment] = Field(default_factory=dict)
    ladder: tuple[Step, ...] = ()
    """Further steps; a step with an id that the policy has comes earlier, pages more people or is more severe."""
    undo_window_s: Annotated[UndoWindow | None, at_least] = None
    lease_s: Annotated[LeaseTime | None, at_most] = None
    lift_term_s: Annotated[PositiveSeconds | None, at_most] = None
    preservation_s: Annotated[Seconds | None, at_least] = None
    interim_before_s: Annotated[Seconds | None, at_least] = None
    four_eyes_always: Annotated[Yes | None, only_on] = None
    four_eyes_lifting: Annotated[Yes | None, only_on] = None
    four_eyes_flags: Annotated[frozenset[Name], flags_added] = frozenset()
    """Flags in addition to those of the policy."""
    users: UserFragment | None = None
    known_acts: Annotated[Mapping[Name, frozenset[Text]] | None, rows_within] = None
    authority_names: Annotated[Mapping[Text, Mapping[Language, Text]], rows_added] = Field(default_factory=dict)
    authority_categories: Annotated[Mapping[Text, frozenset[Name]], within_rows] = Field(default_factory=dict)
    safeguards: SafeguardsFragment = SafeguardsFragment()


def tighten(base: Policy, fragment: str | PolicyFragment) -> Policy:
    """`base` with the fragment (TOML text, or its value) on top.

    Tighter is: a shorter term, lease or time to lift; a longer undo window or preservation; an earlier interim report;
    a user who is told, or whose appeal is decided, sooner; more review and four eyes; an earlier, louder or wider step;
    fewer known acts; a narrower mandate of an authority; more safeguards. The version becomes the fragment's, or the
    policy's with "+own". Raises `ConfigError` that names the key for anything else, and for a flag or a category that
    nobody knows.
    """
    asked = build(PolicyFragment, load_toml(fragment, "fragment")) if isinstance(fragment, str) else fragment
    changes: dict[str, Any] = {
        "version": asked.version or f"{base.version}+own",
        **tightened(base, asked),
        "ladder": _ladder(base.ladder, asked.ladder),
        "users": base.users
        if asked.users is None
        else base.users.model_copy(update=tightened(base.users, asked.users, "users.")),
        "terms_by_kind": {
            kind: _term(f"terms_by_kind.{kind}", term, asked.terms_by_kind.get(kind))
            for kind, term in base.terms_by_kind.items()
        },
        "default_term": _term("default_term", base.default_term, asked.default_term),
        "safeguards": stricter(base.safeguards, asked.safeguards, base.categories),
    }
    unknown = sorted(asked.categories.keys() - base.categories.keys())
    if unknown:
        raise ConfigError(
            "The policy has no such category.",
            field=f"categories.{unknown[0]}",
            remedy="Correct its spelling, or write a whole policy that has it, with its legal source.",
        )
    kinds = [changes["terms_by_kind"][kind] for kind in KINDS]
    changes["categories"] = {
        name: _category(f"categories.{name}", row, asked.categories[name], kinds) if name in asked.categories else row
        for name, row in base.categories.items()
    }
    return build(Policy, {name: getattr(base, name) for name in Policy.model_fields} | changes)


def _term(key: str, base: Term, asked: TermFragment | None) -> Term:
    if asked is None:
        return base
    if asked.working_days is not None and base.working_days is None:
        raise looser(key, "working days can last longer than the same days in hours", f"Give hours, at most {base}.")
    same_unit = asked.working_days is not None
    most = base.working_days if same_unit else base.least_hours
    given = asked.working_days if same_unit else asked.hours
    if most is None or given is None or given > most:
        unit = "working_days" if same_unit else "hours"
        raise looser(f"{key}.{unit}", f"{given} is more than {most}", f"Give {most} or less.")
    law = f"{base.source.act}, {base.source.article}" if base.source.article else base.source.act
    own = Source(
        act="the platform's own rule",
        note=f"unverified: shortened by the platform, not a statutory term. The policy has {base} ({law}).",
    )
    return Term(hours=asked.hours, working_days=asked.working_days, source=own)


def _category(key: str, base: CategoryPolicy, asked: CategoryFragment, kinds: list[Term]) -> CategoryPolicy:
    changes = tightened(base, asked, f"{key}.")
    # Naming a category political asks for both reviews, without the platform having to repeat that.
    for name in ("legal_review", "four_eyes"):
        changes[name] = changes[name] or changes["political_speech"]
    own = Source(act="the platform's own rule", note="unverified: asked for by the platform, no statutory condition.")
    term = base.term
    if asked.term is not None:
        # The category's term replaces that of every kind, so it must be no longer than the shortest of them.
        ceilings = [base.term] if base.term is not None else kinds
        term = _term(f"{key}.term", min(ceilings, key=lambda each: each.least_hours), asked.term)
    source = base.expert_group_source or (own if changes["expert_group"] else None)
    return CategoryPolicy(category=base.category, term=term, source=base.source, expert_group_source=source, **changes)


def _ladder(base: tuple[Step, ...], asked: tuple[Step, ...]) -> tuple[Step, ...]:
    has = {step.id for step in base}
    index = {step.id: at for at, step in enumerate(asked)}
    if len(index) < len(asked):
        raise ConfigError("Two steps have the same id.", field="ladder", remedy="Give each step an id of its own.")
    return (
        *(_step(f"ladder[{index[old.id]}]", old, asked[index[old.id]]) if old.id in index else old for old in base),
        *(step for step in asked if step.id not in has),
    )


def _step(key: str, base: Step, asked: Step) -> Step:
    old, new = base.when, asked.when
    if isinstance(old, Before) and isinstance(new, Before):
        at_least(f"{key}.when", old.before_s, new.before_s)
    elif isinstance(old, After) and isinstance(new, After):
        at_most(f"{key}.when", old.after_s, new.after_s)
    elif isinstance(old, Repeat) and isinstance(new, Repeat):
        at_most(f"{key}.when", old.every_s, new.every_s)
    else:
        raise looser(f"{key}.when", "it counts from another moment", "Use the policy's form, or another id.")
    if base.only_if == "open" and asked.only_if != "open":
        raise looser(f"{key}.only_if", "it leaves out claimed cases", 'Give "open".')
    gone = [who for who in base.audience if who not in asked.audience]
    if gone:
        raise looser(f"{key}.audience", f"it leaves out {gone[0]}", "Add them back.")
    at_least(f"{key}.severity", base.severity, asked.severity)
    return asked


def of_own_content(policy: Policy) -> Policy:
    """The policy under a version that tells its content as well: what was decided under another is never held against
    it, whoever forgot to give it a version of its own."""
    content = digest("kz-compliance/policy/v1", policy_text(policy))
    return policy.model_copy(update={"version": f"{policy.version}.{content[:8]}"})


def policy_text(policy: Policy) -> bytes:
    """The policy as JSON, which `Policy.model_validate_json` reads again."""
    return canonical(_plain(policy.model_dump(mode="python")))


def is_of_its_version(policy: Policy) -> bool:
    """Whether the content is that of which the version tells: the packaged policy's, or the one whose digest it has."""
    version, _, _ = policy.version.rpartition(".")
    if not version:
        return policy_text(policy) == policy_text(kz_policy())
    return of_own_content(policy.model_copy(update={"version": version})).version == policy.version


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, int) else str(value)
