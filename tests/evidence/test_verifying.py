"""A pack that was tampered with is found out twice: by the library, and by the program of the documentation alone.

Whoever has no key is stopped by the signature and the digests. Whoever signs with the platform's own key can make these
fit, and is stopped by what the documents say of each other.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kz_compliance_sdk.domain.values import canonical
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.evidence.taking import MANIFEST, SIGNATURE, zipped
from kz_compliance_sdk.evidence.verify_pack import read_key, verified
from kz_compliance_sdk.testing import keys
from kz_compliance_sdk.testing.wiring import sandbox_settings
from kz_compliance_sdk.wire.signature import SigningKey
from tests import driver
from tests.docs.blocks import DOCS, blocks
from tests.evidence.scene import (
    FORMS,
    HEAD,
    URL,
    codes,
    document,
    edited,
    key,
    opened,
    public_text,
    scene,
    signed_anew,
    written,
)
from tests.model import play

OTHER = SigningKey("somebody-else", "ed25519", b"another key of thirty-two bytes!")


def test_the_program_on_the_page_is_short_and_stands_alone() -> None:
    (program,) = (block for block in blocks(DOCS / "guides" / "evidence.md") if block.title)
    assert program.text.count("\n") <= 250
    assert max(map(len, program.text.splitlines())) <= 120
    assert "kz_compliance_sdk" not in program.text


@pytest.mark.slow
def test_an_untouched_pack_verifies_with_both(packs: Mapping[str, bytes], independent: Any) -> None:
    assert [codes(packs[form]) for form in FORMS] == [[], []]
    found = independent(*(packs[form] for form in FORMS))
    assert [(code, said.splitlines()[0]) for code, said in found] == [(0, "OK"), (0, "OK")]
    assert all("Not checked: whether report.html" in said and "Not provable" in said for _, said in found)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.slow
def test_each_file_that_is_changed_or_taken_away_is_named_by_both(
    packs: Mapping[str, bytes], independent: Any, form: str
) -> None:
    """One byte of each file in turn, and each file in turn."""
    files = opened(packs[form])
    tampered, wanted = [], []
    for path, data in files.items():
        where = len(data) // 2
        changed = data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :]
        tampered.append(zipped({**files, path: changed}))
        signs = path in (MANIFEST, SIGNATURE)
        wanted.append("signature" if signs else f"digest: {path}")
        tampered.append(zipped({name: kept for name, kept in files.items() if name != path}))
        wanted.append("" if path == MANIFEST else "signature" if path == SIGNATURE else f"missing: {path}")
    assert len(tampered) > 20
    for found, pack, what in zip(independent(*tampered), tampered, wanted, strict=True):
        assert (found[0], what in found[1]) == (1, True), (what, found)
        mine = verified(pack, read_key(public_text().encode())).problems
        code, _, path = what.partition(": ")
        assert any(p.code.startswith(code) and path in (p.where, "") for p in mine), (what, mine)


@pytest.mark.parametrize("form", FORMS)
def test_an_added_file_and_a_foreign_signature_are_found_by_both(
    packs: Mapping[str, bytes], independent: Any, form: str
) -> None:
    pack = packs[form]
    added = zipped({**opened(pack), "messages/999.body": b"{}"})
    foreign = signed_anew(opened(pack), OTHER)
    found = independent(added, foreign)
    assert [code for code, _ in found] == [1, 1]
    assert "added: messages/999.body" in found[0][1]
    assert "signature" in found[1][1]
    assert (codes(added), codes(foreign)) == (["added"], ["signature"])
    assert codes(foreign, public_text(OTHER)) == ["signature"], "the manifest names another key"
    assert independent(pack, public=public_text(OTHER))[0][0] == 1


def _lines(change: Callable[[list[Any]], object]) -> Callable[[bytes], bytes]:
    def changed(data: bytes) -> bytes:
        lines = [json.loads(line) for line in data.splitlines()]
        change(lines)
        return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)

    return changed


def _swap(lines: list[Any]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def _set(number: int, **values: Any) -> Callable[[list[Any]], object]:
    return lambda lines: lines[number].update(values)


def _kind(lines: list[Any], kind: str) -> Any:
    return next(line for line in lines if f'"kind":"{kind}"' in line["content"])


def _content(old: str, new: str) -> Callable[[list[Any]], object]:
    return lambda lines: lines[1].update(content=lines[1]["content"].replace(old, new))


_INSIDER: dict[str, tuple[Callable[[list[Any]], object], tuple[str, ...], str, str]] = {
    "two events are swapped": (_swap, FORMS, "chain", "chain"),
    "an event is left out": (lambda lines: lines.pop(4), FORMS, "chain", "chain"),
    "the last event is left out": (lambda lines: lines.pop(), FORMS, "told", "head"),
    "the first event is left out": (lambda lines: lines.pop(0), FORMS, "chain", "chain"),
    "a hash is another": (_set(1, hash="0" * 64), FORMS, "chain", "hash"),
    "the content is another": (_content('"token":1', '"token":2'), FORMS, "chain", "hash"),
    "another person acted": (_content('"by":[1,1]', '"by":[2,1]'), FORMS, "chain", "hash"),
    "who acted is another": (_set(1, people='{"id":"boss"}', people_sha256="0" * 64), FORMS, "chain", "hash"),
    "a salt is another": (
        lambda lines: _kind(lines, "reported")["parts"]["body"].update(salt="0" * 32),
        FORMS,
        "part",
        "part",
    ),
    "the report's bytes are those of another file": (
        lambda lines: _kind(lines, "reported")["parts"]["body"].update(file="case.json"),
        FORMS,
        "part",
        "part",
    ),
    "the report is of no event": (lambda lines: _kind(lines, "reported")["parts"].clear(), FORMS, "report", "part"),
    "the receipt is of no event": (lambda lines: _kind(lines, "receipt")["parts"].clear(), FORMS, "told", "part"),
    "what came in is of no event": (lambda lines: lines[0]["parts"].clear(), ("full",), "part", "part"),
    "the decision is of no event": (
        lambda lines: _kind(lines, "proposed")["parts"].clear(),
        ("full",),
        "part",
        "part",
    ),
    "what somebody wrote is left out": (
        lambda lines: _kind(lines, "disclosed")["parts"].clear(),
        ("full",),
        "part",
        "part",
    ),
}


@pytest.mark.parametrize("name", _INSIDER)
def test_who_signs_with_the_right_key_still_cannot_rewrite_the_chain(
    packs: Mapping[str, bytes], independent: Any, name: str
) -> None:
    """Manifest and signature fit; the events do not."""
    change, forms, mine, theirs = _INSIDER[name]
    made = [signed_anew(edited(packs[form], "events.jsonl", _lines(change))) for form in forms]
    for pack, (code, said) in zip(made, independent(*made), strict=True):
        assert mine in codes(pack)
        assert code == 1
        assert f"{theirs}:" in said, said


def test_exact_bytes_are_held_against_digests_receipts_and_the_chain(
    packs: Mapping[str, bytes], independent: Any
) -> None:
    """Signed by the right key, with the digests of `case.json` made to fit as well."""
    files = opened(packs["full"])
    case = json.loads(files["case.json"])

    def other(kept: dict[str, Any], data: bytes) -> dict[str, bytes]:
        kept.update(sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        return {kept["file"]: data}

    def kept(kind: str, name: str) -> dict[str, Any]:
        (found,) = [on["words"][name] for on in case["events"] if on["kind"] == kind]
        return dict(found)

    (report,) = [one for one in case["messages"] if one["kind"] == "report"]
    rewritten = files[report["body"]["file"]].replace(b'"removed"', b'"refused"')
    changed = {**files, **other(report["body"], rewritten), "case.json": written(case)}
    case = json.loads(files["case.json"])
    body = files[kept("proposed", "proposal")["file"]].replace(b'"illegal"', b'"unclear"')
    decided = {**files, **other(kept("proposed", "proposal"), body), "case.json": written(case)}
    digest_only = {**files, kept("opened", "message")["file"]: b"{}"}
    made = [signed_anew(one) for one in (changed, decided, digest_only)]
    assert [{"receipt", "part"}, {"part"}, {"part"}] == [set(codes(pack)) & {"receipt", "part"} for pack in made]
    said = independent(*made)
    assert [code for code, _ in said] == [1, 1, 1]
    for (_, text), words in zip(said, (("part:", "receipt of event"), ("part:",), ("part:",)), strict=True):
        assert all(word in text for word in words), text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("state",), "queued"),
        (("events", 0, "data", "due_at"), 1_900_000_000),
        (("items", 0, "state"), "lifted"),
        (("items", 0, "since"), 1),
        (("events", 1, "by"), "person-2"),
        (("events", 2, "data", "answers", "clarity"), "no"),
        (("events", 3, "data", "items", 0, "finding"), "unclear"),
        (("events", 3, "data", "four_eyes"), True),
        (("events", 4, "at"), 1_900_000_000),
        (("contests",), [{"contest": 1}]),
        (("messages", 0, "kind"), "page"),
        (("audit_length",), 3),
    ],
)
def test_what_the_case_says_is_held_to_what_its_events_tell(
    packs: Mapping[str, bytes], form: str, where: tuple[Any, ...], value: Any
) -> None:
    """Signed by the right key. The control is the same document, written anew and not changed."""
    files = opened(packs[form])
    case = json.loads(files["case.json"])
    assert codes(signed_anew({**files, "case.json": written(case)})) == []
    *path, name = where
    held: Any = case
    for step in path:
        held = held[step]
    assert (held.get(name) if isinstance(held, dict) else held[name]) != value
    held[name] = value
    assert codes(signed_anew({**files, "case.json": written(case)})) == ["told"]


def _hashed_anew(files: Mapping[str, bytes], change: Callable[[list[Any]], object]) -> dict[str, bytes]:
    """A redacted pack whose events were changed, each with the hash that it has then."""
    lines, before = [json.loads(line) for line in files["events.jsonl"].splitlines()], bytes(32)
    change(lines)
    for line in lines:
        inner = hashlib.sha256(line["content"].encode()).digest() + bytes.fromhex(line["people_sha256"])
        before = hashlib.sha256(b"kz-compliance/event/v2\n" + before + inner).digest()
        line["hash"] = before.hex()
    case, manifest = json.loads(files["case.json"]), json.loads(files[MANIFEST])
    case["audit_head"] = manifest["audit_head"] = before.hex()
    told = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    documents = {"case.json": written(case), MANIFEST: json.dumps(manifest).encode()}
    return {**files, **documents, "events.jsonl": told}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"due_at":1795590000', '"due_at":9007199254740991', "told"),
        ('"due_at":1795590000', '"due_at":-1', "chain"),
        ('"kind":"opened"', '"kind":"opened_anew"', "newer_release"),
        ('"kind":"opened"', '"kind":"voided"', "chain"),
        ('"stream":"case/', '"stream":"case/0', "chain"),
        ('"notice":"KZ-', '"notice":"KZ-1', "told"),
    ],
)
def test_events_that_nobody_could_have_written_are_no_traceback(
    packs: Mapping[str, bytes], old: str, new: str, code: str
) -> None:
    def change(lines: list[Any]) -> None:
        assert old in lines[0]["content"]
        lines[0]["content"] = lines[0]["content"].replace(old, new)

    assert code in codes(signed_anew(_hashed_anew(opened(packs["redacted"]), change)))


def test_a_chain_that_was_hashed_anew_does_not_fit_the_report(packs: Mapping[str, bytes], independent: Any) -> None:
    """Whoever owns the ledger can hash each event anew, in a pack without their MACs as well; the authority has the
    report."""
    files = opened(packs["redacted"])
    pack = signed_anew(_hashed_anew(files, lambda lines: lines[1].update(people_sha256="7" * 64)))
    assert codes(pack)[-2:] == ["report_head", "told"] or "report_head" in codes(pack)
    ((code, said),) = independent(pack)
    assert (code, "report: that of event 12 names another head" in said) == (1, True)


def test_the_authority_s_own_signature_is_checked_with_its_key(packs: Mapping[str, bytes]) -> None:
    """In the full form, where its bytes are. The controls: another key, and other bytes under a good manifest."""
    own = read_key(public_text().encode())
    theirs = read_key(base64.b64encode(keys.regulator_key("rfc9421").material))
    assert verified(packs["full"], own, theirs).sender == "good"
    assert verified(packs["redacted"], own, theirs).sender == "good", "it has the receipts"
    wrong = verified(packs["full"], own, own)
    assert (wrong.sender, {problem.code for problem in wrong.problems}) == ("bad", {"sender_signature"})
    assert len(wrong.problems) == 3, "the notice and two receipts"
    files = opened(packs["full"])
    manifest = json.loads(files[MANIFEST])
    manifest["targets"] = dict.fromkeys(manifest["targets"], "https://elsewhere.test/kz/notices")
    moved = verified(signed_anew({**files, MANIFEST: canonical(manifest)}), own, theirs)
    assert [problem.code for problem in moved.problems] == ["sender_signature"]


# ------------------------------------------------------------------------------------------------------ keys


def test_a_key_comes_in_base64_or_as_pem() -> None:
    pem = Ed25519PrivateKey.from_private_bytes(key().material).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert read_key(text).public_bytes_raw() == read_key(f"{public_text()}\n".encode()).public_bytes_raw()
    for wrong in (
        b"",
        b"!!",
        base64.b64encode(b"short"),
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ):
        with pytest.raises(InvalidInput, match="no Ed25519 public key"):
            read_key(wrong)


def test_without_a_key_it_is_said_that_nobody_vouches_for_it(packs: Mapping[str, bytes]) -> None:
    verdict = verified(packs["redacted"], None)
    assert (verdict.signature, verdict.problems) == ("unchecked", [])
    forged = verified(signed_anew(opened(packs["redacted"]), OTHER), None)
    assert (forged.signature, forged.problems) == ("unchecked", [])


@pytest.mark.slow
def test_a_pack_that_nobody_signed_does_not_pass_for_a_signed_one(tmp_path: Path, independent: Any) -> None:
    with scene(tmp_path, regulator={"channel": "by_hand"}, signing_key=None) as at:
        pack = at.desk.evidence(HEAD, at.case(decided=False))
    assert codes(pack) == ["unsigned"]
    assert verified(pack, None).signature == "none"
    assert document(pack, MANIFEST)["signed_by"] is None
    assert independent(pack)[0][0] == 1


@pytest.mark.slow(takes_s=60)
@pytest.mark.parametrize("seed", range(1000, 1012))
def test_both_take_what_the_library_makes_of_whatever_happened(
    seed: int, independent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After sequences of the model's steps: appeals, letters, cancellations, suspensions, erasures."""
    packs, sides, side = list[bytes](), list[play.Side](), play.Side
    signing = sandbox_settings(Path("cases.sqlite3"), profile="rfc9421", intake_url=URL).signing_key
    settings, stop = driver._settings.__wrapped__, driver.Driver.stop
    monkeypatch.setattr(driver, "_settings", lambda of: settings(of).model_copy(update={"signing_key": signing}))

    def taken(self: driver.Driver) -> None:
        for case_id in sides[-1].cases.values():
            packs.extend(self.evidence(play.PERSONS["legal"], case_id, full=full) for full in (False, True))
        stop(self)

    def sided(*given: Any) -> play.Side:
        sides.append(side(*given))
        return sides[-1]

    monkeypatch.setattr(driver.Driver, "stop", taken)
    monkeypatch.setattr(play, "Side", sided)
    assert play.play(seed, 40).difference is None
    assert packs
    assert [codes(pack) for pack in packs] == [[]] * len(packs)
    assert [said for code, said in independent(*packs) if code] == []
