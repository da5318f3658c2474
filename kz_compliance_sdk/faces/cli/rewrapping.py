"""One master key in another's place."""

from __future__ import annotations

from typing import Any

import typer

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.session import Json, Session

__all__ = ["rewrap"]

_TELL_EVERY = 10_000


def rewrap(ctx: typer.Context, as_json: Json = False) -> None:
    """Wrap the key of every case with the present master key. Afterwards the earlier ones can be destroyed.

    Only then can backups that were made before no longer be read. Processes that write may go on meanwhile. A key that
    was damaged from outside is left as it is and named; the exit code is then 4.
    """
    from kz_compliance_sdk.adapters.sql import rewrapping
    from kz_compliance_sdk.assembly import master_keys

    session = Session.of(ctx)
    keys = master_keys(session.settings())
    if not keys.current:
        raise ConfigError("there is no master key.", field="privacy.master_key", remedy="Set it, then run this again.")

    def progress(count: int) -> None:
        if count % _TELL_EVERY == 0:
            session.tell(f"{count} keys ...")

    with session.desk() as desk:
        store: Any = desk.store
        done = rewrapping.rewrap(store.engine, store.path, keys, desk.env.entropy, progress)

    def show() -> None:
        screen.say(f"{done.count} keys were wrapped with {keys.current}. No other master key is needed any more.")
        for owner in done.damaged:
            screen.say(f"The key of {owner} was damaged from outside and opens with none: see audit verify.")

    found = {"rewrapped": done.count, "master_key_id": keys.current, "damaged": list(done.damaged)}
    session.answer(found, show)
    if done.damaged:
        raise typer.Exit(FOUND)
