"""Chains that somebody forged who holds the ledger key: they prove themselves, and the law that they break is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain import commands, lawfulness, proofs
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.change import Happened
from kz_compliance_sdk.domain.events import (
    KINDS,
    READERS,
    arrivals,
    delivery,
    office,
    privacy,
    remedies,
    review,
)
from kz_compliance_sdk.domain.events.base import Event
from kz_compliance_sdk.domain.lawfulness import LAWS, Known, broken
from kz_compliance_sdk.domain.ledger import FIRST, LedgerKey, LedgerKeys, Link, Roster, link, read
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.values import stream_of
from tests.case_makers import a_notice, measure, proposal
from tests.driver import CLERK, HEAD, HOUR, LEAD, LEAD2, LEGAL, LEGAL2, M1, M2, Driver
from tests.scene import M1 as MODERATOR
from tests.scene import PLATFORM, Host, World

DAY = 24 * HOUR
_KEY = LedgerKey(b"k" * 32)


@dataclass(frozen=True)
class Told:
    """One event of a chain, who caused it and when, and its words."""

    event: Event
    at: int
    actor: Actor | None
    words: Mapping[str, bytes | None] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return self.event.called


@dataclass(frozen=True)
class Chain:
    """An honest chain, and what is known beside it."""

    name: str
    told: tuple[Told, ...]
    keyed: Callable[..., str]
    policy: Policy

    def laws(self) -> set[str]:
        """The laws that it breaks, once it was hashed and proved anew."""
        links, roster = list[Link](), Roster()
        for n, one in enumerate(self.told, 1):
            links.append(
                link(
                    PLATFORM,
                    self.name,
                    n,
                    one.at,
                    one.event,
                    kind=one.kind,
                    version=one.event.v,
                    before=links[-1].hash if links else FIRST,
                    roster=roster,
                    key=_KEY,
                    actor=one.actor,
                    salt=b"s" * 16 if one.actor else b"",
                )
            )
        events = read(links, READERS, {_KEY.id: _KEY}, platform=PLATFORM, stream=self.name)
        words = {(n, name): word for n, one in enumerate(self.told, 1) for name, word in one.words.items()}
        known = Known(words, self.keyed, {self.policy.version: self.policy})
        return {one.law for one in broken(PLATFORM, self.name, events, known)}

    def at(self, kind: str) -> int:
        """The place of the last event of a kind; of `effect begun` where the measure that is in force began."""
        if kind == "effect begun":
            message = self.said("measure_in_force").message
            return next(n for n, one in enumerate(self.told) if getattr(one.event, "message", "") == message)
        return max(n for n, one in enumerate(self.told) if one.kind == kind)

    # --------------------------------------------------------------------------------------------- what is forged

    def edit(self, kind: str, /, **fields: Any) -> Chain:
        """Other fields of the last event of a kind; `by` is who caused it, `when` how many seconds later it was."""
        place = self.at(kind)
        one = self.told[place]
        by, later = fields.pop("by", one.actor), fields.pop("when", 0)
        edited = replace(one, event=msgspec.structs.replace(one.event, **fields), actor=by, at=one.at + later)
        return replace(self, told=(*self.told[:place], edited, *self.told[place + 1 :]))

    def drop(self, kind: str) -> Chain:
        """Without the last event of a kind."""
        place = self.at(kind)
        return replace(self, told=(*self.told[:place], *self.told[place + 1 :]))

    def put(self, before: str, event: Event, by: Actor | None = None) -> Chain:
        """With another event before the last one of a kind."""
        place = self.at(before)
        made = Told(event, self.told[place].at, by)
        return replace(self, told=(*self.told[:place], made, *self.told[place:]))

    def said(self, kind: str) -> Any:
        return self.told[self.at(kind)].event


# --------------------------------------------------------------------------------------------- honest chains


def _two_persons(office: Driver) -> str:
    """Decided by two about political speech, carried out, reported, closed; the user's appeal lost."""
    case = office.issue(1, category="election_rules")
    office.decide(case)
    office.deliver()
    office.wait(61)
    office.deliver()
    office.uphold(LEGAL2, office.appeal(case))
    return case


