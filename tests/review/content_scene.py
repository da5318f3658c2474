"""A desk with a Content port, and a moderator who holds a case."""

from __future__ import annotations

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.commands.review import Lease
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.notice import Item
from kz_compliance_sdk.services.looking import Seen
from kz_compliance_sdk.testing.content import naming
from tests.case_makers import a_notice, measure, proposal
from tests.scene import M1, PLATFORM, Host


def claimed(host: Host, *names: str, category: str = "illegal_gambling", seed: int = 1) -> Lease:
    items = tuple(Item(item_id=str(n), object_id=f"post:{name}") for n, name in enumerate(names or ("A",), 1))
    host.push(a_notice(seed=seed, category=category).model_copy(update={"items": items}), f"msg-{seed}")
    lease = host.taking.claim(M1).result()
    assert lease is not None
    return lease


def look(host: Host, lease: Lease) -> tuple[Seen, ...]:
    return host.looking.look(M1, lease.case.id, lease.token)


def propose(host: Host, lease: Lease, chosen: Proposal | None = None) -> str:
    chosen = naming(chosen or proposal(measure("1")), look(host, lease))
    return host.take(M1, lease.case.id, commands.Propose(lease.token, chosen)).digest


def case_of(host: Host, lease: Lease) -> Case:
    return host.store.queries(PLATFORM).case(lease.case.id)


def pages(host: Host) -> list[str]:
    host.drain()
    return [alert.reason for alert in host.world.pager.alerts]
