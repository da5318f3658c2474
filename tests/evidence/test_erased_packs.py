"""A case whose personal data was destroyed still has a pack, and what is left of it verifies."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from kz_compliance_sdk.domain import commands
from tests.evidence.scene import (
    FORMS,
    HEAD,
    LEAD,
    USER,
    VICTIM,
    Scene,
    codes,
    edited,
    facts,
    full,
    opened,
    signed_anew,
    written,
)


def _erased(at: Scene) -> str:
    """A case that was refused, reported, confirmed and then erased."""
    case_id = at.case(decided=False)
    at.office.decide("none", case_id=case_id)
    at.outbox.settle()
    at.desk.take(LEAD, case_id, commands.AskErasure("subject_request"))
    at.desk.take(HEAD, case_id, commands.Erase())
    return case_id


def _packs(at: Scene, case_id: str, lang: str = "ru") -> list[bytes]:
    return [at.desk.evidence(HEAD, case_id, lang=lang), full(at, case_id, lang)]


@pytest.mark.slow
def test_the_pack_of_an_erased_case_verifies_with_both_and_says_that_it_was_erased(at: Scene, independent: Any) -> None:
    packs = _packs(at, _erased(at), "en")
    assert [codes(pack) for pack in packs] == [[], []]
    assert [(code, said.splitlines()[0]) for code, said in independent(*packs)] == [(0, "OK")] * len(FORMS)
    for pack in packs:
        (came,) = facts(pack, "opened")
        assert (came["words"]["message"], came["came"]["profile"]) == (None, "rfc9421")
        page = opened(pack)["report.html"].decode()
        assert "Personal data erased" in page


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "utf-16": lambda text: text.encode("utf-16-le"),
    "base64": lambda text: base64.b64encode(text.encode()).rstrip(b"="),
    "hex": lambda text: text.encode().hex().encode(),
    "in a URL": lambda text: quote(text).encode(),
    "in JSON": lambda text: json.dumps(text).strip('"').encode(),
}
"""How a word could still lie in a pack."""


@pytest.mark.slow
def test_of_a_person_nothing_is_left_in_a_pack_after_the_erasure(at: Scene) -> None:
    """Of whoever reported, is reported, or signed the notice; the control is the pack before."""
    case_id = at.case(decided=False)
    at.office.decide("none", case_id=case_id)
    at.outbox.settle()
    before = full(at, case_id)
    at.desk.take(LEAD, case_id, commands.AskErasure("subject_request"))
    at.desk.take(HEAD, case_id, commands.Erase())
    planted = (VICTIM, USER, "Planted Official", "Planted Position", "Planted Contact", "planted@example.kz", "+7 000")
    assert [name for name in planted if name.encode() not in before] == []
    for pack in _packs(at, case_id):
        found = [(name, how) for name in planted for how, encoded in ENCODINGS.items() if encoded(name) in pack]
        assert found == []


@pytest.mark.slow
def test_what_asked_for_a_second_person_outlives_the_words_of_the_decision(at: Scene) -> None:
    case_id = at.case(decided=False)
    at.desk.take(
        LEAD,
        case_id,
        commands.RecordInstruction(
            given_by="a colonel", unit="a unit", channel="by phone", given_at=at.clock(), said="now"
        ),
    )
    at.office.decide("none", case_id=case_id, approved_by=at.office.lead)
    at.outbox.settle()
    before = [facts(pack, "proposed")[0]["rules"] for pack in _packs(at, case_id)]
    at.desk.take(LEAD, case_id, commands.AskErasure("subject_request"))
    at.desk.take(HEAD, case_id, commands.Erase())
    after = [facts(pack, "proposed")[0] for pack in _packs(at, case_id)]
    assert [one["words"] for one in after] == [{"proposal": None}] * len(FORMS)
    assert [one["rules"] for one in after] == before == [["instruction_recorded"]] * len(FORMS)


def test_the_digest_of_a_decision_goes_with_its_words(at: Scene) -> None:
    case_id = at.case(decided=False)
    at.office.decide("none", case_id=case_id)
    at.outbox.settle()
    (before,) = facts(full(at, case_id), "proposed")
    at.desk.take(LEAD, case_id, commands.AskErasure("subject_request"))
    at.desk.take(HEAD, case_id, commands.Erase())
    (after,) = facts(full(at, case_id), "proposed")
    assert len(before["words"]["proposal"]["sha256"]) == 64
    assert after["words"] == {"proposal": None}


@pytest.mark.slow
def test_what_is_missing_without_an_erasure_or_after_one_is_found_by_both(at: Scene, independent: Any) -> None:
    """The control: an insider with the right key takes the report out and says that it is gone."""
    case_id = at.case()
    whole = _packs(at, case_id)

    def emptied(data: bytes) -> bytes:
        case = json.loads(data)
        for message in case["messages"]:
            message["body"] = None
        return written(case)

    def erased_before(data: bytes) -> bytes:
        return data.replace(b'\\"kind\\":\\"opened\\"', b'\\"kind\\":\\"erased\\"')

    gone = [signed_anew(edited(pack, "case.json", emptied)) for pack in whole]
    early = [signed_anew(edited(pack, "events.jsonl", erased_before)) for pack in gone]
    found = independent(*gone, *early)
    for pack, (code, said) in zip(gone, found, strict=False):
        assert codes(pack) == ["told"]
        assert code == 1
        assert "told: messages" in said
    assert [codes(pack) for pack in early] == [["chain"], ["chain"]]
    assert all(code == 1 and "hash: event 1 " in said for code, said in found[len(gone) :])
