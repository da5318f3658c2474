"""One dialect and one cache of compiled statements for every engine of a run.

SQLAlchemy compiles a statement once for each engine, and nearly every test opens a store of its own: a tenth of the
quick part went into compiling the same statements. The whole suite leaves each engine what it has of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, Pool, create_engine, event

from kz_compliance_sdk.adapters.sql import store


@cache
def _pattern(module: ModuleType) -> Engine:
    """An engine that was connected once: before that a dialect does not know its database."""
    made = create_engine("sqlite://", module=module, paramstyle="qmark")
    made.connect().close()
    made.dispose()
    return made


def _create_engine(
    _url: str, *, module: ModuleType, creator: Callable[[], Any], poolclass: type[Pool], **_: Any
) -> Engine:
    pattern = _pattern(module)
    pool, on_connect = poolclass(creator, dialect=pattern.dialect), pattern.dialect.on_connect()
    if on_connect is not None:
        event.listen(pool, "connect", lambda connection, _record: on_connect(connection))
    made = Engine(pool, pattern.dialect, pattern.url)
    made._compiled_cache = pattern._compiled_cache
    return made


def share(patch: pytest.MonkeyPatch) -> None:
    """Let the engines that are made from here on share them."""
    patch.setattr(store, "create_engine", _create_engine)
