"""A platform may ask more of itself than the policy does, and never less.

A fragment has the shape of a policy with most of it left out. Every key in it knows which direction is tighter; a
step in the other direction is a `ConfigError` that names the key, and nothing of the fragment is taken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any, Self

from pydantic import Field, model_validator

from kz_compliance_sdk.domain.canonical import canonical, digest
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS
from kz_compliance_sdk.domain.policy.basis import (
    Hours,
    Name,
    PositiveSeconds,
    Seconds,
    Source,
    Text,
    UndoWindow,
    Value,
    Version,
    WorkingDays,
    Yes,
)
from kz_compliance_sdk.domain.policy.reading import build, load_toml
from kz_compliance_sdk.domain.policy.safeguards import ApproverDuty, FieldName, Many, Safeguards
from kz_compliance_sdk.domain.policy.values import (
    KINDS,
    After,
    Before,
    CategoryPolicy,
    Kind,
    LeaseTime,
    Policy,
    Repeat,
    Step,
    Term,
    UserPolicy,
    one_unit,
)
from kz_compliance_sdk.errors import ConfigError


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


_MORE = (
    "legal_review_flags",
    "official_categories",
    "official_acts",
    "official_fields",
    "user_data_fields",
    "user_data_phrases",
    "approver_outside_categories",
    "approver_outside_flags",
)


class SafeguardsFragment(Value):
    """What is left out stays as it is; of a list, only what is new is written."""

    legal_review_flags: frozenset[Name] = frozenset()
    official_types: frozenset[Name] | None = None
    official_categories: frozenset[Name] = frozenset()
    official_acts: frozenset[Text] = frozenset()
    official_fields: frozenset[FieldName] = frozenset()
    user_data_fields: frozenset[FieldName] = frozenset()
    user_data_phrases: frozenset[Text] = frozenset()
    volume_notices: Many | None = None
    volume_window_s: PositiveSeconds | None = None
    reasons_least_chars: Many | None = None
    approver_outside_always: Yes | None = None
    approver_outside_categories: frozenset[Name] = frozenset()
    approver_outside_flags: frozenset[Name] = frozenset()
    approver_duty: tuple[ApproverDuty, ...] = ()


def stricter(base: Safeguards, asked: SafeguardsFragment, categories: Collection[str]) -> Safeguards:
    """`base` with what a platform adds; `categories` are the policy's. Raises ConfigError that names the key for
    anything looser, and for a flag or a category that there is not."""
    changes: dict[str, Any] = {name: getattr(base, name) | getattr(asked, name) for name in _MORE}
    key = "safeguards"
    for name in ("legal_review_flags", "approver_outside_flags"):
        among(f"{key}.{name}", getattr(asked, name), FLAG_MEANINGS)
    for name in ("official_categories", "approver_outside_categories"):
        among(f"{key}.{name}", getattr(asked, name), categories)
    if base.approver_duty and asked.approver_duty not in ((), base.approver_duty):
        raise looser(f"{key}.approver_duty", "it has a roster of its own", "Remove this one, or change the policy's.")
    changes |= {
        "official_types": within(f"{key}.official_types", base.official_types, asked.official_types),
        "volume_notices": at_most(f"{key}.volume_notices", base.volume_notices, asked.volume_notices),
        "volume_window_s": at_least(f"{key}.volume_window_s", base.volume_window_s, asked.volume_window_s),
        "reasons_least_chars": at_least(
            f"{key}.reasons_least_chars", base.reasons_least_chars, asked.reasons_least_chars
        ),
        "approver_outside_always": only_on(
            f"{key}.approver_outside_always", base.approver_outside_always, asked.approver_outside_always
        ),
        "approver_duty": asked.approver_duty or base.approver_duty,
    }
    return Safeguards(**changes)


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

    legal_review: Yes | None = None
    four_eyes: Yes | None = None
    political_speech: Yes | None = None
    expert_group: Yes | None = None
    term: TermFragment | None = None


class UserFragment(Value):
    """What a platform asks of itself towards the people whose content a measure meets."""

    ask_s: Seconds | None = None
    longest_delay_s: PositiveSeconds | None = None
    appeal_term_s: PositiveSeconds | None = None
    appeal_near_s: Seconds | None = None
    report_reversals: Yes | None = None


class PolicyFragment(Value):
    """What a platform asks of itself in addition to a policy. What is left out stays as it is."""

    version: Version | None = None
    terms_by_kind: Mapping[Kind, TermFragment] = Field(default_factory=dict)
    default_term: TermFragment | None = None
    categories: Mapping[str, CategoryFragment] = Field(default_factory=dict)
    ladder: tuple[Step, ...] = ()
    """Further steps; a step with an id that the policy has comes earlier, pages more people or is more severe."""
    undo_window_s: UndoWindow | None = None
    lease_s: LeaseTime | None = None
    lift_term_s: PositiveSeconds | None = None
    preservation_s: Seconds | None = None
    interim_before_s: Seconds | None = None
    four_eyes_always: Yes | None = None
    four_eyes_lifting: Yes | None = None
    four_eyes_flags: frozenset[Name] = frozenset()
    """Flags in addition to those of the policy."""
    users: UserFragment | None = None
    known_acts: frozenset[Text] | None = None
    authority_categories: Mapping[Text, frozenset[Name]] = Field(default_factory=dict)
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
        "undo_window_s": at_least("undo_window_s", base.undo_window_s, asked.undo_window_s),
        "interim_before_s": at_least("interim_before_s", base.interim_before_s, asked.interim_before_s),
        "lease_s": at_most("lease_s", base.lease_s, asked.lease_s),
        "preservation_s": at_least("preservation_s", base.preservation_s, asked.preservation_s),
        "lift_term_s": at_most("lift_term_s", base.lift_term_s, asked.lift_term_s),
        "four_eyes_always": only_on("four_eyes_always", base.four_eyes_always, asked.four_eyes_always),
        "four_eyes_lifting": only_on("four_eyes_lifting", base.four_eyes_lifting, asked.four_eyes_lifting),
        "four_eyes_flags": base.four_eyes_flags | among("four_eyes_flags", asked.four_eyes_flags, FLAG_MEANINGS),
        "known_acts": within("known_acts", base.known_acts, asked.known_acts),
        "ladder": _ladder(base.ladder, asked.ladder),
        "users": base.users if asked.users is None else _users(base.users, asked.users),
        "terms_by_kind": {
            kind: _term(f"terms_by_kind.{kind}", term, asked.terms_by_kind.get(kind))
            for kind, term in base.terms_by_kind.items()
        },
        "default_term": _term("default_term", base.default_term, asked.default_term),
        "authority_categories": dict(base.authority_categories)
        | {
            authority: within(f"authority_categories.{authority}", base.authority_categories.get(authority), names)
            for authority, names in asked.authority_categories.items()
        },
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
    political = only_on(f"{key}.political_speech", base.political_speech, asked.political_speech)
    # Naming a category political asks for both reviews, without the platform having to repeat that.
    review = only_on(f"{key}.legal_review", base.legal_review, asked.legal_review) or political
    four_eyes = only_on(f"{key}.four_eyes", base.four_eyes, asked.four_eyes) or political
    expert = only_on(f"{key}.expert_group", base.expert_group, asked.expert_group)
    own = Source(act="the platform's own rule", note="unverified: asked for by the platform, no statutory condition.")
    term = base.term
    if asked.term is not None:
        # The category's term replaces that of every kind, so it must be no longer than the shortest of them.
        ceilings = [base.term] if base.term is not None else kinds
        term = _term(f"{key}.term", min(ceilings, key=lambda each: each.least_hours), asked.term)
    return CategoryPolicy(
        category=base.category,
        legal_review=review,
        four_eyes=four_eyes,
        political_speech=political,
        term=term,
        source=base.source,
        expert_group=expert,
        expert_group_source=base.expert_group_source or (own if expert else None),
    )


def _users(base: UserPolicy, asked: UserFragment) -> UserPolicy:
    sooner = ("ask_s", "longest_delay_s", "appeal_term_s")
    changes: dict[str, Any] = {
        name: at_most(f"users.{name}", getattr(base, name), getattr(asked, name)) for name in sooner
    }
    changes["appeal_near_s"] = at_least("users.appeal_near_s", base.appeal_near_s, asked.appeal_near_s)
    reported = only_on("users.report_reversals", base.report_reversals, asked.report_reversals)
    return base.model_copy(update={**changes, "report_reversals": reported})


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
    content = digest("kz-compliance/policy/v1", canonical(_plain(policy.model_dump(mode="python"))))
    return policy.model_copy(update={"version": f"{policy.version}.{content[:8]}"})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Set):
        return sorted(map(str, value))
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, int) else str(value)
