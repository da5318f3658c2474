"""The readable page of a pack: one HTML file to read and to print, with nothing from outside and no script.

It is made from the documents of the pack and from nothing else. Everything that came from anybody is escaped, and what
turns or hides text is replaced, so that a hostile notice reads as what it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.legal_check import QUESTIONS
from kz_compliance_sdk.domain.second_person import says
from kz_compliance_sdk.domain.values import parse_instant
from kz_compliance_sdk.domain.words import Words
from kz_compliance_sdk.evidence.dossier import WORDS, Contents

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CASE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

# For each kind of remedy: what identifies a row, from when, until when, its state, and who.
_CODES: Final[Mapping[str, str]] = {
    "state": "state",
    "kind": "value",
    "source": "source",
    "authenticity": "authenticity",
    "verification": "verification",
    "requested_action": "action",
}
"""The table that has the words for a value, by its label."""

_REMEDIES: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "contests": ("number", "filed_at", "result_at", "result", "recorded_by"),
    "suspensions": ("number", "from_at", "until_at", "", "confirmed_by"),
    "instructions": ("", "given_at", "", "", "recorded_by"),
    "user_notices": ("item_id", "due_at", "delay_until", "state", ""),
    "appeals": ("item_id", "received_at", "due_at", "state", "decided_by"),
    "holds": ("", "held_at", "until", "", "held_by"),
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a cell, after what stands `before` it: text, a hash, or the time `at`. What turns text is replaced."""

    text: str
    before: str = ""
    at: str = ""
    is_hash: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _harmless(self.text))
        object.__setattr__(self, "before", _harmless(self.before))


