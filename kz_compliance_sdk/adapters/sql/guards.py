"""Guards: the database itself refuses to change what was decided, received, sent or recorded.

They stop a slip and a statement typed by hand, not somebody who may drop them: for that there is the audit trail. What
retention erases it may erase: a body becomes empty, a sealed text goes. Inserts into the tables of intake have no
guard, so that receiving a notice costs nothing more. A migration that rebuilds one of these tables for SQLite loses its
guards, and must set them again.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["guards", "statements"]

_EVIDENCE = (
    *("attempts", "audit", "cases", "inbox", "outbox"),
    *("checkpoint_leaves", "checkpoints"),
    *("events", "log", "parts", "streams"),
)
_SAID = (
    "notice_id", "authority_id", "quarantine_no", "revision", "state", "category", "received_at", "due_at", "urgent_at",
    "watch_at", "closed_at", "lease_token", "lease_owner", "lease_expires_at", "audit_seq", "audit_head", "doc",
)  # fmt: skip
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
    yield "audit_never_changes", "audit", "UPDATE", "", "an audit event never changes"
    yield (
        "inbox_never_changes",
        "inbox",
        "UPDATE",
        any_of(
            changed("platform_id", "sender", "message_id", "body_sha256", "source", "received_at"), rewritten("body")
        ),
        "what was received never changes",
    )
    yield (
        "cases_only_move_on",
        "cases",
        "UPDATE",
        any_of(
            "NEW.version < OLD.version",
            # What a case says changes with its version alone; a key or a part that is erased is none of that.
            f"(NEW.version = OLD.version AND ({changed(*_SAID)}))",
            "NEW.lease_token < OLD.lease_token",
            "NEW.audit_seq < OLD.audit_seq",
            changed("platform_id", "id"),
        ),
        "the version of a case grows with each change; its lease token and its count of events never go back",
    )
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
            changed("platform_id", "case_id", "id", "kind", "lane_seq", "item_id", "created_at"),
            rewritten("body", "lane"),
            f"(length(OLD.receipt) > 0 AND ({rewritten('receipt')}))",
            "NEW.attempts < OLD.attempts",
            "NEW.lease_token < OLD.lease_token",
        ),
        "what leaves never changes, and neither does its receipt",
    )
    yield (
        "checkpoint_leaves_never_change",
        "checkpoint_leaves",
        "UPDATE",
        any_of(changed("platform_id", "n", "case_id", "hash", "content"), rewritten("manifest")),
        "a leaf never changes: later ones follow it",
    )
    yield (
        "checkpoints_never_change",
        "checkpoints",
        "UPDATE",
        any_of(
            changed("platform_id", "number", "size", "root", "at", "complete", "peaks", "line", "left_out"),
            f"(OLD.told_at IS NOT NULL AND ({changed('told_at')}))",
        ),
        "a checkpoint never changes, and neither does the time at which it was handed out",
    )
    yield (
        "sealed_texts_never_change",
        "sealed_texts",
        "UPDATE",
        f"{changed('platform_id', 'case_id', 'seq', 'name')} OR {rewritten('text', 'salt')}",
        "a sealed text is erased, or stays as it is",
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
        for table in (*_EVIDENCE, "keys", "sealed_texts"):
            yield (
                f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
                f" EXECUTE FUNCTION {_FUNCTION}('{table}_not_emptied: nothing is deleted from here')"
            )
