"""What people see of the documents: records, tables and lines, made of the fields that programs get as well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import reduce
from typing import Any

from rich.text import Text

from kz_compliance_sdk.domain.transitions import CaseState
from kz_compliance_sdk.domain.values import document_in, is_time
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.screen import both, say

Shown = Mapping[str, Any]
"""A document, or a row of one."""
Row = Mapping[str, str | Text | None]
"""What people get of it, name by name; None for what there is not."""
View = Callable[[Shown], None]

_TAIL = 8
_USUAL = frozenset({"deadline_defaulted"})
"""Flags that nearly every case has: `cases show` has them, the list would only be longer for them."""
_WAITS = {"second_person": "a second person", "authority": "the authority"}
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


# --------------------------------------------------------------------------------------------------- shapes


def told(row: Shown, names: str, **more: Any) -> Row:
    """What people get of a document under these names, in their order.

    `name:field` renames a field, `name:field.inner` reaches into one, what `more` has under a name stands there, and
    `_` in a name is a space. A time stands there in both zones.
    """
    found = {}
    for each in names.split():
        name, _, path = each.partition(":")
        field = path or name
        held = more[name] if name in more else reduce(_inner, field.split("."), row)
        found[name.replace("_", " ")] = _cell(field, held)
    return found


def _inner(held: Any, name: str) -> Any:
    return None if held is None else held[name]


def _cell(field: str, held: Any) -> str | Text | None:
    if held in (None, "", []) or isinstance(held, Text):
        return held or None
    if is_time(field.rpartition(".")[2]):
        return both(held)
    return _in_words(held)


def _in_words(held: Any) -> str:
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, list | tuple):
        return "; ".join(map(_in_words, held))
    if not isinstance(held, Mapping):
        return str(held)
    if held.keys() == {"lang", "text"}:
        return f"{held['lang']}: {held['text']}"
    parts = ((name.replace("_", " "), inner) for name, inner in held.items() if inner not in (None, "", []))
    return ", ".join(f"{name} {_in_words(inner)}" for name, inner in parts)


def record(title: str, *parts: Row, stderr: bool = False) -> None:
    """A heading and the fields that there are; nothing without any."""
    fields = [(name, cell) for part in parts for name, cell in part.items() if cell is not None]
    if fields:
        screen.show_fields(title, fields, stderr=stderr)


def table(rows: Iterable[Row], lead: str, whole: Collection[str] = (), *, stderr: bool = False) -> None:
    """A line for each row; nothing without any. See `screen.show_table` for `whole`, to which the columns that `lead`
    names belong."""
    held = [[(name, "none" if cell is None else cell) for name, cell in row.items()] for row in rows]
    if held:
        leading, names = lead.split(), [name for name, _ in held[0]]
        cells = [[cell for _, cell in row] for row in held]
        screen.show_table(names, cells, lead=leading, whole=[*leading, *whole], stderr=stderr)


def listing(key: str, names: str, lead: str, empty: str) -> View:
    """The view of a document that is a list: a table of what it has under `key`, and how to go on.

    `empty` is said of one without rows, with its fields in it by their names.
    """

    def view(document: Shown) -> None:
        if not document[key]:
            say(empty.format(**document))
        table((told(row, names) for row in document[key]), lead)
        if document.get("next_cursor"):
            say(f"There are more: --cursor {document['next_cursor']}")

    return view


def _words(*words: str | None) -> str:
    return " ".join(filter(None, words))


def _left(row: Shown, to: str) -> Text:
    """The time left `to` decide, or to the receipt; it stands still once that is done."""
    seconds: int = row["clock"][f"{to}_left_s"]
    still = row["closed_at"] is not None or (to == "decide" and row["_decided"])
    return Text(screen.left(seconds), "dim" if still else screen.urgency(seconds))


# -------------------------------------------------------------------------------------------- cases, listed


def cases(document: Shown) -> None:
    """The queue, with the time left on both clocks."""
    if not document["cases"]:
        say("No case fits." if document["_filtered"] else "No cases are waiting.")
        return
    table(map(_listed, document["cases"]), "notice state", ("decide", "receipt", "category", "items", "case"))
    if document["next_cursor"]:
        say(f"There are more: --cursor {document['next_cursor']}")


def handed_on(document: Shown) -> None:
    """What the next shift must know."""
    record("Left by the last shifts", _notes(document["notes"]))
    if not document["cases"]:
        say("Nothing is due, nobody holds a case, and nothing waits.")
    rows = (
        {
            **_listed(row),
            "waits for": row["waits_for"] and _WAITS[row["waits_for"]],
            "not acknowledged": " ".join(row["unseen"]) or None,
        }
        for row in document["cases"]
    )
    table(rows, "notice state", ("decide", "receipt", "category", "items", "case"))
    for row in document["cases"]:
        record(f"Notes on {row['notice_id'] or row['case']}", _notes(row["notes"]))


def registration(document: Shown) -> None:
    """The platform's entry in the register."""
    entry = document["entry"]
    names = "owner apps users_a_day legal_representative office head deputies"
    record(f"The register: {document['standing'] or 'not known to be in it'}", told(entry, names))
    stands = "given:given_at by:given_by handed_in:filed_at channel number seen_there:stood_at good_until:until_at note"
    record("Where it stands", told(document, stands))
    if document["needs_representative"]:
        say(
            "With more than 100,000 users a day a legal representative is needed (law 18-VIII of 10 July 2023, art. 9)."
        )