def _one_person(office: Driver) -> str:
    case = office.issue(2, urgency_reason="<b>now</b>")
    office.decide(case)
    office.wait(61)
    office.deliver()
    return case


def _undone(office: Driver) -> str:
    case = office.issue(3)
    office.decide(case)
    office.undo(M1, case)
    return case


def _letter(office: Driver) -> str:
    """Typed in, vouched for, its receipt corrected; a letter that cancels it, vouched for."""
    case = office.enter(CLERK, 4)
    office.authenticate(LEAD, case)
    office.correct_receipt(LEAD2, case, office.clock() - HOUR)
    office.vouch(LEAD, case, office.enter_cancellation(CLERK, case))
    return case


def _erased(office: Driver) -> str:
    case = office.issue(5)
    office.decide(case, "none")
    office.deliver()
    office.wait(61)
    office.deliver()
    office.ask_erasure(LEGAL, case)
    office.erase(HEAD, case)
    return case


def _watched(office: Driver) -> str:
    """The ladder fired; the order is contested and suspended."""
    case = office.issue(6)
    office.wait(22 * HOUR + 1)
    office.watch()
    office.contest(LEAD, case)
    office.suspend(LEAD, case)
    office.confirm_suspension(LEGAL, case)
    return case


def _reversed(office: Driver) -> str:
    case = office.issue(7)
    office.decide(case)
    office.wait(61)
    office.deliver()
    office.reverse(LEGAL, office.appeal(case, reference="A-2"))
    return case


def _broken_off(office: Driver) -> str:
    case = office.break_off(8)
    office.settle_quarantine(LEAD, case)
    return case


SCENES = {one.__name__.strip("_"): one for one in (_two_persons, _one_person, _undone, _letter, _erased, _watched)} | {
    one.__name__.strip("_"): one for one in (_reversed, _broken_off)
}


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Chain]]:
    office = Driver(tmp_path_factory.mktemp("chains"), undo_window_s=60)
    found: dict[str, Chain] = {}
    for name, scene in SCENES.items():
        case_id = scene(office)
        records = office.desk.store.queries(office.platform_id).records(case_id)
        assert proofs.check(records, office.policy) == ()
        told = tuple(
            Told(on.event, on.at, on.who, {part: records.words[on.seq, part] for part in on.event.parts})
            for on in records.stream.events
        )
        found[name] = Chain(records.stream.name, told, records.keyed, office.policy)
    yield found
    office.stop()


@pytest.mark.parametrize("name", SCENES)
def test_what_people_did_breaks_no_law(name: str, chains: dict[str, Chain]) -> None:
    assert chains[name].laws() == set()


# ------------------------------------------------------------------------------------------------- forged ones

_BARS = {"authority": "no"}
_ON_LAW = {"ground": "local_law"}


def _with_item(chain: Chain, kind: str, /, **fields: Any) -> Chain:
    items = chain.said(kind).items
    return chain.edit(kind, items=(msgspec.structs.replace(items[0], **fields), *items[1:]))


def _demands(chain: Chain, **fields: Any) -> Chain:
    return chain.edit("opened", demanded=msgspec.structs.replace(chain.said("opened").demanded, **fields))


def _answers(chain: Chain, **answers: str) -> Chain:
    return chain.edit("legally_checked", answers={**chain.said("legally_checked").answers, **answers})


def _came(chain: Chain, kind: str, /, **fields: Any) -> Chain:
    return chain.edit(kind, came=msgspec.structs.replace(chain.said(kind).came, **fields))


def _fell(chain: Chain, *, before: str) -> Chain:
    fallen = (arrivals.Fallen(item=1, fate="stays", order=True),)
    return chain.put(
        before, arrivals.Cancelled(came=chain.said("opened").came, revision=1, effect="withdrawn", fallen=fallen)
    )


def _contradicted(chain: Chain) -> Chain:
    """A lead had found that the authority may not ask for this."""
    said = chain.said("legally_checked")
    other = msgspec.structs.replace(said, answers={**said.answers, **_BARS}, parts={})
    forged = chain.put("legally_checked", other, LEAD.actor)
    return forged.edit("legally_checked", check=2).edit("proposed", check=2)


