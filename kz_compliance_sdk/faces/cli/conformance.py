"""`kz-compliance conformance`: drive anybody's intake, or anybody's regulator, and say what does not hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.faces.cli import screen
from kz_compliance_sdk.faces.cli.session import Session

if TYPE_CHECKING:
    from kz_compliance_sdk.testing.conformance.checks import Check, Report, Result
    from kz_compliance_sdk.testing.conformance.selftest import Outcome

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from kz_compliance_sdk.errors import InvalidInput, RegulatorError
from kz_compliance_sdk.faces.cli.exits import FOUND
from kz_compliance_sdk.faces.cli.session import Json

if TYPE_CHECKING:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.testing.conformance.checks import Check, Report
    from kz_compliance_sdk.testing.conformance.keys import KeySet
    from kz_compliance_sdk.wire.signature import KeyRing, Profile, SigningKey


_FIRST: Final = "intake.accepted.status"
_HINT: Final = (
    "The first good notice was refused, so little of the rest means anything. Look at --url, --public-url, --profile "
    "and --platform-id, at the keys that the platform trusts, and at its clock."
)
_PROFILES: Final = ("rfc9421", "standard-webhooks")

Url = Annotated[str | None, typer.Option(help="The address to drive.", show_default=False)]
ProfileName = Annotated[
    str | None,
    typer.Option("--profile", metavar="|".join(_PROFILES), help="How messages are signed; by default as the settings."),
]
PlatformId = Annotated[str | None, typer.Option(help="The platform's id; by default that of the settings, or social.")]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="Only these checks: a name, a group, or a pattern with *. Repeatable."),
]
Skip = Annotated[list[str] | None, typer.Option("--skip", metavar="NAME", help="Not these checks. Repeatable.")]
ListThem = Annotated[bool, typer.Option("--list", help="List the checks, and send nothing.")]
JUnit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there as well.")]
Patience = Annotated[float, typer.Option(min=0.1, max=300, help="Seconds to wait for an answer.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    group = typer.Typer(help="Hold an intake or a regulator to the contract.", no_args_is_help=True)
    group.callback()(_group)
    group.command("intake")(intake)
    group.command("regulator")(regulator)
    group.command("selftest")(selftest)
    group.command("keys")(keys)
    app.add_typer(group, name="conformance")


def _group() -> None:
    """Hold an intake or a regulator to the contract."""


def intake(
    ctx: typer.Context,
    url: Url = None,
    public_url: Annotated[
        str | None, typer.Option(help="The address that signatures cover, as the platform has it; by default --url.")
    ] = None,
    inspect: Annotated[
        str | None, typer.Option(metavar="URL", help="The inspection interface; without it only replies are checked.")
    ] = None,
    profile: ProfileName = None,
    platform_id: PlatformId = None,
    host: Annotated[str, typer.Option(help="A host name that the platform's content lies under.")] = "social.example",
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keys of your own (JSON) in place of the published ones.")
    ] = None,
    max_body: Annotated[int, typer.Option(min=1024, help="The largest body that the platform takes.")] = 262_144,
    any_code: Annotated[
        bool, typer.Option("--any-code", help="Judge a problem by its status, not by its code.")
    ] = False,
    patience: Patience = 15.0,
    only: Only = None,
    skip: Skip = None,
    list_checks: ListThem = False,
    junit: JUnit = None,
    as_json: Json = False,
) -> None:
    """Drive a platform's intake: replies and, with --inspect, effects. Exit code 4 if a check does not hold.

    The platform must be a sandbox that trusts the keys of `kz-compliance conformance keys`. It gets hundreds of
    messages, good and bad.
    """
    from kz_compliance_sdk.testing.conformance import INTAKE_CHECKS, Inspector, IntakeScene, IntakeTarget, run
    from kz_compliance_sdk.testing.conformance.transport import SocketTransport, target_of

    session, settings = _session(ctx)
    used = _profile(profile, settings)
    checks = _chosen(INTAKE_CHECKS, only, skip, used)
    if list_checks:
        show_checks(session, checks)
        return
    address = _needed(url)
    target = IntakeTarget(
        url=public_url or address,
        profile=used,
        platform_id=platform_id or (settings.platform_id if settings is not None else "social"),
        host=host,
        max_body=max_body,
        exact_codes=not any_code,
        keys=_key_set(keys, used),
    )
    transport = SocketTransport(address, patience_s=patience, field="--url")
    inspector = None
    if inspect is not None:
        looking = SocketTransport(inspect, patience_s=patience, field="--inspect")
        inspector = Inspector(looking, target_of(inspect).rstrip("/"))
    scene = IntakeScene(target, transport, inspector=inspector)
    _is_there(transport)
    with progress_bar(len(checks)) as progress:
        report = run(checks, scene, subject=f"intake {address}", progress=progress)
    _end(session, report, junit)


def regulator(
    ctx: typer.Context,
    url: Url = None,
    profile: ProfileName = None,
    platform_id: PlatformId = None,
    intake_url: Annotated[
        str | None,
        typer.Option(help="The platform's intake as the regulator knows it; by default as the settings have it."),
    ] = None,
    notice_id: Annotated[str | None, typer.Option(help="The notice to talk about; by default one of the feed.")] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Listen there for pushes; without it none is checked.")
    ] = None,
    wait: Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait for a push.")] = 60.0,
    control: Annotated[
        bool, typer.Option("--control", help="It is our mock: issue and push by its control interface.")
    ] = False,
    patience: Patience = 15.0,
    only: Only = None,
    skip: Skip = None,
    list_checks: ListThem = False,
    junit: JUnit = None,
    as_json: Json = False,
) -> None:
    """Drive a regulator's sandbox as a platform would. Exit code 4 if a check does not hold.

    It signs with the signing key of the settings and trusts their keys; without settings it uses the published test
    keys, as `kz-compliance mock-regulator` does. It records acknowledgements, questions and reports there.
    """
    from kz_compliance_sdk.testing.conformance import REGULATOR_CHECKS, RegulatorScene, RegulatorTarget, listening, run
    from kz_compliance_sdk.testing.conformance.transport import SocketTransport

    session, settings = _session(ctx)
    used = _profile(profile, settings)
    checks = _chosen(REGULATOR_CHECKS, only, skip, used)
    if list_checks:
        show_checks(session, checks)
        return
    address = _needed(url)
    name = platform_id or (settings.platform_id if settings is not None else "social")
    key, ring = _platform_side(settings, used, name)
    at = intake_url or (settings.intake_url if settings is not None else "http://127.0.0.1:8000/notices")
    target = RegulatorTarget(
        address, key, ring, platform_id=name, profile=used, intake_url=at, notice_id=notice_id, listen_s=wait
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
        progress = stack.enter_context(progress_bar(len(checks)))
        report = run(checks, scene, subject=f"regulator {address}", progress=progress)
    _end(session, report, junit)


def selftest(ctx: typer.Context, as_json: Json = False) -> None:
    """Drive the kit's own controls, honest ones and broken ones. Exit code 4 if one is misjudged."""
    from kz_compliance_sdk.testing.conformance.render import selftest_document
    from kz_compliance_sdk.testing.conformance.selftest import CONTROLS
    from kz_compliance_sdk.testing.conformance.selftest import selftest as driven

    session = Session.of(ctx)
    with progress_bar(len(CONTROLS)) as progress:
        outcomes = tuple(driven(progress))
    session.answer(selftest_document(outcomes), lambda: show_selftest(outcomes))
    if not all(outcome.is_right for outcome in outcomes):
        raise typer.Exit(FOUND)


