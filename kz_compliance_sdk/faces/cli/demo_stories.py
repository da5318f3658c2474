"""What happens in the demonstration, as data: each notice, how it comes, what the moderator decides, how it ends.

`script` lets it happen, and the closing check holds it against what really became of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from kz_compliance_sdk.domain.decision import Action, Finding, ItemDecision, Proposal, Wording
from kz_compliance_sdk.domain.legal_check import LegalCheck
from kz_compliance_sdk.domain.messages import object_key
from kz_compliance_sdk.domain.notice import ContentType, Item, Notice
from kz_compliance_sdk.domain.report import Outcome, RefusalCode, Statement
from kz_compliance_sdk.faces.cli.demo_platform import Mood
from kz_compliance_sdk.testing import builders

__all__ = ["MAX_SEED", "Story", "Turn", "Verdict", "proposal", "stories"]

MAX_SEED: Final = 9_999
"""The highest seed: each has a hundred notice numbers of its own."""

Way = Literal["pushed", "polled", "both", "typed in"]
End = Literal["closed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided about one item, and the texts that the regulator reads."""

    action: Action
    outcome: Outcome
    finding: Finding
    reasons: str
    kk: str
    ru: str
    refusal: RefusalCode | None = None


def _measure(action: Action, outcome: Outcome, kk: str, ru: str) -> Verdict:
    reasons = "Seen, compared with the evidence, and within the act that is cited."
    return Verdict(action, outcome, "illegal", reasons, kk, ru)