_Forge = Callable[[Chain], Chain]
_PROPOSER = replace(M1.actor, roles=frozenset({"lead"}))
FORGED: dict[str, tuple[str, _Forge, str]] = {
    # second person
    "approved by who proposed": (
        "two_persons",
        lambda c: c.edit("approved", by=_PROPOSER).edit("decided", by=_PROPOSER),
        "second_person",
    ),
    "approved from the proposer's account": (
        "two_persons",
        lambda c: (
            c.edit("proposed", by=replace(M1.actor, account="a"))
            .edit("approved", by=replace(LEGAL.actor, account="a"))
            .edit("decided", by=replace(LEGAL.actor, account="a"))
        ),
        "second_person",
    ),
    "approved from no known account": (
        "two_persons",
        lambda c: c.edit("proposed", by=replace(M1.actor, account="a")),
        "second_person",
    ),
    "approved by the machine": ("two_persons", lambda c: c.edit("approved", by=None), "second_person"),
    "authenticated by the typist": ("letter", lambda c: c.edit("authenticated", by=CLERK.actor), "second_person"),
    "corrected by the typist": ("letter", lambda c: c.edit("receipt_corrected", by=CLERK.actor), "second_person"),
    "suspension confirmed by who recorded it": (
        "watched",
        lambda c: c.edit("suspension_confirmed", by=LEAD.actor),
        "second_person",
    ),
    "erased by who asked": ("erased", lambda c: c.edit("erased", by=LEGAL.actor), "second_person"),
    "appeal lost before who approved": (
        "two_persons",
        lambda c: c.edit("appeal_upheld", by=LEGAL.actor),
        "second_person",
    ),
    "appeal won before who proposed": ("reversed", lambda c: c.edit("appeal_reversed", by=_PROPOSER), "second_person"),
    # roles
    "approved by a moderator": ("two_persons", lambda c: c.edit("approved", by=M2.actor), "role"),
    "approved by the head": (
        "two_persons",
        lambda c: c.edit("approved", by=Actor("head", frozenset({"head", "lead"}))),
        "role",
    ),
    "settled by the machine": ("broken_off", lambda c: c.edit("quarantine_settled", by=None), "role"),
    "undone by a stranger": ("undone", lambda c: c.edit("undone", by=Actor("x", frozenset({"visitor"}))), "role"),
    # letters
    "vouched for by its typist": ("letter", lambda c: c.edit("cancelled", by=CLERK.actor), "vouched"),
    "a letter that nobody typed in": ("letter", lambda c: c.drop("letter_entered"), "vouched"),
    # in hand
    "proposed out of another's hand": ("one_person", lambda c: c.edit("claimed", by=M2.actor), "in_hand"),
    "proposed after the lease": ("one_person", lambda c: c.edit("claimed", until=1), "in_hand"),
    "proposed out of no hand": ("one_person", lambda c: c.drop("claimed"), "in_hand"),
    # what asks for a second person
    "four eyes without a rule": ("two_persons", lambda c: c.edit("proposed", rules=()), "rules"),
    "political speech decided by one": (
        "two_persons",
        lambda c: c.edit("proposed", rules=(), four_eyes=False),
        "rules",
    ),
    "worldwide decided by one": ("one_person", lambda c: _with_item(c, "proposed", scope=("*",)), "rules"),
    "an unclear check": ("one_person", lambda c: _answers(c, clarity="unclear"), "rules"),
    "a check that another contradicts": ("one_person", _contradicted, "rules"),
    "proposed by the head alone": (
        "one_person",
        lambda c: c.edit("claimed", by=HEAD.actor).edit("proposed", by=HEAD.actor).edit("decided", by=HEAD.actor),
        "rules",
    ),
    "no lawyer": ("two_persons", lambda c: c.edit("proposed", lawyer=True), "rules"),
    # legal check, grounds
    "a measure without a check": ("one_person", lambda c: c.edit("proposed", check=0), "legal_check"),
    "a check of another revision": ("one_person", lambda c: c.edit("legally_checked", revision=9), "answers"),
    "a check of half the questions": (
        "one_person",
        lambda c: c.edit("legally_checked", answers={"authority": "yes", "clarity": "yes"}),
        "answers",
    ),
    "local law against the check": ("one_person", lambda c: _answers(c, **_BARS), "legal_check"),
    "a measure on no ground": ("one_person", lambda c: _with_item(c, "proposed", ground=""), "grounds"),
    "local law for what is legal": (
        "one_person",
        lambda c: _with_item(c, "proposed", finding="not_illegal", **_ON_LAW),
        "grounds",
    ),
    "text that nobody read": ("one_person", lambda c: c.edit("proposed", text_checked=False), "grounds"),
    "a demand for user data answered": (
        "one_person",
        lambda c: c.put("proposed", arrivals.Flagged(flags=("user_data_demand",))),
        "answerable",
    ),
    # authenticity
    "a measure on a letter": ("one_person", lambda c: c.edit("opened", authenticity="unverified"), "authentic"),
    "a measure began on a letter": ("one_person", lambda c: c.edit("opened", authenticity="unverified"), "standing"),
    "signed, without a key": ("one_person", lambda c: _came(c, "opened", key_id=None), "origin"),
    "typed, and said to be signed": ("letter", lambda c: c.edit("opened", authenticity="signed"), "origin"),
    "typed, and said to be verified": ("letter", lambda c: c.edit("opened", authenticity="verified"), "origin"),
    "another message": ("one_person", lambda c: _came(c, "opened", body="0" * 32), "origin"),
    # approval, decision
    "another digest approved": ("two_persons", lambda c: c.edit("approved", digest="0" * 32), "approval"),
    "approved, and no lawyer": (
        "two_persons",
        lambda c: c.edit("approved", by=LEAD.actor).edit("decided", by=LEAD.actor),
        "approval",
    ),
    "approved anew": ("two_persons", lambda c: c.put("begun", c.said("approved"), LEGAL.actor), "approval"),
    "decided without an approval": ("two_persons", lambda c: c.drop("approved"), "decided"),
    "decided by another": ("two_persons", lambda c: c.edit("decided", by=LEAD.actor), "decided"),
    "decided what was not proposed": ("one_person", lambda c: _with_item(c, "proposed", action="none"), "decided"),
    "decided twice": ("one_person", lambda c: c.put("begun", c.said("decided"), M1.actor), "decided"),
    "a measure whose order fell": ("two_persons", lambda c: _fell(c, before="decided"), "decided"),
    "a withheld measure decided by one": (
        "one_person",
        lambda c: c.put("begun", review.Withheld(items=(1,))).put("begun", c.said("decided"), M1.actor),
        "decided",
    ),
    "undone what had begun": (
        "one_person",
        lambda c: c.put("measure_in_force", review.Undone(decision=1, items=(1,)), M1.actor),
        "undone",
    ),
    # the signed bytes
    "another category": ("two_persons", lambda c: c.edit("opened", category="illegal_gambling"), "notice"),
    "another kind": ("one_person", lambda c: c.edit("opened", kind="request"), "notice"),
    "another authority": ("one_person", lambda c: c.edit("opened", authority="somebody"), "notice"),
    "another law": ("one_person", lambda c: _demands(c, legal_basis=("communications",)), "notice"),
    "another bar": ("one_person", lambda c: _demands(c, barred=True, barred_until=4_102_444_800), "notice"),
    "another way of naming": ("one_person", lambda c: _with_item(c, "opened", way="account"), "notice"),
    "another object": ("one_person", lambda c: _with_item(c, "opened", object="object/" + "0" * 32), "notice"),
    "a flag left out": ("one_person", lambda c: c.edit("opened", flags=()), "notice"),
    "no notice": ("one_person", lambda c: c.edit("opened", items=()), "notice"),
    "cancelled otherwise": ("letter", lambda c: c.edit("cancelled", effect="remedied"), "cancelled"),
    "a letter that confirms": (
        "letter",
        lambda c: c.put(
            "cancelled", arrivals.Confirmed(came=c.said("opened").came, demanded=c.said("opened").demanded)
        ),
        "confirmed",
    ),
    # times
    "due later": ("one_person", lambda c: c.edit("opened", due_at=c.said("opened").due_at + DAY), "term"),
    "unusually many came and nobody is told": (
        "one_person",
        lambda c: _came(c, "opened", volume=3, volume_limit=3),
        "notice",
    ),
    "a notice received in the future": (
        "one_person",
        lambda c: c.edit("opened", received_at=9_000_000_000, due_at=9_000_000_000 + DAY),
        "term",
    ),
    "quarantined, due later": ("broken_off", lambda c: c.edit("quarantined", due_at=9_000_000_000), "term"),
    "received in the future": ("letter", lambda c: c.edit("receipt_corrected", received_at=9_000_000_000), "receipt"),
    "only a letter's receipt": (
        "one_person",
        lambda c: c.put("claimed", office.ReceiptCorrected(received_at=5, due_at=6), LEAD.actor),
        "receipt",
    ),
    "begun inside the undo window": ("one_person", lambda c: c.edit("begun", when=-3600), "not_before"),
    "no undo window": ("one_person", lambda c: c.edit("decided", not_before=0), "undo_window"),
    "a short undo window": (
        "one_person",
        lambda c: c.edit("decided", not_before=c.said("decided").not_before - 1),
        "undo_window",
    ),
    "a step before its time": ("watched", lambda c: c.edit("escalated", when=-20 * HOUR), "ladder"),
    "a step that nobody knows": ("watched", lambda c: c.edit("escalated", steps=("due.ever",)), "ladder"),
    "a round that has not come": ("watched", lambda c: c.edit("escalated", steps=("due.overdue.7",)), "ladder"),
    # what leaves and comes back
    "a measure begun although its order fell": ("one_person", lambda c: _fell(c, before="effect begun"), "standing"),
    "in force without having begun": ("one_person", lambda c: c.drop("effect begun"), "answer"),
    "a final report too early": ("one_person", lambda c: c.put("measure_in_force", c.said("reported")), "report"),
    "a report that can still be undone": ("erased", lambda c: c.edit("reported", not_before=0), "report"),
    # retention
    "erased while it runs": ("one_person", lambda c: c.put("decided", _gone("retention")), "retention"),
    "erased under a hold": (
        "erased",
        lambda c: c.put("erased", privacy.Held(until=9_000_000_000), LEAD.actor),
        "retention",
    ),
    "erased with an open contest": (
        "erased",
        lambda c: c.put("erased", remedies.ContestRecorded(contest=1, filed_at=1), LEAD.actor),
        "retention",
    ),
    "erased on another ground": ("erased", lambda c: c.edit("erased", ground="court"), "retention"),
    "erased without being asked": ("erased", lambda c: c.drop("erasure_asked"), "retention"),
    "erased by a person before its time": ("erased", lambda c: c.edit("erased", ground="retention"), "retention"),
    "erased with a measure in force": (
        "one_person",
        lambda c: c.put("counted", privacy.ErasureAsked(ground="court"), LEGAL.actor).put(
            "counted", _gone("court"), HEAD.actor
        ),
        "retention",
    ),
    # tries
    "tries of what had not begun": ("one_person", lambda c: c.put("begun", _tried(c, "begun", 1)), "tries"),
    "no tries": ("one_person", lambda c: c.put("receipt", _tried(c, "receipt", 0)), "tries"),
    "fewer tries than before": (
        "one_person",
        lambda c: c.put("receipt", _tried(c, "receipt", 2)).put("receipt", _tried(c, "receipt", 1)),
        "tries",
    ),
    # numbers, and what a chain begins with
    "a decision left out": ("one_person", lambda c: c.edit("proposed", decision=2), "numbers"),
    "a token twice": ("one_person", lambda c: c.edit("claimed", token=7), "numbers"),
    "a report left out": ("one_person", lambda c: c.edit("reported", sequence=3), "numbers"),
    "opened twice": ("one_person", lambda c: c.put("claimed", c.said("opened")), "first"),
    "begun with a view": ("one_person", lambda c: c.put("opened", office.Viewed(), M1.actor), "first"),
    "a message that nobody owes": ("one_person", lambda c: c.edit("begun", message="made-up"), "known"),
}


