"""A cancellation or an answer that comes as a letter: nothing changes before a second person vouches for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.notice import Answer, Item
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.domain.values import LocalText
from kz_compliance_sdk.errors import IllegalMove, InvalidInput, NotAllowed, NotFound
from kz_compliance_sdk.services.loading import notice_of
from kz_compliance_sdk.testing import builders
from tests.case_makers import HOUR, M2, a_notice, measure, proposal, refusal
from tests.scene import HEAD, LEAD, M1, PLATFORM, Host, World

CLERK = Actor("clerk", frozenset({"moderator"}))


class Scene:
    """A case with two items whose measures are in force and reported."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "desk.sqlite3")
        self.host = Host(self.world)
        self.notice = a_notice(items=2)
        self.host.push(self.notice, "m-1")
        self.host.decide(proposal(measure("1"), measure("2", "suspend_account")))
        self.host.drain()

    @property
    def case(self) -> Case:
        return self.host.case(self.notice.notice_id)

    def enter(self, **changes: Any) -> Case:
        now = self.world.clock()
        wanted: dict[str, Any] = {
            "effect": "annulled",
            "item_ids": None,
            "reference": "12-3/77",
            "issued_at": now - HOUR,
            "received_at": now,
            "how": "a letter, stamped at the desk",
        }
        return self.host.take(CLERK, self.case.id, commands.EnterCancellation(**{**wanted, **changes}))

    def only(self) -> str:
        (letter,) = self.host.letters_waiting(self.case.id)
        return letter.message_id

    def measures(self) -> list[str]:
        return [item.measure for item in self.case.items]

    def outcomes(self) -> list[str]:
        return [item["outcome"] for item in self.world.regulator.reports()[-1]["items"]]

    def alerts(self) -> list[str]:
        self.host.drain()
        return [alert.reason for alert in self.world.pager.alerts]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.host.check_chains()
    made.host.store.close()


def test_an_unverified_letter_lifts_nothing(scene: Scene) -> None:
    scene.enter()
    assert scene.case.state == "closed"
    assert scene.measures() == ["remove", "suspend_account"]
    assert "cancellation_unverified" in scene.case.flags
    assert scene.alerts().count("cancellation_to_vouch_for") == 1
    assert not [call for call in scene.world.platform.calls if call[0] == "restore"]
    with pytest.raises(NotAllowed) as caught:
        scene.host.take(CLERK, scene.case.id, commands.Vouch(scene.only(), "I typed it in, and it is right"))
    assert caught.value.code == "four_eyes"
    assert scene.measures() == ["remove", "suspend_account"]


@pytest.mark.slow
def test_once_vouched_for_it_does_what_its_effect_says(scene: Scene) -> None:
    received_at = scene.world.clock()
    scene.enter(received_at=received_at)
    scene.world.clock.advance(600)
    scene.host.take(M2, scene.case.id, commands.Vouch(scene.only(), "called back on the number in the register"))
    assert scene.case.state == "lifting"
    assert scene.case.lift_due_at == received_at + scene.world.policy.lift_term_s, "at once means from its receipt"
    assert scene.case.flags[-1] == "cancelled_annulled"
    assert "cancellation_unverified" not in scene.case.flags
    scene.host.drain()
    assert scene.case.state == "closed"
    assert scene.outcomes() == ["restored", "restored"]
    assert scene.host.letters_waiting(scene.case.id) == ()
    event = next(e for e in scene.host.records(scene.case.id).stream.events if e.kind == "cancelled")
    assert "how" in event.event.parts


@pytest.mark.parametrize(
    ("changes", "lifted"),
    [
        ({"effect": "remedied"}, ["suspend_account"]),
        ({"effect": "withdrawn", "item_ids": ("1",)}, ["remove"]),
        ({"effect": None}, []),
    ],
)
@pytest.mark.slow
def test_the_effect_and_the_items_are_those_of_the_letter(scene: Scene, changes: Any, lifted: list[str]) -> None:
    before = dict.fromkeys(scene.measures())
    scene.enter(**changes)
    scene.host.take(LEAD, scene.case.id, commands.Vouch(scene.only(), "checked"))
    scene.host.drain()
    assert [name for name in before if name not in scene.measures()] == lifted


