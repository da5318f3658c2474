"""The processes: the receiver, the worker, and a regulator to try both against."""

from __future__ import annotations

import errno
import gc
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any, Literal

from kz_compliance_sdk.adapters.troubles import Troubles
from kz_compliance_sdk.errors import ComplianceError, ConfigError, StoreError
from kz_compliance_sdk.faces.cli import SELDOM, screen
from kz_compliance_sdk.faces.cli.command import Answer, Argument, ContentOption, Option, command, mock, root
from kz_compliance_sdk.faces.cli.exits import FOUND, OK, exit_code
from kz_compliance_sdk.faces.cli.session import Session, install, load, refuse_directory, refuse_missing, wrong
from kz_compliance_sdk.faces.documents import Document

if TYPE_CHECKING:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.faces.asgi import App, Receive, Scope, Send
    from kz_compliance_sdk.wire.signature import Key


CreateOption = Annotated[
    bool, Option("--create", help="Create the store where there is none; without it a missing file is an error.")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    Option("--log-level", help="The least that the log on standard error tells."),
]

MetricsPort = Annotated[
    int | None,
    Option("--metrics-port", min=0, max=65_535, help="Show /metrics to Prometheus on this port; 0 takes a free one."),
]
MetricsHost = Annotated[str, Option("--metrics-host", help="The address of /metrics.")]
TokensFile = Annotated[Path, Option("--tokens", metavar="FILE", help="The TOML file of the tokens.")]


@command(root, "serve", as_json=False)
def serve(
    session: Session,
    host: Annotated[str, Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8000,
    inspect: Annotated[
        bool, Option("--inspect", help="Show a conformance run below /inspect what was stored: in a sandbox alone.")
    ] = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    create: CreateOption = False,
    log_level: LogLevel = "info",
) -> None:
    """Receive notices over HTTP until SIGINT or SIGTERM. The worker is a process of its own."""
    settings = session.settings()
    refuse_directory(settings)
    if not create:
        refuse_missing(settings)
    for module in ("uvicorn", "uvloop", "httptools"):
        if find_spec(module) is None and (module != "uvloop" or sys.platform != "win32"):
            raise install(module, "web")
    from kz_compliance_sdk.aio import AsyncComplianceDesk
    from kz_compliance_sdk.faces.asgi import asgi_app
    from kz_compliance_sdk.faces.cli.server import Server

    log = _log_to_stderr(log_level)
    desk = AsyncComplianceDesk(settings, create=create)
    with ExitStack() as open_ones:
        open_ones.enter_context(desk.blocking)
        troubles = Troubles(log, desk.blocking.env.monotonic)
        app = with_outages_told(asgi_app(desk), troubles)
        app = with_inspection(app, desk.blocking, host) if inspect else app
        listener = open_ones.enter_context(_listening(host, port))
        server = Server(app, listener, settings.limits, troubles, partial(_page_full, desk.blocking))

        def stop(_number: int, _frame: Any) -> None:
            # Also raised before uvicorn listens to signals, and by it once it has stopped: the desk is closed after it.
            server.should_exit = True

        with _metrics(session, desk.blocking, metrics_host, metrics_port):
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, stop)
            session.tell(
                f"Receiving at {_url(listener.getsockname())}{settings.intake_path}, known as {settings.intake_url}"
            )
            collect_garbage_seldom()
            server.run()
    session.tell("Stopped; everything that was acknowledged is stored.")


def _page_full(desk: ComplianceDesk) -> None:
    """Tell people that connections cannot be taken as they come, if the last hour did not. What the store cannot take
    now is told when this is called again."""
    from kz_compliance_sdk.services.loading import paged_hourly

    with suppress(StoreError):
        desk.store.submit(
            desk.platform_id,
            lambda tx: (paged_hourly(tx, desk.platform_id, "receiver", "connections_full", 50), None),
        )


def _log_to_stderr(level: str) -> logging.Logger:
    """The library configures no logging, so its programs do: alerts and faults of the machinery belong on stderr."""
    log = logging.getLogger("kz_compliance_sdk")
    log.setLevel(level.upper())
    if logging.getLogger().handlers:
        return log
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    return log


