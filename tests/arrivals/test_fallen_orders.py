"""An order that fell stays fallen: no way back puts a measure in force for it, and lifting one is as easy as always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed
from kz_compliance_sdk.ports import Failed, Rejected, RetryAt
from tests.driver import CLERK, HEAD, HOUR, LEAD, LEGAL, M1, M2, Document, Driver, Person
from tests.unguarded import unguard

OWN_TERMS = {"action": "remove", "ground": "terms_of_service", "finding": "not_assessed"}
LAW = {"action": "remove", "ground": "local_law"}
POSTS = [{"item_id": name, "object_id": f"post:{name}"} for name in ("1", "2")]
ACCOUNTS = [{"item_id": name, "account_ref": f"user:{name}", "content_type": "account"} for name in ("1", "2")]


@pytest.fixture
def office(tmp_path: Path) -> Driver:
    return Driver(tmp_path, undo_window_s=60)


def _issued(office: Driver, items: list[dict[str, str]] = POSTS, **fields: Any) -> tuple[Document, str]:
    return office.notice(1, items, **fields), office.issue(1, items, **fields)


def _asked(office: Driver) -> tuple[Document, str, str]:
    """Both posts, and a question about them that nobody waited to see answered."""
    notice, case = _issued(office)
    question = office.ask(M1, case, office.claim(M1, case))
    office.deliver()
    office.recall(M1, case)
    return notice, case, question


def _pass_window(office: Driver) -> None:
    office.wait(60)
    office.deliver()


def _statuses(office: Driver, case: str) -> dict[str, str]:
    return {name: item["status"] for name, item in office.items(case).items()}


def _orders(office: Driver, case: str) -> dict[str, str | None]:
    return {name: item["order_fell"] for name, item in office.items(case).items()}


def _outcomes(office: Driver, case: str) -> dict[str, str]:
    report = office.reports(office.case(case)["notice_id"])[-1]
    return {item["item_id"]: item["outcome"] for item in report["items"]}


def _calls(office: Driver) -> list[tuple[str, str]]:
    return [(what, key.removeprefix("object:")) for what, key, _ in office.platform.calls]


def _refused(office: Driver, case: str, *names: str, by: Person = M1) -> None:
    """Nobody can act on the ground of the order, alone or with another person."""
    token = office.claim(by, case)
    with pytest.raises(InvalidInput) as told:
        office.propose(by, case, token, items=dict.fromkeys(names, LAW))
    assert told.value.field == "items[0].ground"
    assert "terms_of_service" in str(told.value)
    office.release(by, case, token)


def _by_push(office: Driver, case: str, effect: str, items: list[str] | None) -> None:
    assert office.cancel(office.case(case)["notice_id"], effect, items)["status"] == 202


def _by_letter(office: Driver, case: str, effect: str, items: list[str] | None) -> None:
    office.vouch(LEAD, case, office.enter_cancellation(CLERK, case, effect, items))


FALLS = pytest.mark.parametrize("falls", [_by_push, _by_letter])


# ------------------------------------------------------------------------------- the whole order, undecided


@pytest.mark.parametrize(("falls", "effect"), [(_by_push, "withdrawn"), (_by_letter, "annulled")])
@pytest.mark.slow
def test_a_cancelled_case_is_reopened_only_by_name_and_only_for_the_platforms_own_terms(
    office: Driver, falls: Callable[..., None], effect: str
) -> None:
    _, case = _issued(office)
    falls(office, case, effect, None)
    assert (office.case(case)["state"], _orders(office, case)) == ("cancelled", {"1": effect, "2": effect})
    with pytest.raises(IllegalMove, match="its order fell"):
        office.reopen(LEAD, case)
    office.reopen(LEAD, case, ["1"])
    assert _statuses(office, case) == {"1": "open", "2": "stopped"}
    assert _orders(office, case) == {"1": effect, "2": effect}, "what people open again has no order all the same"
    _refused(office, case, "1")
    digest = office.propose(M1, case, office.claim(M1, case), items={"1": OWN_TERMS})
    assert office.case(case)["state"] == "in_approval", "one person does not act without an order"
    for nobody in (M1, M1.behind("another"), M2, HEAD):
        with pytest.raises(NotAllowed):
            office.approve(nobody, case, digest)
    office.approve(LEGAL, case, digest)
    _pass_window(office)
    (told,) = office.reports()[-1]["items"]
    assert (told["item_id"], told["outcome"], told["ground"]) == ("1", "removed", "terms_of_service")
    assert _calls(office) == [("enforce", "post:1")]
    assert office.faults() == []


def test_what_the_authority_did_not_say_the_effect_of_did_not_fall(office: Driver) -> None:
    notice, case = _issued(office)
    office.cancel(notice["notice_id"], None)
    assert (office.case(case)["state"], _orders(office, case)) == ("cancelled", {"1": None, "2": None})
    office.reopen(LEAD, case)
    office.decide(case)
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "removed", "2": "removed"}


def test_a_letter_that_nobody_vouched_for_lets_no_order_fall(office: Driver) -> None:
    _, case = _issued(office)
    office.enter_cancellation(CLERK, case)
    office.decide(case)
    _pass_window(office)
    assert _orders(office, case) == {"1": None, "2": None}
    assert _outcomes(office, case) == {"1": "removed", "2": "removed"}


@FALLS
def test_what_was_remedied_fell_for_accounts(office: Driver, falls: Callable[..., None]) -> None:
    _, case = _issued(office, ACCOUNTS)
    falls(office, case, "remedied", None)
    assert _orders(office, case) == {"1": "remedied", "2": "remedied"}
    office.reopen(LEAD, case, ["2"])
    _refused(office, case, "2")


@pytest.mark.slow
def test_what_was_remedied_did_not_fall_for_a_post(office: Driver) -> None:
    _, case = _issued(office)
    _by_push(office, case, "remedied", None)
    assert _orders(office, case) == {"1": None, "2": None}
    office.reopen(LEAD, case)
    office.decide(case)
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "removed", "2": "removed"}


@pytest.mark.slow
def test_a_restored_account_stays_so(office: Driver) -> None:
    _, case = _issued(office, ACCOUNTS)
    office.decide(case, "suspend_account")
    _pass_window(office)
    _by_push(office, case, "remedied", ["1"])
    office.deliver()
    assert _outcomes(office, case) == {"1": "restored", "2": "account_restricted"}
    office.reopen(LEAD, case)
    assert _statuses(office, case) == {"1": "lifted", "2": "open"}
    office.decide(case, "suspend_account")
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "restored", "2": "account_restricted"}
    assert _calls(office)[-1][1] == "account:user:2"


# ----------------------------------------------------------------------------------- a part of it, and undo


def test_undo_leaves_a_refusal_alone_whose_order_fell(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case, items={"1": {"action": "none", **_refusal()}, "2": {}})
    _by_push(office, case, "annulled", ["1"])
    office.undo(M1, case)
    assert _statuses(office, case) == {"1": "settled", "2": "open"}
    token = office.claim(M1, case)
    with pytest.raises(InvalidInput):
        office.propose(M1, case, token, items={"1": LAW, "2": LAW})
    office.propose(M1, case, token, items={"2": LAW})
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "refused", "2": "removed"}
    assert _calls(office) == [("enforce", "post:2")]
    assert office.faults() == []


def test_a_refusal_whose_order_fell_is_not_taken_back(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case, "none")
    _by_push(office, case, "withdrawn", None)
    with pytest.raises(IllegalMove, match="its order fell"):
        office.undo(M1, case)
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "refused", "2": "refused"}


@pytest.mark.parametrize("other", ["none", "remove"])
@pytest.mark.slow
def test_a_part_that_falls_leaves_the_others_their_window(office: Driver, other: str) -> None:
    """What was decided of the others can be taken back until the window is over, and nobody hears of it before."""
    _, case = _issued(office)
    office.decide(case, items={"1": {}, "2": {"action": other, **(_refusal() if other == "none" else {})}})
    office.wait(30)
    _by_push(office, case, "withdrawn", ["1"])
    office.deliver()
    assert office.reports() == []
    office.undo(M1, case)
    assert _statuses(office, case) == {"1": "stopped", "2": "open"}
    office.decide(case)
    _pass_window(office)
    assert _outcomes(office, case) == {"2": "removed"}
    assert office.faults() == []


@pytest.mark.parametrize("other", ["none", "remove"])
def test_the_window_of_the_others_ends_with_its_time(office: Driver, other: str) -> None:
    _, case = _issued(office)
    office.decide(case, items={"1": {}, "2": {"action": other, **(_refusal() if other == "none" else {})}})
    _by_push(office, case, "withdrawn", ["1"])
    office.wait(60)
    with pytest.raises(IllegalMove):
        office.undo(M1, case)
    office.deliver()
    assert _outcomes(office, case) == {"2": "refused" if other == "none" else "removed"}


@pytest.mark.slow
def test_a_part_that_is_lifted_leaves_a_refusal_its_window(office: Driver) -> None:
    """The measure of an earlier decision is lifted at once; the refusal of the later one can still be taken back."""
    notice, case, question = _asked(office)
    office.decide(case)
    _pass_window(office)
    office.clarify(notice["notice_id"], question, [notice["items"][1]])
    office.decide(case, "none", by=M2)
    _by_push(office, case, "withdrawn", ["1"])
    office.deliver()
    assert ("restore", "post:1") in _calls(office)
    assert len(office.reports()) == 1, "the refusal is told once its window is over"
    office.undo(M2, case)
    assert _statuses(office, case) == {"1": "lifted", "2": "open"}
    office.decide(case)
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "restored", "2": "removed"}
    assert office.faults() == []


@pytest.mark.slow
def test_a_refusal_keeps_its_window_when_all_else_is_lifted(office: Driver) -> None:
    notice, case, question = _asked(office)
    office.decide(case, items={"1": {}, "2": {"action": "none", **_refusal()}})
    _pass_window(office)
    office.clarify(notice["notice_id"], question, [notice["items"][1]])
    office.decide(case, "none", by=M2)
    _by_push(office, case, "withdrawn", ["1"])
    office.deliver()
    assert (office.case(case)["state"], len(office.reports())) == ("lifted", 1)
    office.undo(M2, case)
    assert _statuses(office, case) == {"1": "lifted", "2": "open"}
    office.decide(case)
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "restored", "2": "removed"}


def test_no_interim_report_tells_what_can_be_taken_back(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case, items={"1": {}, "2": {"action": "none", **_refusal()}})
    office.report_interim(LEAD, case)
    office.deliver()
    assert office.reports() == []


def test_what_a_report_says_already_is_not_told_twice(office: Driver) -> None:
    """A refusal whose order falls is a refusal still: the report that waits for the regulator says so."""
    _, case = _issued(office)
    office.decide(case, items={"1": {"action": "none", **_refusal()}, "2": {}})
    office.regulator.faults += [lambda _message: RetryAt("503")] * 3
    _pass_window(office)
    assert office.case(case)["state"] == "enforced"
    _by_push(office, case, "withdrawn", ["1"])
    for _ in range(3):
        office.wait(HOUR)
        office.deliver()
    assert office.case(case)["state"] == "closed"
    assert len(office.messages(case, "report")) == 1


# ------------------------------------------------------------------------------------- a part of it, and reopen


def _partly_fallen(office: Driver, action: str = "remove", **fields: Any) -> tuple[Document, str]:
    """Both items were decided, and the order of the first fell afterwards."""
    notice, case = _issued(office)
    office.decide(case, action, **fields)
    _pass_window(office)
    _by_push(office, case, "withdrawn", ["1"])
    office.deliver()
    assert office.case(case)["state"] == "closed"
    return notice, case


@pytest.mark.parametrize(("action", "left"), [("remove", "lifted"), ("none", "settled")])
@pytest.mark.slow
def test_reopening_asks_nothing_about_what_fell(office: Driver, action: str, left: str) -> None:
    _, case = _partly_fallen(office, action)
    office.reopen(LEAD, case)
    assert _statuses(office, case) == {"1": left, "2": "open"}
    office.decide(case, "label")
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "restored" if action == "remove" else "refused", "2": "labelled"}
    assert office.platform.effects["object:post:2"] == "label"
    assert office.faults() == []


@pytest.mark.slow
def test_it_takes_two_persons_whatever_comes_in_between(office: Driver) -> None:
    """Sent back, taken back, failed: what fell is on the platform's own terms each time, and by two persons."""
    _, case = _partly_fallen(office)
    office.reopen(LEAD, case, ["1"])
    digest = office.propose(M1, case, office.claim(M1, case), items={"1": OWN_TERMS, "2": LAW})
    office.send_back(LEAD, case, digest)
    _refused(office, case, "1", "2")
    office.decide(case, items={"1": OWN_TERMS, "2": LAW})
    office.undo(LEGAL, case)
    assert _statuses(office, case) == {"1": "open", "2": "open"}
    _refused(office, case, "1", "2")
    office.decide(case, items={"1": OWN_TERMS, "2": LAW})
    office.platform.faults += [lambda e: Failed("no", permanent=True) if e.item_id == "1" else None] * 2
    _pass_window(office)
    assert _statuses(office, case) == {"1": "failed", "2": "in_force"}
    _refused(office, case, "1")
    digest = office.propose(M1, case, office.claim(M1, case), items={"1": OWN_TERMS})
    assert office.case(case)["state"] == "in_approval"
    office.approve(LEAD, case, digest)
    _pass_window(office)
    grounds = {item["item_id"]: item["ground"] for item in office.reports()[-1]["items"]}
    assert grounds == {"1": "terms_of_service", "2": "local_law"}
    assert ("1", "measure") in office.messenger.kinds()


