"""An object of the platform, read from its stream."""

from __future__ import annotations

from kz_compliance_sdk.domain.fold import PlatformObject, object_in
from kz_compliance_sdk.domain.values import object_stream
from kz_compliance_sdk.ports import Store, Tx
from tests.case_makers import PLATFORM


def object_of(store: Store, key: str) -> PlatformObject:
    """The object that is called `key`."""

    def read(tx: Tx) -> tuple[tuple[()], PlatformObject]:
        name = object_stream(key, tx.stamp().keyed)
        return (), object_in(tx.streams([name])[name])

    return store.submit(PLATFORM, read).result()
