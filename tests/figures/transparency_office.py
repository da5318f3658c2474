"""An office that lives through a random year, and the public figures recomputed from nothing but the stored bytes.

The recount shares no code with what counts: it reads the messages as they came, the reports as they left, the events
and the states that these led to, and follows the published definitions.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.decision import ItemDecision, Wording, decisions_by_version
from kz_compliance_sdk.domain.fold import Case as FoldedCase
from kz_compliance_sdk.domain.fold import Stream, apply
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.report import CannotComply, Contest, Outcome, Question, RefusalCode, Statement
from kz_compliance_sdk.ports import Queries, Store
from kz_compliance_sdk.services.letters import Proof
from kz_compliance_sdk.testing import builders
from tests.case_makers import measure, proposal, refusal
from tests.scene import LEAD, LEGAL, M1, M2, PLATFORM, Host, World

ASK = (Question(text=(Statement(lang="ru", text="Что именно?"), Statement(lang="kk", text="Нақты не?"))),)
WORDS = (Statement(lang="ru", text="Рассмотрено."), Statement(lang="kk", text="Қаралды."))
MEASURES = {"removed", "restricted", "account_restricted", "age_restricted", "labelled", "preserved"}
WORLDWIDE = ("*",)
CODES: tuple[RefusalCode, ...] = ("not_illegal", "protected_speech", "no_legal_basis", "no_authority")


class RandomOffice:
    """Drives a host through demands of every kind."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.world = World(folder / f"year-{seed}.sqlite3", seed=seed)
        self.host = Host(self.world)
        self.chance = random.Random(seed)
        self.start = self.world.clock()
        self.serial = self.demands = 0

    @property
    def store(self) -> Store:
        return self.host.store

    def live(self, demands: int) -> None:
        for _ in range(demands):
            self.demand()
            self.world.clock.advance(self.chance.randrange(60, 7200))
        for number in range(self.chance.randrange(3)):
            self.push(builders.sanction(number + 1, level=self.chance.choice(("warning", "fine"))))
        self.host.drain()

    def push(self, data: Any) -> None:
        self.serial += 1
        status = self.host.push(data, f"msg-{self.serial}").status
        assert status in (200, 202), status

    def demand(self) -> None:
        notice = self.notice()
        typed = self.chance.random() < 0.2
        if typed:
            work, _ = self.host.intake.typed(notice, self.world.clock() - 60, "letter", M2)
            assert self.store.submit(PLATFORM, work).result().status == 202
        else:
            self.push(notice)
        if self.chance.random() < 0.15:
            self.push(builders.reminder(notice))
        case = self.case(notice)
        if typed and self.chance.random() < 0.7:
            self.host.take(LEAD, case.id, commands.Authenticate("called back"))
        fate = self.chance.random()
        if fate < 0.08:
            return  # it runs on
        if fate < 0.16:
            self.push(builders.cancellation(notice, self.chance.choice(("withdrawn", "annulled"))))
            return
        if fate < 0.3:
            lease = self.host.taking.claim(M1, case_id=case.id).result()
            assert lease is not None
            self.host.take(M1, case.id, commands.RequestClarification(lease.token, ASK, text_checked=True))
            self.host.take(M1, case.id, commands.Recall())
        if self.chance.random() < 0.25:
            self.world.clock.advance(30 * 3600)
        self.decide(case.id)
        self.settle(case.id)
        later = self.chance.random()
        if later < 0.12:
            self.push(builders.cancellation(notice, self.chance.choice(("withdrawn", "annulled", "remedied", None))))
            self.settle(case.id)
        elif later < 0.24 and self.case(notice).state is CaseState.CLOSED:
            self.world.clock.advance(50_000)
            self.host.take(LEAD, case.id, commands.Reopen("a second look"))
            if self.chance.random() < 0.7:
                self.decide(case.id)
                self.settle(case.id)
        elif later < 0.3:
            self.push(builders.reminder(notice))

    def notice(self) -> Notice:
        self.demands += 1
        number = self.demands
        chance = self.chance
        more: dict[str, Any] = {"notice_id": f"KZ-{number}", "languages": ("kk", "ru")}
        if chance.random() < 0.2:
            until = self.world.clock() + chance.choice((-5, 90)) * 86_400
            more["user_notice"] = {"allowed": False, "delay_until": until}
            if number % 4:
                more["user_notice"]["legal_basis"] = "18-VIII"
        if chance.random() < 0.3:
            more["originating_body"] = chance.choice(("Орган А", "Орган Б"))
        if chance.random() < 0.3:
            more["legal_basis"] = [{"act": "18-VIII", "article": "9"}, {"act": "Law on Communications"}]
        if chance.random() < 0.1:
            more["category"] = "a_new_word"
        items = [
            {"item_id": str(n), "object_id": f"post:{number}-{n}"}
            if chance.random() < 0.3
            else {"item_id": str(n), "account_ref": f"user-{number}-{n}"}
            if chance.random() < 0.3
            else {"item_id": str(n), "url": f"{builders.HOST}/p/{number}-{n}"}
            for n in range(1, chance.randrange(2, 5))
        ]
        return builders.notice(chance.randrange(1, 9), items=items, **more)

    def case(self, notice: Notice) -> Case:
        return self.host.case(notice.notice_id)

    def decide(self, case_id: str) -> None:
        case = self.store.queries(PLATFORM).case(case_id)
        lease = self.host.taking.claim(M1, case_id=case_id).result()
        assert lease is not None
        measures = case.authenticity != "unverified"
        kind = self.chance.choice(("all", "none", "own", "mixed"))
        items = [
            self.item(item_id, kind, measures).model_copy(update={"reasons": f"Weighed by itself: {item_id}."})
            for item_id in sorted(case.open_items)
        ]
        decided = self.host.take(M1, case_id, commands.Propose(lease.token, proposal(*items)))
        if decided.decision.needs_approval:
            self.host.take(LEGAL, case_id, commands.Approve(decided.digest))

    def item(self, item_id: str, kind: str, measures: bool) -> ItemDecision:
        chance = self.chance
        if kind == "mixed":
            kind = chance.choice(("all", "none", "own", "gone", "unclear", "unable", "contest", "part"))
        wording: dict[str, Any] = {"statement_of_reasons": WORDS}
        if measures and kind in ("all", "own", "part"):
            outcome: Outcome = "partially_complied" if kind == "part" else "removed"
            worded = Wording(outcome=outcome, **wording)
            if kind != "own":
                return measure(item_id, wording=worded)
            scope = chance.choice((("KZ",), WORLDWIDE))
            return measure(item_id, wording=worded, ground="terms_of_service", scope=scope)
        if kind == "gone":
            gone: Outcome = "already_unavailable" if chance.random() < 0.5 else "not_found"
            return refusal(item_id, finding="not_assessed", wording=Wording(outcome=gone, **wording))
        if kind == "unclear":
            return refusal(item_id, finding="unclear", wording=Wording(outcome="clarification_needed", **wording))
        if kind == "unable":
            why = CannotComply(reason="technical_or_operational", details="Технически невозможно.")
            worded = Wording(outcome="cannot_comply", cannot_comply=why, **wording)
            return refusal(item_id, finding="not_assessed", wording=worded)
        if kind == "contest":
            where = Contest(body="Суд", reference="1", filed_at=self.world.clock())
            return refusal(item_id, finding="unclear", wording=Wording(outcome="contested", contest=where, **wording))
        return refusal(item_id, wording=Wording(outcome="refused", refusal_code=chance.choice(CODES), **wording))

    def settle(self, case_id: str) -> None:
        """Deliver; what waits for a person is delivered by letter."""
        self.world.clock.advance(self.chance.randrange(1, 4000))
        self.host.drain()
        for message in self.store.queries(PLATFORM).records(case_id).messages:
            if message.state == "waiting":
                proof = Proof("courier", "17", self.world.clock(), "signed for")
                self.host.letters.record(LEAD, message.id, proof)


