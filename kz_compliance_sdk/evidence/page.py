"""The readable page of a pack: one HTML file to read and to print, with nothing from outside and no script.

First what happened, in sentences; then the items, the timeline, and an annex for whoever checks. It is made from the
documents of the pack and from nothing else. Everything that came from anybody is escaped, and what turns or hides text
is replaced, so that a hostile notice reads as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.actor import HEAD
from kz_compliance_sdk.domain.clock import Pause, local, paused_due_at
from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.domain.events import is_text
from kz_compliance_sdk.domain.policy import Policy, Term
from kz_compliance_sdk.domain.proposal_checks import says
from kz_compliance_sdk.domain.values import document_in, instant_text, is_time, parse_instant
from kz_compliance_sdk.domain.words import Words, provision
from kz_compliance_sdk.evidence.dossier import CLEARED, Contents

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"\S{25}")
"""What may be broken anywhere: an address, a digest; no word of a language."""
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CASE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_LONG: Final = 400
"""How much of a text the first page shows: all of it lies beside."""

_NOTICES: Final = ("opened", "admitted", "amended")
_ARRIVALS: Final = {
    "opened": "notice.issued",
    "admitted": "notice.issued",
    "amended": "notice.amended",
    "answered": "notice.clarified",
    "cancelled": "notice.cancelled",
    "reminded": "notice.reminded",
    "quarantined": "unreadable",
    "confirmed": "notice.issued",
    "amendment": "notice.amended",
    "cancellation": "notice.cancelled",
    "answer": "notice.clarified",
}
"""What kind of message came, by what it did, or by what kind of letter it is."""
_TOLD: Final = {
    "user_told": "sent",
    "user_never_told": "failed",
    "user_notice_voided": "void",
    "user_notice_delayed": "delayed",
}
# For each kind of remedy: the event that tells of it, when it was, and its number, by which others speak of it.
_REMEDIES: Final[Mapping[str, tuple[str, str, str]]] = {
    "contests": ("contest_recorded", "filed_at", "contest"),
    "suspensions": ("suspended", "from_at", "suspension"),
    "instructions": ("instructed", "given_at", ""),
    "appeals": ("appealed", "received_at", "appeal"),
    "holds": ("held", "at", ""),
}


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of cells under their `head`; without one, rows of a name and its cell."""

    rows: Sequence[Any]
    head: Sequence[str] = ()
    title: str = ""


def rendered(contents: Contents, words: Words) -> str:
    """The page, as text."""
    return _Page(contents, words).html()


def _harmless(value: Any) -> Any:
    """Nothing in it turns or hides what stands beside it."""
    if isinstance(value, str):
        return _BAD.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_harmless(name): _harmless(one) for name, one in value.items()}
    return [_harmless(one) for one in value] if isinstance(value, list | tuple) else value


