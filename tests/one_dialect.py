"""One dialect and one cache of compiled statements for every engine of a run.

SQLAlchemy compiles a statement once for each engine, and nearly every test opens a store of its own: a tenth of the
quick part went into compiling the same statements. The whole suite leaves each engine what it has of its own.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from kz_compliance_sdk.adapters.sql import engine


@cache
def _pattern(module: ModuleType) -> Engine:
    """An engine that was connected once: before that a dialect does not know its database."""
    made = create_engine("sqlite://", module=module, paramstyle="qmark")
    made.connect().close()
    made.dispose()
    return made


def _create_engine(url: str, *, module: ModuleType, **options: Any) -> Engine:
    made, pattern = create_engine(url, module=module, **options), _pattern(module)
    made.dialect = made.pool._dialect = pattern.dialect
    made._compiled_cache = pattern._compiled_cache
    return made


def share(patch: pytest.MonkeyPatch) -> None:
    """Let the engines that are made from here on share them."""
    patch.setattr(engine, "create_engine", _create_engine)