def keys(
    ctx: typer.Context,
    profile: ProfileName = None,
    platform_id: PlatformId = None,
    as_json: Json = False,
) -> None:
    """Print the published keys that a sandbox must trust to be driven: as settings of this library, or as JSON."""
    from kz_compliance_sdk.testing.conformance.keys import described, published_keys

    session, settings = _session(ctx)
    used = _profile(profile, settings)
    rows = described(published_keys(used), platform_id or (settings.platform_id if settings is not None else "social"))
    session.answer({"profile": used, "keys": rows}, lambda: show_keys(rows))


# ------------------------------------------------------------------------------------------- what they share


def _session(ctx: typer.Context) -> tuple[Session, Settings | None]:
    session = Session.of(ctx)
    return session, session.settings() if session.is_configured else None


def _profile(given: str | None, settings: Settings | None) -> Profile:
    from kz_compliance_sdk.testing.conformance.checks import PROFILES

    if given is None:
        return settings.profile if settings is not None else "rfc9421"
    found = next((profile for profile in PROFILES if profile == given), None)
    if found is None:
        raise InvalidInput(f"{given!r} is no profile.", field="--profile", remedy=f"Use {' or '.join(_PROFILES)}.")
    return found


def _chosen(
    checks: Sequence[Check[Any]], only: list[str] | None, skip: list[str] | None, profile: Profile
) -> tuple[Check[Any], ...]:
    from kz_compliance_sdk.testing.conformance.checks import chosen

    found = chosen(checks, only=only or (), skip=skip or (), profile=profile)
    if not found:
        raise InvalidInput("no check is left.", field="--only", remedy="See --list, and the profile.")
    return found


