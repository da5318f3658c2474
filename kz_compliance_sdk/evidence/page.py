"""The readable page of a pack: one HTML file to read and to print, with nothing from outside and no script.

First what happened, in sentences; then the items, the timeline, and an annex for whoever checks. It is made from the
documents of the pack and from nothing else. Everything that came from anybody is escaped, and what turns or hides text
is replaced, so that a hostile notice reads as what it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.domain.proposal_checks import says
from kz_compliance_sdk.domain.values import parse_instant
from kz_compliance_sdk.domain.words import Words, provision
from kz_compliance_sdk.evidence.dossier import WORDS, Contents

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"\S{25}")
"""What may be broken anywhere: an address, a digest; no word of a language."""
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CASE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_LONG: Final = 400
"""How much of a text the first page shows: all of it lies beside."""

# For each kind of remedy: its state, and when that was so.
_REMEDIES: Final[Mapping[str, tuple[str, str]]] = {
    "contests": ("result", "filed_at"),
    "suspensions": ("", "from_at"),
    "instructions": ("", "given_at"),
    "appeals": ("state", "received_at"),
    "holds": ("", "held_at"),
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
        self._told = [_told(line) for line in contents.events]
        self._sent = {one["id"]: one for one in self._doc["messages"]}

    def html(self) -> str:
        say, case_id = self._words, str(self._doc["case"]["id"])
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
            items=[self._items(), *self._decided()],
            timeline=self._table("event at actor what", self._timeline()),
            annex=[self._codes(), self._term(), *self._checks(), self._messages(), self._hashes(), self._sums()],
            verify=say("page", "verify", head=self._doc["audit"]["head"], length=self._doc["audit"]["length"]),
            note=" ".join([say("page", "files"), *([say("page", "unreviewed")] if say.is_draft else [])]),
        )

    # ---------------------------------------------------------------------------------------- building blocks

    def _when(self, text: str | None) -> str:
        """The time that people live by; the head of the page names its zone."""
        try:
            return local(parse_instant(text or "")).removesuffix(" +05:00")
        except (ValueError, OverflowError):
            return text or self._words("page", "none")

    def _tell(self, name: str, **values: Any) -> str:
        """A sentence of the first page; times among its values as people read them."""
        told = {key: self._when(one) if key.endswith("at") else one for key, one in values.items()}
        said = self._words("story", name, **told)
        return _capital(said)

    def _fields(self, values: Mapping[str, Any], title: str = "") -> _Table:
        """A table of values by their labels."""
        rows = [(self._words("label", name), _harmless(one)) for name, one in values.items()]
        return _Table(rows, title=title and self._words("section", title))

    def _table(self, names: str, rows: Iterable[Mapping[str, Any]], title: str = "") -> _Table:
        """A row for each document, a column for each name."""
        columns = names.split()
        cells = [[_harmless(row.get(name)) for name in columns] for row in rows]
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
        return str(item.get("item_id") or item["item"])

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
        case = self._doc["case"]
        made_at = self._when(self._doc["made_at"])
        return self._words("page", "about", platform=case["platform_id"], case=case["id"], made_at=made_at)

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
        case, notice = self._doc["case"], self._doc["notice"]
        if notice is None:
            yield self._tell("unusable", authority=case["authority_id"])
            return
        names, of_id = notice.get("authority_name") or {}, case["authority_id"]
        kind = self._code("authority_type", notice.get("authority_type")) or of_id
        name = names.get(self._words.lang) or next(iter(names.values()), "")
        number = case["reference_number"] or self._words("page", "withheld")
        yield self._tell(
            "demanded",
            authority=name or kind,
            type=kind if name else of_id,
            kind=self._code("value", case["kind"]),
            number=number,
            notice=case["notice_id"],
            revision=case["revision"],
        )
        if body := notice.get("originating_body"):
            yield self._tell("originating", body=body)
        if notice.get("requested"):
            asked = self._code("action", notice["requested"])
            yield self._tell("asked", action=asked, items=len(self._doc["items"]))
        yield self._tell("category", category=self._code("category", case["category"]))
        for name, laws in (
            ("law", [provision(code, self._words) for code in notice.get("legal_basis") or ()]),
            ("cited", notice.get("cited")),
        ):
            if laws:
                yield self._tell(name, laws="; ".join(laws))
        for said in (notice.get("statement_of_reasons") or ())[:1]:
            yield self._tell("because", reasons=_short(said["text"]))

    def _received(self) -> Iterator[str]:
        case, clock, term = self._doc["case"], self._doc["clock"], self._doc["term"]
        origin = self._code("authenticity", case["authenticity"])
        yield self._tell("came", at=case["received_at"], source=self._code("source", case["source"]), origin=origin)
        if case["entered_by"]:
            yield self._tell("entered", person=self._who(case["entered_by"]))
        if term is None:
            yield self._tell("term_unknown", policy=case["policy"], due_at=case["due_at"])
        else:
            many = "hours" if term["hours"] is not None else "working_days"
            source, length = term["source"], self._words("page", many, many=term[many])
            told = "term_verified" if source["verified"] else "term_unverified" if source["article"] else "term_own"
            values = {name: source[name] or "" for name in ("verified_by", "verified_on")} | {"law": self._law(source)}
            yield self._tell(told, length=length, due_at=case["due_at"], policy=case["policy"], **values)
        if case["requested_due_at"]:
            yield self._tell("wished", at=case["requested_due_at"])
        if clock["due_at"] != case["due_at"]:
            yield self._tell("paused", at=clock["due_at"])
        if case["closed_at"]:
            yield self._tell("late" if clock["late"] else "in_time")

    def _looked(self) -> Iterator[str]:
        for one in self._doc["legal_checks"]:
            yield self._tell("checked", person=self._who(one["answered_by"]), at=one["answered_at"])
        for one in self._doc["content"]:
            found = self._words("page", "there" if one["available"] else "not_there")
            told = {"person": self._who(one["seen_by"]), "at": one["seen_at"], "item": self._named(one)}
            yield self._tell("looked", **told, found=found)

    def _decisions(self) -> Iterator[str]:
        for one in self._doc["decisions"]:
            who, version = self._who(one["proposed_by"]), one["version"]
            yield self._tell("proposed", version=version, person=who, at=one["proposed_at"], what=self._judged(one))
            if reasons := dict.fromkeys(item["reasons"] for item in one["items"] if item.get("reasons")):
                yield self._tell("reasons", reasons=_short(" / ".join(reasons)))
            rules = "; ".join(says(one["second_person"], self._words))
            withheld = one["needs_approval"] and not rules
            yield self._tell("second_withheld" if withheld else "second" if rules else "no_second", rules=rules)
            if one["sent_back_at"]:
                yield self._tell(
                    "sent_back", version=version, person=self._who(one["sent_back_by"]), at=one["sent_back_at"]
                )
                if one.get("sent_back_because"):
                    yield self._tell("reasons", reasons=_short(one["sent_back_because"]))
            if one["approved_at"]:
                yield self._tell("approved", person=self._who(one["approved_by"]), at=one["approved_at"])
            if one["undone_at"]:
                yield self._tell("undone", version=version, person=self._who(one["undone_by"]), at=one["undone_at"])
            if not (one["decided_at"] or one["sent_back_at"] or one["approved_at"]):
                yield self._tell("not_decided", version=version)
        if not self._doc["decisions"]:
            yield self._tell("no_decision")

    def _judged(self, decision: Mapping[str, Any]) -> str:
        """What a decision says, items of which it says the same together."""
        found: dict[str, list[str]] = {}
        for one in decision["items"]:
            wording = one.get("wording") or {}
            code = one.get("refusal_code") or wording.get("refusal_code")
            said = self._each(finding=one["finding"], action=one["action"], ground=one["ground"], refusal_code=code)
            found.setdefault(said, []).append(self._named(one))
        return "; ".join(
            f"{self._words('page', 'items', items=', '.join(names))}: {said}" for said, names in found.items()
        )

    def _done(self) -> Iterator[str]:
        for one in self._doc["items"]:
            state, action = self._code("status", one["status"]), self._code("action", one["measure"] or one["action"])
            told = {"item": self._named(one), "state": state}
            if one["effective_at"]:
                yield self._tell("done", **told, action=action, at=one["effective_at"], where=self._where(one["scope"]))
            else:
                yield self._tell("not_done", **told)

    def _reported(self) -> Iterator[str]:
        for one in self._doc["messages"]:
            if one["kind"] in ("acknowledgement", "clarification", "report"):
                told = {"kind": self._code("kind", one["kind"]), "made_at": one["created_at"]}
                receipted = one["receipt"] is not None
                at = one["settled_at"] if receipted else one["begun_at"]
                told |= {"at": at, "state": self._code("message", one["state"])}
                yield self._tell("receipted" if receipted else "sent", **told)

    def _users(self) -> Iterator[str]:
        for one in self._doc["user_notices"]:
            told = {"item": self._named(one), "kind": self._code("telling", one["kind"])}
            state = self._code("remedy_state", one["state"])
            yield self._tell("user", **told, state=state, at=one["sent_at"] or one["due_at"])
        if not self._doc["user_notices"]:
            yield self._tell("no_user")

    def _remedies(self) -> Iterator[str]:
        for name, (field, since) in _REMEDIES.items():
            for one in self._doc[name]:
                state = one.get(field) or "open"
                if name == "suspensions":
                    state = "confirmed" if one["confirmed_by"] else "unconfirmed"
                said = self._code("remedy_state", state) if field or name == "suspensions" else ""
                yield self._tell("remedy", remedy=self._code("remedy", name), at=one[since], state=said).rstrip(" :—")

    def _state(self) -> str:
        return self._tell("state", state=self._code("state", self._doc["case"]["state"]))

    def _pending(self) -> Iterator[str]:
        if not self._doc["case"]["closed_at"]:
            due_at = self._doc["case"]["lift_due_at"] or self._doc["clock"]["due_at"]
            yield self._tell("running" if due_at > self._doc["made_at"] else "overdue", due_at=due_at)
        for one in self._doc["messages"]:
            if one["state"] not in ("done", "voided") and one["kind"] != "page":
                kind, state = self._code("kind", one["kind"]), self._code("message", one["state"])
                yield self._tell("pending", what=kind, state=state)
        under_way = [
            *("contests" for one in self._doc["contests"] if not one["result"]),
            *("appeals" for one in self._doc["appeals"] if one["state"] == "open"),
        ]
        for name in under_way:
            yield self._tell("pending", what=self._code("remedy", name), state=self._code("remedy_state", "open"))

    # ------------------------------------------------------------------------------------------------- items

    def _items(self) -> _Table:
        """In the full form with what each points at."""
        points = ("url", "object_id", "account_ref")
        rows = [
            {
                "item_id": self._named(one),
                "status": self._code("status", one["status"]),
                "action": self._code("action", one["measure"] or one["action"]),
                "ground": self._code("ground", one["ground"]),
                "scope": self._where(one["scope"]),
                "effective_at": one["effective_at"],
                "object": [one[name] for name in points if one.get(name)],
            }
            for one in self._doc["items"]
        ]
        return self._table("item_id status action ground scope effective_at" + " object" * self._full, rows)

    def _decided(self) -> Iterator[_Table]:
        """What each version says of each item."""
        for one in self._doc["decisions"]:
            rows = []
            for item in one["items"]:
                wording = item.get("wording") or {}
                code = item.get("refusal_code") or wording.get("refusal_code")
                texts = [said["text"] for said in wording.get("statement_of_reasons") or ()]
                rows.append(
                    {
                        "item_id": self._named(item),
                        "finding": self._code("finding", item["finding"]),
                        "outcome": self._each(outcome=item.get("outcome") or wording.get("outcome"), refusal_code=code),
                        "reasons": item.get("reasons"),
                        "wording": texts,
                    }
                )
            made = self._table("item_id finding outcome" + " reasons wording" * self._full, rows)
            yield _Table(made.rows, made.head, _capital(self._version(one["version"])))

    # ---------------------------------------------------------------------------------------------- timeline

    def _timeline(self) -> Iterator[dict[str, Any]]:
        for on in self._told:
            said = [f"{self._words('verb', on['kind'])}{self._about(on)}", *self._written(on)]
            at = local(on["at"]).removesuffix(" +05:00")
            yield {"event": on["seq"], "at": at, "actor": self._who(on["actor"]), "what": "\n".join(said)}

    def _about(self, on: Mapping[str, Any]) -> str:
        """Of what an event speaks, in words."""
        data, found = on["data"], list[str]()
        if (sent := self._sent.get(data.get("message", ""))) is not None:
            found.append(self._code("kind", sent["kind"]))
        if item := data.get("item") or (sent or {}).get("item"):
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
        """What a person wrote, in the full form; of what lies elsewhere in the pack the file is told there."""
        for name in on["data"].get("parts", ()):
            path = str((on["parts"].get(name) or {}).get("file") or "")
            if path.startswith(WORDS):
                yield f"«{self._contents.exact[path].decode('utf-8', 'replace')}»"

    # ------------------------------------------------------------------------------------------------- annex

    def _codes(self) -> _Table:
        case, audit = self._doc["case"], self._doc["audit"]
        names = "platform_id id notice_id authority_id revision state kind category source authenticity channel"
        lost = [f"{one['seq']}: {one['what']}" for one in audit["faults"]]
        told: dict[str, Any] = {
            "codes": ", ".join(f"{name}={case[name]}" for name in names.split()),
            "flags": [f"{self._code('flag', flag.partition(':')[0])} ({flag})" for flag in case["flags"]],
            "made_at": self._doc["made_at"],
            "policy": case["policy"],
            "ledger_keys": audit["ledger_keys"] or self._words("page", "no_ledger_key"),
            "erased_at": self._doc["erased_at"],
        }
        if self._full:
            told["faults"] = lost
        return self._fields(told, "codes")

    def _term(self) -> _Table:
        if (term := self._doc["term"]) is None:
            return self._fields({})
        source, read = term["source"], self._words("page", "unread")
        if source["verified"]:
            read = self._words("page", "read", by=source["verified_by"], on=source["verified_on"])
        told = {"act": self._law(source), "url": source["url"], "standing": read, "note": source["note"]}
        return self._fields(told, "term")

    def _checks(self) -> Iterator[_Table]:
        for one in self._doc["legal_checks"]:
            asked = [(question.name, one["answers"].get(question.name)) for question in QUESTIONS]
            rows = [(self._code("question", name), self._code("answer", said)) for name, said in asked if said]
            yield _Table(rows, title=f"{self._words('section', 'review')}: {self._version(one['version'])}")

    def _messages(self) -> _Table:
        rows = [
            {
                "number": one["number"],
                "type": self._code("kind", one["kind"]) + (f" {self._named(one)}" if one["item"] else ""),
                "at": one["created_at"],
                "status": self._code("message", one["state"]),
                "body": self._exact(one["body"]),
                "receipt": self._exact(one["receipt"]),
            }
            for one in [*self._doc["received"], *self._doc["messages"]]
            if "kind" in one and one["kind"] != "page"
        ]
        return self._table("number type at status body receipt", rows, "messages")

    def _exact(self, kept: Mapping[str, Any] | None) -> list[str]:
        """Exact bytes: where they lie, or that they are withheld."""
        return [self._withheld(kept["file"]), *([kept["sha256"]] if kept["sha256"] else [])] if kept else []

    def _hashes(self) -> _Table:
        return self._table("event hash", ({"event": on["seq"], "hash": on["hash"]} for on in self._told), "events")

    def _sums(self) -> _Table:
        rows = [
            {
                "body": one["body"]["file"],
                "type": f"{self._words('arrival', one['type'])} ({one['type']})",
                "hash": one["body"]["sha256"],
                "at": one["received_at"],
            }
            for one in self._doc["received"]
        ]
        return self._table("type at body hash", ({**row, "body": self._withheld(row["body"])} for row in rows), "came")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"


def _told(line: Mapping[str, Any]) -> dict[str, Any]:
    """An event as its line has it, and who acted."""
    said, people = json.loads(line["content"]), line.get("people")
    number = said["by"][0]
    actor = None if not number else json.loads(people)["id"] if people else f"person-{number}"
    return {**said, "actor": actor, "hash": line["hash"], "parts": line["parts"]}