_Cell = Sequence[_Line]


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of cells under their `head`; without one, rows of a name and its cell."""

    rows: Sequence[Any]
    head: Sequence[str] = ()
    title: str = ""


def rendered(contents: Contents, words: Words) -> str:
    """The page, as text."""
    return _Page(contents, words).html()


def _harmless(text: str) -> str:
    """Nothing in it turns or hides what stands beside it."""
    return _BAD.sub("\ufffd", text)


class _Page:
    def __init__(self, contents: Contents, words: Words) -> None:
        self._contents, self._words = contents, words
        self._doc: Mapping[str, Any] = contents.case
        self._full = contents.form == "full"
        self._told = [_told(line) for line in contents.events]

    def html(self) -> str:
        say, case_id = self._words, str(self._doc["case"]["id"])
        return template("kz_compliance_sdk.evidence", "page.html").render(
            say=say,
            form=self._contents.form,
            title=_harmless(say("page", "title", case=case_id)),
            case_id=case_id if _CASE_ID.fullmatch(case_id) else "",
            head=self._head(),
            sections={
                "summary": [self._summary()],
                "clock": [self._clock()],
                "received": self._received() or [_Table(())],
                "items": [self._items()],
                "review": self._review(),
                "decisions": self._decisions() or [_Table(())],
                "remedies": [self._remedies()],
                "messages": [self._messages()],
                "attempts": [self._attempts()],
                "escalations": [self._escalations()],
                "views": [self._views()],
                "events": [self._events()],
            },
            note=" ".join([say("page", "files"), *([say("page", "unreviewed")] if say.is_draft else [])]),
        )

    # ---------------------------------------------------------------------------------------- building blocks

    def _text(self, value: Any, table: str | None = None) -> _Cell:
        """One value as a cell shows it."""
        say = self._words
        if value is None or value == "" or value == []:
            return [_Line(say("page", "none"))]
        if isinstance(value, bool):
            return [_Line(say("page", "yes" if value else "no"))]
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return [self._instant(value)]
        if isinstance(value, str) and table:
            return [_Line(say(table, value))]
        if isinstance(value, str) and _HASH.fullmatch(value):
            return [_Line(value, is_hash=True)]
        if isinstance(value, list):
            return [line for one in value for line in self._text(one, table)]
        if isinstance(value, dict):
            return [line for name, one in value.items() for line in self._after(f"{name}: ", one)]
        return [_Line(str(value))]

    def _after(self, before: str, value: Any) -> _Cell:
        first, *rest = self._text(value)
        return [replace(first, before=before + first.before), *rest]

    def _coded(self, value: Any, table: str | None) -> _Cell:
        """A value in words, and beside them the code that the documents hold."""
        told = self._text(value, table)
        if not table or not value or told[0].text == _harmless(str(value)):
            return told
        return [_Line(f"{told[0].text} ({value})")]

    def _instant(self, text: str) -> _Line:
        """Both times: the one that is kept, and the one that people live by."""
        try:
            there = local(parse_instant(text))
        except (ValueError, OverflowError):
            return _Line(text)
        shown = text.replace("T", " ").replace("Z", " UTC")
        return _Line(f"{shown}\n{there} {self._words('page', 'almaty')}", at=text)

    def _fields(self, values: Mapping[str, Any], title: str = "") -> _Table:
        """A table of values by their labels."""
        rows = [(self._words("label", name), self._coded(value, _CODES.get(name))) for name, value in values.items()]
        return _Table(rows, title=title)

    def _table(self, labels: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> _Table:
        return _Table(rows, [self._words("label", label) for label in labels])

    def _answers(self, check: Mapping[str, str | None]) -> list[str]:
        """The answered questions of a legal check, as they were asked in this language."""
        say = self._words
        return [
            f"{say('question', question.name)} {say('answer', answer)}"
            for question in QUESTIONS
            if (answer := check.get(question.name))
        ]

    def _withheld(self, value: Any) -> Any:
        return value or self._words("page", "withheld")

    def _exact(self, kept: Mapping[str, Any] | None) -> _Cell:
        """Exact bytes: where they lie, or that they are withheld."""
        if not kept:
            return self._text(None)
        return [_Line(self._withheld(kept["file"])), *(self._text(kept["sha256"]) if kept["sha256"] else ())]

    # ----------------------------------------------------------------------------------------------- sections

    def _head(self) -> list[tuple[str, _Cell]]:
        doc, say = self._doc, self._words
        told = "\n".join(f"{one['seq']}: {self._withheld(one['what'])}" for one in doc["audit"]["faults"])
        rows = {
            "platform": doc["case"]["platform_id"],
            "case": doc["case"]["id"],
            "made_at": doc["made_at"],
            "audit_head": doc["audit"]["head"],
            "audit_length": doc["audit"]["length"],
            "ledger_keys": doc["audit"]["ledger_keys"] or say("page", "no_ledger_key"),
            "faults": told or say("page", "no_faults"),
        }
        return [(say("page", name), self._text(value)) for name, value in rows.items()]

    def _summary(self) -> _Table:
        case = self._doc["case"]
        names = (
            "notice_id authority_id reference_number revision state kind category source authenticity channel flags "
            "entered_by received_at due_at requested_due_at decided_at closed_at lift_due_at"
        )
        told = {name: case[name] for name in names.split()}
        return self._fields({**told, "erased_at": self._doc["erased_at"]})

    def _clock(self) -> _Table:
        clock = self._doc["clock"]
        told = {name: value["utc"] if isinstance(value, dict) else value for name, value in clock.items()}
        names = "received_at due_at requested_due_at unpaused_due_at decide_left_s receipt_left_s late paused"
        return self._fields({name: told[name] for name in names.split()})

    def _received(self) -> list[_Table]:
        tables = []
        for one in self._doc["received"]:
            names = "sender message_id source received_at at_receipt"
            told = {name: one[name] for name in names.split()}
            told["verification"] = one["verification"]["result"]
            told["body"], told["sha256"] = self._withheld(one["body"]["file"]), one["body"]["sha256"]
            if "entered_by" in one:
                told["entered_by"] = one["entered_by"]
            said = one["said"] or {}
            names = "reference_number legal_basis requested_action territorial_scope signatory statement_of_reasons"
            told |= {name: said[name] for name in names.split() if said.get(name) is not None}
            tables.append(self._fields(told, _harmless(f"{one['number']}. {one['type']}")))
        return tables

    def _items(self) -> _Table:
        text = self._text
        labels = ["item_id", "status", "action", "ground", "scope", "effective_at", *(["object"] if self._full else [])]
        rows = []
        for item in self._doc["items"]:
            row = [
                text(item["item_id"]),
                text(item["status"], "status"),
                text(item["measure"] or item["action"], "action"),
                text(item["ground"], "ground"),
                text(item["scope"]),
                text(item["effective_at"]),
            ]
            if self._full:
                row.append(text([item[name] for name in ("url", "object_id", "account_ref") if item.get(name)]))
            rows.append(row)
        return self._table(labels, rows)

    def _review(self) -> list[_Table]:
        text = self._text
        checks = []
        for one in self._doc["legal_checks"]:
            answers = self._answers(one["answers"])
            row = [one[name] for name in ("version", "revision", "answered_at", "answered_by")]
            checks.append([text(value) for value in (*row, answers)])
        looks = []
        for one in self._doc["content"]:
            digest = one["digest"] if "digest" in one else self._words("page", "withheld")
            row = [one["item_id"], one["seen_at"], one["seen_by"], one["fault"] or one["available"], digest]
            looks.append([text(value) for value in row])
        checked = self._table(("version", "revision", "at", "actor", "legal_check"), checks)
        seen = self._table(("item_id", "at", "actor", "available", "digest"), looks)
        return [checked, seen] if looks else [checked]

    def _decisions(self) -> list[_Table]:
        tables = []
        for one in self._doc["decisions"]:
            names, asked = "proposed_by proposed_at approved_by approved_at", one["second_person"]
            told = {name: one[name] for name in names.split()}
            told |= {"asked_for_by": says(asked, self._words), "policy": asked["policy"]}
            if one["digest"]:
                told["digest"] = one["digest"]
            check = one["legal_check"]
            if isinstance(check, dict):
                check = self._answers(check)
            told |= {"legal_check": check, "body": self._withheld(one["body"]["file"])}
            tables.append(self._fields(told, _harmless(f"{self._words('label', 'version')} {one['version']}")))
            tables.append(self._decided(one["items"]))
        return tables

    def _decided(self, items: Any) -> _Table:
        text = self._text
        labels = ["item_id", "finding", "action", "ground", "outcome", *(["reasons", "wording"] if self._full else [])]
        rows = []
        for item in items:
            wording = item.get("wording") or {}
            refusal = item.get("refusal_code") or wording.get("refusal_code")
            outcome = text(item.get("outcome") or wording.get("outcome"), "outcome")
            row = [
                text(item.get("item_id")),
                text(item.get("finding"), "finding"),
                text(item.get("action"), "action"),
                text(item.get("ground"), "ground"),
                [*outcome, *(text(refusal, "refusal_code") if refusal else ())],
            ]
            if self._full:
                row += [text(item.get("reasons")), text(wording.get("statement_of_reasons"))]
            rows.append(row)
        return self._table(labels, rows)

    def _remedies(self) -> _Table:
        """Contests, suspensions, instructions, appeals, user notices, legal holds; in the full form what was said."""
        text, rows = self._text, []
        for name, columns in _REMEDIES.items():
            for one in self._doc[name]:
                cells = [one.get(column) if column else None for column in columns]
                if name == "suspensions":
                    cells[2] = one["ended_at"] or one["until_at"]
                    cells[3] = "confirmed" if one["confirmed_by"] else "unconfirmed"
                if name == "user_notices":
                    cells[1] = one["sent_at"] or one["due_at"]
                said = [text(one.get("words"))] if self._full else []
                rows.append([text(name, "remedy"), *(text(cell, "remedy_state") for cell in cells), *said])
        labels = ("type", "item_id", "at", "until", "status", "actor", *(("facts",) if self._full else ()))
        return self._table(labels, rows)

    def _messages(self) -> _Table:
        text = self._text
        rows = [
            [
                text(one["number"]),
                [*text(one["kind"], "kind"), *(text(one["item_id"]) if one["item_id"] else ())],
                text(one["state"], "message"),
                text(one["settled_at"] or one["created_at"]),
                self._exact(one["body"]),
                self._exact(one["receipt"]),
            ]
            for one in self._doc["messages"]
        ]
        return self._table(("number", "type", "status", "at", "body", "receipt"), rows)

    def _attempts(self) -> _Table:
        names = ["number", "started_at", "ended_at", "result", *(["detail"] if self._full else [])]
        rows = [
            [self._text(message["number"]), *(self._text(one[name]) for name in names)]
            for message in self._doc["messages"]
            for one in message["attempts"]
        ]
        return self._table(["message_id", *names], rows)

    def _escalations(self) -> _Table:
        names = ("step", "fired_at", "level", "audience")
        return self._table(names, [[self._text(one[name]) for name in names] for one in self._doc["escalations"]])

    def _views(self) -> _Table:
        seen = [event for event in self._told if event["kind"] in ("viewed", "disclosed")]
        return self._table(("at", "event", "actor", "facts"), [self._event(event)[1:5] for event in seen])

    def _events(self) -> _Table:
        labels = ("number", "at", "event", "actor", "facts", "hash")
        return self._table(labels, [self._event(event) for event in self._told])

    def _event(self, event: Mapping[str, Any]) -> list[_Cell]:
        at, facts = event["at"], {name: value for name, value in event["data"].items() if name != "parts"}
        told = [json.dumps(facts, ensure_ascii=False, sort_keys=True)] if facts else []
        told += [f"{name}: {self._word(event['parts'].get(name))}" for name in event["data"].get("parts", ())]
        return [
            self._text(event["seq"]),
            self._text(local(at)),
            self._text(event["kind"], "verb"),
            self._text(event["actor"]),
            [_Line("\n".join(told))],
            self._text(event["hash"]),
        ]

    def _word(self, part: Mapping[str, Any] | None) -> str:
        """What was written; of what lies elsewhere in the pack, where."""
        path = str(part["file"] or "") if part else ""
        if not path.startswith(WORDS):
            return str(self._withheld(path))
        return self._contents.exact[path].decode("utf-8", "replace")


def _told(line: Mapping[str, Any]) -> dict[str, Any]:
    """An event as its line has it, and who acted."""
    said, people = json.loads(line["content"]), line.get("people")
    number = said["by"][0]
    actor = SYSTEM.id if not number else json.loads(people)["id"] if people else f"person-{number}"
    return {**said, "actor": actor, "hash": line["hash"], "parts": line["parts"]}