class _Page:
    def __init__(self, contents: Contents, words: Words) -> None:
        self._contents, self._words = contents, words
        self._doc: dict[str, Any] = dict(contents.case)
        self._full = contents.form == "full"
        self._told = [{**on["data"], **on, "of": on["data"].get("kind")} for on in self._doc["events"]]
        self._sent = {one["message"]: one for one in self._doc["messages"]}
        self._notice = [*self._all("quarantined"), *self._all(*_NOTICES)][-1]
        self._names = self._names_of_items() if self._full else {}
        self._items = list(self._items_now())
        self._versions = [on for on in self._all("proposed", "appeal_reversed") if on.get("decision")]

    def html(self) -> str:
        say, case_id = self._words, str(self._doc["case_id"])
        return template("kz_compliance_sdk.evidence", "page.html").render(
            say=say,
            is_instant=_INSTANT.fullmatch,
            is_hash=_HASH.fullmatch,
            is_long=_RUN.search,
            when=self._when,
            form=self._contents.form,
            title=_harmless(say("page", "title", case=case_id)),
            about=_harmless(self._about_pack()),
            case_id=case_id if _CASE_ID.fullmatch(case_id) else "",
            story=[(name, _harmless(said)) for name, said in self._story() if said],
            items=[self._pointed_at(), *self._decided()],
            timeline=self._table("event at actor what", self._timeline()),
            annex=[self._codes(), self._term(), *self._checks(), self._messages(), self._hashes(), self._sums()],
            verify=say("page", "verify", head=self._doc["audit_head"], length=self._doc["audit_length"]),
            note=" ".join([say("page", "files"), *([say("page", "unreviewed")] if say.is_draft else [])]),
        )

    # ---------------------------------------------------------------------------------------- building blocks

    def _all(self, *verbs: str, **about: Any) -> list[dict[str, Any]]:
        """The events of these kinds that say this, in their order."""
        return [on for on in self._told if on["kind"] in verbs and about.items() <= on.items()]

    def _read(self, on: Mapping[str, Any], name: str) -> bytes:
        """What lies in the pack of what was written in an event."""
        kept = on["words"].get(name)
        return self._contents.exact[kept["file"]] if kept else b""

    def _said(self, on: Mapping[str, Any]) -> dict[str, Any]:
        """What a message says, in the full form."""
        return document_in(self._read(on, "message")).get("data") or {}

    def _names_of_items(self) -> dict[int, Mapping[str, Any]]:
        """How the authority named each item last."""
        found: dict[int, Mapping[str, Any]] = {}
        for on in self._all(*_NOTICES, "answered"):
            found |= {
                one["number"]: said
                for one, said in zip(on.get("items", ()), self._said(on).get("items") or (), strict=False)
            }
        return found

    def _when(self, at: str | int | None) -> str:
        """The time that people live by; the head of the page names its zone."""
        text = _instant(at) or self._words("page", "none")
        try:
            return local(parse_instant(text)).removesuffix(" +05:00")
        except (ValueError, OverflowError):
            return text

    def _tell(self, name: str, **values: Any) -> str:
        """A sentence of the first page; times among its values as people read them."""
        told = {key: self._when(one) if is_time(key) else one for key, one in values.items()}
        said = self._words("story", name, **told)
        return _capital(said)

    def _fields(self, values: Mapping[str, Any], title: str = "") -> _Table:
        """A table of values by their labels."""
        rows = [(self._words("label", name), _cell(name, one)) for name, one in values.items()]
        return _Table(rows, title=title and self._words("section", title))

    def _table(self, names: str, rows: Iterable[Mapping[str, Any]], title: str = "") -> _Table:
        """A row for each document, a column for each name."""
        columns = names.split()
        cells = [[_cell(name, row.get(name)) for name in columns] for row in rows]
        head = [self._words("label", name) for name in columns]
        return _Table(cells, head, title and self._words("section", title))

    def _who(self, person: str | None) -> str:
        if person is None:
            return self._words("page", "machine")
        number = person.removeprefix("person-")
        return self._words("page", "person", number=number) if not self._full and number.isdigit() else person

    def _code(self, table: str, code: str | None) -> str:
        return self._words(table, code) if code else ""

    def _each(self, **codes: str | None) -> str:
        """These codes in words, each of its own table; not what there is not."""
        return "; ".join(self._words(table, code) for table, code in codes.items() if code)

    def _where(self, scope: Sequence[str] | None) -> str:
        return self._words("page", "kz_alone") if scope in (["KZ"], ("KZ",)) else ", ".join(scope or ())

    def _named(self, item: Mapping[str, Any]) -> str:
        return str(self._names.get(item["item"], {}).get("item_id") or item["item"])

    def _withheld(self, value: Any) -> Any:
        return value or self._words("page", "withheld")

    def _version(self, number: int) -> str:
        return self._words("page", "version", version=number)

    def _law(self, source: Mapping[str, Any]) -> str:
        """What a source of the policy is called: an act that the policy knows in the language of the page."""
        policy, act, article = self._contents.policy, source["act"], source["article"]
        code = policy.act_of(act, article) if policy is not None else ""
        called = self._words("act", code) if code else act
        return self._words("act", "article", act=called, article=article) if article else called

    def _about_pack(self) -> str:
        case = self._doc
        made_at = self._when(case["made_at"])
        return self._words("page", "about", platform=case["platform_id"], case=case["case_id"], made_at=made_at)

    # ------------------------------------------------------------------------------------------------- story

    def _story(self) -> Iterator[tuple[str, list[str]]]:
        """What a judge asks first, each question with its sentences."""
        yield "demanded", list(self._demanded())
        yield "received", list(self._received())
        yield "looked", list(self._looked())
        yield "decided", list(self._decisions())
        yield "done", list(self._done())
        yield "reported", list(self._reported())
        yield "user", list(self._users())
        yield "remedies", list(self._remedies())
        yield "pending", [self._state(), *(list(self._pending()) or [self._tell("nothing")])]

    def _demanded(self) -> Iterator[str]:
        notice, policy = self._notice, self._contents.policy
        of_id = notice["authority"]
        if notice["kind"] == "quarantined":
            yield self._tell("unusable", authority=of_id)
            return
        said, codes = self._said(self._all(*_NOTICES, "confirmed")[-1]), notice["demanded"]
        names = said["issuing_authority"]["name"] if said else policy.authority_names.get(of_id, {}) if policy else {}
        kind = self._code("authority_type", codes["authority_type"]) or of_id
        name = names.get(self._words.lang) or next(filter(None, names.values()), "")
        yield self._tell(
            "demanded",
            authority=name or kind,
            type=kind if name else of_id,
            kind=self._code("value", notice["of"]),
            number=self._reference(said) or self._words("page", "withheld"),
            notice=notice["notice"],
            revision=notice["revision"],
        )
        if body := said.get("originating_body"):
            yield self._tell("originating", body=body)
        if codes["requested"]:
            asked = self._code("action", codes["requested"])
            yield self._tell("asked", action=asked, items=len(self._items))
        yield self._tell("category", category=self._code("category", notice["category"]))
        cited = [", ".join(filter(None, (one["act"], one.get("article")))) for one in said.get("legal_basis") or ()]
        for name, laws in (("law", [provision(code, self._words) for code in codes["legal_basis"]]), ("cited", cited)):
            if laws:
                yield self._tell(name, laws="; ".join(laws))
        for why in (said.get("statement_of_reasons") or ())[:1]:
            yield self._tell("because", reasons=_short(why["text"]))

    def _reference(self, said: Mapping[str, Any]) -> Any:
        """The number of the letter: as the notice says it; where that is withheld as the last report repeats it."""
        reports = (document_in(self._read(on, "body")) for on in reversed(self._all("reported")))
        numbers = (one.get("reference_number") for one in (said, *reports))
        return next((number for number in numbers if isinstance(number, str)), None)

    def _received(self) -> Iterator[str]:
        notice, policy = self._notice, self._contents.policy
        last = self._all("quarantined", *_NOTICES, "confirmed")[-1]
        how = last["came"]["source"]
        origin = self._code("authenticity", self._authenticity())
        yield self._tell("came", at=self._times("received_at"), source=self._code("source", how), origin=origin)
        if how == "typed":
            letters = [on for on in self._all("letter_entered") if on["came"]["body"] == last["came"]["body"]]
            yield self._tell("entered", person=self._who((letters or [last])[-1]["by"]))
        due_at = self._times("due_at")
        if policy is None:
            yield self._tell("term_unknown", policy=notice["policy"], due_at=due_at)
        else:
            term, source = self._term_of(policy), self._source(policy)
            many = "hours" if term.hours is not None else "working_days"
            length = self._words("page", many, many=getattr(term, many))
            told = "term_verified" if source["verified"] else "term_unverified" if source["article"] else "term_own"
            values = {name: source[name] or "" for name in ("verified_by", "verified_on")} | {"law": self._law(source)}
            yield self._tell(told, length=length, due_at=due_at, policy=notice["policy"], **values)
        if notice.get("requested_due_at"):
            yield self._tell("wished", at=notice["requested_due_at"])
        if self._due_at != due_at:
            yield self._tell("paused", at=self._due_at)
        if self._is_over and (receipts := self._receipts):
            yield self._tell("late" if receipts[-1] > self._due_at else "in_time")

    def _authenticity(self) -> str:
        """How the origin of the notice is proved."""
        last = self._all("quarantined", *_NOTICES, "confirmed", "authenticated")[-1]
        if last["kind"] == "authenticated":
            return "verified"
        unproved = last["kind"] == "quarantined" and last["came"]["source"] == "typed"
        return "unverified" if unproved else str(last.get("authenticity", "signed"))

    def _term_of(self, policy: Policy) -> Term:
        """The term of the notice."""
        return policy.term(self._notice["of"] or "unknown", self._notice.get("category", "unknown"))

    def _source(self, policy: Policy) -> dict[str, Any]:
        """What the term of the notice rests on."""
        return self._term_of(policy).source.model_dump(mode="json")

    def _times(self, name: str) -> int:
        """When the notice was received, or is due, as that was told last."""
        told = self._all("quarantined", *_NOTICES, "receipt_corrected")
        times: list[int] = [on[name] for on in told if on.get(name)]
        return times[-1]

    @property
    def _is_over(self) -> bool:
        return self._doc["state"] in ("closed", "cancelled")

    @property
    def _receipts(self) -> list[int]:
        """When each report was receipted."""
        reports = {name for name, one in self._sent.items() if one["kind"] == "report"}
        return [on["at"] for on in self._all("receipt") if on["message"] in reports]

    @property
    def _ended_at(self) -> int:
        """When the last report was receipted, of a case that is over; else when the pack was made."""
        return self._receipts[-1] if self._receipts and self._is_over else parse_instant(self._doc["made_at"])

    @property
    def _due_at(self) -> int:
        """When the case is due, later by what was paused."""
        pauses = []
        for on in self._all("suspended"):
            about = {"suspension": on["suspension"]}
            ends = [on.get("until_at"), *(one["ended_at"] for one in self._all("suspension_ended", **about))]
            ends_at = min(filter(None, ends), default=None)
            if self._all("suspension_confirmed", **about) and (ends_at is None or ends_at >= on["from_at"]):
                pauses.append(Pause(on["from_at"], ends_at))
        due_at, received_at = self._times("due_at"), self._times("received_at")
        return paused_due_at(due_at, received_at=received_at, pauses=pauses, at=self._ended_at)

    def _looked(self) -> Iterator[str]:
        for on in self._all("legally_checked"):
            yield self._tell("checked", person=self._who(on["by"]), at=on["at"])
        for on in self._all("looked", "content_changed"):
            for one in on["seen"]:
                found = self._words("page", "there" if one.get("available") else "not_there")
                told = {"person": self._who(on["by"]), "at": on["at"], "item": self._named(one)}
                yield self._tell("looked", **told, found=found)

    def _decisions(self) -> Iterator[str]:
        for on in self._versions:
            version = on["decision"]
            then = {verb: self._all(verb, decision=version) for verb in ("sent_back", "approved", "undone", "decided")}
            who = self._who(on["by"])
            yield self._tell("proposed", version=version, person=who, at=on["at"], what=self._judged(on))
            if reasons := dict.fromkeys(item["reasons"] for item in self._judgements(on) if item.get("reasons")):
                yield self._tell("reasons", reasons=_short(" / ".join(reasons)))
            rules = "; ".join(says(self._asked_for(on), self._words))
            withheld = on.get("four_eyes") and not rules
            yield self._tell("second_withheld" if withheld else "second" if rules else "no_second", rules=rules)
            for back in then["sent_back"]:
                yield self._tell("sent_back", version=version, person=self._who(back["by"]), at=back["at"])
                if said := self._read(back, "reasons"):
                    yield self._tell("reasons", reasons=_short(said.decode("utf-8", "replace")))
            for approval in then["approved"]:
                yield self._tell("approved", person=self._who(approval["by"]), at=approval["at"])
            for undone in then["undone"]:
                yield self._tell("undone", version=version, person=self._who(undone["by"]), at=undone["at"])
            if on["kind"] == "proposed" and not (then["decided"] or then["sent_back"] or then["approved"]):
                yield self._tell("not_decided", version=version)
        if not self._versions:
            yield self._tell("no_decision")

    def _asked_for(self, on: Mapping[str, Any]) -> dict[str, Any]:
        """Which rules asked for a second person, and what they speak of."""
        line, about = self._contents.events[on["event"] - 1], {"decision": on["decision"]}
        by_head = self._full and on.get("four_eyes") and HEAD in document_in(str(line["people"])).get("roles", ())
        # News before its measures had begun put it before a second person: who answered, or has not yet.
        ends = [one["event"] for one in self._all("approved", "sent_back", **about)]
        if self._doc["state"] == "in_approval" and on is self._versions[-1]:
            ends.append(self._doc["since"] + 1)
        stood = [one["event"] for one in self._all("decided", **about)][:1] if ends else []
        news = [one for one in self._all("withheld") for at in stood if at < one["event"] < ends[-1]]
        notice = [one for one in self._all(*_NOTICES) if one["event"] < on["event"]][-1]
        volume = {name: one["came"].get(name) for one in self._all("opened") for name in ("volume", "volume_limit")}
        rules = ["head_of_office"] * bool(by_head) + [*on.get("rules", ())] + ["withheld"] * len(news)
        return {"volume": None, "volume_limit": None, **volume, "rules": rules, "category": notice["category"]}

    def _judgements(self, on: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a decision says of each item; in the full form with its words."""
        said = document_in(self._read(on, "proposal")).get("proposal", {}).get("items") or [{} for _ in on["items"]]
        return [{**words, **one} for one, words in zip(on["items"], said, strict=False)]

    def _judged(self, on: Mapping[str, Any]) -> str:
        """What a decision says, items of which it says the same together."""
        found: dict[str, list[str]] = {}
        for one in on["items"]:
            names = ("finding", "action", "ground", "refusal_code")
            found.setdefault(self._each(**{name: one.get(name) for name in names}), []).append(self._named(one))
        return "; ".join(
            f"{self._words('page', 'items', items=', '.join(names))}: {said}" for said, names in found.items()
        )

    def _items_now(self) -> Iterator[dict[str, Any]]:
        """What is so of each item, and of which measure since when; not of one whose id names another object, and to
        which nothing was ever done."""
        named = [one for on in self._all(*_NOTICES, "answered") for one in on.get("items", ())]
        renamed = {one.get("instead_of") for one in named}
        for one in self._doc["items"]:
            about = {"item": one["item"]}
            said = self._decided_of(one["item"], len(self._told))
            done = self._all("measure_in_force", "measure_lifted", "undoable_recorded", **about)[-1:]
            if done and done[0]["kind"] == "measure_in_force" and one["state"] != "settled":
                said = {**said, "action": self._decided_of(one["item"], done[0]["event"]).get("action", "none")}
            if done or one["item"] not in renamed or one["state"] != "stopped":
                effective_at = done[0].get("at_platform", done[0]["at"]) if done else 0
                yield {"action": "none", **said, **one, "effective_at": effective_at}

    def _decided_of(self, item: int, before: int) -> dict[str, Any]:
        """What was decided of an item last, before an event."""
        done = self._all("decided", "appeal_reversed")
        decided = [on["decision"] for on in done if on["event"] < before and on.get("decision") and _is_of(on, item)]
        judged = (
            [one for on in self._proposed(decided[-1]) for one in on["items"] if one["item"] == item] if decided else []
        )
        return judged[-1] if judged else {}

    def _proposed(self, version: int) -> list[dict[str, Any]]:
        return self._all("proposed", "appeal_reversed", decision=version)

    def _done(self) -> Iterator[str]:
        for one in self._items:
            state, action = self._code("status", one["state"]), self._code("action", one["action"])
            told = {"item": self._named(one), "state": state}
            if one["effective_at"]:
                where = self._where(one.get("scope", ["KZ"]))
                yield self._tell("done", **told, action=action, at=one["effective_at"], where=where)
            else:
                yield self._tell("not_done", **told)

    def _reported(self) -> Iterator[str]:
        for one in self._doc["messages"]:
            if one["kind"] in CLEARED:
                told = {"kind": self._code("kind", one["kind"]), "made_at": self._told[one["event"] - 1]["at"]}
                receipts, begun = (self._all(verb, message=one["message"]) for verb in ("receipt", "begun"))
                told |= {"at": [0, *(on["at"] for on in receipts or begun)][-1]}
                told |= {"state": self._code("message", one["state"])}
                yield self._tell("receipted" if receipts else "sent", **told)

    def _users(self) -> Iterator[str]:
        for on in self._all("user_notice_owed"):
            names = [name for name, one in self._sent.items() if one["event"] == on["event"]]
            later = [one for one in self._told if {one.get("message"), *one.get("messages", ())} & {*names}]
            states = [_TOLD[one["kind"]] for one in later if one["kind"] in _TOLD]
            times = [one[name] for one in later for name in ("until", "at_platform") if name in one]
            told = {"item": self._named(on), "kind": self._code("telling", on["notice"])}
            state = self._code("remedy_state", [on["state"], *states][-1])
            yield self._tell("user", **told, state=state, at=[on["due_at"], *times][-1])
        if not self._all("user_notice_owed"):
            yield self._tell("no_user")

    def _remedies(self) -> Iterator[str]:
        for name, (verb, since, number) in _REMEDIES.items():
            for on in self._all(verb):
                state = self._remedy_state(name, {number: on.get(number)})
                said = self._code("remedy_state", state)
                yield self._tell("remedy", remedy=self._code("remedy", name), at=on[since], state=said).rstrip(" :—")

    def _remedy_state(self, name: str, about: Mapping[str, Any]) -> str:
        """What became of a contest, a suspension or an appeal; empty for what has no state."""
        if name == "suspensions":
            return "confirmed" if self._all("suspension_confirmed", **about) else "unconfirmed"
        ends = {
            "contest_settled": "",
            "appeal_upheld": "upheld",
            "appeal_reversed": "reversed",
            "appeal_withdrawn": "withdrawn",
        }
        settled = self._all(*ends, **about) if name in ("contests", "appeals") else None
        if settled is None:
            return ""
        return settled[-1].get("result") or ends[settled[-1]["kind"]] if settled else "open"

    def _state(self) -> str:
        return self._tell("state", state=self._code("state", self._doc["state"]))

    def _pending(self) -> Iterator[str]:
        if not self._is_over:
            due_at = self._lift_due_at or self._due_at
            yield self._tell("running" if due_at > parse_instant(self._doc["made_at"]) else "overdue", due_at=due_at)
        for one in self._doc["messages"]:
            if one["state"] not in ("done", "voided"):
                kind, state = self._code("kind", one["kind"]), self._code("message", one["state"])
                yield self._tell("pending", what=kind, state=state)
        for name in ("contests", "appeals"):
            verb, _, number = _REMEDIES[name]
            for on in self._all(verb):
                if self._remedy_state(name, {number: on[number]}) == "open":
                    yield self._tell(
                        "pending", what=self._code("remedy", name), state=self._code("remedy_state", "open")
                    )

    @property
    def _lift_due_at(self) -> int:
        """When what fell must be lifted, of a case that lifts: what was told first since a decision or a receipt."""
        if self._doc["state"] not in ("lifting", "lifted"):
            return 0
        told = [on for on in self._told if on.get("lift_due_at") or on["kind"] in ("decided", "receipt")]
        last = max((n for n, on in enumerate(told) if not on.get("lift_due_at")), default=-1)
        return next((on["lift_due_at"] for on in [*told[last + 1 :], *told[last::-1]] if on.get("lift_due_at")), 0)

    # ------------------------------------------------------------------------------------------------- items

    def _pointed_at(self) -> _Table:
        """In the full form with what each points at."""
        points = ("url", "object_id", "account_ref")
        rows = [
            {
                "item_id": self._named(one),
                "status": self._code("status", one["state"]),
                "action": self._code("action", one["action"]),
                "ground": self._code("ground", one.get("ground")),
                "scope": self._where(one.get("scope", ["KZ"])),
                "effective_at": one["effective_at"],
                "object": [said for name in points if (said := self._names.get(one["item"], {}).get(name))],
            }
            for one in self._items
        ]
        return self._table("item_id status action ground scope effective_at" + " object" * self._full, rows)

    def _decided(self) -> Iterator[_Table]:
        """What each version says of each item."""
        for on in self._versions:
            rows = []
            for item in self._judgements(on):
                wording = item.get("wording") or {}
                texts = [said["text"] for said in wording.get("statement_of_reasons") or ()]
                rows.append(
                    {
                        "item_id": self._named(item),
                        "finding": self._code("finding", item["finding"]),
                        "outcome": self._each(outcome=item["outcome"], refusal_code=item.get("refusal_code")),
                        "reasons": item.get("reasons"),
                        "wording": texts,
                    }
                )
            made = self._table("item_id finding outcome" + " reasons wording" * self._full, rows)
            yield _Table(made.rows, made.head, _capital(self._version(on["decision"])))

    # ---------------------------------------------------------------------------------------------- timeline

    def _timeline(self) -> Iterator[dict[str, Any]]:
        for on in self._told:
            said = [f"{self._words('verb', on['kind'])}{self._about(on)}", *self._written(on)]
            yield {
                "event": on["event"],
                "at": self._when(on["at"]),
                "actor": self._who(on["by"]),
                "what": "\n".join(said),
            }

    def _about(self, on: Mapping[str, Any]) -> str:
        """Of what an event speaks, in words."""
        data, found = on["data"], list[str]()
        sent: Mapping[str, Any] = self._sent.get(data.get("message"), {"kind": "page", "item": 0})
        if "message" in data:
            found.append(self._code("kind", sent["kind"]))
        if item := data.get("item") or ("message" in data and sent["item"]):
            found.append(self._words("page", "item", item=item))
        if version := data.get("decision"):
            found.append(self._version(version))
        for flag in data.get("flags", ()) if on["kind"] == "flagged" else ():
            found.append(self._code("flag", flag.partition(":")[0]))
        found += [self._code("step", step) for step in data.get("steps", ())]
        if on["kind"] == "disclosed":
            found.append(self._words("page", f"{data['form']}_form"))
        return f": {', '.join(found)}" if found else ""

    def _written(self, on: Mapping[str, Any]) -> Iterator[str]:
        """What a person of the office wrote, in the full form."""
        for name in on["words"]:
            if is_text(on["kind"], name) and (said := self._read(on, name)):
                yield f"«{said.decode('utf-8', 'replace')}»"

    # ------------------------------------------------------------------------------------------------- annex

    def _codes(self) -> _Table:
        notice, case = self._notice, self._doc
        codes = {
            **{name: case[name] for name in ("platform_id", "case_id", "state")},
            "notice_id": notice["notice"],
            "authority_id": notice["authority"],
            **{name: notice.get(name, "none") for name in ("revision", "category")},
            "kind": notice["of"] or "none",
            "source": self._all("quarantined", *_NOTICES, "confirmed")[-1]["came"]["source"],
            "authenticity": self._authenticity(),
        }
        flags = dict.fromkeys(flag for on in self._told for flag in on.get("flags", ()))
        told: dict[str, Any] = {
            "codes": ", ".join(f"{name}={code}" for name, code in codes.items()),
            "flags": [f"{self._code('flag', flag.partition(':')[0])} ({flag})" for flag in flags],
            "made_at": self._doc["made_at"],
            "policy": notice["policy"],
            "ledger_keys": [*dict.fromkeys(one["key_id"] for one in self._contents.events if one["key_id"])]
            or self._words("page", "no_ledger_key"),
            "erased_at": max((on["at"] for on in self._all("erased")), default=0),
        }
        if self._full:
            told["faults"] = list(self._lost())
        return self._fields(told, "codes")

    def _lost(self) -> Iterator[str]:
        """Words that were not erased, and are not there: somebody damaged them."""
        gone = {seq for on in self._all("erased") for seq, _ in on.get("emptied", ())}
        for on, line in zip(self._told, self._contents.events, strict=True):
            sealed = document_in(str(line["content"]))["data"].get("parts", {})
            for name, one in sealed.items():
                if on["words"][name] is None and (one["class"] == "kept" or on["event"] not in gone):
                    yield f"{on['event']}: {name}"

    def _term(self) -> _Table:
        policy = self._contents.policy
        if policy is None:
            return self._fields({})
        source, read = self._source(policy), self._words("page", "unread")
        if source["verified"]:
            read = self._words("page", "read", by=source["verified_by"], on=source["verified_on"])
        told = {"act": self._law(source), "url": source["url"], "standing": read, "note": source["note"]}
        return self._fields(told, "term")

    def _checks(self) -> Iterator[_Table]:
        for on in self._all("legally_checked"):
            asked = [(question.name, on["answers"].get(question.name)) for question in QUESTIONS]
            rows = [(self._code("question", name), self._code("answer", said)) for name, said in asked if said]
            yield _Table(rows, title=f"{self._words('section', 'review')}: {self._version(on['check'])}")

    def _messages(self) -> _Table:
        rows = []
        for number, one in enumerate(self._doc["messages"], 1):
            receipts = self._all("receipt", message=one["message"])
            kept = receipts[-1]["words"] if receipts else {}
            rows.append(
                {
                    "number": number,
                    "type": self._code("kind", one["kind"]) + (f" {self._named(one)}" if one["item"] else ""),
                    "at": self._told[one["event"] - 1]["at"],
                    "status": self._code("message", one["state"]),
                    "body": self._exact(one["body"]),
                    "receipt": self._exact(kept.get("receipt") or kept.get("by_hand")) if receipts else [],
                }
            )
        return self._table("number type at status body receipt", rows, "messages")

    def _exact(self, kept: Mapping[str, Any] | None) -> list[str]:
        """Exact bytes: where they lie, or that they are withheld."""
        return [kept["file"], kept["sha256"]] if kept else [self._words("page", "withheld")]

    def _hashes(self) -> _Table:
        rows = [{"event": n, "hash": one["hash"]} for n, one in enumerate(self._contents.events, 1)]
        return self._table("event hash", rows, "events")

    def _sums(self) -> _Table:
        rows = {}
        for on in self._told:
            if "came" in on and "message" in on["words"]:
                kept, of = on["words"]["message"] or {}, _ARRIVALS.get(on["of"]) or _ARRIVALS.get(on["kind"])
                kind = f"{self._words('arrival', of)} ({of})" if of else self._words("verb", on["kind"])
                told = {"type": kind, "at": on["at"], "body": self._withheld(kept.get("file"))}
                rows[on["came"]["key"], on["came"]["body"]] = {**told, "hash": kept.get("sha256")}
        return self._table("type at body hash", rows.values(), "came")


def _is_of(on: Mapping[str, Any], item: int) -> bool:
    """Whether a decision that stands is about an item."""
    return any(one["item"] == item for one in on.get("lifted" if on["kind"] == "appeal_reversed" else "items", ()))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"


def _instant(at: Any) -> Any:
    """A time as text; None where there is none."""
    return instant_text(at) if at and isinstance(at, int) else at or None


def _cell(name: str, value: Any) -> Any:
    return _harmless(_instant(value) if is_time(name) else value)
