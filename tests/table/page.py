"""The page of who may do what, in words, from the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.table.steps import EVERY, LAWYER_NEEDED, ORDER, ROLES, STEPS, USABLE, Step

_HEAD = """\
<!-- Made from tests/table/steps.py by `python -m tests.generate`. Do not edit. -->

# Who may do what

Every step that a person takes. A test walks the table behind this page: each step from each state, with each role and
each lease, by somebody else and by whoever did the first part of it. What is refused writes nothing.

[Review](../concepts/review.md) and [Due process](../concepts/due-process.md) say why; [the
states](../concepts/states.md) say where a step leads.

| Step | Roles | From | What else it takes |
|---|---|---|---|
"""
_ORDER = """

## Why a step is refused

Whoever may not take a step is told so before anything is read, and of several reasons a person is told the first:

| | Code | Because |
|---|---|---|
"""
_NEEDED = {
    "item": "",
    "notice": "",
    "proposal": "a proposal that waits",
    "undo": "the undo window still runs and nothing has begun",
    "settled in part": "some items are settled while others are under way",
    "a lifting that failed": "a try to lift the measure has failed",
    "unverified": "nobody has vouched for the notice yet",
    "typed in": "the notice was typed in",
    "letter": "a letter that waits",
    "message": "",
    "to deliver": "a letter of ours that waits for its delivery",
    "parked": "a message that is parked",
    "demand": "the case is marked as a demand for user data",
    "contest": "a contest that is open",
    "suspension": "a suspension was recorded",
    "unconfirmed": "nobody has confirmed it",
    "untold": "a notice to a user that waits",
    "measure": "a measure that stands",
    "appeal": "",
    "open appeal": "the appeal is open",
    "hold": "a legal hold keeps the case",
    "copy": "a copy was kept, and its time is over",
    "erasure asked": "somebody asked for it",
}
_AGAINST = {
    "demand": "not for a demand for user data",
    "unverified": "not before somebody has vouched for a notice that was typed in",
    LAWYER_NEEDED: "with legal review, a lawyer among the two for a measure",
    "erased": "not once the case was erased",
    "hold": "no legal hold",
    "contest": "no open contest",
    "measure": "no measure in force",
    "under way": "no message, letter, appeal or notice to a user under way",
    "decided anew": "not while the item is being decided anew",
    "undo": "not while an undo window of the case runs",
    "fallen": "not where the order of every item fell",
}
_SECOND = {
    "head": "what the head proposes waits for a second person",
    LAWYER_NEEDED: "with legal review it waits for a second person unless a lawyer proposes",
    "instruction": "where an instruction was recorded it waits for a second person",
    "suspension": "where a suspension was recorded it waits for a second person",
}
_LEASE = {"needed": "the lease of the case", "optional": "the lease, where a token is named"}


def roles_page() -> str:
    """Return the page with every step and why one is refused."""
    rows = [
        f"| {step.says} | {_roles(step)} | {_states(step.moves)} | {'; '.join(_more(step))} |"
        for step in STEPS
        if step.moves
    ]
    return (
        _HEAD + "\n".join(rows) + _ORDER + "\n".join(f"| {what} | {code} | {why} |" for what, code, why in ORDER) + "\n"
    )


def _roles(step: Step) -> str:
    if step.may is None:
        return "whoever holds it" if step.lease else "any"
    return ", ".join(role for role in ROLES if role in step.may)


def _states(states: Iterable[str]) -> str:
    known = set(states)
    if known == set(EVERY):
        return "every state"
    if known == set(USABLE):
        return "every state but `quarantined`"
    return ", ".join(f"`{state}`" for state in EVERY if state in known)


def _more(step: Step) -> Iterator[str]:
    if step.never_head:
        yield "never the head, whatever other roles that person has"
    if step.lease:
        yield _LEASE[step.lease]
    yield from filter(None, (_NEEDED[thing] for thing, _ in step.needs))
    if step.other_than:
        yield f"somebody else than who {step.other_than}"
    yield from (_AGAINST[thing] for thing in step.barred)
    yield from (_AGAINST[thing] + ", unless a lawyer does it" * (thing == "demand") for thing in step.for_lawyers)
    yield from (why for thing, why in _SECOND.items() if thing in step.second)
    if step.withholds:
        yield "a decision that has not begun waits for a second person from then on"
