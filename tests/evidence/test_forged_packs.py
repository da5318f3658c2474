"""Forged packs, each made with the platform's own key and without it: none passes the library, and none passes the
program of the guide but for pages that were signed anew, which it says that it does not check.

Whoever has the key also has this library: a forged `case.json` comes with the page and the manifest that fit it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.merkle import leaf_hash
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.values import canonical
from kz_compliance_sdk.evidence.dossier import Contents
from kz_compliance_sdk.evidence.taking import MANIFEST, SIGNATURE, documents, zipped
from kz_compliance_sdk.evidence.verify_pack import Verdict, _Inside, read_key, verified
from kz_compliance_sdk.ports import Told
from kz_compliance_sdk.wire.signature import SigningKey
from tests.evidence.scene import FORMS, HEAD, LEAD, key, opened, public_text, scene, signed_anew, written

OTHER = SigningKey("somebody-else", "ed25519", b"another key of thirty-two bytes!")
Files = dict[str, bytes]
Forge = Callable[[Files, "Stage"], Files]


@dataclass(frozen=True)
class Stage:
    """The packs of a case by their form, those of another case, and a checkpoint that is held outside."""

    packs: Mapping[str, bytes]
    others: Mapping[str, bytes]
    held: bytes


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    with scene(tmp_path_factory.mktemp("case")) as at:
        at.desk.on_tell_user(lambda _notice: Told(at.clock()))
        mine, other = at.reviewed_twice(seed=1), at.reviewed_twice(seed=2)
        held = at.desk.proof.checkpoint().line

        def made(case_id: str) -> dict[str, bytes]:
            return {
                form: at.desk.evidence(HEAD, case_id, lang="en", full=form == "full", reason="the court asked")
                for form in FORMS
            }

        return Stage(made(mine), made(other), held)


def judged(pack: bytes, held: bytes | None) -> Verdict:
    return verified(pack, read_key(public_text().encode()), None, held)


# ------------------------------------------------------------------------------------------------ bytes of the zip


def _entry(name: str, data: bytes) -> bytes:
    """A local entry that no directory names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), data)
    return out.getvalue()[: out.getvalue().index(b"PK\x01\x02")]


def _inserted(pack: bytes, where: str) -> bytes:
    """A page that only a reader of local entries sees, at this place; the directory leads past it."""
    hidden = _entry("report.html", b"<h1>forged</h1>")
    directory = pack.index(b"PK\x01\x02")
    place = {"before": 0, "between": pack.index(b"PK\x03\x04", 1), "after": directory}[where]
    moved, at = bytearray(pack[:place] + hidden + pack[place:]), directory + len(hidden)
    while moved[at : at + 4] == b"PK\x01\x02":
        (offset,) = struct.unpack_from("<I", moved, at + 42)
        struct.pack_into("<I", moved, at + 42, offset + len(hidden) * (offset >= place))
        at += 46 + sum(struct.unpack_from("<HHH", moved, at + 28))
    struct.pack_into("<I", moved, at + 16, directory + len(hidden))
    return bytes(moved)


def _zipped_with(pack: bytes, **fields: Any) -> bytes:
    """The same files, with other fields of each entry."""
    out, files = io.BytesIO(), opened(pack)
    with zipfile.ZipFile(out, "w") as archive:
        for name in files:
            entry = zipfile.ZipInfo(name, fields.get("date_time", (1980, 1, 1, 0, 0, 0)))
            entry.create_system, entry.external_attr = 3, fields.get("external_attr", 0o100644 << 16)
            entry.comment, entry.extra = fields.get("comment", b""), fields.get("extra", b"")
            archive.writestr(entry, files[name], fields.get("how", zipfile.ZIP_STORED))
        archive.comment = fields.get("of_all", b"")
    return out.getvalue()


def _in_order(pack: bytes) -> bytes:
    out, files = io.BytesIO(), opened(pack)
    with zipfile.ZipFile(out, "w") as archive:
        for name in reversed(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, files[name])
    return out.getvalue()


def _twice(pack: bytes) -> bytes:
    out = io.BytesIO(pack)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(out, "a") as archive:
        archive.writestr("case.json", b"{}")
    return out.getvalue()


