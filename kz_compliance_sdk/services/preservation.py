"""Telling people that a sealed copy need not be kept any longer. Nothing is deleted by this."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from kz_compliance_sdk.domain import preservation
from kz_compliance_sdk.domain.change import Change, Hold
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.faults import kind_and_place

_AT_ONCE = 200
_log = logging.getLogger("kz_compliance_sdk.watch")


def tell_ended(store: Store, platform_id: str, now: int | None = None) -> int:
    """Record and tell each preservation that is over at `now` (UTC seconds; by default the store's clock), once.
    Returns for how many cases. A case with which that fails holds up no other. Raises StoreError."""

    def over(tx: Tx) -> tuple[Change, dict[str, list[Hold]]]:
        cases: dict[str, list[Hold]] = {}
        for hold in tx.preservation_over(tx.now if now is None else now, _AT_ONCE):
            cases.setdefault(hold.case_id, []).append(hold)
        return (), cases

    told = 0
    for case_id, holds in store.submit(platform_id, over).result().items():
        try:
            store.submit(platform_id, partial(_tell, case_id=case_id, known=holds)).result()
            told += 1
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  told, and tried again with the next watch
            _log.error("case %s: the end of its preservation could not be told: %s", case_id, kind_and_place(error))
    return told


def _tell(tx: Tx, case_id: str, known: Sequence[Hold]) -> tuple[Change, None]:
    # Another worker may have told it, and a measure may have been lifted, since the list was read.
    standing = tx.holds({hold.object_key for hold in known})
    holds = [hold for hold in known if hold in standing]
    return (preservation.preservation_ended(tx.case(case_id), holds, tx.stamp()) if holds else ()), None