Figures = dict[str, Counter[str]]
ACTS = {"18-VIII": "online_platforms", "Law on Communications": "communications"}


def recounted(path: Path, now: int, categories: frozenset[str], queries: Queries) -> Figures:
    """Every figure of all that the file holds, by the published definitions. `queries` open what is encrypted."""
    db = choose_driver().module.connect(path)
    found: Figures = defaultdict(Counter)
    for (case_id,) in db.execute("SELECT id FROM cases").fetchall():
        _recount(db, case_id, now, categories, found, queries)
    last = "SELECT CAST(content AS TEXT), max(seq) FROM events WHERE kind = 'sanctioned' GROUP BY stream"
    for content, _ in db.execute(last).fetchall():
        found["sanctions"][json.loads(content)["data"]["level"]] += 1
    db.close()
    return {name: +values for name, values in found.items() if +values}


def _recount(db: Any, case_id: str, now: int, categories: frozenset[str], found: Figures, queries: Queries) -> None:
    events = _events(queries.records(case_id).stream)
    bodies = [(row.type, row.body) for row in queries.records(case_id).inbox]
    notice = next(json.loads(body)["data"] for kind, body in bodies if kind == "notice.issued")
    _of_users(db, case_id, events, now, found, queries)
    due = events[0].said.due_at
    ended = [number for number, event in enumerate(events) if event.to in ("closed", "cancelled")]
    found["demands"][""] += 1
    if not ended:
        found["demands_by_progress"]["open_or_withheld"] += 1
        found["demands_not_told"]["open"] += 1
        found["demands_running_overdue"][""] += due < now
        return
    last = events[: ended[-1] + 1]
    closed = [(number, event.at) for number, event in enumerate(events) if event.to == "closed"]
    barred = notice.get("user_notice") or {}
    silence = barred and not barred["allowed"]
    if silence and barred.get("legal_basis") and _seconds(barred["delay_until"]) > now:
        found["demands_by_progress"]["open_or_withheld"] += 1
        found["demands_not_told"]["withheld"] += 1
        return
    found["demands_told"][""] += 1
    items = _outcomes(queries, case_id, last, notice)
    _of_demand(notice, events, last, items, categories, found, queries.records(case_id).messages)
    found["demands_by_secrecy"]["barred" if silence else "not_barred"] += 1
    first_close = closed[0][0] if closed else len(events)
    decided = [event.at for event in events[:first_close] if event.kind in ("proposed", "approved")]
    decided = decided if closed else []
    found["demands_by_decision_time"][_timely(decided[-1] if decided else None, due, "undecided")] += 1
    found["demands_by_receipt_time"][_timely(closed[0][1] if closed else None, due, "none")] += 1
    if decided:
        found["~decision"][str(decided[-1] - _received(events))] += 1
        found["~receipt"][str(closed[0][1] - _received(events))] += 1