def _needed(url: str | None) -> str:
    if url is None:
        raise InvalidInput("there is nothing to drive.", field="--url", remedy="Give its address, or --list.")
    return url.rstrip("/")


def _key_set(file: Path | None, profile: Profile) -> KeySet:
    from kz_compliance_sdk.testing.conformance.keys import own_keys, published_keys

    return published_keys(profile) if file is None else own_keys(file, profile)


def _platform_side(settings: Settings | None, profile: Profile, platform_id: str) -> tuple[SigningKey, KeyRing]:
    """What the platform signs with, and what verifies the regulator."""
    from kz_compliance_sdk.testing import keys as published
    from kz_compliance_sdk.wire.signature import KeyRing

    signing = settings.signing() if settings is not None else None
    key = signing or published.platform_signing_key(profile, platform_id=platform_id)
    if settings is not None and settings.keys:
        return key, settings.key_ring()
    return key, KeyRing([published.regulator_key(profile, platform_id=platform_id)], allow_test_keys=True)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise InvalidInput(f"{text!r} is no port.", field="--listen", remedy="Write 8080, or 127.0.0.1:8080.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _is_there(transport: Any) -> None:
    from kz_compliance_sdk.testing.conformance.transport import NoAnswer

    try:
        transport.line().close()
    except NoAnswer as silent:
        raise RegulatorError(
            f"nobody answers there: {silent}. Start it, or correct --url.", maybe_sent=False, code="unreachable"
        ) from None


def _end(session: Session, report: Report, junit: Path | None) -> None:
    from kz_compliance_sdk.testing.conformance.render import junit as as_junit
    from kz_compliance_sdk.testing.conformance.render import report_document

    if junit is not None:
        try:
            junit.write_text(as_junit(report), encoding="utf-8")
        except OSError as error:
            raise InvalidInput(
                f"{junit} cannot be written: {error.strerror}.", field="--junit", remedy="Name a file that can be."
            ) from None
    session.answer(report_document(report), lambda: show_report(report))
    if report.results[0].name == _FIRST and report.results[0].verdict == "broken":
        screen.say(_HINT, stderr=True)
    if not report.all_hold:
        if not report.of("held") and not report.broken:
            screen.say("Every check was skipped, so nothing was shown.", stderr=True)
        raise typer.Exit(FOUND)


@contextlib.contextmanager
def progress_bar(total: int) -> Iterator[Callable[[str], None]]:
    """A bar with the name of what is made, for whoever watches the terminal."""
    out = screen.console(stderr=True)
    if not out.is_terminal:
        yield lambda _name: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=total)
        begun = False

        def told(name: str) -> None:
            nonlocal begun
            bar.update(task, description=screen.as_markup(name), advance=1 if begun else 0)
            begun = True

        yield told


