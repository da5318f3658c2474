"""What was seen is what is acted upon: the content is compared once more before anything is carried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands, holding
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.ports import Effect, EffectResult, Failed, InForce, Pending, Reference
from kz_compliance_sdk.services.loading import case_file_of
from kz_compliance_sdk.testing import builders
from kz_compliance_sdk.testing.content import naming
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.review.content_scene import case_of, claimed, pages, propose
from tests.scene import M1, M2, PLATFORM, Host, World


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(World(tmp_path / "desk.sqlite3", can_look=True))
    yield made
    made.check_chains()
    made.store.close()


# ------------------------------------------------------------------------------------------------- enforcing


def test_the_platform_is_given_the_digest_the_object_and_the_time_to_keep_a_copy(host: Host) -> None:
    given: list[Effect] = []

    def look_at(effect: Effect) -> EffectResult | None:
        given.append(effect)
        return None

    host.world.platform.faults.append(look_at)
    lease = claimed(host)
    propose(host, lease)
    host.drain()
    (seen,) = case_file_of(host.store.queries(PLATFORM), lease.case.id, 0).content
    assert [(one.content_sha256, one.object_id) for one in given] == [(seen.digest, "post:A")]
    assert given[0].preserve_until == seen.seen_at + host.policy.preservation_s


def test_the_object_that_an_address_leads_to_reaches_the_platform(host: Host) -> None:
    given: list[Effect] = []
    host.world.platform.faults.append(lambda effect: given.append(effect))
    plain = host.world.content.resolve
    host.world.content.resolve = lambda reference: plain(  # type: ignore[method-assign]
        Reference("", "post:77", "") if reference.url else reference
    )
    url = "https://social.example/p/77"
    host.push(a_notice().model_copy(update={"items": (Item(item_id="1", url=url),)}), "msg-1")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    propose(host, lease)
    host.drain()
    assert [(one.object_key, one.object_id) for one in given] == [(f"url:{url}", "post:77")]


@pytest.mark.parametrize("gone", [False, True])
def test_content_that_changed_in_the_undo_window_is_not_acted_upon(host: Host, gone: bool) -> None:
    lease = claimed(host, "A", "B")
    propose(host, lease, proposal(measure("1"), measure("2")))
    if gone:
        host.world.content.remove("post:A")
    else:
        host.world.content.write("post:A", "edited")
    host.drain()
    assert host.world.platform.effects == {"object:post:B": "remove"}, "one item never holds up the others"
    case = case_of(host, lease)
    assert case.state is CaseState.QUEUED
    assert case.open_items == {"1"}
    assert f"content_{'gone' if gone else 'changed'}:1" in case.flags
    assert "content_changed" in pages(host)
    (attempt,) = [a for a in host.records(case.id).attempts if a.result == "content_changed"]
    assert attempt.number == 1
    # People look again, and decide about what is there now.
    again = host.taking.claim(M2).result()
    assert again is not None
    seen = host.looking.look(M2, case.id, again.token)
    chosen = proposal(refusal("1", "already_unavailable", finding="not_assessed") if gone else measure("1"))
    host.take(M2, case.id, commands.Propose(again.token, naming(chosen, seen)))
    host.drain()
    assert case_of(host, lease).state is CaseState.CLOSED
    last = host.world.regulator.reports()[-1]["items"]
    assert [item["outcome"] for item in last] == ["already_unavailable" if gone else "removed", "removed"]


def test_without_the_look_the_edited_content_would_have_been_removed(tmp_path: Path) -> None:
    """The control of the tests above."""
    host = Host(World(tmp_path / "desk.sqlite3"))
    host.push(a_notice(), "msg-1")
    host.decide(proposal(measure("1")))
    for item in a_notice().items:
        host.world.content.write(item.object_id or "", "edited")
    host.drain()
    assert list(host.world.platform.effects.values()) == ["remove"]
    host.store.close()


def test_a_port_that_fails_as_it_is_to_be_enforced_is_tried_again_and_people_hear_of_it(host: Host) -> None:
    lease = claimed(host)
    propose(host, lease)
    host.world.content.fail_next(*[RuntimeError("down")] * 5)
    for _ in range(5):
        host.drain()
        assert host.world.platform.calls == []
        host.world.clock.advance(120)
    assert "enforce_stuck" in pages(host)
    host.world.clock.advance(900)
    host.drain()
    assert host.world.platform.effects == {"object:post:A": "remove"}
    assert case_of(host, lease).state is CaseState.CLOSED


@pytest.mark.parametrize("how", ["pending", "raises"])
def test_what_an_earlier_attempt_has_removed_is_not_taken_for_content_that_its_author_deleted(
    host: Host, how: str
) -> None:
    def first(effect: Effect) -> EffectResult:
        host.world.content.remove(effect.object_id)  # a port that does not keep to its rule
        if how == "raises":
            raise RuntimeError("the connection broke after the work was done")
        return Pending(host.world.clock() + 30)

    host.world.platform.faults.append(first)
    lease = claimed(host)
    propose(host, lease)
    host.drain()
    host.world.clock.advance(60)
    host.drain()
    assert case_of(host, lease).state is CaseState.CLOSED
    assert host.world.platform.effects == {"object:post:A": "remove"}


def test_after_a_plain_failure_the_content_is_compared_again(host: Host) -> None:
    host.world.platform.faults.append(lambda _effect: Failed("busy"))
    lease = claimed(host)
    propose(host, lease)
    host.drain()
    host.world.content.write("post:A", "edited")
    host.world.clock.advance(60)
    host.drain()
    assert host.world.platform.effects == {}
    assert case_of(host, lease).state is CaseState.QUEUED


def test_what_must_be_lifted_is_lifted_whatever_the_content_is(host: Host) -> None:
    lease = claimed(host)
    propose(host, lease)
    host.drain()
    host.world.content.write("post:A", "edited")
    host.push(builders.cancellation(a_notice(), "withdrawn"), "msg-2")
    host.drain()
    assert host.world.platform.effects == {"object:post:A": "restore"}


def test_a_worker_without_a_port_does_not_enforce_what_must_be_compared(host: Host) -> None:
    lease = claimed(host)
    propose(host, lease)
    host.world.can_look = False
    host.drain()
    assert host.world.platform.calls == []
    (tried,) = [a for a in host.records(lease.case.id).attempts if a.result == "failed"]
    assert "no_content_port" in tried.detail


def test_what_was_removed_and_could_not_be_recorded_is_not_taken_for_content_that_its_author_deleted(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removes(effect: Effect) -> EffectResult:
        host.world.content.remove(effect.object_id)  # a port that does not keep to its rule
        return InForce(host.world.clock())

    host.world.platform.faults.append(removes)
    lease = claimed(host)
    propose(host, lease)
    with monkeypatch.context() as patch:
        patch.setattr(holding, "measure_in_force", _broken)
        host.drain()
    assert case_of(host, lease).state is CaseState.DECIDED
    host.world.clock.advance(60)
    host.drain()
    assert case_of(host, lease).state is CaseState.CLOSED


def _broken(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of this program")
