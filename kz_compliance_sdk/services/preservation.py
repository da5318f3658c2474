"""Telling people that a sealed copy need not be kept any longer. Nothing is deleted by this."""

from __future__ import annotations

import logging
from functools import partial

from kz_compliance_sdk.domain import preservation
from kz_compliance_sdk.domain.change import Change
from kz_compliance_sdk.errors import StoreError
from kz_compliance_sdk.ports import Store, Tx
from kz_compliance_sdk.services.faults import kind_and_place
from kz_compliance_sdk.services.loading import objects_of

_AT_ONCE = 200
_log = logging.getLogger("kz_compliance_sdk.watch")


def tell_ended(store: Store, platform_id: str, now: int | None = None) -> int:
    """Record and tell each preservation that is over at `now` (UTC seconds; by default the store's clock), once.
    Returns for how many cases. A case with which that fails holds up no other. Raises StoreError."""

    def over(tx: Tx) -> tuple[Change, list[str]]:
        return (), tx.preservation_over(tx.now if now is None else now, _AT_ONCE)

    told = 0
    for case_id in store.submit(platform_id, over).result():
        try:
            told += store.submit(platform_id, partial(_tell, case_id=case_id, now=now)).result()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  told, and tried again with the next watch
            _log.error("case %s: the end of its preservation could not be told: %s", case_id, kind_and_place(error))
    return told


def _tell(tx: Tx, case_id: str, now: int | None) -> tuple[Change, bool]:
    # By a row it is found. Another worker may have told it, and a measure may have been lifted, since that was read.
    at, case = tx.now if now is None else now, tx.case(case_id)
    objects = objects_of(tx, case)
    over = [item for item in case.items if 0 < objects.kept_until(case, item) <= at]
    return (preservation.preservation_ended(case, over, objects, tx.stamp()) if over else ()), bool(over)