def _tried(chain: Chain, kind: str, count: int) -> delivery.Tried:
    """Of the message of which the last event of a kind tells."""
    return delivery.Tried(message=chain.said(kind).message, count=count, result="retry", attempts="0" * 32)


def _gone(ground: str) -> privacy.Erased:
    return privacy.Erased(ground=ground)


@pytest.mark.parametrize("how", FORGED)
def test_what_was_forged_is_named_by_the_law_that_it_breaks(how: str, chains: dict[str, Chain]) -> None:
    scene, forge, law = FORGED[how]
    assert law in forge(chains[scene]).laws()


def test_every_law_has_been_broken_here() -> None:
    assert {law.name for law in LAWS} | {"known"} == {law for _, _, law in FORGED.values()}
    assert all(kind in KINDS.values() for law in LAWS for kind in law.kinds)


def test_every_law_stands_in_the_documentation() -> None:
    page = Path("docs/concepts/ledger.md").read_text(encoding="utf-8")
    table = page.partition("## What must hold of the events")[2].partition("## What is not provable")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {law.name for law in LAWS}


def test_a_law_condemns_no_event_of_a_version_before_it(
    chains: dict[str, Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, forge, name = FORGED["due later"]
    assert forge(chains[scene]).laws() == {name}
    later = tuple(replace(law, since=2) if law.name == name else law for law in LAWS)
    monkeypatch.setattr(lawfulness, "LAWS", later)
    lawfulness._by_kind.cache_clear()
    assert forge(chains[scene]).laws() == set()
    monkeypatch.undo()
    lawfulness._by_kind.cache_clear()


def test_an_approval_is_held_to_the_policy_under_which_it_was_proposed(chains: dict[str, Chain]) -> None:
    honest = chains["two_persons"]
    rules = (*honest.said("proposed").rules, "approver_outside")
    inside = honest.edit("proposed", rules=rules)
    assert "approval" in inside.laws(), "the control: by the policy at hand"
    assert "approval" not in inside.edit("proposed", policy="another-1").laws()


def test_a_worldwide_measure_takes_a_second_person_under_every_policy(chains: dict[str, Chain]) -> None:
    scene, forge, law = FORGED["worldwide decided by one"]
    unknown = replace(forge(chains[scene]), policy=chains[scene].policy.model_copy(update={"version": "another"}))
    assert law in unknown.laws()
    assert law not in replace(chains[scene], policy=unknown.policy).laws(), "the control"


def test_what_is_not_known_is_not_judged(chains: dict[str, Chain]) -> None:
    """Without the words of an erased case, and by another policy."""
    for how in ("another category", "due later", "a step before its time"):
        scene, forge, law = FORGED[how]
        forged = forge(chains[scene])
        wordless = tuple(replace(one, words=dict.fromkeys(one.words)) for one in forged.told)
        other = forged.policy.model_copy(update={"version": "another"})
        assert law not in replace(forged, told=wordless, policy=other).laws()


def test_how_many_came_before_a_notice_is_judged_without_its_words(chains: dict[str, Chain]) -> None:
    scene, forge, law = FORGED["unusually many came and nobody is told"]
    forged = forge(chains[scene])
    wordless = tuple(replace(one, words=dict.fromkeys(one.words)) for one in forged.told)
    assert law in replace(forged, told=wordless).laws()


@pytest.mark.writes_by_itself
def test_whoever_appends_under_the_ledger_key_is_named_by_the_verification(tmp_path: Path) -> None:
    world = World(tmp_path / "desk.sqlite3")
    keys = LedgerKeys((_KEY,))
    host = Host(world, SqliteStore(world.path, world.env(), threaded=False, ledger_keys=keys))
    host.push(a_notice(category="election_rules"), "m-1")
    host.drain()
    lease = host.taking.claim(MODERATOR).result()
    assert lease is not None
    host.take(MODERATOR, lease.case.id, commands.Propose(lease.token, proposal(measure("1"))))
    records = host.records(lease.case.id)
    assert proofs.check(records) == (), "the control"
    stream, now = records.stream, world.clock()
    forged = review.Approved(decision=1, digest=records.keyed("whatever"))
    by = replace(MODERATOR, roles=frozenset({"legal"}))
    happened = Happened(PLATFORM, stream_of(lease.case.id), forged, now, stream.seq, by)
    host.store.submit(PLATFORM, lambda _tx: ((happened,), None)).result()
    told = {fault.what for fault in proofs.check(host.records(lease.case.id))}
    assert any("takes another person" in what for what in told)
    assert "it names another digest than that of the proposal" in told
    host.store.close()