def show_report(report: Report) -> None:
    """What does not hold, then the counts, then why checks were skipped."""
    from kz_compliance_sdk.testing.conformance.render import skip_reasons

    broken = report.of("broken")
    if broken:
        screen.console().print(_failures(broken))
    held, skipped = len(report.of("held")), len(report.of("skipped"))
    style = "green" if report.all_hold else "bold red"
    counts = f"{held} hold, {len(broken)} do not, {skipped} skipped"
    seconds = sum(result.seconds for result in report.results)
    screen.say(Text(f"{screen.printable(report.subject)} ({report.profile}): {counts}, in {seconds:.1f} s", style))
    for why, count in skip_reasons(report):
        screen.say(f"skipped {count}: {why}")


def _failures(broken: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_lines=False)
    table.add_column("check", overflow="fold", style="bold red")
    table.add_column("")
    table.add_column("", overflow="fold")
    for result in broken:
        rows = (
            ("sent", result.sends),
            ("came", result.came),
            ("wanted", result.wanted),
            ("remedy", result.remedy),
            ("contract", f"docs/{result.promise.where}: {result.promise.quote}"),
        )
        for number, (name, value) in enumerate(rows):
            shown = Text(screen.printable(value), "yellow" if name == "came" else "")
            table.add_row(result.name if number == 0 else "", Text(name, "dim"), shown, end_section=name == "contract")
    return table


def show_checks(session: Session, checks: Sequence[Check[Any]]) -> None:
    """Every check: its name, what is sent and what must come, and the line of the contract."""
    document = {
        "checks": [
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
    }
    session.answer(
        document,
        lambda: screen.show_table(
            ("check", "sends", "wants", "needs"),
            [(check.name, check.sends, check.wants, ", ".join(check.needs)) for check in checks],
        ),
    )


def show_selftest(outcomes: Sequence[Outcome]) -> None:
    """Each control, and the checks that found it."""
    rows: list[tuple[str | Text, ...]] = []
    for outcome in outcomes:
        verdict = Text("right", "green") if outcome.is_right else Text("WRONG", "bold red")
        told = ", ".join(outcome.report.broken) or "nothing"
        if outcome.missed:
            told += f"; missed by {', '.join(outcome.missed)}"
        if outcome.blamed:
            told += f"; blamed by {', '.join(outcome.blamed)}"
        rows.append((outcome.control.name, verdict, outcome.control.what, told))
    screen.show_table(("control", "verdict", "what it does", "found by"), rows)
    right = sum(outcome.is_right for outcome in outcomes)
    screen.say(f"{right} of {len(outcomes)} controls were judged rightly.")


def show_keys(rows: Sequence[Mapping[str, Any]]) -> None:
    """The keys as tables of the settings of this library."""
    for row in rows:
        lines = [f"# {row['role']}: {row['state']}"]
        if row["role"] == "elsewhere":
            lines.append("# Leave it out, or enter it for another platform of the same installation.")
        kind = "public_key" if "public_key" in row else "secret"
        authorities = ", ".join(f'"{name}"' for name in row["authorities"])
        lines += [
            "[[keys]]",
            f'key_id = "{row["key_id"]}"',
            f'algorithm = "{row["algorithm"]}"',
            f'{kind} = "{row[kind]}"',
            f'sender = "{row["sender"]}"',
            f"authorities = [{authorities}]",
            f"not_before = {instant_text(row['not_before'])}",
            f"not_after = {instant_text(row['not_after'])}",
        ]
        if row["revoked_at"] is not None:
            lines.append(f"revoked_at = {instant_text(row['revoked_at'])}")
        comment = "# " if row["role"] == "elsewhere" else ""
        screen.say("\n".join(line if line.startswith("#") else comment + line for line in [*lines, ""]))