@pytest.mark.slow
def test_content_that_changed_brings_no_order_back(tmp_path: Path) -> None:
    office = Driver(tmp_path, can_look=True, undo_window_s=60)
    for name in ("1", "2"):
        office.content.write(f"post:{name}", "as it was")
    _, case = _partly_fallen(office)
    office.reopen(LEAD, case, ["1"])
    office.decide(case, items={"1": OWN_TERMS, "2": LAW})
    office.content.write("post:1", "otherwise")
    _pass_window(office)
    assert _statuses(office, case)["1"] == "failed"
    _refused(office, case, "1")


@pytest.mark.slow
def test_a_report_that_is_refused_asks_nothing_about_what_fell(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case)
    _pass_window(office)
    _by_push(office, case, "withdrawn", ["1"])
    office.regulator.faults.append(lambda message: Rejected("schema", "a field is wrong", final=True))
    office.deliver()
    assert _statuses(office, case) == {"1": "lifted", "2": "open"}


@pytest.mark.slow
def test_nothing_is_decided_about_an_item_that_is_not_there(office: Driver) -> None:
    _, case = _partly_fallen(office)
    with pytest.raises(InvalidInput) as told:
        office.reopen(LEAD, case, ["3"])
    assert told.value.field == "items"


@pytest.mark.slow
def test_refusing_anew_what_fell_takes_one_person(office: Driver) -> None:
    _, case = _partly_fallen(office)
    office.reopen(LEAD, case, ["1"])
    office.propose(M1, case, office.claim(M1, case), "none")
    assert office.case(case)["state"] == "decided"