@dataclass(frozen=True)
class Told:
    """An event of a case, and the state of the case after it."""

    seq: int
    kind: str
    at: int
    said: Any
    to: str


def _events(stream: Stream) -> list[Told]:
    case, found = FoldedCase(stream.platform, stream.name), list[Told]()
    for on in stream.events:
        apply(case, on)
        found.append(Told(on.seq, on.kind, on.at, on.event, str(case.state)))
    return found


def _of_users(db: Any, case_id: str, events: list[Told], now: int, found: Figures, queries: Queries) -> None:
    """What users were told of measures. Nobody here puts it off."""
    chain = queries.records(case_id).stream.case
    void = {name for name, one in chain.messages.items() if one.state == "voided"}
    names = {telling.at_seq: name for name, telling in chain.tellings.items()}
    ends = {"user_told": "sent", "user_never_told": "failed"}
    ended = {event.said.message: ends[event.kind] for event in events if event.kind in ends}
    for event in events:
        if event.kind == "user_notice_owed" and event.said.notice == "measure" and event.said.due_at <= now:
            name = names[event.seq]
            if name in ended or name not in void:
                found["user_notices"][ended.get(name, event.said.state)] += 1


def _received(events: list[Told]) -> int:
    return int(events[0].said.received_at)


def _seconds(text: str) -> int:
    from datetime import datetime

    return int(datetime.fromisoformat(text).timestamp())


def _timely(at: int | None, due: int, never: str) -> str:
    return never if at is None else "late" if at > due else "in_time"


def _outcomes(queries: Queries, case_id: str, last: list[Told], notice: Any) -> dict[str, tuple[str, str, str, str]]:
    """Each item of the notice with what the last final report before the case ended says of it."""
    told: dict[str, tuple[str, str, str, str]] = {
        item["item_id"]: ("stopped", "", "", "kz") for item in notice["items"]
    }
    receipted = {event.said.message for event in last if event.kind == "receipt"}
    sent = sorted(
        (one for one in queries.records(case_id).messages if one.kind == "report"), key=lambda one: one.lane_seq
    )
    reports = [json.loads(message.body) for message in sent if message.id in receipted]
    grounds: dict[str, str] = {}
    chain = queries.records(case_id).chain
    for _, made in sorted(decisions_by_version(chain.stream, chain.words).items()):
        decision = json.loads(made.body)
        grounds |= {item["item_id"]: item["ground"] or "" for item in decision["proposal"]["items"]}
    for item in reports[-1]["items"] if reports else []:
        beyond = item.get("territorial_scope", ["KZ"]) != ["KZ"] and item["outcome"] != "refused"
        ground = item.get("ground") or (grounds.get(item["item_id"], "") if item["outcome"] == "restored" else "")
        scope = "beyond_kz" if beyond else "kz"
        told[item["item_id"]] = (item["outcome"], ground, item.get("refusal_code") or "", scope)
    return told