@pytest.mark.slow
def test_the_same_letter_twice_is_one_letter(scene: Scene) -> None:
    scene.enter()
    before = scene.case
    assert scene.enter().version == before.version
    scene.enter(reference="12-3/78")
    first, second = scene.host.letters_waiting(scene.case.id)
    assert first.message_id != second.message_id
    scene.host.take(LEAD, scene.case.id, commands.Dismiss(first.message_id, "the authority knows of no such letter"))
    assert "cancellation_unverified" in scene.case.flags, "the other still waits"
    scene.host.take(LEAD, scene.case.id, commands.Dismiss(second.message_id, "nor of this one"))
    assert "cancellation_unverified" not in scene.case.flags
    assert scene.measures() == ["remove", "suspend_account"]
    with pytest.raises(IllegalMove):
        scene.enter()
    with pytest.raises(NotFound):
        scene.host.take(LEAD, scene.case.id, commands.Vouch(first.message_id, "all the same"))


def test_a_letter_about_an_older_revision_is_not_applied(scene: Scene) -> None:
    scene.enter()
    scene.host.push(scene.notice.model_copy(update={"revision": 2}), "m-2")
    with pytest.raises(IllegalMove, match="revision 1"):
        scene.host.take(LEAD, scene.case.id, commands.Vouch(scene.only(), "checked"))
    scene.host.take(LEAD, scene.case.id, commands.Dismiss(scene.only(), "it spoke of the first revision"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"effect": "erased"}, "effect"),
        ({"item_ids": ("9",)}, "item_ids"),
        ({"item_ids": ()}, "item_ids"),
        ({"reference": " "}, "reference"),
        ({"how": ""}, "how"),
        ({"received_at": 9_000_000_000}, "received_at"),
        ({"issued_at": -1}, "issued_at"),
    ],
)
def test_what_a_letter_must_say(scene: Scene, changes: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        scene.enter(**changes)
    assert (caught.value.field, bool(caught.value.remedy)) == (field, True)


def test_a_visitor_enters_nothing(scene: Scene) -> None:
    with pytest.raises(NotAllowed):
        scene.host.take(
            Actor("visitor"),
            scene.case.id,
            commands.EnterCancellation(effect=None, item_ids=None, reference="1", issued_at=1, received_at=1, how="x"),
        )


def test_an_answer_by_letter_counts_only_once_vouched_for(tmp_path: Path) -> None:
    """Also for the notice as it is shown: the typed item must not be decided about before."""
    scene = Scene(tmp_path)
    notice = a_notice(seed=2)
    scene.host.push(notice, "m-2")
    lease = scene.host.taking.claim(M1).result()
    assert lease is not None
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    scene.host.take(M1, lease.case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))
    scene.host.take(
        CLERK,
        lease.case.id,
        commands.EnterAnswer(
            in_reply_to="ask-1",
            answers=(Answer(text=(LocalText(lang="ru", text="Пост Б."),)),),
            received_at=scene.world.clock(),
            how="e-mail",
            items=(Item(item_id="1", object_id="post:B"),),
        ),
    )
    case = scene.host.case(notice.notice_id)
    assert (case.state, "answer_unverified" in case.flags) == ("awaiting_answer", True)
    (letter,) = scene.host.letters_waiting(case.id)
    with pytest.raises(NotAllowed):
        scene.host.take(CLERK, case.id, commands.Vouch(letter.message_id, "mine"))
    scene.host.take(HEAD, case.id, commands.Vouch(letter.message_id, "called back"))
    case = scene.host.case(notice.notice_id)
    assert (case.state, "clarified" in case.flags, "answer_unverified" in case.flags) == ("queued", True, False)
    scene.host.decide(proposal(refusal("1")))
    scene.host.check_chains()
    scene.host.store.close()


def test_an_answer_that_waits_is_no_part_of_the_notice(tmp_path: Path) -> None:
    """A signed answer came, and a letter with another one was typed in: only the signed one is decided about."""
    scene = Scene(tmp_path)
    notice = a_notice(seed=2)
    scene.host.push(notice, "m-2")
    item = Item(item_id="1", object_id="post:A")
    scene.host.push(builders.clarification(notice, "ask").model_copy(update={"items": (item,)}), "m-3")
    case_id = scene.host.case(notice.notice_id).id
    scene.world.clock.advance(60)
    scene.host.take(
        CLERK,
        case_id,
        commands.EnterAnswer(
            in_reply_to="ask",
            answers=(Answer(text=(LocalText(lang="ru", text="Пост Б."),)),),
            received_at=scene.world.clock(),
            how="e-mail",
            items=(Item(item_id="1", object_id="post:B"),),
        ),
    )

    def named() -> str | None:
        return scene.host.store.submit(
            PLATFORM, lambda tx: ((), notice_of(tx, tx.case(case_id)).items[0].object_id)
        ).result()

    assert named() == "post:A"
    (letter,) = scene.host.letters_waiting(case_id)
    scene.host.take(HEAD, case_id, commands.Vouch(letter.message_id, "called back"))
    assert named() == "post:B"
    scene.host.store.close()
