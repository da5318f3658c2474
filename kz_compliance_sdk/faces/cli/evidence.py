"""What leaves the office about a case, and who looked at it: the evidence pack, its key, its verification."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from kz_compliance_sdk.domain.audit import Actor
from kz_compliance_sdk.errors import ConfigError, InvalidInput, NotAllowed, StoreError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.handed_in import by_option
from kz_compliance_sdk.faces.cli.session import CaseArgument, Json, Session, case_id_of, system_user

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import ComplianceDesk

__all__ = ["record_view", "register", "register_case"]

_SIGNATURE = {
    "good": "The signature is that of the key.",
    "bad": "The signature is not that of the key.",
    "none": "The pack is not signed.",
    "unchecked": "No key was given: whose pack it is was not checked.",
}
_SENDER = {
    "good": "Each message that came signed was signed with the authority's key.",
    "bad": "A message was not signed with the authority's key.",
    "none": "There is no message here as it was sent: only a full pack holds them.",
    "unchecked": "The messages were not checked: the pack itself does not hold.",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    group = typer.Typer(
        help="Evidence packs: verify one, and publish the key that verifies yours.", no_args_is_help=True
    )
    group.command("verify")(verify)
    group.command("key")(key)
    app.add_typer(group, name="evidence")


def register_case(app: typer.Typer) -> None:
    """Add the command to `cases`."""
    app.command("evidence", rich_help_panel="Look")(make)


def record_view(session: Session, desk: ComplianceDesk, case_id: str) -> None:
    """Record who looks at a case. An account that is nobody in the settings may read, and is recorded as an account.

    A store that takes no writes, or a system that names no account, keeps nobody from reading: it is said instead.
    """
    try:
        user = system_user()
        actor = desk.settings.actor_of(user)
        known = Actor(f"account:{user}", account=user) if actor is None else Actor(actor.id, actor.roles, user)
        desk.record_view(known, case_id)
    except (StoreError, NotAllowed) as error:
        session.tell(f"That you looked at this case could not be recorded: {error}")


def make(
    ctx: typer.Context,
    case: CaseArgument,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write the zip there; never over another file.")],
    lang: Annotated[str, typer.Option(help="kk, ru or en: of the page and of README.txt.")] = "ru",
    full: Annotated[
        bool, typer.Option("--full", help="With every name and every byte. Takes a lead, legal or head, and --reason.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Who receives it, and on what ground. It is sealed in the case.")] = "",
    as_json: Json = False,
) -> None:
    """Write the evidence pack of a case: signed, readable, verifiable offline, and without names unless --full.

    That it was made is an event of the case.
    """
    session = Session.of(ctx)
    with session.desk() as desk, _written(out) as stream:
        actor = session.actor(desk.settings)
        with by_option(lang="--lang", reason="--reason"):
            pack = desk.evidence(actor, case_id_of(desk, case), lang=lang, full=full, reason=reason)
        stream.write(pack)
        signed = desk.settings.signing()
    key_id = signed.key_id if signed is not None and signed.algorithm == "ed25519" else None
    document = {
        "file": str(out),
        "size": len(pack),
        "form": "full" if full else "redacted",
        "lang": lang,
        "signed_by": key_id,
    }

    def people() -> None:
        screen.say(f"The {document['form']} evidence pack is in {out}.")
        if key_id is None:
            screen.say("It is not signed: this platform has no Ed25519 key (signing_key).")
        else:
            screen.say(f"Check it: kz-compliance evidence verify {out} --key FILE")

    session.answer(document, people)


@contextmanager
def _written(out: Path) -> Iterator[BinaryIO]:
    """A new file that only its owner can read; gone again if what should be in it could not be made.

    It is there before anything is recorded: no case says that a pack was taken which never lay anywhere.
    """
    try:
        stream = open(out, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115  closed below
    except OSError as error:
        why = "it exists already" if isinstance(error, FileExistsError) else str(error.strerror)
        raise _unwritable(out, why) from None
    try:
        with stream:
            yield stream
    except OSError as error:
        out.unlink(missing_ok=True)
        raise _unwritable(out, str(error.strerror)) from None
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _unwritable(out: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{out} cannot be written: {why}.", field="--out", remedy="Name a new file in a folder of yours."
    )


def key(ctx: typer.Context, as_json: Json = False) -> None:
    """Print the public key that verifies this platform's packs and reports. Publish it where people will look."""
    session = Session.of(ctx)
    signing = session.settings().signing()
    if signing is None or signing.algorithm != "ed25519":
        raise ConfigError(
            "this platform has no Ed25519 key.", field="signing_key", remedy="Add one: without it no pack is signed."
        )
    public = base64.b64encode(signing.verification_material()).decode("ascii")
    document = {"key_id": signing.key_id, "alg": "ed25519", "public_key": public}
    session.answer(document, lambda: typer.echo(public))


def verify(
    ctx: typer.Context,
    pack: Annotated[Path, typer.Argument(metavar="FILE", help="The pack.")],
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The platform's public key, in base64 or PEM. Never from the pack."),
    ] = None,
    sender_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The authority's public key: did it sign the messages in a full pack?"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check an evidence pack with nothing but the pack and a published key. Exit code 4 if anything does not hold."""
    from kz_compliance_sdk.evidence.verify_pack import MAX_PACK, read_key, verified

    session = Session.of(ctx)
    with by_option(key="--key"):
        public = None if key is None else read_key(_read(key, "--key", 10_000))
    with by_option(key="--sender-key"):
        sender = None if sender_key is None else read_key(_read(sender_key, "--sender-key", 10_000))
    verdict = verified(_read(pack, "FILE", MAX_PACK + 1), public, sender)
    manifest = verdict.manifest
    shown = {
        name: manifest.get(name) for name in ("platform_id", "case_id", "form", "made_at", "audit_head", "audit_length")
    }
    document = {
        "intact": not verdict.problems,
        "signature": verdict.signature,
        "sender": verdict.sender,
        **shown,
        "problems": [{"code": one.code, "where": one.where, "what": one.what} for one in verdict.problems],
    }

    def people() -> None:
        if manifest:
            screen.show_fields("Evidence pack", [(name, str(value)) for name, value in shown.items()])
        screen.say(_SIGNATURE[verdict.signature])
        if sender is not None:
            screen.say(_SENDER[verdict.sender])
        if verdict.problems:
            rows = [(one.code, one.where, one.what) for one in verdict.problems]
            screen.show_table(("problem", "where", "what"), rows, whole=("problem",), lead=("problem", "where"))
        else:
            screen.say("What is in it is what the manifest names, and it fits together.")

    session.answer(document, people)
    if verdict.problems:
        raise typer.Exit(FOUND)


def _read(path: Path, field: str, most: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", field=field, remedy="Name the file as you received it."
        ) from None