def _of_demand(
    notice: Any,
    events: list[Told],
    last: list[Told],
    items: Any,
    categories: frozenset[str],
    found: Figures,
    sent: Sequence[OutboxMessage],
) -> None:
    authority = notice["issuing_authority"]["id"]
    category = notice["category"] if notice["category"] in categories else "unlisted"
    state = last[-1].to
    names = {event.kind for event in last}
    outcomes = [(outcome, ground == "terms_of_service") for outcome, ground, _, _ in items.values()]
    outcomes = [(o, own and (o in MEASURES or o in ("partially_complied", "restored"))) for o, own in outcomes]
    result = _result(outcomes)
    found["demands_by_progress"]["answered" if state == "closed" else "cancelled"] += 1
    found["demands_by_authority"][authority] += 1
    found["demands_by_authority_type"][notice["issuing_authority"]["type"]] += 1
    found["demands_by_originating_body"]["named" if notice.get("originating_body") else "none"] += 1
    found["demands_by_category"][category] += 1
    for basis in {"/".join(filter(None, (ACTS[one["act"]], one.get("article")))) for one in notice["legal_basis"]}:
        found["demands_by_legal_basis"][basis] += 1
    found["demands_by_kind"][notice["kind"]] += 1
    typed = events[0].said.came.source == "typed"
    found["demands_by_channel"]["typed" if typed else "pushed"] += 1
    codes = {code for outcome, _, code, _ in items.values() if outcome == "refused"}
    unofficial = codes & {"no_authority", "no_legal_basis", "not_authentic"}
    unofficial |= {"recommendation"} if notice["kind"] == "recommendation" else set()
    unofficial |= {"unverified"} if typed and "authenticated" not in names else set()
    for reason in unofficial:
        found["demands_unofficial"][reason] += 1
    found["demands_by_process"]["unofficial" if unofficial else "official"] += 1
    found["demands_by_result"][result] += 1
    limited = [outcome in MEASURES - {"preserved"} | {"partially_complied"} for outcome, _ in outcomes]
    found["demands_by_consequence"]["acted_on" if any(limited) else "left"] += 1
    found["results_by_category"][f"{category} / {result}"] += 1
    found["results_by_authority"][f"{authority} / {result}"] += 1
    questions = [one for one in sent if one.kind == "clarification" and one.state != "void"]
    asked = bool(questions) or "clarification_needed" in {outcome for outcome, _ in outcomes}
    found["demands_by_clarification"]["asked" if asked else "not_asked"] += 1
    cancels = {event.said.effect or "effect_missing" for event in last if event.kind == "cancelled"}
    for effect in cancels:
        found["demands_by_cancellation"][effect] += 1
    found["demands_by_correction"]["corrected" if "reopened" in names else "not_corrected"] += 1
    found["demands_for_user_data"]["no"] += 1
    found["reminders"][""] += sum(event.kind == "reminded" for event in events)
    for item in notice["items"]:
        outcome, ground, code, scope = items[item["item_id"]]
        own = ground == "terms_of_service" and outcome in MEASURES | {"partially_complied", "restored"}
        kind = "url" if item.get("url") else "object" if item.get("object_id") else "account"
        found["items"][""] += 1
        found["items_by_kind"][kind] += 1
        found["items_by_authority"][authority] += 1
        found["items_by_category"][category] += 1
        acted = outcome in MEASURES - {"preserved"} | {"partially_complied"}
        found["items_by_consequence"]["acted_on" if acted else "left"] += 1
        found["items_by_ground"]["own_terms" if own else "demand"] += 1
        found["items_own_terms" if own else "items_by_outcome"][outcome] += 1
        found["items_by_scope"][scope] += 1
        if outcome == "refused":
            found["items_refused"][code] += 1


def _result(items: list[tuple[str, bool]]) -> str:
    """By the definition of demands_by_result, case by case."""
    there = [item for item in items if item[0] not in ("already_unavailable", "not_found")]
    alive = [item for item in there if item[0] != "stopped"]
    if not alive:
        return "cancelled" if len(there) == len(items) else "nothing_there"
    if all(outcome in MEASURES and not own for outcome, own in alive):
        return "complied_fully"
    if any((outcome in MEASURES or outcome == "partially_complied") and not own for outcome, own in alive):
        return "complied_partly"
    if any(own and outcome != "restored" for outcome, own in alive):
        return "own_terms_only"
    if any(outcome == "restored" for outcome, _ in alive):
        return "reversed"
    return alive[0][0] if len(set(alive)) == 1 else "mixed"