REMOVE: Final = _measure("remove", "removed", "Жарияланым жойылды.", "Публикация удалена.")
RESTRICT: Final = _measure("restrict_access", "restricted", "Қолжетімділік шектелді.", "Доступ ограничен.")
SUSPEND: Final = _measure("suspend_account", "account_restricted", "Аккаунт тоқтатылды.", "Аккаунт приостановлен.")
AGE: Final = _measure("age_restrict", "age_restricted", "Жас шектеуі қойылды.", "Установлено возрастное ограничение.")
LABEL: Final = _measure("label", "labelled", "Жарияланым белгіленді.", "Публикация помечена.")
LEGAL: Final = Verdict(
    "none", "refused", "not_illegal", "An advertisement of a licensed pharmacy.",
    "Жарияланымда заң бұзушылық жоқ.", "В публикации нет нарушения закона.", "not_illegal",
)  # fmt: skip
SPEECH: Final = Verdict(
    "none", "refused", "not_illegal", "A call to sign a petition. Criticism of an office is no offence.",
    "Жарияланым пікір білдіру болып табылады.", "Публикация является выражением мнения.", "protected_speech",
)  # fmt: skip
GONE: Final = Verdict(
    "none", "already_unavailable", "not_assessed", "Its author had taken it down before the notice came.",
    "Жарияланым бұған дейін жойылған.", "Публикация уже недоступна.",
)  # fmt: skip
DOUBTED: Final = Verdict(
    "none", "refused", "not_assessed", "The body called back says that it wrote no such letter.",
    "Хаттың түпнұсқалығы расталмады.", "Подлинность письма не подтверждена.", "not_authentic",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """What the moderator does with a case that was just claimed. `then` is what somebody does right after that."""

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    then: Literal["", "undo", "send_back"] = ""

    @property
    def asks(self) -> bool:
        """Whether the authority is asked, and nothing decided."""
        return not self.verdicts


@dataclass(frozen=True, slots=True)
class Story:
    """One notice. `outcomes` is what the regulator must hold of each item in the end, `stands` the measures that must
    then be in force on the platform. `held_back` notices come only with the outage."""

    key: str
    title: str
    way: Way
    notice: Notice
    turns: tuple[Turn, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    stands: Mapping[str, str] = field(default_factory=dict)
    end: End = "closed"
    mood: Mood | None = None
    held_back: bool = False
    revised: Notice | None = None

    @property
    def objects(self) -> dict[str, str]:
        """Each object that the story touches, with the measure that must be in force in the end."""
        items = {item.item_id: item for item in (*self.notice.items, *(self.revised.items if self.revised else ()))}
        touched = {name for turn in self.turns for name, verdict in turn.verdicts.items() if verdict.action != "none"}
        return {object_key(items[name]): self.stands.get(name, "") for name in sorted(touched)}


def proposal(turn: Turn) -> Proposal:
    """The moderator's proposal."""
    items = tuple(
        ItemDecision(
            item_id=name,
            finding=verdict.finding,
            reasons=verdict.reasons,
            action=verdict.action,
            ground="local_law" if verdict.action != "none" else None,
            wording=Wording(
                outcome=verdict.outcome,
                refusal_code=verdict.refusal,
                statement_of_reasons=(Statement(lang="kk", text=verdict.kk), Statement(lang="ru", text=verdict.ru)),
            ),
        )
        for name, verdict in turn.verdicts.items()
    )
    check = LegalCheck(
        authority="yes",
        legal_basis="yes",
        clarity="yes",
        content_matches="yes",
        protected_speech="no",
        proportionate="yes",
        narrowest="yes",
    )
    return Proposal(items=items, legal_check=check, text_checked=True)


def stories(seed: int, now: int) -> tuple[Story, ...]:
    """Every story of one run. The same `seed` (1 to MAX_SEED) tells the same; `now` is UTC seconds."""
    write = _Writer(seed, now)
    told = (*_pushed(write), *_withdrawn(write), *_polled(write), *_typed_in(write), *_in_the_outage(write))
    if len({story.key for story in told}) != len(told):
        raise ValueError("two stories have the same key")
    return told


_GAMBLING, _BULLYING, _DRUGS, _FRAUD, _EXTREMISM, _FALSE, _PERSONAL, _ADULT = range(8)
_MEASURE_OF: Final[Mapping[str, str]] = {
    "removed": "remove", "restricted": "restrict_access", "account_restricted": "suspend_account",
    "age_restricted": "age_restrict", "labelled": "label",
}  # fmt: skip


class _Writer:
    """Makes notices, each with a number that no other has."""

    def __init__(self, seed: int, now: int) -> None:
        self._seed, self._now, self._count = seed, now, 0

    def notice(self, theme: int, items: int = 1, **overrides: Any) -> Notice:
        # The builder chooses its theme by the number's rest.
        number = ((self._seed - 1) * 100 + self._count) * 8 + theme + 1
        self._count += 1
        return builders.notice(number, items=items, **{"issued_at": self._now, **overrides})

    def about(self, theme: int, name: str, content_type: ContentType = "post") -> Notice:
        """A notice about one object that is chosen by name, so that another can be about it too."""
        mark = f"{name}-{self._seed}"
        if content_type == "account":
            item = Item(item_id="1", account_ref=mark, content_type="account")
        else:
            item = Item(item_id="1", url=f"{builders.HOST}/p/{mark}", object_id=mark, content_type=content_type)
        return self.notice(theme).model_copy(update={"items": (item,)})


def _decided(key: str, title: str, way: Way, notice: Notice, *verdicts: Verdict, **more: Any) -> Story:
    """A story that ends with these verdicts about the items, in their order."""
    by_item = {item.item_id: verdict for item, verdict in zip(notice.items, verdicts, strict=True)}
    outcomes = {name: verdict.outcome for name, verdict in by_item.items()}
    told = {
        "turns": (Turn(by_item),),
        "outcomes": outcomes,
        "stands": {name: _MEASURE_OF[outcome] for name, outcome in outcomes.items() if outcome in _MEASURE_OF},
    }
    return Story(key, title, way, notice, **{**told, **more})


def _pushed(write: _Writer) -> tuple[Story, ...]:
    first = Turn({"1": LABEL}, then="send_back")
    question = write.notice(_BULLYING)
    undone = write.notice(_DRUGS)
    before = write.notice(_PERSONAL, 2)
    new_object = f"amended-{before.notice_id}"
    third = Item(item_id="3", url=f"{builders.HOST}/p/{new_object}", object_id=new_object, content_type="post")
    after = before.model_copy(update={"revision": 2, "items": (before.items[0], third)})
    political = write.notice(_EXTREMISM, category="unsanctioned_assembly")
    return (
        _decided("plain", "one post, one decision", "pushed", write.notice(_GAMBLING), REMOVE),
        _decided("partial", "three items, three outcomes", "pushed", write.notice(_DRUGS, 3), REMOVE, LEGAL, RESTRICT),
        _decided("four_eyes", "a second person approves", "pushed", write.notice(_EXTREMISM), REMOVE),
        _decided(
            "sent_back",
            "the second person sends it back first",
            "pushed",
            write.notice(_FALSE),
            LABEL,
            turns=(first, Turn({"1": LABEL})),
        ),
        _decided("speech", "political speech: refused", "pushed", political, SPEECH),
        _decided("duplicate", "pushed twice: one case, one answer", "pushed", write.notice(_GAMBLING), REMOVE),
        _decided(
            "question",
            "asked what was meant, then decided",
            "pushed",
            question,
            REMOVE,
            turns=(Turn(), Turn({"1": REMOVE})),
        ),
        _decided("forged", "forged before the true one came", "pushed", write.notice(_GAMBLING), REMOVE),
        _decided("unreadable", "unusable first: it keeps the earlier clock", "pushed", write.notice(_PERSONAL), REMOVE),
        _decided(
            "undone",
            "taken back inside the undo window, decided anew",
            "pushed",
            undone,
            RESTRICT,
            turns=(Turn({"1": REMOVE}, then="undo"), Turn({"1": RESTRICT})),
        ),
        _decided("cut", "its receipt is lost: looked up, not sent again", "pushed", write.notice(_DRUGS), RESTRICT),
        _decided("flaky", "the platform fails once", "pushed", write.notice(_ADULT), AGE, mood="flaky"),
        Story(
            "amended",
            "amended after its decision: decided anew",
            "pushed",
            before,
            turns=(Turn({"1": REMOVE, "2": REMOVE}), Turn({"1": REMOVE, "3": RESTRICT})),
            outcomes={"1": "removed", "2": "restored", "3": "restricted"},
            stands={"1": "remove", "3": "restrict_access"},
            revised=after,
        ),
    )


def _withdrawn(write: _Writer) -> tuple[Story, ...]:
    return (
        _decided(
            "withdrawn",
            "withdrawn after the measure: lifted",
            "pushed",
            write.notice(_GAMBLING),
            REMOVE,
            outcomes={"1": "restored"},
            stands={},
        ),
        _decided(
            "annulled",
            "annulled after the measure: lifted",
            "pushed",
            write.notice(_DRUGS),
            RESTRICT,
            outcomes={"1": "restored"},
            stands={},
        ),
        _decided(
            "remedied_account",
            "remedied: the account is lifted",
            "pushed",
            write.about(_FRAUD, "shop", "account"),
            SUSPEND,
            outcomes={"1": "restored"},
            stands={},
        ),
        _decided("remedied_post", "remedied: the post is not republished", "pushed", write.notice(_BULLYING), REMOVE),
        _decided(
            "held", "an order about an object that another names", "pushed", write.about(_GAMBLING, "bet"), REMOVE
        ),
        _decided(
            "held_too", "withdrawn, but another order holds the object", "pushed", write.about(_GAMBLING, "bet"), REMOVE
        ),
        Story("early", "withdrawn before any decision", "pushed", write.notice(_DRUGS), end="cancelled"),
        Story("first", "its cancellation came before it", "pushed", write.notice(_FRAUD), end="cancelled"),
    )


def _polled(write: _Writer) -> tuple[Story, ...]:
    return (
        _decided("court", "a court order from the feed", "polled", write.notice(_PERSONAL), REMOVE),
        _decided("adult", "a recommendation: a term of working days", "polled", write.notice(_ADULT), AGE),
        _decided(
            "slow",
            "the platform needs a while",
            "polled",
            write.about(_DRUGS, "channel", "channel"),
            RESTRICT,
            mood="slow",
        ),
        _decided("gone", "gone before the notice came", "polled", write.notice(_FRAUD), GONE),
        _decided("reminded", "the authority reminds", "polled", write.notice(_GAMBLING, 2), REMOVE, REMOVE),
        _decided("both", "pushed, and in the feed as well: one case", "both", write.notice(_BULLYING), REMOVE),
    )


def _typed_in(write: _Writer) -> tuple[Story, ...]:
    return (
        _decided("letter", "a letter, vouched for and answered by hand", "typed in", write.notice(_PERSONAL), REMOVE),
        _decided("doubted", "an e-mail that nobody vouches for", "typed in", write.notice(_GAMBLING), DOUBTED),
    )


def _in_the_outage(write: _Writer) -> tuple[Story, ...]:
    return (
        _decided(
            "down",
            "answered while the regulator is down",
            "pushed",
            write.notice(_GAMBLING, 2),
            REMOVE,
            RESTRICT,
            held_back=True,
        ),
    )