def _listening(host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise _taken(host, port, error) from None
    listener.set_inheritable(True)
    return listener


@contextmanager
def _metrics(session: Session, desk: ComplianceDesk, host: str, port: int | None) -> Iterator[None]:
    """The figures of the desk on a port of their own, if one is asked for. Raises ConfigError."""
    if port is None:
        yield
        return
    registry = desk.metrics()
    from kz_compliance_sdk.faces.cli.metrics import MetricsServer

    try:
        server = MetricsServer(host, port, registry)
    except OSError as error:
        raise _taken(host, port, error, "--metrics-") from None
    Thread(target=server.serve_forever, daemon=True).start()
    session.tell(f"Metrics at {_url(server.server_address)}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _taken(host: str, port: int, error: OSError, options: str = "--") -> ConfigError:
    of_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
    return ConfigError(
        f"{host} port {port} cannot be listened on: {error.strerror}.",
        field=f"{options}{'port' if of_port else 'host'}",
        remedy="Choose another port, or stop what listens there." if of_port else "Name an address of this machine.",
    )


def _url(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@command(root, "serve-office", as_json=False)
def serve_office(
    session: Session,
    tokens: TokensFile = Path("tokens.toml"),
    host: Annotated[str, Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8090,
    origin: Annotated[
        str, Option(metavar="URL", help="Where people come to, such as https://office.example, if TLS is before it.")
    ] = "",
    content: ContentOption = None,
    log_level: LogLevel = "info",
) -> None:
    """Serve the office's pages, and below /api the JSON API, until SIGINT or SIGTERM. Make the tokens with api-token.

    All operations of the API are described at /api/openapi.json. Put TLS before it where it is not for this machine
    alone.
    """
    for module, extra in (("uvicorn", "web"), ("starlette", "api")):
        if find_spec(module) is None:
            raise install(module, extra)
    if origin and not re.fullmatch(r"https?://[^/?#@\s]+", origin):
        raise wrong("--origin", "it is no origin.", "Write https://office.example, without a path.")
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from kz_compliance_sdk.aio import AsyncComplianceDesk
    from kz_compliance_sdk.faces.dashboard import Sessions, Tokens, api_app, pages_app

    settings = session.settings()
    refuse_directory(settings)
    refuse_missing(settings)
    _log_to_stderr(log_level)
    desk = AsyncComplianceDesk(settings, content=load("--content", content))
    with ExitStack() as open_ones:
        open_ones.enter_context(desk.blocking)
        env = desk.blocking.env
        known = Tokens(tokens, env.clock)
        sessions = Sessions(known, env.clock, env.entropy, is_secure=origin.startswith("https:"))
        pages = pages_app(desk, sessions, origin=origin)
        app = Starlette(routes=[Mount("/api", api_app(desk, known)), Mount("/", pages)])
        listener = open_ones.enter_context(_listening(host, port))
        # A stream of events does not end by itself.
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5)
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: setattr(server, "should_exit", True))
        session.tell(f"The office is at {_url(listener.getsockname())}, its API below /api")
        server.run([listener])
    session.tell("Stopped.")


@command(root, "api-token")
def api_token(
    session: Session,
    actor: Annotated[str, Option(help="The id of the person who works with it.")],
    role: Annotated[list[str], Option(help="moderator, lead, legal or head; several times for several.")],
    tokens: TokensFile = Path("tokens.toml"),
    days: Annotated[int, Option(min=1, max=366, help="How many days it is good for.")] = 90,
    category: Annotated[list[str] | None, Option(help="See cases of this category alone; may be repeated.")] = None,
    authority: Annotated[list[str] | None, Option(help="See cases of this authority alone; may be repeated.")] = None,
) -> Answer:
    """Make a token for the office's pages and the API. It is shown once: the file holds its digest. Take its lines out
    to end it."""
    from kz_compliance_sdk.domain.actor import STAFF
    from kz_compliance_sdk.faces.dashboard.access import add_token
    from kz_compliance_sdk.ports import Env

    if unknown := sorted(set(role) - STAFF.names):
        raise wrong("--role", f"there is no role {unknown[0]}.", f"Use: {', '.join(sorted(STAFF.names))}.")
    env = Env.system()
    expires_at = env.clock() + days * 86_400
    made = add_token(
        tokens, actor, role, expires_at, entropy=env.entropy, categories=category or (), authorities=authority or ()
    )
    document = Document(token=made, actor=actor, roles=sorted(role), expires_at=expires_at)
    return Answer(
        document, f"{made}\nGood for {days} days; its digest is in {tokens.absolute()}. It is shown this once."
    )


@command(root, "worker")
def worker(
    session: Session,
    enforcer: Annotated[
        str | None, Option(metavar="MODULE:NAME", help="The platform's Enforcer, or what makes one when it is called.")
    ] = None,
    content: ContentOption = None,
    messenger: Annotated[
        str | None, Option(metavar="MODULE:NAME", help="The platform's Messenger to its users, or what makes one.")
    ] = None,
    once: Annotated[
        bool, Option("--once", help="One pass: read the feed, watch the clocks, deliver, make a checkpoint.")
    ] = False,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    create: CreateOption = False,
    log_level: LogLevel = "info",
) -> Answer | None:
    """Carry out, report, watch the clocks and read the feed, until SIGINT or SIGTERM. Any number may run."""
    _log_to_stderr(log_level)
    given = {"enforcer": enforcer, "content": content, "messenger": messenger}
    parts = {name: load(f"--{name}", value) for name, value in given.items()}
    with session.desk(may_create=create, **parts) as desk:
        if enforcer is None:
            session.tell("No --enforcer: measures wait here, until a worker that has one carries them out.")
        if messenger is None and desk.settings.user_notice.enabled:
            session.tell("No --messenger: what users are told waits here, until a worker that has one tells them.")
        if once:
            return _pass(session, desk)
        from kz_compliance_sdk.faces.worker import Worker

        session.tell(f"Working for {desk.platform_id} on {desk.settings.store.place}")
        with _metrics(session, desk, metrics_host, metrics_port):
            Worker(desk).serve()
    session.tell("Stopped; nothing was left half done.")
    return None


def _pass(session: Session, desk: ComplianceDesk) -> Answer:
    """One pass over all that a worker does. A feed that cannot be read, or a checkpoint that nobody kept, keeps nothing
    else from being done; it is told at the end."""
    from kz_compliance_sdk.domain.change import Heartbeat

    counts = {"polled": 0, "fired": 0, "delivered": 0, "to_be_retried": 0}
    beat = Heartbeat(desk.platform_id, "worker", desk.store.now())
    desk.store.submit(desk.platform_id, lambda _tx: ((beat,), None)).result()
    feed = _fault_of(lambda: _read_feed(desk, counts))
    counts["fired"] = desk.watch().fired
    while True:
        drained = desk.deliver()
        counts["delivered"] += drained.settled
        counts["to_be_retried"] += drained.retried
        if not drained.settled:
            break
    checkpoint = _fault_of(desk.proof.run)
    document = Document(counts)
    for name, fault in (("poll_error", feed), ("checkpoint_error", checkpoint)):
        document[name] = None if fault is None else {"code": fault.code, "message": fault.message}
    if checkpoint is not None:
        session.tell(f"error: the checkpoint was not kept everywhere: {screen.one_line(str(checkpoint))}")
    if feed is not None:
        session.tell(f"error: the feed was not read, all else was done: {screen.one_line(str(feed))}")
    fault = feed or checkpoint
    told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
    return Answer(document, f"{told}.", OK if fault is None else exit_code(fault))


def _fault_of(part: Callable[[], object]) -> ComplianceError | None:
    try:
        part()
    except ComplianceError as error:
        return error
    return None


def _read_feed(desk: ComplianceDesk, counts: dict[str, int]) -> None:
    if desk.regulator is None or not desk.settings.regulator.feed_enabled:
        return
    while True:
        page = desk.poll()
        counts["polled"] += page.messages
        if not page.has_more:
            return


@command(root, "mock-regulator")
def mock_regulator(
    session: Session,
    host: Annotated[str, Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8800,
    intake_url: Annotated[str | None, Option(help="Where to push; by default where the settings receive.")] = None,
    seed: Annotated[
        int | None, Option(help="The same ids for the same calls in the same order, and the same scenario.")
    ] = None,
    scenario: Annotated[
        str | None, Option(metavar="NAME", help="Play a scenario from the start: see --list-scenarios.")
    ] = None,
    pace: Annotated[
        int, Option(min=1, max=86_400, help="How fast the scenario runs: with 60 an hour of it takes a minute.")
    ] = 1,
    list_scenarios: Annotated[bool, Option("--list-scenarios", help="Name the scenarios, and stop.")] = False,
    strict: Annotated[
        bool, Option("--strict", help="Answer questions, remind, and announce sanctions without being told.")
    ] = False,
) -> Answer | None:
    """Run a regulator for trying things out: it issues, pushes, records and fails on command, under /control.

    It signs with published test keys, so only a platform with allow_test_keys believes it.
    """
    _check_installed()
    from kz_compliance_sdk.testing import keys
    from kz_compliance_sdk.testing.builders import PLATFORM_ID
    from kz_compliance_sdk.testing.mock_regulator import PASSIVE, SCENARIOS, STRICT, MockSettings, serve

    if list_scenarios:
        told = [
            {"name": each.name, "told": each.told, "seconds": each.seconds, "notices": each.notices}
            for each in SCENARIOS.values()
        ]
        lines = "\n".join(f"{one['name']:<14}{one['told']}" for one in told)
        return Answer(Document(scenarios=told), lines)
    if scenario is not None and scenario not in SCENARIOS:
        raise ConfigError(
            f"there is no scenario {scenario!r}.", field="--scenario", remedy=f"Use one of {', '.join(SCENARIOS)}."
        )
    settings = session.settings() if session.is_configured else None
    profile = settings.profile if settings is not None else "rfc9421"
    own = MockSettings(
        intake_url=intake_url or (settings.intake_url if settings is not None else "http://127.0.0.1:8000/notices"),
        platform_id=settings.platform_id if settings is not None else PLATFORM_ID,
        signing_key=keys.regulator_signing_key(profile),
        platform_keys=(_platform_key(settings),),
        profile=profile,
        host=host,
        port=port,
        seed=seed,
        spare_keys=(keys.regulator_signing_key(profile, 2),),
        conduct=STRICT if strict else PASSIVE,
        scenario=scenario,
        pace=pace,
    )
    try:
        serve(own, lambda url: session.tell(f"The mock regulator is at {url} and pushes to {own.intake_url}"))
    except OSError as error:
        # Not the error's own text, in which asyncio repeats the address.
        raise _taken(host, port, OSError(error.errno, os.strerror(error.errno or 0))) from None
    return None


@command(mock, "issue")
def issue(
    session: Session,
    sample: Annotated[
        int, Argument(metavar="SAMPLE", min=1, max=9_999, help="Which of the sample notices: 1 to 9,999.")
    ],
    url: Annotated[str | None, Option(help="Where it is; by default at regulator.url of the settings.")] = None,
    push: Annotated[bool, Option("--push/--no-push", help="Push it at once; the feed has it either way.")] = True,
) -> Answer:
    """Let a mock regulator issue a sample notice, and push it. Exit code 4 if the receiver did not take it."""
    _check_installed()
    from kz_compliance_sdk.testing.mock_regulator import ControlClient

    settings = session.settings() if session.is_configured else None
    at = url or (settings.regulator.url if settings is not None else None) or "http://127.0.0.1:8800"
    with closing(ControlClient(at)) as control:
        told = control.do("issue", sample=sample, push=push)
    pushed = told["push"]
    tries = [str(one["status"] or one["error"]) for one in pushed["tries"]] if pushed else []
    line = f"{told['notice_id']} was issued"
    line += f" and pushed; the receiver answered {', '.join(tries)}." if pushed else "; the feed has it."
    return Answer(Document(told), line, OK if not pushed or pushed["was_taken"] else FOUND)


def _check_installed() -> None:
    for module in ("uvicorn", "httptools"):
        if find_spec(module) is None:
            raise install(module, "testing")


def _platform_key(settings: Settings | None) -> Key:
    """What verifies the platform's requests: its configured key, or the published one of the sample platform."""
    from dataclasses import replace

    from kz_compliance_sdk.testing import keys

    signing = settings.signing() if settings is not None else None
    if settings is None or signing is None:
        return keys.platform_key() if settings is None else keys.platform_key(platform_id=settings.platform_id)
    return replace(
        keys.platform_key(settings.profile, platform_id=settings.platform_id),
        key_id=signing.key_id,
        algorithm=signing.algorithm,
        material=signing.verification_material(),
    )


_PART = "storing what is sent"
_STORED = frozenset({200, 202, 409, 422})


def collect_garbage_seldom() -> None:
    """For a process that only receives: what the program itself consists of is never looked through again. It was a
    fifth of the receiver's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


def with_outages_told(app: App, troubles: Troubles) -> App:
    """The app; what it answers with 503 is told in the log, once for as long as it lasts."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def sending(message: Scope) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status == 503:
                troubles.met(_PART, _cause(message.get("body", b"")))
            elif status in _STORED and scope["method"] == "POST":
                troubles.over(_PART)
            await send(message)

        await app(scope, receive, sending)

    return watched


def _cause(body: bytes) -> str:
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return "unknown"


def with_inspection(app: App, desk: ComplianceDesk, host: str) -> App:
    """The app with the inspection interface beside it. Raises ConfigError where it must not be."""
    from ipaddress import ip_address

    from kz_compliance_sdk.testing.conformance.inspection import inspect_handler
    from kz_compliance_sdk.testing.mock_regulator.server import asgi_app as asgi_of

    try:
        is_here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise ConfigError(
            f"what was stored is not shown on {host}.",
            field="--inspect",
            remedy="Listen on 127.0.0.1, or leave it out.",
        )
    shown = asgi_of(inspect_handler(desk))

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        is_inspection = scope["type"] == "http" and scope["path"].startswith("/inspect/")
        await (shown if is_inspection else app)(scope, receive, send)

    return both