def duty(document: Shown) -> None:
    """The roster, and whom each step of the ladder pages."""
    if not document["shifts"]:
        say("Nobody is on duty. Plan a shift: kz-compliance office shift --person ID --from TIME --until TIME")
    names = "shift person on_duty from:from_at until:until_at in_their_zone"
    rows = (told(row, names, in_their_zone=_in_zone(row)) for row in document["shifts"])
    table(rows, "shift person")
    table((told(row, "step pages:audience on_duty") for row in document["ladder"]), "step")


def _in_zone(row: Shown) -> str:
    from datetime import datetime

    from kz_compliance_sdk.domain.clock import zone_named

    zone = zone_named(row["zone"])
    begins, ends = (f"{datetime.fromtimestamp(row[name], zone):%d.%m. %H:%M}" for name in ("from_at", "until_at"))
    return f"{begins} to {ends} {row['zone']}"


def _listed(row: Shown) -> Row:
    return told(
        row,
        "decide receipt state category items notice:notice_id flags case",
        decide=Text("decided", "dim") if row["_decided"] else _left(row, "decide"),
        receipt=_left(row, "receipt"),
        state=_words(row["state"], _whose(row)),
        category=row["category"] or "unknown",
        items=f"{row['open_items']}/{row['items']} open" if row["items"] else None,
        notice=row["notice_id"] or "unreadable",
        flags=" ".join(flag for flag in row["flags"] if flag not in _USUAL) or None,
    )


def _whose(row: Shown) -> str | None:
    """Who holds a case, or is to take care of it."""
    if row["lease"]:
        return f"({row['lease']['owner']})"
    return f"(for {row['assigned_to']})" if row["assigned_to"] else None


def lease(document: Shown) -> None:
    """A claimed case, or that there is none."""
    held = document["lease"]
    if held is None:
        say("No case is free to claim.")
        return
    row = held["case"]
    record(
        f"{row['notice_id']} is yours",
        told(row, "case to_decide", to_decide=_left(row, "decide")),
        told(held, "until:expires_at token next", next=f"kz-compliance cases show {row['case']}"),
        *_flags(row["flags"]),
    )


# -------------------------------------------------------------------------------------- a case on one page


def case(document: Shown) -> None:
    """The whole story of a case."""
    name, held = document["notice_id"] or "a message that cannot be used", document["lease"]
    head = (
        "case authority:authority_id kind category source authenticity entered_by answered_by:channel assigned_to "
        "claimed_by"
    )
    lease = f"{held['owner']} until {both(held['expires_at'])}, token {held['token']}" if held else None
    record(
        f"{name}, revision {document['revision']}: {document['state']}",
        told(document, head, claimed_by=lease),
        *_flags(document["flags"]),
    )
    record("Clock", _clock(document))
    if document["notice"] is None:
        reasons = [row["_detail"] for row in document["received"] if row["exit"] == "quarantined"]
        say("In quarantine. " + _words(*reasons))
    else:
        record("Notice", notice(document["notice"]))
        _gaps(document)
        _items(document)
    for one in document["contests"]:
        ended = told(one, "filed:filed_at result ended:result_at", result=one["result"] or "open")
        record(f"Contest {one['contest']}, recorded by {one['recorded_by']}", one["_said"], ended)
    for one in document["suspensions"]:
        standing = f"confirmed by {one['confirmed_by']}" if one["confirmed_by"] else "not confirmed: no effect"
        title = f"Suspension {one['suspension']}, recorded by {one['recorded_by']}, {standing}"
        record(title, one["_said"], told(one, "from:from_at until:_ends_at proof:proof_sha256"))
    record("Notes", _notes(document["notes"]))
    record("Legal checks", {f"version {row['version']}": _answered(row) for row in document["legal_checks"]})
    seen = {row["item_id"]: row for row in document["content"]}
    names = "item:item_id content_when_last_seen object:object_id seen:seen_at by:seen_by"
    content = [told(row, names, content_when_last_seen=row["digest"] or _unseen(row)) for row in seen.values()]
    table(content, "item", ("content when last seen",))
    for made in document["decisions"]:
        decision(made)
    _messages(document["messages"])
    if document["user_notices"]:
        say(Text("What the affected users are told", "bold"))
    names = "item:item_id kind state due:due_at sent:sent_at put_off_until:delay_until basis"
    table((told(row, names) for row in document["user_notices"]), "item kind")
    steps = document["escalations"][-_TAIL:]
    table((told(one, "escalation:step fired:fired_at to:audience") for one in steps), "escalation")
    events = document["audit"][-_TAIL:]
    title = f"Ledger, the last {len(events)} of {len(document['audit'])} events"
    record(title, {f"{event['seq']} {event['kind']}": _event(event) for event in events})


