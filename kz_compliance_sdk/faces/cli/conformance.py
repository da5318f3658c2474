"""`kz-compliance conformance`: drive anybody's intake, or anybody's regulator, and say what does not hold."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from rich.text import Text

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import RegulatorError
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.command import Answer, Option, command, conformance
from kz_compliance_sdk.faces.cli.exits import FOUND, OK
from kz_compliance_sdk.faces.cli.session import Session, at_file, wrong
from kz_compliance_sdk.faces.cli.views import Shown, listing, table, told
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.testing.conformance.checks import Check, Report
    from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey


_FIRST: Final = "intake.accepted.status"
_HINT: Final = (
    "The first good notice was refused, so little of the rest means anything. Look at --url, --public-url, --profile "
    "and --platform-id, at the keys that the platform trusts, and at its clock."
)
_PROFILES: Final = ("rfc9421", "standard-webhooks")

Url = Annotated[str | None, Option(help="The address to drive.", show_default=False)]
ProfileName = Annotated[
    str | None,
    Option("--profile", metavar="|".join(_PROFILES), help="How messages are signed; by default as the settings."),
]
PlatformId = Annotated[str | None, Option(help="The platform's id; by default that of the settings, or social.")]
Only = Annotated[
    list[str] | None,
    Option("--only", metavar="NAME", help="Only these checks: a name, a group, or a pattern with *. Repeatable."),
]
Skip = Annotated[list[str] | None, Option("--skip", metavar="NAME", help="Not these checks. Repeatable.")]
ListThem = Annotated[bool, Option("--list", help="List the checks, and send nothing.")]
JUnit = Annotated[Path | None, Option("--junit", metavar="FILE", help="Write JUnit XML there as well.")]
Patience = Annotated[float, Option(min=0.1, max=300, help="Seconds to wait for an answer.")]


@command(conformance, "intake")
def intake(
    session: Session,
    url: Url = None,
    public_url: Annotated[
        str | None, Option(help="The address that signatures cover, as the platform has it; by default --url.")
    ] = None,
    inspect: Annotated[
        str | None, Option(metavar="URL", help="The inspection interface; without it only replies are checked.")
    ] = None,
    profile: ProfileName = None,
    platform_id: PlatformId = None,
    host: Annotated[str, Option(help="A host name that the platform's content lies under.")] = "social.example",
    keys: Annotated[
        Path | None, Option(metavar="FILE", help="Keys of your own (JSON) in place of the published ones.")
    ] = None,
    max_body: Annotated[int, Option(min=1024, help="The largest body that the platform takes.")] = 262_144,
    any_code: Annotated[bool, Option("--any-code", help="Judge a problem by its status, not by its code.")] = False,
    patience: Patience = 15.0,
    only: Only = None,
    skip: Skip = None,
    list_checks: ListThem = False,
    junit: JUnit = None,
) -> Answer:
    """Drive a platform's intake: replies and, with --inspect, effects. Exit code 4 if a check does not hold.

    The platform must be a sandbox that trusts the keys of `kz-compliance conformance keys`. It gets hundreds of
    messages, good and bad.
    """
    from kz_compliance_sdk.testing.conformance import INTAKE_CHECKS, Inspector, IntakeScene, IntakeTarget, run
    from kz_compliance_sdk.testing.conformance.keys import own_keys, published_keys
    from kz_compliance_sdk.testing.conformance.transport import SocketTransport, target_of

    side = _side(session, profile, platform_id)
    checks = _chosen(INTAKE_CHECKS, only, skip, side.profile)
    if list_checks:
        return _listed(checks)
    address = _needed(url)
    target = IntakeTarget(
        url=public_url or address,
        profile=side.profile,
        platform_id=side.platform_id,
        host=host,
        max_body=max_body,
        exact_codes=not any_code,
        keys=published_keys(side.profile) if keys is None else own_keys(keys, side.profile),
    )
    transport = SocketTransport(address, patience_s=patience, field="--url")
    inspector = None
    if inspect is not None:
        looking = SocketTransport(inspect, patience_s=patience, field="--inspect")
        inspector = Inspector(looking, target_of(inspect).rstrip("/"))
    scene = IntakeScene(target, transport, inspector=inspector)
    _is_there(transport)
    with _checking(len(checks)) as progress:
        report = run(checks, scene, subject=f"intake {address}", progress=progress)
    return _end(session, report, junit)


@command(conformance, "regulator")
def regulator(
    session: Session,
    url: Url = None,
    profile: ProfileName = None,
    platform_id: PlatformId = None,
    intake_url: Annotated[
        str | None,
        Option(help="The platform's intake as the regulator knows it; by default as the settings have it."),
    ] = None,
    notice_id: Annotated[str | None, Option(help="The notice to talk about; by default one of the feed.")] = None,
    listen: Annotated[
        str | None, Option(metavar="[HOST:]PORT", help="Listen there for pushes; without it none is checked.")
    ] = None,
    wait: Annotated[float, Option(min=0, max=3600, help="Seconds to wait for a push.")] = 60.0,
    control: Annotated[
        bool, Option("--control", help="It is our mock: issue and push by its control interface.")
    ] = False,
    patience: Patience = 15.0,
    only: Only = None,
    skip: Skip = None,
    list_checks: ListThem = False,
    junit: JUnit = None,
) -> Answer:
    """Drive a regulator's sandbox as a platform would. Exit code 4 if a check does not hold.

    It signs with the signing key of the settings and trusts their keys; without settings it uses the published test
    keys, as `kz-compliance mock-regulator` does. It records acknowledgements, questions and reports there.
    """
    from kz_compliance_sdk.testing.conformance import REGULATOR_CHECKS, RegulatorScene, RegulatorTarget, listening, run
    from kz_compliance_sdk.testing.conformance.transport import SocketTransport

    side = _side(session, profile, platform_id)
    checks = _chosen(REGULATOR_CHECKS, only, skip, side.profile)
    if list_checks:
        return _listed(checks)
    address = _needed(url)
    at = intake_url or (side.settings.intake_url if side.settings else "http://127.0.0.1:8000/notices")
    target = RegulatorTarget(
        address,
        *side.keys(),
        platform_id=side.platform_id,
        profile=side.profile,
        intake_url=at,
        notice_id=notice_id,
        listen_s=wait,
    )
    transport = SocketTransport(address, patience_s=patience, field="--url")
    place = None if listen is None else _host_and_port(listen)
    with contextlib.ExitStack() as stack:
        listener = None
        if place is not None:
            listener, port = stack.enter_context(listening(*place))
            session.tell(f"Listening for pushes on {place[0]} port {port}, as {at}")
        scene = RegulatorScene(target, transport, listener=listener, control=control)
        _is_there(transport)
        progress = stack.enter_context(_checking(len(checks)))
        report = run(checks, scene, subject=f"regulator {address}", progress=progress)
    return _end(session, report, junit)


@command(conformance, "selftest")
def selftest(session: Session) -> Answer:
    """Drive the kit's own controls, honest ones and broken ones. Exit code 4 if one is misjudged."""
    from kz_compliance_sdk.testing.conformance.selftest import CONTROLS, selftest_document
    from kz_compliance_sdk.testing.conformance.selftest import selftest as driven

    with _checking(len(CONTROLS)) as progress:
        document = Document(selftest_document(tuple(driven(progress))))
    return Answer(document, _show_selftest, OK if document["all_right"] else FOUND)


