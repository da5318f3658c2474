"""The readable page of a pack: one HTML file to read and to print, with nothing from outside and no script.

It is made from the documents of the pack and from nothing else. Everything that came from anybody is escaped, and what
turns or hides text is replaced, so that a hostile notice reads as what it is.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kz_compliance_sdk.domain.clock import local
from kz_compliance_sdk.domain.values import parse_instant
from kz_compliance_sdk.evidence.dossier import Contents
from kz_compliance_sdk.evidence.words import Words

_STYLE = """
@page{size:A4;margin:18mm 14mm 20mm;@bottom-left{content:"__CASE__";font:8pt sans-serif;color:#333}
@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#333}}
*{box-sizing:border-box}
body{font:11pt/1.45 system-ui,"Noto Sans",sans-serif;color:#111;background:#fff;max-width:190mm;margin:0 auto;
padding:8mm}
h1{font-size:18pt;margin:0 0 2mm}h2{font-size:13pt;margin:9mm 0 2mm;break-after:avoid}
h3{font-size:11pt;margin:5mm 0 1mm;break-after:avoid}
.form{border:2px solid #111;padding:2mm 3mm;font-weight:600}.full .form{background:#7a0012;color:#fff}
table{border-collapse:collapse;width:100%;font-size:9pt;table-layout:fixed}
th,td{border:1px solid #767676;padding:1mm 1.5mm;text-align:left;vertical-align:top;
overflow-wrap:anywhere;white-space:pre-line}
th{background:#ececec}thead{display:table-header-group}tr{break-inside:avoid}
th[scope=row]{width:33%}.hash{font:8pt ui-monospace,monospace}
footer{margin-top:9mm;border-top:1px solid #767676;padding-top:2mm;font-size:9pt}
@media print{body{padding:0;max-width:none}section.long{break-before:page}a{color:inherit}}
"""
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_CASE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def rendered(contents: Contents, words: Words) -> str:
    """The page, as text."""
    return _Page(contents, words).html()


def escaped(text: object) -> str:
    """Text for a page: nothing in it is markup, and nothing in it turns or hides what stands beside it."""
    return html.escape(_BAD.sub("\ufffd", str(text)))


def _named(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names, which are text, and values, which are markup already."""
    lines = "".join(f'<tr><th scope="row">{escaped(name)}</th><td>{value}</td></tr>\n' for name, value in rows)
    return f"<table><tbody>\n{lines}</tbody></table>\n"


class _Page:
    def __init__(self, contents: Contents, words: Words) -> None:
        self._contents, self._words = contents, words
        self._doc: Mapping[str, Any] = contents.case

    def html(self) -> str:
        doc, say = self._doc, self._words
        case_id = str(doc["case"]["id"])
        style = _STYLE.replace("__CASE__", case_id if _CASE_ID.fullmatch(case_id) else "")
        title = escaped(say("page", "title", case=case_id))
        head = (
            f'<!doctype html>\n<html lang="{say.lang}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width,initial-scale=1">\n<title>{title}</title>\n'
            f'<style>{style}</style>\n</head>\n<body class="{self._contents.form}">\n<header>\n'
            f"<h1>{escaped(say('page', 'heading'))}</h1>\n"
            f'<p class="form">{escaped(say("page", self._contents.form))}</p>\n{self._head()}</header>\n<main>\n'
        )
        parts = [head]
        for name, make in self._sections():
            long = ' class="long"' if name in ("messages", "events") else ""
            parts.append(
                f'<section{long} aria-labelledby="{name}">\n<h2 id="{name}">{escaped(say("section", name))}</h2>\n'
                f"{make()}</section>\n"
            )
        note = " ".join(filter(None, (say("page", "files"), say("page", "unreviewed"))))
        parts.append(f"</main>\n<footer><p>{escaped(note)}</p></footer>\n</body>\n</html>\n")
        return "".join(parts)

    def _sections(self) -> Sequence[tuple[str, Callable[[], str]]]:
        return (
            ("summary", self._summary),
            ("clock", self._clock),
            ("received", self._received),
            ("items", self._items),
            ("review", self._review),
            ("decisions", self._decisions),
            ("remedies", self._remedies),
            ("messages", self._messages),
            ("attempts", self._attempts),
            ("escalations", self._escalations),
            ("views", self._views),
            ("events", self._events),
        )

    # ---------------------------------------------------------------------------------------- building blocks

    def _text(self, value: Any, table: str = "") -> str:
        """One value as a cell shows it."""
        say = self._words
        if value is None or value == "" or value == []:
            return escaped(say("page", "none"))
        if isinstance(value, bool):
            return escaped(say("page", "yes" if value else "no"))
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return self._instant(value)
        if isinstance(value, str) and table:
            return escaped(say.code(table, value))
        if isinstance(value, str) and _HASH.fullmatch(value):
            return f'<span class="hash">{value}</span>'
        if isinstance(value, list):
            return "\n".join(self._text(one, table) for one in value)
        if isinstance(value, dict):
            return "\n".join(f"{escaped(name)}: {self._text(one)}" for name, one in value.items())
        return escaped(value)

    def _coded(self, value: Any, table: str) -> str:
        """A value in words, and beside them the code that the documents hold."""
        told = self._text(value, table)
        return f"{told} ({escaped(value)})" if table and value and told != escaped(value) else told

    def _instant(self, text: str) -> str:
        """Both times: the one that is kept, and the one that people live by."""
        try:
            there = local(parse_instant(text))
        except (ValueError, OverflowError):
            return escaped(text)
        shown = text.replace("T", " ").replace("Z", " UTC")
        return f'<time datetime="{text}">{shown}\n{there} {escaped(self._words("page", "almaty"))}</time>'

    def _fields(self, rows: Iterable[tuple[str, Any, str]]) -> str:
        """A table of names and values: (label, value, table of its codes)."""
        return _named((self._words("label", label), self._coded(value, table)) for label, value, table in rows)

    def _table(self, labels: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """A table with a head; cells are markup already."""
        if not rows:
            return f"<p>{escaped(self._words('page', 'empty'))}</p>\n"
        head = "".join(f'<th scope="col">{escaped(self._words("label", label))}</th>' for label in labels)
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n"

    def _exact(self, kept: Mapping[str, Any] | None) -> str:
        """Exact bytes: where they lie, or that they are withheld."""
        if not kept:
            return escaped(self._words("page", "none"))
        where = kept["file"] or self._words("page", "withheld")
        return "\n".join(filter(None, (escaped(where), self._text(kept["sha256"]) if kept["sha256"] else "")))

    # ----------------------------------------------------------------------------------------------- sections

    def _head(self) -> str:
        doc, say = self._doc, self._words
        faults = doc["audit"]["faults"]
        told = "\n".join(f"{one['seq']}: {one['what'] or say('page', 'withheld')}" for one in faults)
        rows = (
            ("platform", doc["case"]["platform_id"]),
            ("case", doc["case"]["id"]),
            ("made_at", doc["made_at"]),
            ("audit_head", doc["audit"]["head"]),
            ("audit_length", doc["audit"]["length"]),
            ("faults", told or say("page", "no_faults")),
        )
        return _named((say("page", name), self._text(value)) for name, value in rows)

    def _summary(self) -> str:
        case = self._doc["case"]
        names = (
            "notice_id authority_id reference_number revision state kind category source authenticity channel flags "
            "entered_by received_at due_at requested_due_at decided_at closed_at lift_due_at"
        )
        codes = {"state": "state", "kind": "notice_kind", "source": "source", "authenticity": "authenticity"}
        rows = [(name, case[name], codes.get(name, "")) for name in names.split()]
        return self._fields([*rows, ("erased_at", self._doc["erased_at"], "")])

    def _clock(self) -> str:
        clock = self._doc["clock"]
        told = {name: value["utc"] if isinstance(value, dict) else value for name, value in clock.items()}
        names = "received_at due_at requested_due_at unpaused_due_at decide_left_s receipt_left_s late paused"
        return self._fields((name, told[name], "") for name in names.split())

    def _received(self) -> str:
        parts = []
        for one in self._doc["received"]:
            parts.append(f"<h3>{one['number']}. {escaped(one['type'])}</h3>\n")
            rows = [
                ("sender", one["sender"], ""),
                ("message_id", one["message_id"], ""),
                ("source", one["source"], "source"),
                ("received_at", one["received_at"], ""),
                ("at_receipt", one["at_receipt"], ""),
                ("verification", one["verification"]["result"], "verification"),
                ("body", one["body"]["file"] or self._words("page", "withheld"), ""),
                ("sha256", one["body"]["sha256"], ""),
            ]
            if "entered_by" in one:
                rows.append(("entered_by", one["entered_by"], ""))
            said = one["said"] or {}
            names = "reference_number legal_basis requested_action territorial_scope signatory statement_of_reasons"
            rows += [
                (name, said[name], "action" if name == "requested_action" else "")
                for name in names.split()
                if said.get(name) is not None
            ]
            parts.append(self._fields(rows))
        return "".join(parts) or self._table((), ())

    def _items(self) -> str:
        text = self._text
        full = self._contents.form == "full"
        labels = ["item_id", "status", "action", "ground", "scope", "effective_at", *(["object"] if full else [])]
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
            if full:
                named = [item[name] for name in ("url", "object_id", "account_ref") if item.get(name)]
                row.append(text(named))
            rows.append(row)
        return self._table(labels, rows)

    def _review(self) -> str:
        text = self._text
        checks = []
        for one in self._doc["legal_checks"]:
            answers = self._words.answers(one["answers"])
            row = [one[name] for name in ("version", "revision", "answered_at", "answered_by")]
            checks.append([text(value) for value in (*row, answers)])
        looks = []
        for one in self._doc["content"]:
            digest = one["digest"] if "digest" in one else self._words("page", "withheld")
            row = [one["item_id"], one["seen_at"], one["seen_by"], one["fault"] or one["available"], digest]
            looks.append([text(value) for value in row])
        checked = self._table(("version", "revision", "at", "actor", "legal_check"), checks)
        return checked + (self._table(("item_id", "at", "actor", "available", "digest"), looks) if looks else "")

    def _decisions(self) -> str:
        text = self._text
        parts = []
        for one in self._doc["decisions"]:
            parts.append(f"<h3>{escaped(self._words('label', 'version'))} {one['version']}</h3>\n")
            names = "proposed_by proposed_at needs_approval approved_by approved_at"
            rows = [(name, one[name], "") for name in names.split()]
            if one["digest"]:
                rows.append(("digest", one["digest"], ""))
            check = one["legal_check"]
            if isinstance(check, dict):
                check = self._words.answers(check)
            rows += [("legal_check", check, ""), ("body", one["body"]["file"] or self._words("page", "withheld"), "")]
            parts.append(self._fields(rows))
            parts.append(self._decided(one["items"], text))
        return "".join(parts) or self._table((), ())

    def _decided(self, items: Any, text: Callable[..., str]) -> str:
        full = self._contents.form == "full"
        labels = ["item_id", "finding", "action", "ground", "outcome", *(["reasons", "wording"] if full else [])]
        rows = []
        for item in items:
            wording = item.get("wording") or {}
            outcome = text(item.get("outcome") or wording.get("outcome"), "outcome")
            refusal = item.get("refusal_code") or wording.get("refusal_code")
            row = [
                text(item.get("item_id")),
                text(item.get("finding"), "finding"),
                text(item.get("action"), "action"),
                text(item.get("ground"), "ground"),
                outcome + (f"\n{text(refusal, 'refusal_code')}" if refusal else ""),
            ]
            if full:
                row += [text(item.get("reasons")), text(wording.get("statement_of_reasons"))]
            rows.append(row)
        return self._table(labels, rows)

    def _remedies(self) -> str:
        full = self._contents.form == "full"
        return self._table(
            (*_REMEDY_LABELS, *(["facts"] if full else [])), _remedy_rows(self._doc, self._text, full=full)
        )

    def _messages(self) -> str:
        rows = [
            [
                str(one["number"]),
                self._text(one["kind"], "kind") + (f"\n{escaped(one['item_id'])}" if one["item_id"] else ""),
                self._text(one["state"], "message"),
                self._text(one["settled_at"] or one["created_at"]),
                self._exact(one["body"]),
                self._exact(one["receipt"]),
            ]
            for one in self._doc["messages"]
        ]
        return self._table(("number", "type", "status", "at", "body", "receipt"), rows)

    def _attempts(self) -> str:
        full = self._contents.form == "full"
        labels = ["message_id", "number", "started_at", "ended_at", "result", *(["detail"] if full else [])]
        rows = [
            [
                str(message["number"]),
                str(one["number"]),
                self._text(one["started_at"]),
                self._text(one["ended_at"]),
                self._text(one["result"]),
                *([self._text(one["detail"])] if full else []),
            ]
            for message in self._doc["messages"]
            for one in message["attempts"]
        ]
        return self._table(labels, rows)

    def _escalations(self) -> str:
        names = ("step", "fired_at", "level", "audience")
        return self._table(names, [[self._text(one[name]) for name in names] for one in self._doc["escalations"]])

    def _views(self) -> str:
        seen = [event for event in self._contents.events if event["kind"] in ("view", "disclose")]
        return self._table(("at", "event", "actor", "facts"), [self._event(event)[1:5] for event in seen])

    def _events(self) -> str:
        labels = ("number", "at", "event", "actor", "facts", "hash")
        return self._table(labels, [self._event(event) for event in self._contents.events])

    def _event(self, event: Mapping[str, Any]) -> list[str]:
        at = event["at"]
        told = json.dumps(event["facts"], ensure_ascii=False, sort_keys=True) if event["facts"] else ""
        sealed = "".join(f"\n{one['name']}: {one['text']}" for one in event.get("sealed", ()))
        withheld = event.get("withheld")
        left = f"\n{self._words('page', 'withheld')}: {', '.join(withheld)}" if withheld else ""
        return [
            str(event["seq"]),
            self._text(local(at)) if isinstance(at, int) else "",
            self._text(event["kind"], "verb"),
            self._text(event["actor"]),
            escaped(f"{told}{sealed}{left}".strip()),
            self._text(event["hash"]) if event["hash"] else escaped(self._words("page", "withheld")),
        ]


_REMEDY_LABELS: Final = ("type", "item_id", "at", "until", "status", "actor")

# For each list of the document: what identifies a row, from when, until when, its state, and who.
_COLUMNS: Final[Mapping[str, tuple[str, str, str, str, str]]] = {
    "contests": ("number", "filed_at", "result_at", "result", "recorded_by"),
    "suspensions": ("number", "from_at", "until_at", "", "confirmed_by"),
    "instructions": ("", "given_at", "", "", "recorded_by"),
    "user_notices": ("item_id", "due_at", "delay_until", "state", ""),
    "appeals": ("item_id", "received_at", "due_at", "state", "decided_by"),
    "holds": ("", "held_at", "until", "", "held_by"),
}


def _remedy_rows(doc: Mapping[str, Any], text: Callable[..., str], *, full: bool) -> list[list[str]]:
    """The rows of that part in the order of _REMEDY_LABELS, as markup; in the full form with what was said."""
    found: list[list[str]] = []
    for name, columns in _COLUMNS.items():
        for one in doc[name]:
            cells = [one.get(column) if column else None for column in columns]
            if name == "suspensions":
                cells[2] = one["ended_at"] or one["until_at"]
                cells[3] = "confirmed" if one["confirmed_by"] else "unconfirmed"
            if name == "user_notices":
                cells[1] = one["sent_at"] or one["due_at"]
            said = [text(one.get("words"))] if full else []
            found.append([text(name, "remedy"), *(text(cell, "remedy_state") for cell in cells), *said])
    return found