def notice(asked: Shown) -> Row:
    """What an authority asks for, and why."""
    names = (
        "number:reference_number from:issuing_authority issued:issued_at asks_for:requested_action "
        "in:territorial_scope law:legal_basis reasons:statement_of_reasons"
    )
    return told(asked, names)


def _flags(flags: Iterable[str]) -> Iterator[Row]:
    return ({"flag": _flag(flag)} for flag in flags)


def _flag(flag: str) -> Text:
    from kz_compliance_sdk.domain.flags import FLAG_MEANINGS

    code, _, item = flag.partition(":")
    meaning = FLAG_MEANINGS.get(code, "See the reasons of its quarantine.")
    where = f" (item {item})" if item else ""
    return Text.assemble((code, "" if code in _USUAL else "yellow"), f"{where}: {meaning}")


def _clock(document: Shown) -> Row:
    clock, ended = document["clock"], document["closed_at"] is not None
    return told(
        {**clock, "lift_due_at": document["lift_due_at"]},
        "received:received_at due:due_at without_the_pause:unpaused_due_at paused asked_for:requested_due_at "
        "to_decide to_the_receipt lift_until:lift_due_at",
        without_the_pause=clock["unpaused_due_at"] if clock["due_at"] != clock["unpaused_due_at"] else None,
        paused=Text("an order suspends it: the term stands still", "yellow") if clock["paused"] else None,
        to_decide=_left(document, "decide").append(" when it was decided" if document["_decided"] or ended else ""),
        to_the_receipt=_left(document, "receipt").append(" when it ended" if ended else ""),
    )


def _gaps(document: Shown) -> None:
    """A gap refuses nothing: whoever decides sees it, with the command that asks about it."""
    table((told(gap, "missing:code item:item_id what_it_means:meaning") for gap in document["gaps"]), "missing")
    if document["gaps"] and document["state"] == CaseState.CLAIMED:
        say(f"Ask about it: kz-compliance cases clarify {document['case']} --draft")


def what(item: Shown) -> str:
    """What an item of a notice points at."""
    url = item.get("url")
    return _words(url, None if url else item.get("object_id"), item.get("account_ref"))


def _items(document: Shown) -> None:
    named = {item["item_id"]: what(item) for item in document["notice"]["items"]}
    names = "item:item_id what status order action in_force_since:effective_at copy_kept_until:preserve_until"
    rows = [
        told(
            item,
            names,
            what=named.get(item["item_id"], "not in this revision"),
            order=item["order_fell"] or "stands",
            action=item["measure"] or item["action"],
        )
        for item in document["item_states"]
    ]
    table(rows, "item status action")


def _answered(row: Shown) -> str:
    unclear = ", ".join(name for name, answer in row["answers"].items() if answer == "unclear")
    parts = [f"{both(row['answered_at'])} by {row['answered_by']}, on revision {row['revision']}"]
    parts += [f"bars local law: {', '.join(row['_bars'])}"] if row["_bars"] else []
    return "; ".join([*parts, f"unclear: {unclear}"] if unclear else parts)


def _notes(rows: Iterable[Shown]) -> Row:
    return {f"{both(row['at'])}, {row['by']}": row["text"] for row in rows}


def _unseen(row: Shown) -> str:
    return f"nobody could look: {row['fault']}" if row["fault"] else "gone"