def test_a_standing_that_no_message_tells_of_is_found(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case)
    _by_push(office, case, "withdrawn", ["1"])
    assert office.faults() == []
    office.stop()
    with closing(choose_driver().module.connect(office.path)) as raw:
        unguard(raw)
        raw.execute("UPDATE cases SET state = 'queued'")
        raw.commit()
    office.start()
    assert any("another state" in fault for fault in office.faults()), office.faults()


# ---------------------------------------------------------------------------- a later order opens it anew


@pytest.mark.slow
def test_an_amendment_that_names_it_opens_it_anew(office: Driver) -> None:
    notice, case = _issued(office)
    _by_push(office, case, "withdrawn", None)
    office.amend(notice)
    assert _orders(office, case) == {"1": None, "2": None}
    office.propose(M1, case, office.claim(M1, case))
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "removed", "2": "removed"}
    assert office.faults() == []


def test_an_amendment_that_names_another_leaves_it_fallen(office: Driver) -> None:
    notice, case = _issued(office)
    _by_push(office, case, "annulled", ["1"])
    office.amend(notice, items=notice["items"][1:])
    assert _orders(office, case) == {"1": "annulled", "2": None}
    assert _statuses(office, case) == {"1": "stopped", "2": "open"}


@pytest.mark.slow
def test_a_clarification_that_names_it_opens_it_anew(office: Driver) -> None:
    notice, case, question = _asked(office)
    office.decide(case)
    _pass_window(office)
    _by_push(office, case, "withdrawn", ["1"])
    office.deliver()
    office.clarify(notice["notice_id"], question, [notice["items"][0]])
    assert (_orders(office, case)["1"], _statuses(office, case)["1"]) == (None, "open")
    office.propose(M1, case, office.claim(M1, case))
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "removed", "2": "removed"}
    assert office.faults() == []


