"""The statements about data keys, and those that take personal data away when its time has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Table, and_, bindparam, case, func, insert, select, text, update

from kz_compliance_sdk.adapters.sql import tables as t


class PrivateStatements:
    """Parameters of each are named `k_` for keys and `v_` for values; the order is that of `names`."""

    def __init__(self, compiled: Callable[[Any], Any]) -> None:
        self.case_key = compiled(select(t.cases.c.data_key).where(_key(t.cases, "platform_id", "id")))
        self.renew_key = compiled(
            update(t.cases).where(_key(t.cases, "platform_id", "id")).values(data_key=bindparam("v_data_key"))
        )
        self.platform_key = compiled(select(t.platform_keys.c.key).where(_key(t.platform_keys, "platform_id", "name")))
        self.keep_platform_key = compiled(insert(t.platform_keys))
        of_case = ("platform_id", "case_id")
        # What the platform or the regulator would not take can never be sent again without its body.
        not_parked = case((t.outbox.c.state == text("'parked'"), text("'void'")), else_=t.outbox.c.state)
        self.erase: tuple[Any, ...] = (
            compiled(
                update(t.outbox)
                .where(_key(t.outbox, *of_case))
                .values(
                    {**_emptied("body", "receipt", "receipt_proof"), "lane": "", "item_id": "", "state": not_parked}
                )
            ),
            compiled(update(t.attempts).where(_key(t.attempts, *of_case)).values(_emptied("detail"))),
        )
        self.destroy_key = compiled(
            update(t.cases).where(_key(t.cases, "platform_id", "id")).values(_emptied("data_key", "private"))
        )
        self.holdings: dict[str, Any] = {
            "outgoing": compiled(_count(t.outbox).where(_key(t.outbox, *of_case), func.length(t.outbox.c.body) > 0)),
        }
        unsettled = text("state IN ('queued', 'leased', 'waiting')")
        self.under_way = compiled(_count(t.outbox).where(_key(t.outbox, *of_case), unsettled))


def _key(table: Table, *names: str) -> Any:
    return and_(*(table.c[name] == bindparam(f"k_{name}") for name in names))


def _emptied(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, b"")


def _count(table: Table) -> Any:
    return select(func.count()).select_from(table)
