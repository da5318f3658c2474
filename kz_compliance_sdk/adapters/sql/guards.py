"""Guards: the database itself refuses to change what was decided, received, sent or recorded.

They stop a slip and a statement typed by hand, not somebody who may drop them: for that there is the ledger. What
retention erases it may erase: a body becomes empty. Inserts into the tables of intake have no
guard, so that receiving a notice costs nothing more. A migration that rebuilds one of these tables for SQLite loses its
guards, and must set them again.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["guards", "statements"]

_EVIDENCE = (
    *("attempts", "cases", "outbox"),
    *("events", "log", "parts", "streams"),
)
_ERASED = "EXISTS (SELECT 1 FROM events WHERE stream = OLD.stream AND kind = 'erased')"
_FUNCTION = "kz_compliance_refuse"


def guards(dialect: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Each guard for `dialect` ("sqlite" or "postgresql"): name, table, event, when it refuses, and what it says."""
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"

    def changed(*columns: str) -> str:
        return " OR ".join(f"NEW.{name} {differs} OLD.{name}" for name in columns)

    def rewritten(*columns: str) -> str:
        """Changed, and not erased."""
        return " OR ".join(f"(length(NEW.{name}) > 0 AND NEW.{name} {differs} OLD.{name})" for name in columns)

    def any_of(*conditions: str) -> str:
        return " OR ".join(conditions)

    for table in _EVIDENCE:
        yield f"{table}_stay", table, "DELETE", "", "nothing is deleted from here"
    yield (
        "attempts_never_change",
        "attempts",
        "UPDATE",
        any_of(
            changed("platform_id", "case_id", "message_id", "number", "started_at"),
            f"(OLD.result <> 'lost' AND ({changed('ended_at', 'result')} OR {rewritten('detail')}))",
        ),
        "an attempt never changes once its result is known",
    )
    yield (
        "outbox_only_moves_on",
        "outbox",
        "UPDATE",
        any_of(
            changed("platform_id", "case_id", "id", "kind", "lane_seq", "created_at"),
            rewritten("body", "lane", "item_id"),
            f"(length(OLD.receipt) > 0 AND ({rewritten('receipt')}))",
            "NEW.attempts < OLD.attempts",
            "NEW.lease_token < OLD.lease_token",
        ),
        "what leaves never changes, and neither does its receipt",
    )

    for table in ("events", "log", "streams"):
        yield f"{table}_never_change", table, "UPDATE", "", "what happened never changes"
    yield (
        "parts_never_change",
        "parts",
        "UPDATE",
        any_of(changed("stream", "seq", "name", "class"), "OLD.class <> 'erasable'", "NEW.bytes IS NOT NULL"),
        "a part is erased, or stays as it is",
    )
    yield "keys_stay_of_their_stream", "keys", "UPDATE", changed("stream", "class"), "a key stays that of its stream"
    erased = f" OR NOT {_ERASED}" if dialect == "sqlite" else ""
    yield "keys_stay", "keys", "DELETE", f"OLD.class <> 'erasable'{erased}", "a key goes with what was erased alone"


def statements(dialect: str) -> Iterator[str]:
    """The statements that set the guards."""
    if dialect == "postgresql":
        yield (
            f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for name, table, event, when, says in guards(dialect):
        refused = f"{name}: {says}"
        if dialect == "sqlite":
            condition = f" WHEN {when}" if when else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition}"
                f" BEGIN SELECT RAISE(ABORT, '{refused}'); END"
            )
        else:
            condition = f" WHEN ({when})" if when else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{condition}"
                f" EXECUTE FUNCTION {_FUNCTION}('{refused}')"
            )
    if dialect == "postgresql":
        for table in (*_EVIDENCE, "keys"):
            yield (
                f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
                f" EXECUTE FUNCTION {_FUNCTION}('{table}_not_emptied: nothing is deleted from here')"
            )
