"""Sequences of steps, drawn so that they reach deep: what is likely next depends on where the model stands."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.model.cases import DAY, ENDED, HOUR, IN_REVIEW, KEPT_IN_FORCE_S, KEPT_S, Case, Office, Spec
from tests.model.people import WAYS, most_urgent

Step = tuple[Any, ...]
"""A name and its arguments: plain values, so that a sequence can be printed, cut and played again."""

PEOPLE = ("m1", "m2", "lead", "lead2", "legal", "legal2", "head", "clerk", "visitor")
WAITS = (5, 30, 61, 400, 901, HOUR, 3 * HOUR, 7 * HOUR, 13 * HOUR, 26 * HOUR)
LONG = (3 * DAY, 8 * DAY, 13 * DAY, 190 * DAY, 366 * DAY)
EFFECTS = ("withdrawn", "withdrawn", "annulled", "remedied", None)


def specs(seed: int) -> dict[str, Spec]:
    """The notices of a sequence: two share objects, one is typed in, and one asks for a lawyer and two persons."""
    chance = random.Random(f"notices {seed}")
    shared = chance.choice(("post:x", "account:z"))

    def kind() -> str:
        return chance.choice(("prescription", "prescription", "recommendation"))

    return {
        "A": Spec("A", 1, "illegal_gambling", {"1": shared, "2": "post:y"}, chance.choice((None, None, 6, 48)), kind()),
        "B": Spec(
            "B", 2, "election_rules", {"1": shared, "2": "account:w"}, kind=kind(), four_eyes=True, legal_review=True
        ),
        "C": Spec(
            "C", 3, "fake_account", {"1": "post:y", "2": "post:v"}, kind=kind(), typed_in=True, legal_review=True
        ),
    }


def drawn(seed: int) -> tuple[str, ...]:
    """Which of the notices a sequence draws: the fewer, the deeper it gets."""
    return tuple(random.Random(f"drawn {seed}").choice(("A", "B", "C", "AB", "AB", "AC", "ABC")))


def draw(office: Office, chance: random.Random, notices: dict[str, Spec]) -> Step:
    """One step that is likely to lead on from where the model stands."""
    wanted = list(_candidates(office, chance, notices))
    return chance.choices([step for _, step in wanted], [weight for weight, _ in wanted])[0]


def _candidates(office: Office, chance: random.Random, notices: dict[str, Spec]) -> Iterator[tuple[float, Step]]:
    missing = [letter for letter in notices if letter not in office.cases]
    if missing:
        yield (30 if len(missing) == len(notices) else 4), ("issue", chance.choice(missing))
    if not office.cases:
        yield 10, ("wait", chance.randrange(45 * DAY))  # into other days of the week, and holidays
        return
    yield (14 if _leaves(office) else 5 if office.unpaged else 1), ("deliver",)
    yield 2.5, ("watch",)
    yield 3, ("wait", chance.choice(WAITS))
    yield 0.3, ("wait", chance.choice(LONG))
    if any(one.state == "open" for one in office.appeals):
        yield 1.5, ("wait", chance.choice((12 * DAY, 14 * DAY)))
    if any(case.paused(office.now) and None in case.ends(office.now) for case in office.cases.values()):
        yield 1.5, ("wait", 8 * DAY)
    if any(effect.state == "queued" for effect in office.effects):
        yield 10, ("wait", 61)
    if len(most_urgent(office)) < 2:
        yield 1, ("claim", chance.choice(PEOPLE), None)
    for letter, case in office.cases.items():
        yield from _of_case(office, chance, letter, case)
    for number, appeal in enumerate(office.appeals):
        weight = 8.0 if appeal.state == "open" else 0.1
        yield weight, ("reverse", chance.choice(("lead", "lead2", "legal", "legal2", "m1", "head")), number)
        yield weight / 3, ("uphold", chance.choice(("lead", "legal2", "head")), number)
        yield weight / 4, ("withdraw_appeal", chance.choice((None, "m1", "lead2", "head")), number)


def _leaves(office: Office) -> bool:
    """Whether something leaves now that changes a case."""
    due = [one.due for one in office.effects if one.state == "queued"]
    due += [one.due for case in office.cases.values() for one in case.reports if one.state == "queued"]
    return any(at <= office.now for at in due)


def _likely(case: Case) -> tuple[float, ...]:
    """How likely each way of deciding is, so that most of them are allowed."""
    needs = 15.0 if case.questions else 1.0
    if not case.authentic:
        return (1, 0.3, 8, 0.3, 0.3, 0.3, 0.2, 0.2, needs)
    if any(item.fallen for item in case.open_items()):
        return (1, 12, 6, 1, 2, 1, 0.4, 0.3, needs)
    return (12, 4, 3, 5, 2, 1, 0.4, 0.3, needs)


def _of_case(office: Office, chance: random.Random, letter: str, case: Case) -> Iterator[tuple[float, Step]]:
    def anyone(*likely: str) -> str:
        return chance.choice(likely if chance.random() < 0.9 else PEOPLE)

    yield (8 if case.state == "queued" else 0.1), ("claim", anyone("m1", "m2", "lead", "legal", "head"), letter)
    if case.state == "claimed":
        owner = case.owner if chance.random() < 0.95 else chance.choice(PEOPLE)
        ways = WAYS if case.open_items() else ()
        if ways:
            way = chance.choices(ways, _likely(case))[0]
            yield 14, ("propose", owner, letter, "remove" if way == "partial" and len(case.open_items()) < 2 else way)
        yield 3, ("ask", owner, letter)
        yield 0.5, ("release", owner, letter)
        yield 0.5, ("renew", owner, letter)
    elif case.open_items():
        yield 0.2, ("propose", case.proposed.by if case.proposed else anyone("m1", "legal"), letter, "remove")
    yield (10 if case.proposed else 0.1), ("approve", anyone("legal", "legal2", "lead"), letter)
    yield (2 if case.proposed else 0.05), ("send_back", anyone("lead", "legal"), letter)
    yield (2 if case.state in ("decided", "lifting") else 0.1), ("undo", anyone("m1", "lead", "legal"), letter)
    if case.state in ("enforced", "lifted") and office.now < case.undo_until:
        yield 2, ("undo", anyone("m1", "lead", "legal"), letter)
    fell = tuple(item.id for item in case.items.values() if item.fallen)
    named = chance.choice(((), fell, fell[:1])) if chance.random() < 0.95 else ("9",)
    yield (1.5 if case.state in ("closed", "cancelled") else 0.05), ("reopen", anyone("lead", "legal"), letter, named)
    yield (3 if case.state == "awaiting_answer" else 0.1), ("recall", anyone("m1", "lead"), letter)
    yield (0.6 if case.state == "decided" else 0.3), ("instruct", anyone("m1", "lead"), letter)
    partly = case.state in ("decided", "lifting") and case.pending() and case.outcomes()
    yield (4 if partly else 0.05), ("report_interim", anyone("lead", "legal"), letter)
    if any(report.state == "waiting" for report in case.reports):
        yield 5, ("record_delivery", anyone("m1", "clerk"), letter)
    if not case.authentic or case.amendment_waits():
        yield 4, ("authenticate", anyone("m2", "lead", "m1"), letter)
    yield from _authority(chance, letter, case)
    yield from _data(office, chance, letter, case)
    yield from _remedies(office, chance, letter, case)


def _authority(chance: random.Random, letter: str, case: Case) -> Iterator[tuple[float, Step]]:
    deep = case.state not in IN_REVIEW
    named_anew = chance.choice((None, None, ("1",), ("2",), ("1", "2"), ("3",)))
    named = chance.choice((None, ("1",), ("2",), ("1", "2"), ("9",), ("1", "9")))
    if not case.spec.typed_in:
        yield (4.5 if deep else 0.4), ("cancel", letter, chance.choice(EFFECTS), named)
        yield 0.5, ("remind", letter, chance.choice((1, 2, 3)))
        yield (2.2 if deep else 0.3), ("amend", letter, chance.choice(("same", "drop", "add")))
        for number, state in enumerate(case.questions):
            yield (4 if state == "asked" else 0.3), ("clarify", letter, number, named_anew)
    if case.spec.typed_in:
        ago = chance.choice((0, 600, 5 * HOUR, 20 * HOUR, 2 * DAY))
        yield (0.1 if deep else 0.6), ("correct_receipt", chance.choice(("lead", "head", "legal", "m1")), letter, ago)
        if not case.erased and not case.amendment_waits():
            how = chance.choice(("same", "drop", "add"))
            yield (1.5 if deep else 0.3), ("enter_amendment", chance.choice(PEOPLE), letter, how)
    yield (0.8 if deep else 0.3), ("enter_cancellation", chance.choice(PEOPLE), letter, chance.choice(EFFECTS), named)
    for number, state in enumerate(case.questions):
        person = chance.choice(PEOPLE)
        yield (1 if state == "asked" else 0.2), ("enter_answer", person, letter, number, named_anew)
    for number, one in enumerate(case.letters):
        weight = 3.0 if one.state == "waits" else 0.1
        yield weight, ("vouch", chance.choice(PEOPLE), letter, number)
        yield weight / 5, ("dismiss", chance.choice(PEOPLE), letter, number)


def _data(office: Office, chance: random.Random, letter: str, case: Case) -> Iterator[tuple[float, Step]]:
    ended = case.state in ENDED
    yield (
        (0.7 if ended and not case.erased else 0.1),
        ("hold", chance.choice(PEOPLE), letter, chance.choice((30, 400, 1200, 1200))),
    )
    yield (1 if case.held_until > office.now else 0.05), ("end_hold", chance.choice(("legal", "head", "lead")), letter)
    yield (0.2 if ended else 0.02), ("export", chance.choice(("legal", "head", "m1")), letter)
    can = ended and not case.erased and not any(item.measure for item in case.items.values())
    yield (2 if can else 0.05), ("ask_erasure", chance.choice(("legal", "head", "clerk", "lead")), letter)
    yield (8 if case.erasure_by else 0.05), ("erase", chance.choice(("legal", "legal2", "head", "clerk")), letter)
    if ended and not case.erased:
        due = case.ended_at + (KEPT_IN_FORCE_S if any(one.measure for one in case.items.values()) else KEPT_S)
        yield (10, ("retention",)) if due <= office.now else (3, ("wait", due - office.now))


def _remedies(office: Office, chance: random.Random, letter: str, case: Case) -> Iterator[tuple[float, Step]]:
    for name, item in case.items.items():
        yield (4.5 if item.measure else 0.05), ("appeal", chance.choice((None, "m1", "visitor")), letter, name)
    yield (0.5 if case.state in ENDED else 0.2), ("contest", chance.choice(PEOPLE), letter)
    for number in range(len(case.contests)):
        yield (
            0.3,
            (
                "settle_contest",
                chance.choice(("lead", "legal", "head")),
                letter,
                number + 1,
                chance.choice(("granted", "rejected")),
            ),
        )
    ago, lasts = chance.choice((0, 0, 0, 600, 2 * HOUR)), chance.choice((None, None, 2 * HOUR, DAY))
    yield 0.7, ("suspend", chance.choice(("lead", "legal", "head", "m1")), letter, ago, lasts)
    for number, one in enumerate(case.suspensions):
        weight = 3.0 if not one.confirmed and one.ended is None else 0.1
        yield 2 * weight, ("confirm_suspension", chance.choice(("lead", "legal", "lead2", "head")), letter, number + 1)
        yield (
            0.8 if one.confirmed else 0.2,
            ("end_suspension", chance.choice(("lead", "head", "m2")), letter, number + 1),
        )