def test_an_answer_that_names_none_leaves_it_fallen(office: Driver) -> None:
    notice, case, question = _asked(office)
    unclear = {"action": "none", "finding": "unclear", "wording": {**_refusal()["wording"], **_ASKS}}
    office.decide(case, items={"1": unclear, "2": unclear})
    _by_push(office, case, "withdrawn", ["1"])
    office.clarify(notice["notice_id"], question)
    assert _statuses(office, case) == {"1": "settled", "2": "open"}


@pytest.mark.slow
def test_another_notice_about_the_object_is_another_order(office: Driver) -> None:
    _, case = _issued(office)
    _by_push(office, case, "withdrawn", None)
    other = office.issue(9, POSTS)
    office.decide(other)
    _pass_window(office)
    assert _outcomes(office, other) == {"1": "removed", "2": "removed"}
    assert (office.case(case)["state"], _orders(office, case)["1"]) == ("cancelled", "withdrawn")


def test_the_signed_message_about_a_letter_that_was_withdrawn_opens_nothing(office: Driver) -> None:
    case = office.enter(M1, 1, items=POSTS)
    office.authenticate(M2, case)
    _by_letter(office, case, "withdrawn", None)
    office.push("notice.issued", office.notice(1, POSTS, category="drugs"))
    assert _orders(office, case) == {"1": "withdrawn", "2": "withdrawn"}
    assert office.case(case)["state"] == "cancelled"