def _show_selftest(document: Shown) -> None:
    """Each control, and the checks that found it."""
    names = "control:name verdict what_it_does:what found_by:caught_by missed_by:missed blamed_by:blamed"
    right = {True: Text("right", "green"), False: Text("WRONG", "bold red")}
    controls = document["controls"]
    table((told(one, names, verdict=right[one["is_right"]]) for one in controls), "control")
    count = sum(one["is_right"] for one in controls)
    screen.say(f"{count} of {len(controls)} controls were judged rightly.")


@command(conformance, "keys")
def keys(
    session: Session,
    profile: ProfileName = None,
    platform_id: PlatformId = None,
) -> Answer:
    """Print the published keys that a sandbox must trust to be driven: as settings of this library, or as JSON."""
    from kz_compliance_sdk.testing.conformance.keys import described, published_keys

    side = _side(session, profile, platform_id)
    rows = described(published_keys(side.profile), side.platform_id)
    return Answer(Document(profile=side.profile, keys=rows), _show_keys)


def _show_keys(document: Shown) -> None:
    """The keys as tables of the settings of this library."""
    for row in document["keys"]:
        lines = [f"# {row['role']}: {row['state']}"]
        if row["role"] == "elsewhere":
            lines.append("# Leave it out, or enter it for another platform of the same installation.")
        kind = "public_key" if "public_key" in row else "secret"
        authorities = ", ".join(f'"{name}"' for name in row["authorities"])
        lines += [
            "[[keys]]",
            *(f'{name} = "{row[name]}"' for name in ("key_id", "algorithm", kind, "sender")),
            f"authorities = [{authorities}]",
            *(
                f"{name} = {instant_text(row[name])}"
                for name in ("not_before", "not_after", "revoked_at")
                if row[name] is not None
            ),
        ]
        comment = "# " if row["role"] == "elsewhere" else ""
        screen.say("\n".join(line if line.startswith("#") else comment + line for line in [*lines, ""]))


# ------------------------------------------------------------------------------------------- what they share


