"""Orders that fall while another effect of their case is still on its way: too rare in a random walk to wait for."""

from __future__ import annotations

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import SYSTEM
from kz_compliance_sdk.domain.appeals import Reversal
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.report import Question, Statement
from kz_compliance_sdk.ports import Failed
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice, measure, proposal, refusal
from tests.scene import LEAD, LEGAL, M1, Host

REVERSAL = Reversal("not_illegal", "protected_speech", (Statement(lang="ru", text="Это сатира."),), text_checked=True)


def _half_done(host: Host) -> Notice:
    """The first of two measures can never be carried out, and the second takes a while."""
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.world.platform.faults += [
        lambda e: Failed("no such object", permanent=True) if e.item_id == "1" else Failed("busy")
    ] * 4
    host.drain()
    return notice


def falls_while_claimed(host: Host) -> None:
    """While a moderator holds what came back."""
    notice = _half_done(host)
    lease = host.taking.claim(M1).result()
    assert lease is not None
    host.take(LEAD, lease.case.id, commands.TakeOver("they went home"))
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-2")


def falls_while_asked(host: Host) -> None:
    """While the authority is asked about what came back."""
    notice = _half_done(host)
    lease = host.taking.claim(M1).result()
    assert lease is not None
    question = Question(text=(Statement(lang="ru", text="Что именно?"),))
    host.take(M1, lease.case.id, commands.RequestClarification(lease.token, (question,), text_checked=True))
    host.push(builders.cancellation(notice, "withdrawn", ("1",)), "m-2")


def falls_in_line(host: Host) -> None:
    """The second measure waits behind that of another case on the same object, and falls when the first is lifted."""
    host.push(about("B", seed=2), "m-0")
    host.decide(proposal(measure("1")))
    host.world.platform.faults += [lambda e: Failed("busy") if e.object_key.endswith("B") else None] * 8
    notice = about("A", "B")
    host.push(notice, "m-1")
    host.decide(proposal(measure("1"), measure("2")))
    host.drain()
    for name, item in (("m-2", "1"), ("m-3", "2")):
        host.push(builders.cancellation(notice, "withdrawn", (item,)), name)
        host.drain()


def falls_while_appealed(host: Host) -> None:
    """The measure is lifted by a later decision, then an amendment and a withdrawal leave nothing to decide; the appeal
    is still there, and its user gets an answer."""
    host.push(about("A"), "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    case = host.cases()[0]
    one = host.take(SYSTEM, case.id, commands.ReceiveAppeal("1", "It is satire.", host.world.clock(), "appeal-1"))
    host.take(LEAD, case.id, commands.Reopen("look again"))
    host.decide(proposal(refusal("1")))
    host.push(about("A").model_copy(update={"revision": 2}), "m-2")
    host.drain()
    host.push(builders.cancellation(about("A"), "withdrawn", revision=2), "m-3")
    assert host.cases()[0].state is CaseState.CANCELLED
    host.take(
        LEGAL, host.appeals.case_of(one.appeal_id), commands.DecideAppeal(one.appeal_id, "reverse", "it fell", REVERSAL)
    )
    host.drain()


def about(*objects: str, seed: int = 1) -> Notice:
    """A notice whose items 1, 2, ... are about these objects."""
    items = tuple(Item(item_id=str(n), object_id=f"post:{name}") for n, name in enumerate(objects, 1))
    return a_notice(seed=seed).model_copy(update={"items": items})
