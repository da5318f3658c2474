"""Checks as values: what is promised, what is sent, what must come, and what to do if it does not."""

from __future__ import annotations

import fnmatch
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, Protocol, TypeVar, get_args

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.values import fields_of, written
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.testing.conformance.transport import Answer, NoAnswer
from kz_compliance_sdk.wire.signature import Profile

# ----------------------------------------------------------------------------------------------------------- promises
# The lines of the contract that checks hold: each with the page, the section and the words.


_CONTRACT: Final = "contract/index.md"


@dataclass(frozen=True, slots=True)
class Promise:
    """Words of a page of the documentation. `section` is the anchor of the heading that they stand under."""

    section: str
    quote: str
    page: str = _CONTRACT

    @property
    def where(self) -> str:
        """The page and the anchor, below the documentation's root."""
        return f"{self.page}#{self.section}"


WRITTEN: Final[Mapping[str, Any]] = written("kz_compliance_sdk.testing.conformance", "checks.toml")
"""The words of the checks."""

PROMISES: Final[Mapping[str, Promise]] = {name: Promise(**row) for name, row in WRITTEN["promises"].items()}


# ------------------------------------------------------------------------------------------------------------- checks


Verdict = Literal["held", "broken", "skipped"]
_VERDICTS: Final[tuple[Verdict, ...]] = ("held", "broken", "skipped")
PROFILES: Final[tuple[Profile, ...]] = ("rfc9421", "standard-webhooks")


class Broken(Exception):
    """What came is not what must come."""

    def __init__(self, came: str, wanted: str = "") -> None:
        super().__init__(came)
        self.came, self.wanted = came, wanted


class Skipped(Exception):
    """The check cannot be made here; `why` says what it would need."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Scene(Protocol):
    """What checks are made with."""

    @property
    def profile(self) -> Profile: ...

    def missing(self, need: str) -> str | None:
        """Why there is no such thing here; None if there is."""


def expect(answer: Answer, *statuses: int, what: str = "", wanted: str = "") -> None:
    """Raises Broken unless the status is one of these."""
    if answer.status not in statuses:
        wanted = wanted or " or ".join(map(str, statuses))
        raise Broken(f"{answer} {what}".rstrip(), f"{wanted} {what}".rstrip())


S = TypeVar("S", bound=Scene)


@dataclass(frozen=True, slots=True)
class Check(Generic[S]):
    """One check. `run` raises Broken or Skipped, or holds. `needs` are asked of the scene before it runs."""

    name: str
    promise: Promise
    sends: str
    wants: str
    remedy: str
    run: Callable[[S], None]
    needs: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = PROFILES


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one check. `why` is the reason of a skip; `seconds` is how long it took."""

    name: str
    verdict: Verdict
    promise: Promise
    sends: str
    wanted: str
    came: str
    remedy: str
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What became of all of them, in their order. `subject` is what was driven."""

    subject: str
    profile: Profile
    results: tuple[Result, ...]

    def of(self, verdict: Verdict) -> tuple[Result, ...]:
        """Those with one verdict."""
        return tuple(result for result in self.results if result.verdict == verdict)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the checks that do not hold."""
        return tuple(result.name for result in self.of("broken"))

    @property
    def all_hold(self) -> bool:
        """Whether nothing is broken and something was checked: a run that only skipped has shown nothing."""
        return not self.broken and bool(self.of("held"))

    def __str__(self) -> str:
        held, broken, skipped = (len(self.of(verdict)) for verdict in _VERDICTS)
        lines = [f"{self.subject} ({self.profile}): {held} hold, {broken} do not, {skipped} skipped"]
        lines += [f"{one.name}: {one.came}; wanted: {one.wanted}" for one in self.of("broken")]
        return "\n".join(lines)


def chosen(
    checks: Iterable[Check[S]], *, only: Sequence[str] = (), skip: Sequence[str] = (), profile: Profile | None = None
) -> tuple[Check[S], ...]:
    """The checks that `only` names (all, if it names none) without those that `skip` names.

    A name stands for itself and for all below it: `intake.signature` for `intake.signature.wrong_key`. `*` is allowed.
    Raises InvalidInput for a name that is none.
    """
    known = tuple(checks)
    for option, names in (("--only", only), ("--skip", skip)):
        for name in names:
            if not any(_names(name, check.name) for check in known):
                raise InvalidInput(f"no check is called {name!r}.", field=option, remedy="See --list.")
    return tuple(
        check
        for check in known
        if (not only or any(_names(name, check.name) for name in only))
        and not any(_names(name, check.name) for name in skip)
        and (profile is None or profile in check.profiles)
    )


def _names(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or name.startswith(pattern + ".")


def silent(_name: str) -> None:
    """Say nothing of the progress."""


def run(
    checks: Iterable[Check[S]],
    scene: S,
    *,
    subject: str,
    progress: Callable[[str], None] = silent,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Make the checks, one after another. `progress` is told the name of each before it begins."""
    results = []
    for check in checks:
        progress(check.name)
        results.append(_result(check, scene, clock))
    return Report(subject, scene.profile, tuple(results))


def _result(check: Check[S], scene: S, clock: Callable[[], float]) -> Result:
    began = clock()
    verdict: Verdict = "held"
    wanted, came, why = check.wants, "", ""
    try:
        for need in check.needs:
            if (lack := scene.missing(need)) is not None:
                raise Skipped(lack)
        check.run(scene)
    except Skipped as skipped:
        verdict, why = "skipped", skipped.why
    except Broken as broken:
        verdict, came, wanted = "broken", broken.came, broken.wanted or check.wants
    except NoAnswer as silent:
        verdict, came = "broken", f"no answer: {silent}"
    return Result(
        check.name, verdict, check.promise, check.sends, wanted, came, check.remedy, why, round(clock() - began, 3)
    )


# -------------------------------------------------------------------------------------------------------- for machines


_DOCS: Final = "docs/"


def report_document(report: Report) -> dict[str, Any]:
    """The report as one JSON document. Seconds are those that each check took."""
    counts = {verdict: len(report.of(verdict)) for verdict in get_args(Verdict)}
    checks = [_row(result) for result in report.results]
    return fields_of(report, "subject profile all_hold held broken skipped checks", **counts, checks=checks)


def _row(result: Result) -> dict[str, Any]:
    failed = {} if result.verdict == "broken" else {"came": None, "remedy": None}
    contract = {"page": _DOCS + result.promise.where, "quote": result.promise.quote}
    names = "name verdict sends wanted came remedy why? contract seconds"
    return fields_of(result, names, contract=contract, **failed)


def junit(report: Report) -> str:
    """The report as JUnit XML: one test case for each check, in a class for each group."""
    page = template("kz_compliance_sdk.testing.conformance", "junit.xml")
    return page.render(report=report, docs=_DOCS, clean=_clean) + "\n"


def _clean(text: str) -> str:
    """Without what XML cannot hold: what came may be anything."""
    return "".join(c if c in "\n\t" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" else "?" for c in text)


def skip_reasons(report: Report) -> Sequence[tuple[str, int]]:
    """Why checks were skipped, and how many for each reason."""
    return Counter(result.why for result in report.of("skipped")).most_common()
