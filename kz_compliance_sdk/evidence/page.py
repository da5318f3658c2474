"""The readable page of a pack: one HTML file to read and to print, with nothing from outside and no script.

It is made from the documents of the pack and from nothing else. Everything that came from anybody is escaped, and what
turns or hides text is replaced, so that a hostile notice reads as what it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kz_compliance_sdk.adapters.html import template
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.domain.proposal_checks import says
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

_REMEDY: Final = ("item_id", "at", "until", "status", "actor")
_REMEDIES: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "contests": ("number", "filed_at", "result_at", "result", "recorded_by"),
    "suspensions": ("number", "from_at", "until_at", "", "confirmed_by"),
    "instructions": ("", "given_at", "", "", "recorded_by"),
    "user_notices": ("item_id", "due_at", "delay_until", "state", ""),
    "appeals": ("item_id", "received_at", "due_at", "state", "decided_by"),
    "holds": ("", "held_at", "until", "", "held_by"),
}


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of cells under their `head`, and the table of the words of each; without one, rows of a name, its cell and
    that table. A cell is a value of the documents: the template says how it reads."""

    rows: Sequence[Any]
    head: Sequence[str] = ()
    codes: Sequence[str] = ()
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
    return [_harmless(one) for one in value] if isinstance(value, list) else value


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
            is_instant=_INSTANT.fullmatch,
            is_hash=_HASH.fullmatch,
            both=self._both,
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
                "escalations": [self._table("step fired_at level audience", self._doc["escalations"])],
                "views": [self._views()],
                "events": [self._table("number at event actor facts hash", map(self._event, self._told))],
            },
            note=" ".join([say("page", "files"), *([say("page", "unreviewed")] if say.is_draft else [])]),
        )

    # ---------------------------------------------------------------------------------------- building blocks

    def _both(self, text: str) -> str:
        """Both times: the one that is kept, and the one that people live by."""
        try:
            there = local(parse_instant(text))
        except (ValueError, OverflowError):
            return text
        return f"{text.replace('T', ' ').replace('Z', ' UTC')}\n{there} {self._words('page', 'almaty')}"

    def _fields(self, values: Mapping[str, Any], title: str = "") -> _Table:
        """A table of values by their labels."""
        rows = [(self._words("label", name), _harmless(one), _CODES.get(name, "")) for name, one in values.items()]
        return _Table(rows, title=title)

    def _table(self, names: str, rows: Iterable[Mapping[str, Any]]) -> _Table:
        """A row for each document, a column for each name: `label:field@table`, of which the first alone is needed."""
        columns = []
        for name in names.split():
            named, _, table = name.partition("@")
            label, _, field = named.partition(":")
            columns.append((label, field or label, table))
        cells = [[_harmless(row.get(field)) for _, field, _ in columns] for row in rows]
        return _Table(cells, [self._words("label", label) for label, _, _ in columns], [table for *_, table in columns])

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

    def _exact(self, kept: Mapping[str, Any] | None) -> list[str]:
        """Exact bytes: where they lie, or that they are withheld."""
        return [self._withheld(kept["file"]), *([kept["sha256"]] if kept["sha256"] else [])] if kept else []

    def _each(self, **codes: str | None) -> list[str]:
        """These codes in words, each of its own table; not what there is not."""
        return [self._words(table, code) for table, code in codes.items() if code]

    # ----------------------------------------------------------------------------------------------- sections

    def _head(self) -> list[tuple[str, Any, str]]:
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
        return [(say("page", name), _harmless(value), "") for name, value in rows.items()]

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
        """In the full form with what each points at."""
        points = ("url", "object_id", "account_ref")
        rows = [
            {**item, "does": item["measure"] or item["action"], "object": [item[n] for n in points if item.get(n)]}
            for item in self._doc["items"]
        ]
        names = "item_id status@status action:does@action ground@ground scope effective_at"
        return self._table(names + " object" * self._full, rows)

    def _review(self) -> list[_Table]:
        checks = [{**one, "answered": self._answers(one["answers"])} for one in self._doc["legal_checks"]]
        withheld = self._words("page", "withheld")
        looks = [{"digest": withheld, **one, "found": one["fault"] or one["available"]} for one in self._doc["content"]]
        checked = self._table("version revision at:answered_at actor:answered_by legal_check:answered", checks)
        seen = self._table("item_id at:seen_at actor:seen_by available:found digest", looks)
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
        rows = []
        for item in items:
            wording = item.get("wording") or {}
            refusal = item.get("refusal_code") or wording.get("refusal_code")
            told = self._each(outcome=item.get("outcome") or wording.get("outcome"), refusal_code=refusal)
            rows.append({**item, "told": told, "reasoned": wording.get("statement_of_reasons")})
        names = "item_id finding@finding action@action ground@ground outcome:told"
        return self._table(names + " reasons wording:reasoned" * self._full, rows)

    def _remedies(self) -> _Table:
        """Contests, suspensions, instructions, appeals, user notices, legal holds; in the full form what was said."""
        rows = []
        for name, columns in _REMEDIES.items():
            for one in self._doc[name]:
                row = {"type": name, "words": one.get("words")}
                row |= {label: one.get(column) for label, column in zip(_REMEDY, columns, strict=True)}
                if name == "suspensions":
                    row["until"] = one["ended_at"] or one["until_at"]
                    row["status"] = "confirmed" if one["confirmed_by"] else "unconfirmed"
                if name == "user_notices":
                    row["at"] = one["sent_at"] or one["due_at"]
                rows.append(row)
        names = "type@remedy " + " ".join(f"{label}@remedy_state" for label in _REMEDY)
        return self._table(names + " facts:words" * self._full, rows)

    def _messages(self) -> _Table:
        rows = [
            {
                **one,
                "type": [*self._each(kind=one["kind"]), *([one["item_id"]] if one["item_id"] else [])],
                "at": one["settled_at"] or one["created_at"],
                "body": self._exact(one["body"]),
                "receipt": self._exact(one["receipt"]),
            }
            for one in self._doc["messages"]
        ]
        return self._table("number type status:state@message at body receipt", rows)

    def _attempts(self) -> _Table:
        rows = [
            {**tried, "message_id": message["number"]}
            for message in self._doc["messages"]
            for tried in message["attempts"]
        ]
        return self._table("message_id number started_at ended_at result" + " detail" * self._full, rows)

    def _views(self) -> _Table:
        seen = [self._event(event) for event in self._told if event["kind"] in ("viewed", "disclosed")]
        return self._table("at event actor facts", seen)

    def _event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        facts = {name: value for name, value in event["data"].items() if name != "parts"}
        told = [json.dumps(facts, ensure_ascii=False, sort_keys=True)] if facts else []
        told += [f"{name}: {self._word(event['parts'].get(name))}" for name in event["data"].get("parts", ())]
        return {
            **event,
            "number": event["seq"],
            "at": local(event["at"]),
            "event": self._words("verb", event["kind"]),
            "facts": "\n".join(told),
        }

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
