"""What the two databases say differently within a statement: written once here, so that each statement is.

SQLite takes any type anywhere, so a value that somebody put there is looked at before it is believed. PostgreSQL keeps
to the type of the column, and there is nothing to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Dialect, Integer, LargeBinary, Select, Table, Text, bindparam, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"


@cache
def dialect_of(name: str) -> Dialect:
    """That of a database, by its name, with the parameters of its driver's own connection."""
    if name == POSTGRESQL:
        # Here, as below: it brings all drivers of PostgreSQL and asyncio, for which who has a file need not wait.
        from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

        # With any other style psycopg's dialect names no parameters in their order.
        return PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
    return sqlite.dialect(paramstyle="qmark")


def insert_into(table: Table, dialect: Dialect) -> Any:
    """A new row, which may say what becomes of one that is there already."""
    if dialect.name == POSTGRESQL:
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    return sqlite.insert(table)


class _Asked(FunctionElement[Any]):
    """One value, asked of in the words of each database."""

    inherit_cache = True


class raw(_Asked):  # noqa: N801  it stands in statements like a function of the database
    """Its bytes, whatever somebody put there: a text that is none would end the statement, and with it the reading of
    every other stream."""

    name, type, inherit_cache = "raw", LargeBinary(), True


class whole(_Asked):  # noqa: N801
    """A whole number, NULL for anything else that SQLite took in its place."""

    name, type, inherit_cache = "whole", BigInteger(), True


class as_it_is(_Asked):  # noqa: N801
    """A value whatever somebody put in its place, which would end the statement where it is a text that is none: a
    text by its bytes, NULL for anything else that no text may be, -1 for what is no number."""

    name, inherit_cache = "as_it_is", True


class is_whole(_Asked):  # noqa: N801
    """Whether it is a whole number."""

    name, type, inherit_cache = "is_whole", Boolean(), True


class is_text(_Asked):  # noqa: N801
    """Whether it is a text."""

    name, type, inherit_cache = "is_text", Boolean(), True


class place_in(_Asked):  # noqa: N801
    """Where bytes begin in others, from 1; 0 where they are not."""

    name, type, inherit_cache = "place_in", Integer(), True


class each(_Asked):  # noqa: N801
    """The elements of a list in JSON, as a table: a list is one parameter, however long."""

    name, type, inherit_cache = "each", Text(), True


class each_keyed(_Asked):  # noqa: N801
    """The same of an object, by its keys."""

    name, type, inherit_cache = "each_keyed", Text(), True


class number(_Asked):  # noqa: N801
    """An element that is a number."""

    name, type, inherit_cache = "number", BigInteger(), True


class text_at(_Asked):  # noqa: N801
    """What stands at a place, from 0, of an element that is a list."""

    name, type, inherit_cache = "text_at", Text(), True


def in_list(name: str) -> Select[Any]:
    """What stands in the parameter of this name, a list of texts in JSON."""
    return select(each(bindparam(name)).table_valued("value").c.value)


def in_numbers(name: str) -> Select[Any]:
    """The same of a list of numbers."""
    return select(number(each(bindparam(name)).table_valued("value").c.value))


def _given(element: Any, compiler: Any, **kw: Any) -> list[str]:
    return [compiler.process(one, **kw) for one in element.clauses]


def _says(kind: type[_Asked], said: Callable[..., str], *, on: str) -> None:
    @compiles(kind, on)
    def compile_(element: Any, compiler: Any, **kw: Any) -> str:
        return said(*_given(element, compiler, **kw))


_says(raw, lambda it: f"CAST({it} AS BLOB)", on=SQLITE)
_says(whole, lambda it: f"CASE WHEN (typeof({it}) = 'integer') THEN {it} END", on=SQLITE)
_says(whole, lambda it: it, on=POSTGRESQL)
_says(as_it_is, lambda it: it, on=POSTGRESQL)
_says(is_whole, lambda it: f"typeof({it}) = 'integer'", on=SQLITE)
_says(is_whole, lambda it: f"{it} IS NOT NULL", on=POSTGRESQL)
_says(is_text, lambda it: f"typeof({it}) = 'text'", on=SQLITE)
_says(is_text, lambda it: f"{it} IS NOT NULL", on=POSTGRESQL)
_says(place_in, lambda it, among: f"instr({among}, {it})", on=SQLITE)
_says(place_in, lambda it, among: f"position({it} IN {among})", on=POSTGRESQL)
_says(each, lambda given: f"json_each({given})", on=SQLITE)
_says(each, lambda given: f"json_array_elements_text(CAST({given} AS JSON))", on=POSTGRESQL)
_says(each_keyed, lambda given: f"json_each({given})", on=SQLITE)
_says(each_keyed, lambda given: f"json_each_text(CAST({given} AS JSON))", on=POSTGRESQL)
_says(number, lambda it: it, on=SQLITE)
_says(number, lambda it: f"CAST({it} AS BIGINT)", on=POSTGRESQL)
_says(text_at, lambda it, n: f"json_extract({it}, '$[{n}]')", on=SQLITE)
_says(text_at, lambda it, n: f"(CAST({it} AS JSON) ->> {n})", on=POSTGRESQL)


@compiles(raw, POSTGRESQL)
def _raw(element: Any, compiler: Any, **kw: Any) -> str:
    (it,), (said,) = element.clauses, _given(element, compiler, **kw)
    return said if isinstance(it.type, LargeBinary) else f"convert_to({said}, 'UTF8')"


@compiles(as_it_is, SQLITE)
def _as_it_is(element: Any, compiler: Any, **kw: Any) -> str:
    (it,), (said,) = element.clauses, _given(element, compiler, **kw)
    if it.type.python_type is str:
        return f"CASE WHEN (typeof({said}) = 'text') THEN CAST({said} AS BLOB) END"
    return f"CASE WHEN (typeof({said}) IN ('integer', 'null')) THEN {said} ELSE -1 END"