def decision(made: Shown, *, stderr: bool = False) -> None:
    """A decision as the second person must see it: its digest, and every item with finding, action and wording."""
    asked, check = made["second_person"], made["proposal"]["legal_check"]
    standing = "needs approval" if asked["rules"] else "needs no second person"
    if made["approved_by"]:
        standing = f"approved by {made['approved_by']}"
    if isinstance(check, int):
        check = f"version {check}, recorded before"
    names = "digest proposed:proposed_at asked_for_by:second_person.says policy:second_person.policy legal_check"
    record(
        f"Decision {made['version']} by {made['proposed_by']}: {standing}",
        told(made, names, legal_check=check or "not answered: no measure is proposed"),
        stderr=stderr,
    )
    names = "item:item_id finding action ground where:scope told_to_the_regulator:wording reasons_(internal):reasons"
    table((told(item, names, where=_where(item)) for item in made["proposal"]["items"]), "item finding", stderr=stderr)


def _where(item: Shown) -> str | None:
    return "; ".join(item["scope"]) if item["action"] != "none" else None


def _messages(messages: Iterable[Shown]) -> None:
    rows = []
    for one in messages:
        tried, receipt = one["attempts"], document_in(one["receipt"])
        row = told(
            one,
            "message to:endpoint state attempts last_attempt receipt id:message",
            message=_words(one["kind"], one["item_id"]),
            state=Text(one["state"], _MESSAGE.get(one["state"], "")),
            attempts=len(tried),
            last_attempt=_words(tried[-1]["result"], tried[-1]["detail"]) if tried else "not tried yet",
            receipt=receipt.get("receipt_id") or receipt.get("outgoing_number"),
            id=one["message"],
        )
        rows.append(row)
    table(rows, "message state", ("to", "receipt", "id"))


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
        there = "there" if one["available"] else "gone: perhaps already_unavailable is what there is to say"
        if one["fault"]:
            there = f"nobody could look: {one['fault']}. People were alerted; a measure takes a second person"
        preview = screen.one_line(one["preview"] or "") or None
        seen = told(one, "content object:object_id digest:content_sha256 preview", content=there, preview=preview)
        record(f"Item {one['item_id']}", seen)


def proposal(items: Iterable[Shown], named: Mapping[str, str], flags: Iterable[str]) -> None:
    """What is about to be proposed, and what must be seen before it is, on standard error."""
    record("Seen when it came", *_flags(flags), stderr=True)
    names = "item:item_id what finding action ground where:scope told_to_the_regulator:wording.outcome"
    rows = [
        told(item, names, what=named.get(item["item_id"], "not in this case"), where=_where(item)) for item in items
    ]
    table(rows, "item finding", stderr=True)


def questions(asked: Iterable[Shown]) -> None:
    """What is about to be asked of the authority, on standard error."""
    rows = (
        told(text, "about in:lang question:text", about=one["item_id"] or "the notice")
        for one in asked
        for text in one["text"]
    )
    table(rows, "about in", stderr=True)


def decided(document: Shown) -> None:
    """What came of a proposal or an approval."""
    row = document["case"]
    if document["needs_approval"] and not document["approved_by"]:
        say(f"{row['notice_id']} waits for a second person, who approves the digest {document['digest']}")
        record("Asked for by", *({"rule": told} for told in document["second_person"]["says"]))
        return
    window = f"It can be taken back for {document['undo_window_s']} s: kz-compliance cases undo {row['case']}"
    say(f"{row['notice_id']} is {row['state']}. {window}")


letters = listing(
    "letters",
    "letter type received:received_at entered_by says",
    "letter type",
    "No letter waits.",
)


# --------------------------------------------------------------------------------------------------- users


appeals = listing(
    "appeals",
    "number:reference case item:item_id answer_until:due_at appeal",
    "number item",
    "No appeal is {_state}.",
)


def appeal(document: Shown) -> None:
    """An appeal, with what the user wrote."""
    one = document["appeal"]
    record(
        f"Appeal {one['reference']}: {one['state']}",
        told(
            one,
            "appeal case item:item_id against_decision:decision_version received:received_at answer_until:due_at "
            "first_decided_by decided:decided_at decided_by text",
            first_decided_by=" and ".join(filter(None, (one["_proposed_by"], one["_approved_by"]))),
            text=one["text"] or "erased",
        ),
    )


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
        table((told(one, "case event:seq fault:what") for one in faults), "case event")
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


_VERDICT = {
    "whole": "Whole: a checkpoint from elsewhere has seen its history until event {proved_event} of {audit_length}.",
    "not_provable": "Not provable: without the platform's key and a checkpoint from elsewhere nobody can tell its "
    "history from one that was invented whole.",
}


def pack(document: Shown) -> None:
    """The verdict on an evidence pack."""
    if document["_manifest"]:
        record("Evidence pack", {name: str(document[name]) for name in document["_manifest"]})
    say(_SIGNATURE[document["signature"]])
    if document["_sender_asked"]:
        say(_SENDER[document["sender"]])
    if document["problems"]:
        table((told(one, "problem:code where what") for one in document["problems"]), "problem")
    else:
        say("What is in it is what its events tell.")
        say(_VERDICT[document["verdict"]].format(**document))


