"""Ways in which content changes while another effect of its case is still under way: a walk takes them too rarely."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.ports import Effect, EffectResult, Failed
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal
from tests.scene import M1, Host


def _two(host: Host, first: Callable[[Effect], EffectResult | None]) -> Notice:
    """The second of two measures takes a while."""
    items = (Item(item_id="1", object_id="post:A"), Item(item_id="2", object_id="post:B"))
    notice = a_notice().model_copy(update={"items": items})
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.world.platform.faults += [lambda e: first(e) if e.item_id == "1" else Failed("busy")] * 2
    host.drain()
    return notice


def _changes(host: Host) -> None:
    host.world.content.write("post:B", "edited")
    host.world.clock.advance(60)
    host.drain()


def _while_asked(host: Host) -> None:
    _two(host, lambda _effect: Failed("no such object", permanent=True))
    lease = host.taking.claim(M1).result()
    assert lease is not None
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))
    _changes(host)


def _while_claimed(host: Host) -> None:
    _two(host, lambda _effect: Failed("no such object", permanent=True))
    assert host.taking.claim(M1).result() is not None
    _changes(host)


def _while_queued(host: Host) -> None:
    _two(host, lambda _effect: Failed("no such object", permanent=True))
    _changes(host)


def _while_lifting(host: Host) -> None:
    notice = _two(host, lambda _effect: None)
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-2")
    host.world.platform.faults += [lambda _effect: Failed("busy")] * 2
    _changes(host)


CONTENT_DETOURS: Mapping[str, Callable[[Host], None]] = {
    "asked": _while_asked,
    "claimed": _while_claimed,
    "queued": _while_queued,
    "lifting": _while_lifting,
}