@dataclass(frozen=True, slots=True)
class _Side:
    """The side that the kit plays: a platform, as the settings have it or with the published test keys."""

    settings: Settings | None
    profile: Profile
    platform_id: str

    def keys(self) -> tuple[SigningKey, KeyRing]:
        """What the platform signs with, and what verifies the regulator."""
        from kz_compliance_sdk.testing import keys as published
        from kz_compliance_sdk.wire.signature import KeyRing

        signing = self.settings.signing() if self.settings is not None else None
        key = signing or published.platform_signing_key(self.profile, platform_id=self.platform_id)
        if self.settings is not None and self.settings.keys:
            return key, self.settings.key_ring()
        theirs = published.regulator_key(self.profile, platform_id=self.platform_id)
        return key, KeyRing([theirs], allow_test_keys=True)


def _side(session: Session, profile: str | None, platform_id: str | None) -> _Side:
    from kz_compliance_sdk.testing.conformance.checks import PROFILES

    settings = session.settings() if session.is_configured else None
    given = profile or (settings.profile if settings is not None else "rfc9421")
    used = next((one for one in PROFILES if one == given), None)
    if used is None:
        raise wrong("--profile", f"{given!r} is no profile.", f"Use {' or '.join(_PROFILES)}.")
    return _Side(settings, used, platform_id or (settings.platform_id if settings is not None else "social"))


def _chosen(
    checks: Sequence[Check[Any]], only: list[str] | None, skip: list[str] | None, profile: Profile
) -> tuple[Check[Any], ...]:
    from kz_compliance_sdk.testing.conformance.checks import chosen

    found = chosen(checks, only=only or (), skip=skip or (), profile=profile)
    if not found:
        raise wrong("--only", "no check is left.", "See --list, and the profile.")
    return found


def _listed(checks: Sequence[Check[Any]]) -> Answer:
    """Every check: its name, what is sent and what must come, and the line of the contract."""
    rows = [
        {
            "name": check.name,
            "sends": check.sends,
            "wants": check.wants,
            "needs": list(check.needs),
            "profiles": list(check.profiles),
            "contract": {"page": f"docs/{check.promise.where}", "quote": check.promise.quote},
        }
        for check in checks
    ]
    return Answer(Document(checks=rows), listing("checks", "check:name sends wants needs", "check", ""))


def _needed(url: str | None) -> str:
    if url is None:
        raise wrong("--url", "there is nothing to drive.", "Give its address, or --list.")
    return url.rstrip("/")


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise wrong("--listen", f"{text!r} is no port.", "Write 8080, or 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _is_there(transport: Any) -> None:
    from kz_compliance_sdk.testing.conformance.transport import NoAnswer

    try:
        transport.line().close()
    except NoAnswer as silent:
        raise RegulatorError(
            f"nobody answers there: {silent}. Start it, or correct --url.", maybe_sent=False, code="unreachable"
        ) from None


def _end(session: Session, report: Report, junit: Path | None) -> Answer:
    from kz_compliance_sdk.testing.conformance.checks import junit as as_junit
    from kz_compliance_sdk.testing.conformance.checks import report_document, skip_reasons

    if junit is not None:
        with at_file("--junit", junit, "written", "Name a file that can be."):
            junit.write_text(as_junit(report), encoding="utf-8")
    if report.results[0].name == _FIRST and report.results[0].verdict == "broken":
        session.tell(_HINT)
    if not report.of("held") and not report.broken:
        session.tell("Every check was skipped, so nothing was shown.")
    document = Document(report_document(report), _skipped=skip_reasons(report))
    return Answer(document, _show_report, OK if report.all_hold else FOUND)


def _show_report(document: Shown) -> None:
    """What does not hold, then the counts, then why checks were skipped."""
    checks = document["checks"]
    table((row for one in checks if one["verdict"] == "broken" for row in _failure(one)), "check")
    counts = f"{document['held']} hold, {document['broken']} do not, {document['skipped']} skipped"
    seconds = sum(one["seconds"] for one in checks)
    text = f"{screen.printable(document['subject'])} ({document['profile']}): {counts}, in {seconds:.1f} s"
    screen.say(Text(text, "green" if document["all_hold"] else "bold red"))
    for why, count in document["_skipped"]:
        screen.say(f"skipped {count}: {why}")


def _failure(check: Shown) -> Iterator[dict[str, str]]:
    name = check["name"]
    where = f"{check['contract']['page']}: {check['contract']['quote']}"
    for what, text in told(check, "sent:sends came wanted remedy contract", contract=where).items():
        yield {"check": name, "": what, "told": str(text)}
        name = ""


@contextlib.contextmanager
def _checking(total: int) -> Iterator[Callable[[str], None]]:
    """What is told of the check that is made, for whoever watches the terminal."""
    numbers = itertools.count(1)
    with screen.working() as tell:
        yield lambda name: tell(f"{next(numbers)} of {total}: {name}")