def transparency(document: Shown) -> None:
    """The public figures, and the files that were written."""
    marks = {"draft": " (draft, not for publication)", "revised": f" (revision {document['revision']})"}
    title = "Transparency report" + marks.get(document["status"], "")
    rows = [
        {"figure": one["figure"], **value}
        for one in document["figures"]
        for value in one["values"]
        if " / " not in value["value"]
    ]
    if all(row["shown"] == "0" for row in rows if (row["figure"], row["value"]) == ("demands", "")):
        say(f"{title}: no demand was received in this period.")
    else:
        table((told(row, "figure value count:shown") for row in rows), "figure", ("count",))
        least = document["threshold"]
        say(f"<{least}: fewer than {least}; *: hidden, since a small count followed from it.")
    for path in document["_written"]:
        say(f"Wrote {path}")


def internal_figures(document: Shown) -> None:
    """The office's own figures, and the files that were written."""
    say("Internal: exact figures, which give away what a report hides. Never publish them.")
    table((told(row, "month authority category person figure count") for row in document["rows"]), "figure", ("count",))
    for path in document["_written"]:
        say(f"Wrote {path}")


# ------------------------------------------------------------------------------------------ the installation


def health(document: Shown) -> None:
    """Whether the machinery runs."""
    attention = document["attention"]

    def use(way: Shown) -> str:
        closed = f"left alone until {both(way['open_until'])}" if way["open_until"] else "in use"
        return f"{closed}, {way['failures']} failures in a row"

    record(
        "Health",
        told(
            document,
            "status watcher:watcher_last_ran overdue earliest_due:oldest_due_at undelivered parked users_not_told",
            status=Text(_words(document["status"], *attention), _STATUS["warn" if attention else "ok"]),
            watcher=both(document["watcher_last_ran"]) if document["watcher_last_ran"] else "has never run",
        ),
        {f"{state} cases": str(count) for state, count in document["open_cases"].items()},
        {name: use(way) for name, way in document["endpoints"].items()},
        {f"401 {reason}": str(count) for reason, count in document["refused"].items()},
    )


sanctions = listing(
    "sanctions",
    "sanction:sanction_id level effective:effective_at number:reference_number notices:notice_ids",
    "sanction",
    "No sanction was announced.",
)


def doctor(document: Shown) -> None:
    """Each check with its remedy."""
    for check in document["checks"]:
        line = Text(f"{check['status']:<5}", _STATUS[check["status"]])
        say(line.append(f" {check['name']:<16} {screen.printable(check['summary'])}", ""))
        if check["remedy"]:
            say(Text(f"{'':<23}{screen.printable(check['remedy'])}", "dim"))
        for detail in check["details"]:
            say(f"{'':<23}- {detail}")


def reconciled(document: Shown) -> None:
    """Where the books differ, and what to do about each kind of difference."""
    found = document["differences"]
    table(
        (told(one, "difference:code notice about what case clock_runs:runs") for one in found),
        "difference notice about",
    )
    for code, remedy in sorted({one["code"]: one["remedy"] for one in found}.items()):
        say(f"{code}: {remedy}")
    books = f"{document['messages']} messages of the feed and the books of {document['notices']} notices"
    many = f"{len(found)} difference{'s' * (len(found) != 1)}" if found else "no difference"
    say(f"{books} were compared: {many}.")


def schema(document: Shown) -> None:
    """Where the schema stands, and what an upgrade would do."""
    if not document["exists"]:
        say(f"There is no database at {document['path']} yet. Create it: kz-compliance db upgrade")
        return
    ahead = document["pending"] or ["nothing, it is up to date"]
    record("Schema", told(document, "file:path revision newest:head to_do", to_do="; ".join(ahead)))


def checked_file(document: Shown) -> None:
    """What was found in a file of the store."""
    path, damaged, faults = document["path"], document["damaged"], document["faults"]
    for one in damaged:
        say(f"Damaged: {one}")
    if damaged:
        say(f"{path} is damaged. Restore a copy that is whole.")
    elif document["revision"] != document["newest"]:
        say(f"{path} has the schema {document['revision']}: its chains can be looked at after an upgrade.")
    elif faults:
        table((told(one, "case event:seq fault:what") for one in faults), "case event")
        say(f"{path} is a whole file; in its ledger {len(faults)} things are not as they were written.")
    else:
        say(f"{path} is whole: its file, its keys, and every chain of {document['checked']} cases.")


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
