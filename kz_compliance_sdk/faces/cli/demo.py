"""`kz-compliance demo`: the whole job on one machine, with a regulator whose books can be looked into.

A mock regulator, the receiver and the worker run as processes on loopback ports; this process is the office.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from kz_compliance_sdk.faces.cli.command import Option, command, root
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.session import Session, at_file, wrong


@command(root, "demo")
def demo(
    session: Session,
    serve: Annotated[bool, Option("--serve", help="Keep everything running afterwards, to look around.")] = False,
    profile: Annotated[Literal["rfc9421", "standard-webhooks"], Option(help="How messages are signed.")] = "rfc9421",
    keep: Annotated[
        Path | None, Option(metavar="DIR", help="Keep the files of the run here: a new or empty directory.")
    ] = None,
    seed: Annotated[int, Option(min=1, max=9_999, help="The same stories about other notices.")] = 1,
    fast: Annotated[bool, Option("--fast", help="Do not pause for whoever watches.")] = False,
) -> None:
    """Show the main job, from a notice's arrival to the receipt for its answer, on some thirty varied notices.

    Everything stays on this machine. Exit code 0 only if the regulator's own books agree with ours; 4 names what does
    not.
    """
    from kz_compliance_sdk.faces.cli.demo_stories import perform

    with _directory(keep) as directory:
        agrees = perform(session, directory, profile, seed, paced=not fast, serve=serve)
    if not agrees:
        raise typer.Exit(FOUND)


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="kz-compliance-demo-") as name:
            yield Path(name).resolve()
        return
    if os.path.lexists(keep) and (not keep.is_dir() or any(keep.iterdir())):
        raise wrong("--keep", f"{keep} is there and not empty.", "Name a new or an empty directory.")
    with at_file("--keep", keep, "written", "Name a directory of yours."):
        keep.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=keep).close()
    yield keep.resolve()
