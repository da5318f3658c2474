"""What people see of the documents: each view shows one document of its name, with the colours of a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.documents import is_time, said
from kz_compliance_sdk.faces.cli.screen import both, say, show_fields

Shown = Mapping[str, Any]
"""A document, or a row of one."""
Cell = str | Text
Column = str | Callable[[Any], Cell]
"""What stands in a column: the field of this name, or what a function makes of the row."""

_TAIL = 8
_USUAL = frozenset({"deadline_defaulted"})
"""Flags that nearly every case has: `cases show` has them, the list would only be longer for them."""
_STATUS = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_MESSAGE = {"parked": "bold red", "done": "green", "waiting": "yellow"}
_KEPT = {
    "not_yet": "kept: their time has not come",
    "legal_hold": "kept: a legal hold",
    "contest": "kept: a contest of the order is open",
    "sanction": "kept: a sanction names the notice",
    "under_way": "kept: a message, an appeal or a notice to a user is under way",
    "running": "kept: they run again",
}
_SIGNATURE = {
    "good": "The signature is that of the key.",
    "bad": "The signature is not that of the key.",
    "none": "The pack is not signed.",
    "unchecked": "No key was given: whose pack it is was not checked.",
}
_SENDER = {
    "good": "Each message that came signed was signed with the authority's key.",
    "bad": "A message was not signed with the authority's key.",
    "none": "There is no message here as it was sent: only a full pack holds them.",
    "unchecked": "The messages were not checked: the pack itself does not hold.",
}


def _table(
    rows: Iterable[Shown],
    columns: Mapping[str, Column],
    lead: Sequence[str] = (),
    *,
    whole: Sequence[str] = (),
    stderr: bool = False,
) -> None:
    """A line for each row; see `screen.show_table` for `lead` and `whole`."""
    told = [[_cell(row, column) for column in columns.values()] for row in rows]
    screen.show_table([*columns], told, lead=lead, whole=whole, stderr=stderr)


def _cell(row: Shown, column: Column) -> Cell:
    if callable(column):
        return column(row)
    held = row[column]
    if is_time(column):
        return both(held)
    return " ".join(held) if isinstance(held, list | tuple) else str(held)


def _told(*fields: tuple[str, Cell | None]) -> list[tuple[str, Cell]]:
    """The fields that there are."""
    return [(name, value) for name, value in fields if value is not None]


def _titled(title: str, fields: Sequence[tuple[str, Cell]]) -> None:
    if fields:
        show_fields(title, fields)


def _words(*words: str | None) -> str:
    return " ".join(filter(None, words))


# -------------------------------------------------------------------------------------------- cases, listed


def cases(document: Shown) -> None:
    """The queue, with the time left on both clocks."""
    if not document["cases"]:
        say("No case fits." if document["_filtered"] else "No cases are waiting.")
        return
    columns: dict[str, Column] = {
        "decide": lambda row: Text("decided", "dim") if row["_decided"] else _to_decide(row),
        "receipt": _to_receipt,
        "state": lambda row: _words(row["state"], f"({row['lease']['owner']})" if row["lease"] else None),
        "category": lambda row: row["category"] or "unknown",
        "items": lambda row: f"{row['open_items']}/{row['items']} open" if row["items"] else "none",
        "notice": lambda row: row["notice_id"] or "unreadable",
        "flags": lambda row: " ".join(flag for flag in row["flags"] if flag not in _USUAL) or "none",
        "case": "case",
    }
    _table(document["cases"], columns, ("notice", "state"), whole=[name for name in columns if name != "flags"])
    if document["next_cursor"]:
        say(f"There are more: --cursor {document['next_cursor']}")


def _to_decide(row: Shown) -> Text:
    return _left(row["clock"]["decide_left_s"], still=row["_decided"] or row["closed_at"] is not None)


def _to_receipt(row: Shown) -> Text:
    return _left(row["clock"]["receipt_left_s"], still=row["closed_at"] is not None)


def _left(seconds: int, *, still: bool) -> Text:
    return Text(screen.left(seconds), "dim" if still else screen.urgency(seconds))


def lease(document: Shown) -> None:
    """A claimed case, or that there is none."""
    held = document["lease"]
    if held is None:
        say("No case is free to claim.")
        return
    row = held["case"]
    show_fields(
        f"{row['notice_id']} is yours",
        [
            ("case", row["case"]),
            ("until", both(held["expires_at"])),
            ("token", str(held["token"])),
            ("to decide", screen.left(row["clock"]["decide_left_s"])),
            ("next", f"kz-compliance cases show {row['case']}"),
        ],
    )


# -------------------------------------------------------------------------------------- a case on one page


def case(document: Shown) -> None:
    """The whole story of a case."""
    name = document["notice_id"] or "a message that cannot be used"
    show_fields(f"{name}, revision {document['revision']}: {document['state']}", _head(document))
    show_fields("Clock", _clock(document))
    if document["notice"] is None:
        reasons = [row["_detail"] for row in document["received"] if row["exit"] == "quarantined"]
        say("In quarantine. " + _words(*reasons))
    else:
        show_fields("Notice", _notice(document["notice"]))
        _gaps(document)
        _items(document)
    for one in document["contests"]:
        result = f"{one['result']} {both(one['result_at'])}" if one["result_at"] is not None else "open"
        fields = [*one["_said"].items(), ("filed", both(one["filed_at"])), ("result", result)]
        show_fields(f"Contest {one['contest']}, recorded by {one['recorded_by']}", fields)
    for one in document["suspensions"]:
        until = both(one["_ends_at"]) if one["_ends_at"] is not None else "no end known"
        fields = [("from", both(one["from_at"])), ("until", until), ("proof", one["proof_sha256"])]
        standing = f"confirmed by {one['confirmed_by']}" if one["confirmed_by"] else "not confirmed: no effect"
        title = f"Suspension {one['suspension']}, recorded by {one['recorded_by']}, {standing}"
        show_fields(title, [*one["_said"].items(), *fields])
    _titled("Legal checks", [(f"version {row['version']}", _answered(row)) for row in document["legal_checks"]])
    _seen(document["content"])
    for made in document["decisions"]:
        decision(made)
    _messages(document["messages"])
    users = [(f"{row['item_id']} {row['kind']}", f"{row['state']}, {_tells(row)}") for row in document["user_notices"]]
    _titled("What the affected users are told", users)
    steps = document["escalations"][-_TAIL:]
    _titled("Escalations", [(one["step"], f"{both(one['fired_at'])} to {', '.join(one['audience'])}") for one in steps])
    events = document["audit"][-_TAIL:]
    title = f"Ledger, the last {len(events)} of {len(document['audit'])} events"
    show_fields(title, [(f"{event['seq']} {event['kind']}", _event(event)) for event in events])


def _head(document: Shown) -> list[tuple[str, Cell]]:
    typist, held = document["entered_by"], document["lease"]
    lease = f"{held['owner']} until {both(held['expires_at'])}, token {held['token']}" if held else None
    came = f"{document['source']}, {document['authenticity']}"
    flags: list[tuple[str, Cell]] = [("flag", _flag(flag)) for flag in document["flags"]]
    return _told(
        ("case", document["case"]),
        ("authority", document["authority_id"] or "unknown"),
        ("kind", f"{document['kind']}, {document['category']}"),
        ("came", f"{came}, entered by {typist}" if typist else came),
        ("answered by", "letter" if document["channel"] == "by_hand" else "the regulator's interface"),
        *(flags or [("flags", "none")]),
        ("claimed by", lease),
    )


def _flag(flag: str) -> Text:
    from kz_compliance_sdk.domain.flags import FLAG_MEANINGS

    code, _, item = flag.partition(":")
    meaning = FLAG_MEANINGS.get(code, "See the reasons of its quarantine.")
    where = f" (item {item})" if item else ""
    return Text.assemble((code, "" if code in _USUAL else "yellow"), f"{where}: {meaning}")


def _clock(document: Shown) -> list[tuple[str, Cell]]:
    clock, ended = document["clock"], document["closed_at"] is not None
    asked, moved = clock["requested_due_at"], clock["due_at"] != clock["unpaused_due_at"]
    return _told(
        ("received", both(clock["received_at"])),
        ("due", both(clock["due_at"])),
        ("without the pause", both(clock["unpaused_due_at"]) if moved else None),
        ("paused", Text("an order suspends it: the term stands still", "yellow") if clock["paused"] else None),
        ("asked for", None if asked is None else f"{both(asked)}; not the statutory time"),
        ("to decide", _to_decide(document).append(" when it was decided" if document["_decided"] or ended else "")),
        ("to the receipt", _to_receipt(document).append(" when it ended" if ended else "")),
        ("lift until", None if document["lift_due_at"] is None else both(document["lift_due_at"])),
    )


def _notice(notice: Shown) -> list[tuple[str, Cell]]:
    authority, law = notice["issuing_authority"], notice["legal_basis"]
    name = next((authority["name"][lang] for lang in ("ru", "kk", "en") if authority["name"].get(lang)), "")
    return [
        ("number", notice["reference_number"]),
        ("from", f"{name} ({authority['id']}, {authority['type']})"),
        ("issued", both(notice["issued_at"])),
        ("asks for", f"{notice['requested_action']} in {', '.join(notice['territorial_scope'])}"),
        ("law", "; ".join(_words(one.get("act"), one.get("article"), one.get("reference")) for one in law)),
        *((f"reasons ({one['lang']})", one["text"]) for one in notice["statement_of_reasons"]),
    ]


def _gaps(document: Shown) -> None:
    """A gap refuses nothing: whoever decides sees it, with the command that asks about it."""
    told = [
        (gap["code"], gap["meaning"] + (f" (item {gap['item_id']})" if gap["item_id"] else ""))
        for gap in document["gaps"]
    ]
    if told and document["state"] == CaseState.CLAIMED:
        told.append(("ask", f"kz-compliance cases clarify {document['case']} --draft"))
    _titled("Missing in the notice", told)


def what(item: Shown) -> str:
    """What an item of a notice points at."""
    url = item.get("url")
    return _words(url, None if url else item.get("object_id"), item.get("account_ref"))


def _items(document: Shown) -> None:
    named = {item["item_id"]: what(item) for item in document["notice"]["items"]}
    columns: dict[str, Column] = {
        "item": "item_id",
        "what": lambda item: named.get(item["item_id"], "not in this revision"),
        "status": lambda item: item["status"] + (f", order {item['order_fell']}" if item["order_fell"] else ""),
        "action": lambda item: item["measure"] or item["action"],
        "in force since": lambda item: both(item["effective_at"]) if item["effective_at"] else "not in force",
        "copy kept until": "preserve_until",
    }
    _table(document["item_states"], columns, ("item", "status", "action"), whole=("item", "status", "action"))


def _answered(row: Shown) -> str:
    unclear = ", ".join(name for name, answer in row["answers"].items() if answer == "unclear")
    parts = [f"{both(row['answered_at'])} by {row['answered_by']}, on revision {row['revision']}"]
    parts += [f"bars local law: {', '.join(row['_bars'])}"] if row["_bars"] else []
    return "; ".join([*parts, f"unclear: {unclear}"] if unclear else parts)


def _seen(content: Sequence[Shown]) -> None:
    last = {row["item_id"]: row for row in content}
    columns: dict[str, Column] = {
        "item": "item_id",
        "content when last seen": lambda row: (
            row["digest"] or (f"nobody could look: {row['fault']}" if row["fault"] else "gone")
        ),
        "object": lambda row: row["object_id"] or "unknown",
        "seen": "seen_at",
        "by": "seen_by",
    }
    if last:
        lead = ("item", "content when last seen")
        _table(last.values(), columns, lead, whole=lead)


def decision(made: Shown, *, stderr: bool = False) -> None:
    """A decision as the second person must see it: its digest, and every item with finding, action and wording."""
    asked = made["second_person"]
    standing = "needs approval" if asked["rules"] else "needs no second person"
    if made["approved_by"]:
        standing = f"approved by {made['approved_by']}"
    fields = [
        ("digest", made["digest"]),
        ("proposed", both(made["proposed_at"])),
        ("asked for by", "; ".join(asked["says"]) or "no rule"),
        ("policy", asked["policy"]),
        ("legal check", _check(made)),
    ]
    show_fields(f"Decision {made['version']} by {made['proposed_by']}: {standing}", fields, stderr=stderr)
    columns: dict[str, Column] = {
        "item": "item_id",
        "finding": "finding",
        "action": lambda item: item["action"] + _ground(item),
        "where": lambda item: _where(item) or "nowhere",
        "told to the regulator": lambda item: _wording(item["wording"]),
        "reasons (internal)": "reasons",
    }
    lead = ("item", "finding", "action")
    _table(made["proposal"]["items"], columns, lead, whole=lead[:2], stderr=stderr)


def _ground(item: Shown) -> str:
    return f" ({item['ground']})" if item["ground"] else ""


def _where(item: Shown) -> str:
    return "" if item["action"] == "none" else ", ".join(item["scope"])


def _wording(wording: Shown) -> str:
    code = f" ({wording['refusal_code']})" if wording["refusal_code"] else ""
    reasons = "".join(f"; {text['lang']}: {text['text']}" for text in wording["statement_of_reasons"])
    return f"{wording['outcome']}{code}{reasons}"


def _check(made: Shown) -> str:
    check, named = made["proposal"]["legal_check"], made["legal_check"]
    if check is None:
        return "not answered: no measure is proposed"
    version = f"version {named['version']}" if named is not None else ""
    if isinstance(check, int):
        return f"{version}, recorded before"
    told = ", ".join(f"{name.replace('_', ' ')} {answer}" for name, answer in check.items() if name != "note")
    return "; ".join(filter(None, (version, told, check["note"])))


def _messages(messages: Sequence[Shown]) -> None:
    def last(one: Shown) -> str:
        return (
            _words(one["attempts"][-1]["result"], one["attempts"][-1]["detail"]) if one["attempts"] else "not tried yet"
        )

    columns: dict[str, Column] = {
        "message": lambda one: _words(one["kind"], one["item_id"]),
        "to": "endpoint",
        "state": lambda one: Text(one["state"], _MESSAGE.get(one["state"], "")),
        "attempts": lambda one: str(len(one["attempts"])),
        "last attempt": last,
        "receipt": lambda one: _receipt(said(one["receipt"])),
        "id": "message",
    }
    if messages:
        _table(messages, columns, ("message", "state"), whole=("message", "to", "state", "receipt", "id"))


def _receipt(receipt: Shown) -> str:
    return str(receipt.get("receipt_id") or receipt.get("outgoing_number") or "none")


def _tells(row: Shown) -> str:
    if row["sent_at"] is not None:
        return both(row["sent_at"])
    return both(row["due_at"]) + (f" on the legal basis of the {row['basis']}" if row["basis"] else "")


def _event(event: Shown) -> str:
    actor, account = event["actor"], event["account"]
    who = actor if account in (None, actor) else f"{actor} (account {account})"
    texts = "".join(f"; {name}: {text}" for name, text in event["texts"].items() if text)
    return f"{both(event['at'])} by {who}{texts}"


# ------------------------------------------------------------------------------------------------- deciding


def content(document: Shown) -> None:
    """What was seen of each open item."""
    if not document["content"]:
        say("The notice names none of the open items any more: there is nothing to look at.")
    for one in document["content"]:
        told = "there" if one["available"] else "gone: perhaps already_unavailable is what there is to say"
        if one["fault"]:
            told = f"nobody could look: {one['fault']}. People were alerted; a measure takes a second person"
        preview = screen.one_line(one["preview"] or "") or None
        fields = _told(
            ("content", told),
            ("object", one["object_id"] or "unknown"),
            ("digest", one["content_sha256"]),
            ("preview", preview),
        )
        show_fields(f"Item {one['item_id']}", fields)


def proposal(items: Iterable[Shown], named: Mapping[str, str]) -> None:
    """What is about to be proposed, on standard error."""
    columns: dict[str, Column] = {
        "item": "item_id",
        "what": lambda item: named.get(item["item_id"], "not in this case"),
        "finding": "finding",
        "action": lambda item: item["action"] + (f" in {_where(item)}{_ground(item)}" if _where(item) else ""),
        "told to the regulator": lambda item: item["wording"]["outcome"],
    }
    _table(items, columns, ("item", "finding"), stderr=True)


def decided(document: Shown) -> None:
    """What came of a proposal or an approval."""
    row = document["case"]
    if document["needs_approval"] and not document["approved_by"]:
        say(f"{row['notice_id']} waits for a second person, who approves the digest {document['digest']}")
        return
    window = f"It can be taken back for {document['undo_window_s']} s: kz-compliance cases undo {row['case']}"
    say(f"{row['notice_id']} is {row['state']}. {window}")


def questions(asked: Iterable[Shown]) -> None:
    """What is about to be asked of the authority, on standard error."""
    rows = [{"about": one["item_id"] or "the notice", **text} for one in asked for text in one["text"]]
    _table(rows, {"about": "about", "in": "lang", "question": "text"}, stderr=True)


def letters(document: Shown) -> None:
    """The letters that wait for a second person."""
    if not document["letters"]:
        say("No letter waits.")
        return
    columns: dict[str, Column] = {
        "letter": "letter",
        "type": "type",
        "received": "received_at",
        "entered by": "entered_by",
        "says": lambda one: json.dumps(one["says"], ensure_ascii=False, separators=(",", ":")),
    }
    _table(document["letters"], columns, ("letter", "type"), whole=("letter", "type"))


# --------------------------------------------------------------------------------------------------- users


def appeals(document: Shown) -> None:
    """A page of appeals."""
    if not document["appeals"]:
        say(f"No appeal is {document['_state']}.")
        return
    columns = {"number": "reference", "case": "case", "item": "item_id", "answer until": "due_at", "appeal": "appeal"}
    _table(document["appeals"], columns, ("number", "item"))
    if document["next_cursor"] is not None:
        say(f"More: --cursor {document['next_cursor']}")


def appeal(document: Shown) -> None:
    """An appeal, with what the user wrote."""
    one = document["appeal"]
    decided_at = one["decided_at"]
    fields = _told(
        ("appeal", one["appeal"]),
        ("case", f"{one['case']}, item {one['item_id']}, against decision {one['decision_version']}"),
        ("received", both(one["received_at"])),
        ("answer until", both(one["due_at"])),
        ("first decided by", " and ".join(filter(None, (one["_proposed_by"], one["_approved_by"])))),
        ("decided", None if decided_at is None else f"{both(decided_at)} by {one['decided_by'] or 'nobody'}"),
        ("text", one["text"] or "erased"),
    )
    show_fields(f"Appeal {one['reference']}: {one['state']}", fields)


def retention(document: Shown) -> None:
    """What went, what was kept and why."""
    verb = "would go" if document["dry_run"] else "gone"
    gone, unmatched = len(document["cases"]), document["unmatched"]
    say(f"The personal data of {gone} cases, and {unmatched} messages of no case: {verb}.")
    for name, count in document["went"].items():
        say(f"  {count} {name}")
    for why, count in document["kept"].items():
        say(f"  {count} {_KEPT[why]}")
    for case_id in document["failed"]:
        say(f"  {case_id} could not be read: kz-compliance audit verify {case_id}")
    if not document["log_emptied"]:
        say("  The log beside the file still holds old pages: somebody is reading. The next run empties it.")


# -------------------------------------------------------------------------------------------------- proofs


def verified(document: Shown) -> None:
    """The verdict on the ledger."""
    checked, faults = document["checked"], document["faults"]
    if faults:
        columns: dict[str, Column] = {"case": lambda one: one["case"] or "-", "event": "seq", "fault": "what"}
        _table(faults, columns, ("case", "event"), whole=("case",))
        many = "s" * (len(faults) > 1)
        say(f"{len(faults)} fault{many} in {len({fault['case'] for fault in faults})} of {checked} cases.")
    else:
        say(f"{checked} {'case' if checked == 1 else 'cases'} checked: every chain is whole.")
        if document["_erased_at"] is not None:
            say(f"Its personal data was erased on {both(document['_erased_at'])}; the digests stay.")
        elif document["erased"]:
            say(f"The personal data of {document['erased']} was erased; the digests stay.")
    for reason in document["not_provable"]:
        say(f"Not provable: {reason}.")


def pack(document: Shown) -> None:
    """The verdict on an evidence pack."""
    if document["_manifest"]:
        show_fields("Evidence pack", [(name, str(document[name])) for name in document["_manifest"]])
    say(_SIGNATURE[document["signature"]])
    if document["_sender_asked"]:
        say(_SENDER[document["sender"]])
    if document["problems"]:
        columns = {"problem": "code", "where": "where", "what": "what"}
        _table(document["problems"], columns, ("problem", "where"), whole=("problem",))
    else:
        say("What is in it is what the manifest names, and it fits together.")


def transparency(document: Shown) -> None:
    """The public figures, and the files that were written."""
    title = "Transparency report" + (" (draft, not for publication)" if document["status"] == "draft" else "")
    rows = [
        {"figure": one["figure"], **value}
        for one in document["figures"]
        for value in one["values"]
        if " / " not in value["value"]
    ]
    if all(row["shown"] == "0" for row in rows if (row["figure"], row["value"]) == ("demands", "")):
        say(f"{title}: no demand was received in this period.")
    else:
        _table(rows, {"figure": "figure", "value": "value", "count": "shown"}, whole=("figure", "count"))
        least = document["threshold"]
        say(f"<{least}: fewer than {least}; *: hidden, since a small count followed from it.")
    for path in document["_written"]:
        say(f"Wrote {path}")


# ------------------------------------------------------------------------------------------ the installation


def health(document: Shown) -> None:
    """Whether the machinery runs."""
    attention, ran = document["attention"], document["watcher_last_ran"]

    def use(way: Shown) -> str:
        closed = f"left alone until {both(way['open_until'])}" if way["open_until"] else "in use"
        return f"{closed}, {way['failures']} failures in a row"

    fields = _told(
        ("status", Text(_words(document["status"], *attention), _STATUS["warn" if attention else "ok"])),
        ("watcher", both(ran) if ran else "has never run"),
        ("overdue", str(document["overdue"])),
        ("earliest due", both(document["oldest_due_at"])),
        ("undelivered", str(document["undelivered"])),
        ("parked", str(document["parked"])),
        ("users not told", str(document["users_not_told"])),
        *((f"{state} cases", str(count)) for state, count in document["open_cases"].items()),
        *((name, use(way)) for name, way in document["endpoints"].items()),
    )
    show_fields("Health", fields)


def sanctions(document: Shown) -> None:
    """What an authority announced."""
    columns = {
        "sanction": "sanction_id",
        "level": "level",
        "effective": "effective_at",
        "number": "reference_number",
        "notices": "notice_ids",
    }
    if document["sanctions"]:
        _table(document["sanctions"], columns)
    else:
        say("No sanction was announced.")


def doctor(document: Shown) -> None:
    """Each check with its remedy."""
    for check in document["checks"]:
        line = Text(f"{check['status']:<5}", _STATUS[check["status"]])
        say(line.append(f" {check['name']:<16} {screen.printable(check['summary'])}", ""))
        if check["remedy"]:
            say(Text(f"{'':<23}{screen.printable(check['remedy'])}", "dim"))
        for detail in check["details"]:
            say(f"{'':<23}- {detail}")


def schema(document: Shown) -> None:
    """Where the schema stands, and what an upgrade would do."""
    if not document["exists"]:
        say(f"There is no database at {document['path']} yet. Create it: kz-compliance db upgrade")
        return
    ahead = document["pending"] or ["nothing, it is up to date"]
    told = [("file", document["path"]), ("revision", document["revision"] or "none"), ("newest", document["head"])]
    show_fields("Schema", [*told, *(("to do", line) for line in ahead)])


def rewrapped(document: Shown) -> None:
    """How many keys the present master key opens now."""
    count, key = document["rewrapped"], document["master_key_id"]
    say(f"{count} keys were wrapped with {key}. No other master key is needed any more.")
    for owner in document["damaged"]:
        say(f"The key of {owner} was damaged from outside and opens with none: see audit verify.")


def retired(document: Shown) -> None:
    """Which ledger keys are believed no more behind this."""
    for key in document["retired"]:
        say(f"Retired: {f'the ledger key {key}' if key else 'the time without a ledger key'}.")
    if not document["retired"]:
        say("There is no ledger key to retire but the present one, or each was retired before.")


def rebuilt(document: Shown) -> None:
    """What was different in the rows of the cases, and which rows stay as they are."""
    mended, broken = document["mended"], document["broken"]
    say(f"{document['cases']} cases: {len(mended)} rows were made anew, and {len(broken)} stay as they are.")
    for one in mended:
        say(f"The row of {one['case_id']} was made anew: {', '.join(one['fields'])}.")
    for case_id in broken:
        say(
            f"The row of {case_id} stays: its chain is broken, or a guard holds the row. See audit verify, and the log."
        )


def settings(document: Shown) -> None:
    """Every setting, a line each."""
    for name, value in _flat("", document):
        say(f"{name} = {value}")


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, inner in enumerate(value):
            yield from _flat(f"{name}[{number}]", inner)
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value)) or "none"
    elif isinstance(value, bool):
        yield name, str(value).lower()
    else:
        yield name, "none" if value in (None, "") else str(value)
