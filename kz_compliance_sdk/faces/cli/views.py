"""What people see of the documents: each view shows one document of its name, with the colours of a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.text import Text

from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.documents import Document, said
from kz_compliance_sdk.faces.cli.screen import both, say, show_fields, show_table

__all__ = [
    "appeal",
    "appeals",
    "case",
    "cases",
    "content",
    "decided",
    "decision",
    "doctor",
    "health",
    "lease",
    "letters",
    "pack",
    "proposal",
    "questions",
    "retention",
    "rewrapped",
    "sanctions",
    "schema",
    "settings",
    "trail",
    "transparency",
]

Fields = list[tuple[str, str | Text]]
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


# -------------------------------------------------------------------------------------------- cases, listed


def cases(document: Document) -> None:
    """The queue, with the time left on both clocks."""
    if not document["cases"]:
        say("No case fits." if document["_filtered"] else "No cases are waiting.")
        return
    copied = ("decide", "receipt", "state", "category", "items", "notice", "case")
    rows = [_queued(row) for row in document["cases"]]
    show_table((*copied[:-1], "flags", "case"), rows, whole=copied, lead=("notice", "state"))
    if document["next_cursor"]:
        say(f"There are more: --cursor {document['next_cursor']}")


def _queued(row: Document) -> tuple[str | Text, ...]:
    to_decide, to_receipt = _time_left(row)
    owner = f" ({row['lease']['owner']})" if row["lease"] else ""
    return (
        Text("decided", "dim") if row["_decided"] else to_decide,
        to_receipt,
        f"{row['state']}{owner}",
        row["category"] or "unknown",
        f"{row['open_items']}/{row['items']} open" if row["items"] else "none",
        row["notice_id"] or "unreadable",
        " ".join(flag for flag in row["flags"] if flag not in _USUAL) or "none",
        row["case"],
    )


def _time_left(row: Document) -> tuple[Text, Text]:
    """Until the decision and until the receipt; what stands still is dim."""
    ended = row["closed_at"] is not None
    return (
        _left(row["clock"]["decide_left_s"], still=row["_decided"] or ended),
        _left(row["clock"]["receipt_left_s"], still=ended),
    )


def _left(seconds: int, *, still: bool) -> Text:
    return Text(screen.left(seconds), "dim" if still else screen.urgency(seconds))


def lease(document: Document) -> None:
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


def case(document: Document) -> None:
    """The whole story of a case."""
    name = document["notice_id"] or "a message that cannot be used"
    show_fields(f"{name}, revision {document['revision']}: {document['state']}", _head(document))
    show_fields("Clock", _clock(document))
    if document["notice"] is None:
        reasons = [row["_detail"] for row in document["received"] if row["exit"] == "quarantined"]
        say("In quarantine. " + " ".join(filter(None, reasons)))
    else:
        show_fields("Notice", _notice(document["notice"]))
        _gaps(document)
        _items(document)
    for one in document["contests"]:
        result = f"{one['result']} {both(one['result_at'])}" if one["result_at"] is not None else "open"
        told = [*one["_said"].items(), ("filed", both(one["filed_at"])), ("result", result)]
        show_fields(f"Contest {one['contest']}, recorded by {one['recorded_by']}", told)
    for one in document["suspensions"]:
        until = both(one["_ends_at"]) if one["_ends_at"] is not None else "no end known"
        standing = f"confirmed by {one['confirmed_by']}" if one["confirmed_by"] else "not confirmed: no effect"
        told = [("from", both(one["from_at"])), ("until", until), ("proof", one["proof_sha256"])]
        title = f"Suspension {one['suspension']}, recorded by {one['recorded_by']}, {standing}"
        show_fields(title, [*one["_said"].items(), *told])
    _legal_checks(document["legal_checks"])
    _seen(document["content"])
    for made in document["decisions"]:
        decision(made)
    _messages(document["messages"])
    _titled(
        "What the affected users are told",
        [(f"{row['item_id']} {row['kind']}", f"{row['state']}, {_told(row)}") for row in document["user_notices"]],
    )
    fired = [
        (one["step"], f"{both(one['fired_at'])} to {', '.join(one['audience'])}") for one in document["escalations"]
    ]
    _titled("Escalations", fired[-_TAIL:])
    events = document["audit"][-_TAIL:]
    show_fields(
        f"Audit trail, the last {len(events)} of {len(document['audit'])} events",
        [(f"{event['seq']} {event['kind']}", _event(event)) for event in events],
    )


def _titled(title: str, told: Sequence[tuple[str, str]]) -> None:
    if told:
        show_fields(title, told)


def _head(document: Document) -> Fields:
    typist = f", entered by {document['entered_by']}" if document["entered_by"] else ""
    flags: Fields = [("flag", _flag(flag)) for flag in document["flags"]]
    told: Fields = [
        ("case", document["case"]),
        ("authority", document["authority_id"] or "unknown"),
        ("kind", f"{document['kind']}, {document['category']}"),
        ("came", f"{document['source']}, {document['authenticity']}{typist}"),
        ("answered by", "letter" if document["channel"] == "by_hand" else "the regulator's interface"),
        *(flags or [("flags", "none")]),
    ]
    if held := document["lease"]:
        told.append(("claimed by", f"{held['owner']} until {both(held['expires_at'])}, token {held['token']}"))
    return told


def _flag(flag: str) -> Text:
    from kz_compliance_sdk.domain.flags import FLAG_MEANINGS

    code, _, item = flag.partition(":")
    meaning = FLAG_MEANINGS.get(code, "See the reasons of its quarantine.")
    where = f" (item {item})" if item else ""
    return Text.assemble((code, "" if code in _USUAL else "yellow"), f"{where}: {meaning}")


def _clock(document: Document) -> Fields:
    clock, closed = document["clock"], document["closed_at"] is not None
    told: Fields = [("received", both(clock["received_at"])), ("due", both(clock["due_at"]))]
    if clock["due_at"] != clock["unpaused_due_at"]:
        told.append(("without the pause", both(clock["unpaused_due_at"])))
    if clock["paused"]:
        told.append(("paused", Text("an order suspends it: the term stands still", "yellow")))
    if clock["requested_due_at"] is not None:
        told.append(("asked for", f"{both(clock['requested_due_at'])}; not the statutory time"))
    to_decide, to_receipt = _time_left(document)
    told.append(("to decide", to_decide.append(" when it was decided" if document["_decided"] or closed else "")))
    told.append(("to the receipt", to_receipt.append(" when it ended" if closed else "")))
    if document["lift_due_at"] is not None:
        told.append(("lift until", both(document["lift_due_at"])))
    return told


def _notice(notice: Document) -> Fields:
    authority, law = notice["issuing_authority"], notice["legal_basis"]
    return [
        ("number", notice["reference_number"]),
        ("from", f"{_name(authority['name'])} ({authority['id']}, {authority['type']})"),
        ("issued", both(notice["issued_at"])),
        ("asks for", f"{notice['requested_action']} in {', '.join(notice['territorial_scope'])}"),
        ("law", "; ".join(_words(one.get("act"), one.get("article"), one.get("reference")) for one in law)),
        *((f"reasons ({one['lang']})", one["text"]) for one in notice["statement_of_reasons"]),
    ]


def _name(name: Document) -> str:
    return next((name[lang] for lang in ("ru", "kk", "en") if name.get(lang)), "")


def _words(*words: str | None) -> str:
    return " ".join(filter(None, words))


def _gaps(document: Document) -> None:
    """A gap refuses nothing: whoever decides sees it, with the command that asks about it."""
    told = [
        (gap["code"], gap["meaning"] + (f" (item {gap['item_id']})" if gap["item_id"] else ""))
        for gap in document["gaps"]
    ]
    if told and document["state"] == CaseState.CLAIMED:
        told.append(("ask", f"kz-compliance cases clarify {document['case']} --draft"))
    _titled("Missing in the notice", told)


def what(item: Document) -> str:
    """What an item of a notice points at."""
    url = item.get("url")
    return _words(url, None if url else item.get("object_id"), item.get("account_ref"))


def _items(document: Document) -> None:
    named = {item["item_id"]: what(item) for item in document["notice"]["items"]}
    show_table(
        ("item", "what", "status", "action", "in force since", "copy kept until"),
        [
            (
                item["item_id"],
                named.get(item["item_id"], "not in this revision"),
                item["status"] + (f", order {item['order_fell']}" if item["order_fell"] else ""),
                item["measure"] or item["action"],
                both(item["effective_at"]) if item["effective_at"] else "not in force",
                both(item["preserve_until"]),
            )
            for item in document["item_states"]
        ],
        whole=("item", "status", "action"),
        lead=("item", "status", "action"),
    )


def _legal_checks(checks: Sequence[Document]) -> None:
    told = []
    for row in checks:
        unclear = [name for name, answer in row["answers"].items() if answer == "unclear"]
        parts = [f"{both(row['answered_at'])} by {row['answered_by']}, on revision {row['revision']}"]
        parts += [f"bars local law: {', '.join(row['_bars'])}"] if row["_bars"] else []
        parts += [f"unclear: {', '.join(unclear)}"] if unclear else []
        told.append((f"version {row['version']}", "; ".join(parts)))
    _titled("Legal checks", told)


def _seen(content: Sequence[Document]) -> None:
    last = {row["item_id"]: row for row in content}
    if not last:
        return
    show_table(
        ("item", "content when last seen", "object", "seen", "by"),
        [
            (
                row["item_id"],
                row["digest"] or (f"nobody could look: {row['fault']}" if row["fault"] else "gone"),
                row["object_id"] or "unknown",
                both(row["seen_at"]),
                row["seen_by"],
            )
            for row in last.values()
        ],
        whole=("item", "content when last seen"),
        lead=("item", "content when last seen"),
    )


def decision(made: Document, *, stderr: bool = False) -> None:
    """A decision as the second person must see it: its digest, and every item with finding, action and wording."""
    standing = "needs approval" if made["needs_approval"] else "needs no second person"
    if made["approved_by"]:
        standing = f"approved by {made['approved_by']}"
    told = [("digest", made["digest"]), ("proposed", both(made["proposed_at"])), ("legal check", _check(made))]
    show_fields(f"Decision {made['version']} by {made['proposed_by']}: {standing}", told, stderr=stderr)
    show_table(
        ("item", "finding", "action", "where", "told to the regulator", "reasons (internal)"),
        [
            (
                item["item_id"],
                item["finding"],
                item["action"] + _ground(item),
                _where(item) or "nowhere",
                _wording(item["wording"]),
                item["reasons"],
            )
            for item in made["proposal"]["items"]
        ],
        whole=("item", "finding"),
        lead=("item", "finding", "action"),
        stderr=stderr,
    )


def _ground(item: Document) -> str:
    return f" ({item['ground']})" if item["ground"] else ""


def _where(item: Document) -> str:
    return "" if item["action"] == "none" else ", ".join(item["scope"])


def _wording(wording: Document) -> str:
    code = f" ({wording['refusal_code']})" if wording["refusal_code"] else ""
    reasons = "".join(f"; {text['lang']}: {text['text']}" for text in wording["statement_of_reasons"])
    return f"{wording['outcome']}{code}{reasons}"


def _check(made: Document) -> str:
    check, named = made["proposal"]["legal_check"], made["legal_check"]
    if check is None:
        return "not answered: no measure is proposed"
    version = f"version {named['version']}" if named is not None else ""
    if isinstance(check, int):
        return f"{version}, recorded before"
    told = ", ".join(f"{name.replace('_', ' ')} {answer}" for name, answer in check.items() if name != "note")
    return "; ".join(filter(None, (version, told, check["note"])))


def _messages(messages: Sequence[Document]) -> None:
    if not messages:
        return
    show_table(
        ("message", "to", "state", "attempts", "last attempt", "receipt", "id"),
        [
            (
                _words(one["kind"], one["item_id"]),
                one["endpoint"],
                Text(one["state"], _MESSAGE.get(one["state"], "")),
                str(len(one["attempts"])),
                _words(one["attempts"][-1]["result"], one["attempts"][-1]["detail"])
                if one["attempts"]
                else "not tried yet",
                _receipt(said(one["receipt"])),
                one["message"],
            )
            for one in messages
        ],
        whole=("message", "to", "state", "receipt", "id"),
        lead=("message", "state"),
    )


def _receipt(receipt: Document) -> str:
    return str(receipt.get("receipt_id") or receipt.get("outgoing_number") or "none")


def _told(row: Document) -> str:
    if row["sent_at"] is not None:
        return both(row["sent_at"])
    basis = f" on the legal basis of the {row['basis']}" if row["basis"] else ""
    return f"{both(row['due_at'])}{basis}"


def _event(event: Document) -> str:
    actor, account = event["actor"], event["_account"]
    who = actor if account in ("", actor) else f"{actor} (account {account})"
    texts = "".join(f"; {name}: {text}" for name, text in event["texts"].items() if text)
    return f"{both(event['at'])} by {who}{texts}"


# ------------------------------------------------------------------------------------------------- deciding


def content(document: Document) -> None:
    """What was seen of each open item."""
    if not document["content"]:
        say("The notice names none of the open items any more: there is nothing to look at.")
    for one in document["content"]:
        told = "there" if one["available"] else "gone: perhaps already_unavailable is what there is to say"
        if one["fault"]:
            told = f"nobody could look: {one['fault']}. People were alerted; a measure takes a second person"
        optional = (("digest", one["content_sha256"]), ("preview", screen.one_line(one["preview"] or "")))
        fields = [("content", told), ("object", one["object_id"] or "unknown"), *(two for two in optional if two[1])]
        show_fields(f"Item {one['item_id']}", fields)


def proposal(items: Iterable[Document], named: dict[str, str]) -> None:
    """What is about to be proposed, on standard error."""
    rows = [
        (
            item["item_id"],
            named.get(item["item_id"], "not in this case"),
            item["finding"],
            item["action"] + (f" in {_where(item)}{_ground(item)}" if _where(item) else ""),
            item["wording"]["outcome"],
        )
        for item in items
    ]
    columns = ("item", "what", "finding", "action", "told to the regulator")
    show_table(columns, rows, lead=("item", "finding"), stderr=True)


def decided(document: Document) -> None:
    """What came of a proposal or an approval."""
    row = document["case"]
    if document["needs_approval"] and not document["approved_by"]:
        say(f"{row['notice_id']} waits for a second person, who approves the digest {document['digest']}")
        return
    window = f"It can be taken back for {document['undo_window_s']} s: kz-compliance cases undo {row['case']}"
    say(f"{row['notice_id']} is {row['state']}. {window}")


def questions(asked: Iterable[Document]) -> None:
    """What is about to be asked of the authority, on standard error."""
    rows = [(one["item_id"] or "the notice", text["lang"], text["text"]) for one in asked for text in one["text"]]
    show_table(("about", "in", "question"), rows, stderr=True)


def letters(document: Document) -> None:
    """The letters that wait for a second person."""
    if not document["letters"]:
        say("No letter waits.")
        return
    show_table(
        ("letter", "type", "received", "entered by", "says"),
        [
            (
                one["letter"],
                one["type"],
                both(one["received_at"]),
                one["entered_by"],
                json.dumps(one["says"], ensure_ascii=False, separators=(",", ":")),
            )
            for one in document["letters"]
        ],
        whole=("letter", "type"),
        lead=("letter", "type"),
    )


# --------------------------------------------------------------------------------------------------- users


def appeals(document: Document) -> None:
    """A page of appeals."""
    if not document["appeals"]:
        say(f"No appeal is {document['_state']}.")
        return
    names = ("reference", "case", "item_id", "due_at", "appeal")
    rows = [[both(row[name]) if name == "due_at" else row[name] for name in names] for row in document["appeals"]]
    show_table(("number", "case", "item", "answer until", "appeal"), rows, lead=("number", "item"))
    if document["next_cursor"] is not None:
        say(f"More: --cursor {document['next_cursor']}")


def appeal(document: Document) -> None:
    """An appeal, with what the user wrote."""
    one = document["appeal"]
    told = [
        ("appeal", one["appeal"]),
        ("case", f"{one['case']}, item {one['item_id']}, against decision {one['decision_version']}"),
        ("received", both(one["received_at"])),
        ("answer until", both(one["due_at"])),
        ("first decided by", " and ".join(filter(None, (one["_proposed_by"], one["_approved_by"])))),
    ]
    if one["decided_at"] is not None:
        told.append(("decided", f"{both(one['decided_at'])} by {one['decided_by'] or 'nobody'}"))
    show_fields(f"Appeal {one['reference']}: {one['state']}", [*told, ("text", one["text"] or "erased")])


def retention(document: Document) -> None:
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


def trail(document: Document) -> None:
    """The verdict on the audit trail."""
    checked, faults = document["checked"], document["faults"]
    if faults:
        rows = [(one["case"] or "-", str(one["seq"]), one["what"]) for one in faults]
        show_table(("case", "event", "fault"), rows, whole=("case",), lead=("case", "event"))
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


def pack(document: Document) -> None:
    """The verdict on an evidence pack."""
    if document["_manifest"]:
        show_fields("Evidence pack", [(name, str(document[name])) for name in document["_manifest"]])
    say(_SIGNATURE[document["signature"]])
    if document["_sender_asked"]:
        say(_SENDER[document["sender"]])
    if not document["problems"]:
        say("What is in it is what the manifest names, and it fits together.")
        return
    rows = [(one["code"], one["where"], one["what"]) for one in document["problems"]]
    show_table(("problem", "where", "what"), rows, whole=("problem",), lead=("problem", "where"))


def transparency(document: Document) -> None:
    """The public figures, and the files that were written."""
    title = "Transparency report" + (" (draft, not for publication)" if document["status"] == "draft" else "")
    shown = [
        (one["figure"], value["value"], value["shown"])
        for one in document["figures"]
        for value in one["values"]
        if " / " not in value["value"]
    ]
    if next((count for figure, value, count in shown if (figure, value) == ("demands", "")), "0") == "0":
        say(f"{title}: no demand was received in this period.")
    else:
        show_table(("figure", "value", "count"), shown, whole=("figure", "count"))
        least = document["threshold"]
        say(f"<{least}: fewer than {least}; *: hidden, since a small count followed from it.")
    for path in document["_written"]:
        say(f"Wrote {path}")


# ------------------------------------------------------------------------------------------ the installation


def health(document: Document) -> None:
    """Whether the machinery runs."""
    attention = document["attention"]
    status = f"{document['status']} {' '.join(attention)}".strip()
    told: Fields = [
        ("status", Text(status, _STATUS["warn" if attention else "ok"])),
        ("watcher", both(document["watcher_last_ran"]) if document["watcher_last_ran"] else "has never run"),
        ("overdue", str(document["overdue"])),
        ("earliest due", both(document["oldest_due_at"])),
        ("undelivered", str(document["undelivered"])),
        ("parked", str(document["parked"])),
        ("users not told", str(document["users_not_told"])),
        *((f"{state} cases", str(count)) for state, count in document["open_cases"].items()),
    ]
    for name, endpoint in document["endpoints"].items():
        closed = f"left alone until {both(endpoint['open_until'])}" if endpoint["open_until"] else "in use"
        told.append((name, f"{closed}, {endpoint['failures']} failures in a row"))
    show_fields("Health", told)


def sanctions(document: Document) -> None:
    """What an authority announced."""
    if not document["sanctions"]:
        say("No sanction was announced.")
        return
    rows = [
        (
            one["sanction_id"],
            one["level"],
            both(one["effective_at"]),
            one["reference_number"],
            " ".join(one["notice_ids"]),
        )
        for one in document["sanctions"]
    ]
    show_table(("sanction", "level", "effective", "number", "notices"), rows)


def doctor(document: Document) -> None:
    """Each check with its remedy."""
    for check in document["checks"]:
        line = Text(f"{check['status']:<5}", _STATUS[check["status"]])
        say(line.append(f" {check['name']:<16} {screen.printable(check['summary'])}", ""))
        if check["remedy"]:
            say(Text(f"{'':<23}{screen.printable(check['remedy'])}", "dim"))
        for detail in check["details"]:
            say(f"{'':<23}- {detail}")


def schema(document: Document) -> None:
    """Where the schema stands, and what an upgrade would do."""
    if not document["exists"]:
        say(f"There is no database at {document['path']} yet. Create it: kz-compliance db upgrade")
        return
    ahead = document["pending"] or ["nothing, it is up to date"]
    told = [("file", document["path"]), ("revision", document["revision"] or "none"), ("newest", document["head"])]
    show_fields("Schema", [*told, *(("to do", line) for line in ahead)])


def rewrapped(document: Document) -> None:
    """How many keys the present master key opens now."""
    count, key = document["rewrapped"], document["master_key_id"]
    say(f"{count} keys were wrapped with {key}. No other master key is needed any more.")
    for owner in document["damaged"]:
        say(f"The key of {owner} was damaged from outside and opens with none: see audit verify.")


def settings(document: Document) -> None:
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