# ----------------------------------------------------------------------------------- what an amendment drops


@pytest.mark.slow
def test_an_own_terms_measure_on_its_way_falls_with_the_amendment_that_drops_it(office: Driver) -> None:
    notice, case = _issued(office)
    office.decide(case, items={"1": OWN_TERMS, "2": LAW})
    office.amend(notice, items=notice["items"][1:])
    assert (_statuses(office, case), _orders(office, case)["1"]) == ({"1": "stopped", "2": "open"}, "withdrawn")
    office.decide(case)
    _pass_window(office)
    assert _calls(office) == [("enforce", "post:2")]
    assert _outcomes(office, case) == {"2": "removed"}
    assert office.faults() == []


@pytest.mark.slow
def test_an_own_terms_measure_in_force_stays(office: Driver) -> None:
    notice, case = _issued(office)
    office.decide(case, items={"1": OWN_TERMS, "2": LAW})
    _pass_window(office)
    office.amend(notice, items=notice["items"][1:])
    assert _statuses(office, case) == {"1": "kept", "2": "open"}
    office.decide(case)
    _pass_window(office)
    assert office.platform.effects == {"object:post:1": "remove", "object:post:2": "remove"}


@pytest.mark.slow
def test_what_was_dropped_is_decided_anew_only_by_name(office: Driver) -> None:
    notice, case = _issued(office)
    office.decide(case)
    _pass_window(office)
    office.amend(notice, items=notice["items"][1:])
    office.deliver()
    office.decide(case)
    _pass_window(office)
    assert _outcomes(office, case) == {"1": "restored", "2": "removed"}
    office.reopen(LEAD, case)
    assert _statuses(office, case) == {"1": "lifted", "2": "open"}


# ------------------------------------------------------------------------------------- lifting is as easy as always


def _kept(office: Driver) -> str:
    """An own-terms measure in force whose order fell: it is kept."""
    _, case = _issued(office)
    office.decide(case, items={"1": OWN_TERMS, "2": OWN_TERMS})
    _pass_window(office)
    _by_push(office, case, "withdrawn", None)
    _pass_window(office)
    assert _statuses(office, case) == {"1": "kept", "2": "kept"}
    return case


@pytest.mark.slow
def test_a_case_of_which_all_is_kept_is_open_until_that_is_reported(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case, items={"1": OWN_TERMS, "2": OWN_TERMS})
    _pass_window(office)
    assert office.case(case)["closed_at"] is not None, "the control"
    office.regulator_is_down()
    _by_push(office, case, "withdrawn", None)
    assert (office.case(case)["state"], office.case(case)["closed_at"]) == ("lifted", None)


@pytest.mark.slow
def test_one_person_lifts_by_appeal_what_has_no_order(office: Driver) -> None:
    case = _kept(office)
    office.reverse(LEGAL, office.appeal(case))
    office.deliver()
    assert _statuses(office, case) == {"1": "lifted", "2": "kept"}
    assert office.platform.effects["object:post:1"] == "restore"
    assert ("1", "restored") in office.messenger.kinds()
    assert _outcomes(office, case) == {"1": "restored", "2": "removed"}
    assert office.faults() == []


@pytest.mark.slow
def test_one_person_lifts_by_a_new_decision_what_has_no_order(office: Driver) -> None:
    case = _kept(office)
    office.reopen(LEAD, case, ["1"])
    office.propose(M1, case, office.claim(M1, case), "none")
    assert office.case(case)["state"] == "decided", "no second person is asked for"
    _pass_window(office)
    assert office.platform.effects == {"object:post:1": "restore", "object:post:2": "remove"}


def test_an_own_terms_decision_is_taken_back_although_its_order_fell(office: Driver) -> None:
    _, case = _issued(office)
    office.decide(case, items={"1": OWN_TERMS, "2": OWN_TERMS})
    _by_push(office, case, "withdrawn", None)
    office.undo(M1, case)
    office.propose(M1, case, office.claim(M1, case), "none")
    _pass_window(office)
    assert _calls(office) == []


_ASKS = {"outcome": "clarification_needed", "refusal_code": None}


def _refusal() -> dict[str, Any]:
    said = [{"lang": "ru", "text": "Рассмотрено."}]
    wording: Mapping[str, Any] = {"outcome": "refused", "refusal_code": "not_illegal", "statement_of_reasons": said}
    return {"finding": "not_illegal", "ground": None, "wording": wording}