def _called(pack: bytes, name: bytes) -> bytes:
    """The page has this name in its local entry, and its own in the directory."""
    return pack.replace(b"report.html", name, 1) if pack.index(b"report.html") else pack


BYTES: Mapping[str, Callable[[bytes], bytes]] = {
    "an entry hidden before": partial(_inserted, where="before"),
    "an entry hidden between": partial(_inserted, where="between"),
    "an entry hidden after": partial(_inserted, where="after"),
    "bytes before the zip": lambda pack: b"#!/bin/sh\n" + pack,
    "bytes behind the zip": lambda pack: pack + b"<html>",
    "a comment of the zip": partial(_zipped_with, of_all=b"forged"),
    "a comment of an entry": partial(_zipped_with, comment=b"forged"),
    "an extra field": partial(_zipped_with, extra=b"\xff\xff\x04\x00evil"),
    "another time of an entry": partial(_zipped_with, date_time=(2026, 1, 1, 0, 0, 0)),
    "another mode of an entry": partial(_zipped_with, external_attr=0o120777 << 16),
    "compressed": partial(_zipped_with, how=zipfile.ZIP_DEFLATED),
    "another order of entries": _in_order,
    "two entries of one name": _twice,
    "names that differ by case": lambda pack: zipped({**opened(pack), "Report.html": b"forged"}),
    "a folder": lambda pack: zipped({**opened(pack), "parts/": b""}),
    "another name in the local entry": partial(_called, name=b"README.html"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", BYTES)
def test_nothing_hides_in_the_zip(stage: Stage, independent: Any, what: str, form: str) -> None:
    """It needs no key: no signature covers it. With one the manifest names what was added."""
    forged = BYTES[what](stage.packs[form])
    assert forged != stage.packs[form]
    signed = BYTES[what](signed_anew(opened(stage.packs[form])))
    for pack, (code, _) in zip((forged, signed), independent(forged, signed, held=stage.held), strict=True):
        found = judged(pack, stage.held)
        assert (found.verdict, code) == ("broken", 1)
        assert {one.code for one in found.problems} <= {
            "zip",
            "name",
            "duplicate",
            "compressed",
            "added",
            "not_a_zip",
            "too_big",
        }


# ------------------------------------------------------------------------------------------------------ the files


def _told(files: Files) -> dict[str, Any]:
    """What the files of a pack hold, as it is given to the page."""
    beside = {"case.json", "events.jsonl", "policy.json", "checkpoint.json", "report.html", "README.txt"}
    return {
        "form": json.loads(files[MANIFEST])["form"],
        "case": json.loads(files["case.json"]),
        "events": tuple(json.loads(line) for line in files["events.jsonl"].splitlines()),
        "exact": {path: data for path, data in files.items() if path not in {*beside, MANIFEST, SIGNATURE}},
        "policy": Policy.model_validate_json(files["policy.json"]),
        "checkpoint": json.loads(files["checkpoint.json"]),
    }


def _documents(files: Files, told: Contents) -> Files:
    manifest = json.loads(files[MANIFEST])
    return documents(told, manifest["lang"], manifest["signed_by"]["key_id"])


def _retold(files: Files, change: Callable[[Any], object]) -> Files:
    """Another `case.json`, with the page and the list that fit it."""
    told = _told(files)
    before = written(told["case"])
    change(told["case"])
    assert written(told["case"]) != before
    return {**_documents(files, Contents(**told)), MANIFEST: files[MANIFEST]}


def _drop(case: Any, kind: str) -> None:
    """It says of the events of this kind that somebody looked."""
    for on in case["events"]:
        if on["kind"] == kind:
            on.update(kind="viewed", data={})


def _becomes(kind: str, **data: Any) -> Forge:
    """What told that the case was counted told something else."""

    def change(case: Any) -> None:
        next(on for on in case["events"] if on["kind"] == "counted").update(kind=kind, data=data)

    return lambda files, _stage: _retold(files, change)


def _says(*path: Any, value: Any) -> Forge:
    def forge(files: Files, _stage: Stage) -> Files:
        def change(case: Any) -> None:
            *within, last = path
            for step in within:
                case = case[step]
            case[last] = value

        return _retold(files, change)

    return forge


def _fact(kind: str, *path: Any, value: Any, number: int = 0) -> Forge:
    """Of the event of this kind and number it says something else."""

    def forge(files: Files, stage: Stage) -> Files:
        events = json.loads(files["case.json"])["events"]
        found = [n for n, on in enumerate(events) if on["kind"] == kind]
        return _says("events", found[number], *path, value=value)(files, stage)

    return forge


def _page(old: str, new: str) -> Forge:
    def forge(files: Files, _stage: Stage) -> Files:
        page = files["report.html"].decode()
        assert old in page
        return {**files, "report.html": page.replace(old, new).encode()}

    return forge


def _without(path: str) -> Forge:
    return lambda files, _stage: {name: data for name, data in files.items() if name != path}


def _lines(change: Callable[[list[Any]], object]) -> Forge:
    def forge(files: Files, _stage: Stage) -> Files:
        lines = [json.loads(line) for line in files["events.jsonl"].splitlines()]
        change(lines)
        told = b"".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for one in lines)
        assert told != files["events.jsonl"]
        return {**files, "events.jsonl": told}

    return forge


def _hashed(change: Callable[[list[Any]], object]) -> Forge:
    """Events that were changed, each with the hash that it has then, and the head that they come to."""

    def anew(lines: list[Any]) -> None:
        change(lines)
        before = bytes(32)
        for line in lines:
            people = (
                line["people_sha256"]
                if "people_sha256" in line
                else hashlib.sha256(line["people"].encode()).hexdigest()
            )
            inner = hashlib.sha256(line["content"].encode()).digest() + bytes.fromhex(people)
            before = hashlib.sha256(b"kz-compliance/event/v2\n" + before + inner).digest()
            line["hash"] = before.hex()

    def forge(files: Files, stage: Stage) -> Files:
        files = _lines(anew)(files, stage)
        last = json.loads(files["events.jsonl"].splitlines()[-1])["hash"]
        manifest = {**json.loads(files[MANIFEST]), "audit_head": last}
        return _retold({**files, MANIFEST: canonical(manifest)}, lambda case: case.update(audit_head=last))

    return forge


def _content(kind: str, old: str, new: str) -> Callable[[list[Any]], object]:
    def change(lines: list[Any]) -> None:
        line = next(one for one in lines if f'"kind":"{kind}"' in one["content"])
        assert old in line["content"]
        line["content"] = line["content"].replace(old, new)

    return change


def _checkpoint(change: Callable[[Any, Stage], object]) -> Forge:
    def forge(files: Files, stage: Stage) -> Files:
        proof = json.loads(files["checkpoint.json"])
        proof = change(proof, stage) or proof
        return {**files, "checkpoint.json": written(proof)}

    return forge


def _invented(by: SigningKey) -> Callable[[Any, Stage], object]:
    """A tree of one leaf, this case's, with a checkpoint over it."""

    def made(proof: Any, _stage: Stage) -> object:
        leaf = canonical({**json.loads(proof["leaf"]), "n": 1})
        root = leaf_hash(leaf).hex()
        line = {**proof["checkpoint"], "size": 1, "root": root, "at": 1}
        line.pop("signature")
        line["signature"] = {"key_id": by.key_id, "alg": "ed25519", "value": _signed(by, canonical(line))}
        return {"leaf": leaf.decode(), "index": 0, "path": [], "checkpoint": line}

    return made


def _signed(by: SigningKey, data: bytes) -> str:
    return base64.b64encode(by.private_key().sign(data)).decode()


def _policy(files: Files, _stage: Stage) -> Files:
    """The source of the term was read by somebody, in a policy of the same name."""
    first = json.loads(files["case.json"])["events"][0]["data"]
    policy = Policy.model_validate_json(files["policy.json"])
    source = policy.term(first["kind"], first["category"]).source.model_dump(mode="json")
    read = {**source, "verified": True, "verified_by": "a lawyer", "verified_on": "2026-11-24"}
    text = files["policy.json"].replace(canonical(source), canonical(read))
    assert text != files["policy.json"]
    files = {**files, "policy.json": text}
    return {**_documents(files, Contents(**_told(files))), MANIFEST: files[MANIFEST]}


LATER = 1_796_000_000
FORGED: Mapping[str, Forge] = {
    "a file added": lambda files, _stage: {**files, "messages/999.body": b"{}"},
    "a page beside the page": lambda files, _stage: {**files, "story.html": files["report.html"]},
    "no events": lambda files, _stage: {**files, "events.jsonl": b""},
    "who proposed": _fact("proposed", "by", value="person-9", number=1),
    "who approved": _fact("approved", "by", value="person-9"),
    "nobody approved": lambda files, _stage: _retold(files, lambda case: _drop(case, "approved")),
    "who answered the legal check": _fact("legally_checked", "by", value="person-9"),
    "who demanded it": _fact("opened", "data", "demanded", "authority_type", value="court"),
    "which authority": _fact("opened", "data", "authority", value="another-body"),
    "on which law": _fact("opened", "data", "demanded", "legal_basis", value=["mass_media/1"]),
    "when it was received": _fact("opened", "data", "received_at", value=LATER),
    "when it is due": _fact("opened", "data", "due_at", value=LATER),
    "when it was decided": _fact("decided", "at", value=LATER),
    "that it was decided": lambda files, _stage: _retold(files, lambda case: _drop(case, "decided")),
    "when it was approved": _fact("approved", "at", value=LATER),
    "when it was in force": _fact("measure_in_force", "data", "at_platform", value=LATER),
    "what became of the case": _says("state", value="queued"),
    "that it is closed": _says("state", value="enforced"),
    "since when it is closed": _says("since", value=20),
    "what became of an item": _says("items", 0, "state", value="lifted"),
    "that nothing is in force": _says("items", 0, "state", value="decided"),
    "by which decision": _says("items", 0, "decision", value=1),
    "what was done": _fact("proposed", "data", "items", 0, "action", value="label", number=1),
    "where it was done": _fact("proposed", "data", "items", 0, "scope", value=["*"], number=1),
    "what was found": _fact("proposed", "data", "items", 0, "finding", value="not_illegal", number=1),
    "what the authority was told": _fact("proposed", "data", "items", 0, "outcome", value="refused", number=1),
    "on what ground": _fact("proposed", "data", "items", 0, "ground", value="terms_of_service", number=1),
    "why a second person": _fact("proposed", "data", "rules", value=["always"], number=1),
    "under which policy": _fact("opened", "data", "policy", value="another"),
    "what the legal check says": _fact("legally_checked", "data", "answers", "proportionate", value="no"),
    "that it was sent back": lambda files, _stage: _retold(files, lambda case: _drop(case, "sent_back")),
    "which version was sent back": _fact("sent_back", "data", "decision", value=2),
    "a decision less": lambda files, _stage: _retold(files, lambda case: _drop(case, "proposed")),
    "a contest more": _becomes("contest_recorded", contest=1, filed_at=LATER),
    "that the user was told": lambda files, _stage: _retold(files, lambda case: _drop(case, "user_told")),
    "when the user was told": _fact("user_told", "data", "at_platform", value=LATER),
    "that a receipt came": lambda files, _stage: _retold(files, lambda case: _drop(case, "receipt")),
    "when it was reported": _fact("receipt", "at", value=LATER, number=1),
    "that a message is over": _says("messages", 0, "state", value="parked"),
    "what was sent": _says("messages", 0, "kind", value="report"),
    "a message less": lambda files, _stage: _retold(files, lambda case: case["messages"].pop()),
    "that its data was erased": _becomes("erased", ground="retention"),
    "a policy of its own making": _policy,
    "an event dropped": _lines(lambda lines: lines.pop(4)),
    "the last event dropped": _lines(lambda lines: lines.pop()),
    "the first event dropped": _lines(lambda lines: lines.pop(0)),
    "events swapped": _lines(lambda lines: lines.insert(3, lines.pop(4))),
    "the events of another case": lambda files, stage: {
        **files, "events.jsonl": opened(stage.others[json.loads(files[MANIFEST])["form"]])["events.jsonl"]
    },
    "an event of another case": lambda files, stage: _lines(
        lambda lines: lines.__setitem__(
            2, json.loads(opened(stage.others[json.loads(files[MANIFEST])["form"]])["events.jsonl"].splitlines()[2])
        )
    )(files, stage),
    "another finding, hashed anew": _hashed(_content("proposed", '"illegal"', '"unclear"')),
    "another approver, hashed anew": _hashed(_content("approved", '"by":[2,2]', '"by":[1,1]')),
    "another term, hashed anew": _hashed(_content("opened", '"due_at":1795590000', '"due_at":1795600000')),
    "no checkpoint": _without("checkpoint.json"),
    "the checkpoint of another case": lambda files, stage: {
        **files, "checkpoint.json": opened(stage.others["full"])["checkpoint.json"]
    },
    "a checkpoint invented": _checkpoint(_invented(OTHER)),
    "a checkpoint invented, with the key": _checkpoint(_invented(key())),
    "another path to the root": _checkpoint(lambda proof, _stage: proof["path"].reverse()),
    "another leaf": _checkpoint(lambda proof, _stage: {**proof, "leaf": proof["leaf"].replace('"n":', '"n":1')}),
}  # fmt: skip
PAGES: Mapping[str, Forge] = {
    "no policy": _without("policy.json"),
    "no page": _without("report.html"),
    "the page says another who": _page("pushed by the authority", "typed in by the office"),
    "the page says another when": _page("2026-11-25 12:00", "2026-11-24 09:00"),
    "the page says another what": _page("remove", "label"),
    "the page says another why": _page("law of Kazakhstan", "the platform's own terms"),
    "the page keeps silent": _page("was sent back by", "was read by"),
    "the page of another case": lambda files, stage: {
        **files, "report.html": opened(stage.others[json.loads(files[MANIFEST])["form"]])["report.html"]
    },
    "another README": lambda files, _stage: {**files, "README.txt": b"It proves everything."},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", [*FORGED, *PAGES])
def test_a_forged_pack_is_refused_with_the_key_and_without(
    stage: Stage, independent: Any, what: str, form: str
) -> None:
    forge = {**FORGED, **PAGES}[what]
    files = forge(opened(stage.packs[form]), stage)
    signed = {name: opened(stage.packs[form])[name] for name in (MANIFEST, SIGNATURE)}
    bare, foreign, own = zipped({**files, **signed}), signed_anew(files, OTHER), signed_anew(files)
    assert [judged(pack, stage.held).verdict for pack in (bare, foreign, own)] == ["broken"] * 3
    (bare_code, _), (foreign_code, _), (code, said) = independent(bare, foreign, own, held=stage.held)
    assert (bare_code, foreign_code, code) == (1, 1, 0 if what in PAGES else 1), said
    assert "Not checked: whether report.html and README.txt" in said


def test_what_nobody_touched_is_whole(stage: Stage, independent: Any) -> None:
    """The control."""
    found = independent(*stage.packs.values(), held=stage.held)
    for pack, (code, said) in zip(stage.packs.values(), found, strict=True):
        verdict = judged(pack, stage.held)
        assert (verdict.verdict, verdict.problems) == ("whole", [])
        assert (code, f"has seen it until event {verdict.proved_event}." in said) == (0, True)
        assert (judged(pack, None).verdict, verified(pack, None, None, stage.held).verdict) == ("not_provable",) * 2


@pytest.mark.slow
def test_a_verifier_that_makes_nothing_again_lets_pages_pass(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it is that by which they are refused."""
    packs = [signed_anew(forge(opened(stage.packs["full"]), stage)) for forge in PAGES.values()]
    monkeypatch.setattr(_Inside, "_made_again", lambda _self, _policy: ())
    assert {judged(pack, stage.held).verdict for pack in packs} == {"whole"}


def test_what_another_key_signed_inside_of_a_pack_is_named_by_itself(stage: Stage) -> None:
    """Whoever signs a pack anew has signed neither the checkpoint nor the reports in it."""
    files, public = opened(stage.packs["full"]), OTHER.verification_material()
    by = {"key_id": OTHER.key_id, "alg": "ed25519", "public_key_sha256": hashlib.sha256(public).hexdigest()}
    manifest = canonical({**json.loads(files[MANIFEST]), "signed_by": by})
    found = verified(signed_anew({**files, MANIFEST: manifest}, OTHER), read_key(public_text(OTHER).encode()))
    assert {"report_signature", "checkpoint_signature"} <= {one.code for one in found.problems}
    invented = FORGED["a checkpoint invented"](files, stage)
    assert [one.code for one in judged(signed_anew(invented), None).problems] == ["checkpoint_signature"]


@pytest.mark.slow
def test_a_history_that_was_invented_whole_is_held_by_what_is_outside_alone(
    stage: Stage, tmp_path_factory: pytest.TempPathFactory, independent: Any
) -> None:
    """The same key, the same case, another history from its first event on, with a checkpoint of its own."""
    with scene(tmp_path_factory.mktemp("invented")) as at:
        at.desk.on_tell_user(lambda _notice: Told(at.clock()))
        case_id = at.case(seed=1)
        at.desk.proof.checkpoint()
        pack = at.desk.evidence(HEAD, case_id, lang="en")
    assert json.loads(opened(pack)[MANIFEST])["case_id"] == json.loads(opened(stage.packs["full"])[MANIFEST])["case_id"]
    assert judged(pack, None).verdict == "not_provable"
    assert [one.code for one in judged(pack, stage.held).problems] == ["checkpoint_foreign"]
    ((code, said),), ((held_code, told),) = independent(pack), independent(pack, held=stage.held)
    assert (code, "Not provable" in said) == (0, True)
    assert (held_code, "none of those that are held outside" in told) == (1, True)


# ------------------------------------------------------------------------------------------------------- each fact


def _values(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of each value in a document."""
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in within:
        yield from _values(one, (*path, name))
    if not isinstance(value, dict | list):
        yield path


def places(files: Files) -> list[tuple[Any, ...]]:
    """The place of each value in the `case.json` of a pack."""
    return list(_values(json.loads(files["case.json"])))


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return "2026-11-30T07:00:00Z" if value is None or re.fullmatch(r"2026-.*Z", value) else f"{value}x"


def changed(files: Files, path: tuple[Any, ...]) -> Files:
    """The files of a pack whose `case.json` has another value there."""
    case = at = json.loads(files["case.json"])
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = _another(at[path[-1]])
    return {**files, "case.json": written(case)}


@pytest.fixture(scope="module")
def full_of(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A case with a row in nearly every list."""
    with scene(tmp_path_factory.mktemp("full")) as at:
        at.desk.on_tell_user(lambda _notice: Told(at.clock()))
        case_id, now = at.reviewed_twice(seed=1), at.clock()
        done: tuple[commands.Command[Any], ...] = (
            commands.RecordContest(body="A court", reference="C-7", filed_at=now, remedy="annulment"),
            commands.RecordInstruction("a colonel", "in person", "Remove it", now, "a unit"),
            commands.Hold(until=now + 86_400, reasons="a court asked"),
            commands.ReceiveAppeal(item_id="1", text="It was satire", received_at=now, reference="r"),
        )
        for command in done:
            at.desk.take(LEAD, case_id, command)
        held = at.desk.proof.checkpoint().line
        packs = {form: at.desk.evidence(HEAD, case_id, full=form == "full", reason="court") for form in FORMS}
        return Stage(packs, {}, held)


@pytest.mark.slow(takes_s=90)
@pytest.mark.parametrize("form", FORMS)
def test_each_value_of_the_case_is_held_by_both(full_of: Stage, independent: Any, form: str) -> None:
    """Each is changed in turn, and the pack signed anew with the platform's own key."""
    files = opened(full_of.packs[form])
    where = places(files)
    packs = [signed_anew(changed(files, path)) for path in where]
    found = zip(where, independent(*packs, held=full_of.held), strict=True)
    assert [path for path, (code, _) in found if code == 0] == []
    assert {judged(pack, full_of.held).verdict for pack in packs[::20]} == {"broken"}
