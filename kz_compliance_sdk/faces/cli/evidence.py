"""Proofs: evidence packs and the key that verifies them, the ledger and its checkpoints."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from kz_compliance_sdk.domain.forms import SEALED
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import views
from kz_compliance_sdk.faces.cli.command import Answer, Argument, Option, Said, audit, cases, command, evidence
from kz_compliance_sdk.faces.cli.exits import FOUND, NOT_PROVABLE, OK
from kz_compliance_sdk.faces.cli.screen import counting, echo, write_document
from kz_compliance_sdk.faces.cli.session import (
    CaseArgument,
    Session,
    by_option,
    case_id_of,
    new_file,
    read_bytes,
    wrong,
)
from kz_compliance_sdk.faces.documents import Document, fields

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_MOST_OF_A_KEY = 10_000
_REMEDY = "Name the file as you received it."
_EXITS = {"whole": OK, "broken": FOUND, "not_provable": NOT_PROVABLE}


@command(cases, "evidence", "Look")
def make(
    session: Session,
    case: CaseArgument,
    out: Annotated[Path, Option(metavar="FILE", help="Write the zip there; never over another file.")],
    lang: Annotated[str, Option(help="kk, ru or en: of the page and of README.txt.")] = "ru",
    full: Annotated[
        bool, Option("--full", help="With every name and every byte. Takes a lead, legal or head, and --reason.")
    ] = False,
    reason: Annotated[str, Said("--reason", f"Who receives it, and on what ground. {SEALED}", is_needed=False)] = "",
) -> Answer:
    """Write the evidence pack of a case: signed, readable, verifiable offline, and without names unless --full.

    That it was made is an event of the case.
    """
    with session.desk() as desk, new_file(out) as stream:
        actor = session.actor(desk.settings)
        pack = desk.evidence(actor, case_id_of(desk, case), lang=lang, full=full, reason=reason)
        stream.write(pack)
        signing = desk.settings.signing()
    key_id = signing.key_id if signing is not None and signing.algorithm == "ed25519" else None
    form = "full" if full else "redacted"
    document = Document(file=str(out), size=len(pack), form=form, lang=lang, signed_by=key_id)
    then = f"Check it: kz-compliance evidence verify {out} --key FILE"
    if key_id is None:
        then = "It is not signed: this platform has no Ed25519 key (signing_key)."
    return Answer(document, f"The {form} evidence pack is in {out}.\n{then}")


@command(evidence, "verify")
def verify_pack(
    session: Session,
    pack: Annotated[Path, Argument(metavar="FILE", help="The pack.")],
    key: Annotated[
        Path | None, Option(metavar="FILE", help="The platform's public key, in base64 or PEM. Never from the pack.")
    ] = None,
    sender_key: Annotated[
        Path | None, Option(metavar="FILE", help="The authority's public key: did it sign its receipts and messages?")
    ] = None,
    checkpoint: Annotated[
        Path | None, Option(metavar="FILE", help="Checkpoints of the platform that were kept elsewhere, one a line.")
    ] = None,
) -> Answer:
    """Check a pack with a published key and a checkpoint from elsewhere. Exit code 4 if anything does not hold.

    Without such a checkpoint the verdict is `not_provable`, exit code 10: who has the key can invent a history whole.
    """
    from kz_compliance_sdk.evidence.verify_pack import MAX_PACK, read_key, verified

    def public(path: Path | None, option: str) -> Ed25519PublicKey | None:
        with by_option({"key": option}):
            return None if path is None else read_key(read_bytes(option, path, _REMEDY, _MOST_OF_A_KEY))

    ours, senders = public(key, "--key"), public(sender_key, "--sender-key")
    held = None if checkpoint is None else read_bytes("--checkpoint", checkpoint, _REMEDY, MAX_PACK)
    with by_option({"checkpoint": "--checkpoint"}):
        verdict = verified(read_bytes("FILE", pack, _REMEDY, MAX_PACK + 1), ours, senders, held)
    names = ("platform_id", "case_id", "form", "made_at", "audit_head", "audit_length")
    document = Document(
        intact=not verdict.problems,
        verdict=verdict.verdict,
        proved_event=verdict.proved_event,
        signature=verdict.signature,
        sender=verdict.sender,
        **{name: verdict.manifest.get(name) for name in names},
        problems=[fields(one, "code where what") for one in verdict.problems],
        _manifest=names if verdict.manifest else (),
        _sender_asked=senders is not None,
    )
    return Answer(document, views.pack, _EXITS[verdict.verdict])


@command(evidence, "key")
def key(session: Session) -> Answer:
    """Print the public key that verifies this platform's packs and reports. Publish it where people will look."""
    signing = session.settings().signing()
    if signing is None or signing.algorithm != "ed25519":
        raise ConfigError(
            "this platform has no Ed25519 key.", field="signing_key", remedy="Add one: without it no pack is signed."
        )
    public = base64.b64encode(signing.verification_material()).decode("ascii")
    document = Document(key_id=signing.key_id, alg="ed25519", public_key=public)
    return Answer(document, lambda shown: echo(shown["public_key"]))


# ---------------------------------------------------------------------------------------------- the ledger


@command(audit, "verify")
def verify(
    session: Session,
    case: Annotated[str | None, Argument(metavar="[CASE]", help="One case; without it, all.")] = None,
    held: Annotated[
        str | None,
        Option(
            "--checkpoint",
            metavar="FILE",
            help="What was kept elsewhere: checkpoints, or reports that carry one, a JSON document on each line. "
            "- reads standard input.",
        ),
    ] = None,
) -> Answer:
    """Check the ledger of one case or of all. Exit code 4 if anything was changed, cut, rewritten or put back."""
    remedy = "Name the file in which the checkpoints were kept, or - for standard input."
    kept = None if held is None else read_bytes("--checkpoint", held, remedy)
    with session.desk() as desk:
        case_id = None if case is None else case_id_of(desk, case)
        with counting() as progress:
            verdict = desk.verify_audit(case_id, progress, checkpoint=kept)
        erased_at = None if case_id is None or verdict.faults else desk.case(case_id).erased_at
    faults = [fields(fault, "case:case_id seq what") for fault in verdict.faults]
    told = fields(verdict, "checked intact erased faults not_provable", faults=faults)
    document = Document(told, _erased_at=erased_at)
    return Answer(document, views.verified, FOUND if verdict.faults else OK)


@command(audit, "checkpoint")
def checkpoint(session: Session) -> None:
    """Make a checkpoint over all cases now, hand it to who keeps them, and print it: one line, to be kept elsewhere."""
    with session.desk() as desk:
        echo(desk.proof.checkpoint().line.decode("utf-8"))


@command(audit, "prove")
def prove(
    session: Session,
    case: Annotated[
        str | None, Argument(metavar="[CASE]", help="The case to prove; without it, the growth since --since.")
    ] = None,
    since: Annotated[int | None, Option("--since", metavar="SIZE", help="The size of an earlier checkpoint.")] = None,
) -> None:
    """Print what proves that the last checkpoint holds a case, or continues an earlier one. RFC 9162, as JSON."""
    if (case is None) == (since is None):
        raise wrong("CASE", "it is not clear what to prove.", "Give either a case or --since.")
    with session.desk() as desk:
        if case is not None:
            write_document(desk.proof.prove(case_id_of(desk, case)))
        elif since is not None:
            write_document(desk.proof.prove_growth(since))
