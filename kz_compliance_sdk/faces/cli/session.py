"""What the commands share: where the settings are, who is asking, and how to answer."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, NamedTuple

import typer

from kz_compliance_sdk.errors import ConfigError, InvalidInput, NotAllowed, NotFound
from kz_compliance_sdk.faces.cli import screen

if TYPE_CHECKING:
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.desk import ComplianceDesk
    from kz_compliance_sdk.domain.actor import Actor
    from kz_compliance_sdk.ports import Content

_CASE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ACTORS = re.compile(r"KZ_COMPLIANCE_ACTORS(__.*)?")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Acting(NamedTuple):
    """Somebody at a case."""

    desk: ComplianceDesk
    actor: Actor
    case_id: str
    session: Session


@dataclass(slots=True)
class Session:
    """One run of the command line."""

    config: Path | None = None
    json: bool = False
    debug: bool = False

    @classmethod
    def of(cls, ctx: typer.Context) -> Session:
        """The session that the root command has put into the context."""
        session = ctx.find_root().obj
        if not isinstance(session, cls):
            session = ctx.find_root().obj = cls()
        return session

    def settings(self) -> Settings:
        """Raises ConfigError, and always if the environment says who people are: whoever acts could choose it."""
        from kz_compliance_sdk.config import Settings

        for name in os.environ:
            if _ACTORS.fullmatch(name.upper()):
                raise ConfigError(
                    "on the command line the settings file alone says who people are.",
                    field=name,
                    remedy="Unset it, and write the tables [actors.ACCOUNT] into the file.",
                )
        return Settings.load(self.config)

    def settings_file(self) -> Path | None:
        """The file that the settings come from, or None if there is none."""
        from kz_compliance_sdk.config.layers import CONFIG_VARIABLE

        named = os.environ.get(CONFIG_VARIABLE)
        return self.config or (Path(named) if named else None)

    @property
    def is_configured(self) -> bool:
        """Whether anybody has said anything about the settings."""
        return self.config is not None or any(
            name.startswith("KZ_COMPLIANCE_") and not name.startswith("KZ_COMPLIANCE_TEST_") for name in os.environ
        )

    @contextmanager
    def desk(self, *, may_create: bool = False, **parts: Any) -> Iterator[ComplianceDesk]:
        """A desk on the configured store. Unless it `may_create` one, a path without a file is a mistake in the
        settings, and no reason to show an empty queue. Raises ConfigError and StoreUnusable."""
        settings = self.settings()
        refuse_directory(settings)
        if not may_create:
            refuse_missing(settings)
        from kz_compliance_sdk.desk import ComplianceDesk

        with ComplianceDesk(settings, create=may_create, **parts) as desk:
            yield desk

    @contextmanager
    def acting(self, case: str, *, content: Content | None = None) -> Iterator[Acting]:
        """A desk, who acts on it, and the id of the case that they mean. Raises as `desk`, `actor` and `case_id_of`."""
        with self.desk(content=content) as desk:
            yield Acting(desk, self.actor(desk.settings), case_id_of(desk, case), self)

    def actor(self, settings: Settings) -> Actor:
        """The person whose account of the operating system runs this. Raises NotAllowed for one nobody has named."""
        user = system_user()
        actor = settings.actor_of(user)
        if actor is None:
            key = user if _BARE_KEY.fullmatch(user) else f'"{user}"'
            raise NotAllowed(
                f"actors.{key}: the account {user!r} of this machine is nobody in the settings, and can only read. "
                f"Add the table [actors.{key}] with the person's id and roles.",
                code="actor_unknown",
            )
        return replace(actor, account=user)

    # ------------------------------------------------------------------------------------------ answering

    def tell(self, text: str) -> None:
        """A line for people beside the result; it never mixes with a document."""
        screen.say(text, stderr=True)

    @property
    def can_ask(self) -> bool:
        """Whether a person sits at a terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """Go on only if a person says so. Raises InvalidInput where there is nobody to ask, and typer.Exit for a no."""
        if yes:
            return
        if not self.can_ask:
            raise wrong("--yes", "there is no terminal to ask at.", "Add --yes to say that it is meant.")
        if not typer.confirm(question, err=True):
            self.tell("Nothing was written.")
            raise typer.Exit(0)


def system_user() -> str:
    """The account that runs this process, as the operating system knows it: no variable and no flag can change it."""
    if sys.platform == "win32":
        raise NotAllowed("this system does not say whose process this is: use the Python interface.", code="actor")
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def case_id_of(desk: ComplianceDesk, given: str) -> str:
    """The case that a person means: by its reference, or by a notice id that only one case has.

    Raises NotFound and InvalidInput.
    """
    if _CASE_ID.fullmatch(given):
        return given
    found = desk.cases(notice_id=given).cases
    if not found:
        raise NotFound(
            "there is no case with this reference or notice id: `kz-compliance cases list` shows them.", reference=given
        )
    if len(found) > 1:
        raise wrong(
            "case",
            f"{len(found)} cases have the notice id {given!r}.",
            f"Name one of them: {', '.join(case.id for case in found)}.",
        )
    return found[0].id


def wrong(option: str, message: str, remedy: str) -> InvalidInput:
    """What is wrong with an option, and what to do about it."""
    return InvalidInput(message, field=option, remedy=remedy)


@contextmanager
def at_file(option: str, file: str | Path, what: Literal["read", "written"], remedy: str) -> Iterator[None]:
    """Say of a file that an option names why it cannot be read or written. Raises InvalidInput."""
    try:
        yield
    except OSError as error:
        raise wrong(option, f"{file} cannot be {what}: {error.strerror}.", remedy) from None


def read_bytes(option: str, file: str | Path, remedy: str, most: int = -1) -> bytes:
    """What is in a file, or comes on standard input for `-`, up to so many bytes. Raises InvalidInput."""
    stdin = str(file) == "-"
    with (
        at_file(option, "standard input" if stdin else file, "read", remedy),
        nullcontext(sys.stdin.buffer) if stdin else Path(file).open("rb") as stream,
    ):
        return stream.read(most)


@contextmanager
def new_file(out: Path) -> Iterator[BinaryIO]:
    """A new file that only its owner can read; gone again if what should be in it could not be made.

    It is there before anything is recorded: no case says that something was taken which never lay anywhere. Raises
    InvalidInput.
    """
    remedy = "Name a new file in a folder of yours."
    if os.path.lexists(out):
        raise wrong("--out", f"{out} cannot be written: it exists already.", remedy)
    with at_file("--out", out, "written", remedy):
        stream = open(out, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115  closed below
        try:
            with stream:
                yield stream
        except BaseException:
            out.unlink(missing_ok=True)
            raise


@contextmanager
def by_option(options: Mapping[str, str]) -> Iterator[None]:
    """Name the option, instead of the field of that name, in what is wrong with it."""
    try:
        yield
    except InvalidInput as wrong:
        option = options.get(wrong.field)
        if option is None:
            raise
        raise InvalidInput(
            wrong.message, field=option, remedy=wrong.remedy, code=wrong.code, reference=wrong.reference
        ) from None


def refuse_directory(settings: Settings) -> None:
    """Raises ConfigError if the store's path is a directory: it is missing its file name."""
    if settings.store.url is None and settings.store.path.is_dir():
        raise ConfigError(
            f"{settings.store.path.absolute()} is a directory.",
            field="store.path",
            remedy="Name a file in it, such as cases.sqlite3.",
        )


def refuse_missing(settings: Settings) -> None:
    """Raises ConfigError if there is no database."""
    if settings.store.url is None and not settings.store.path.is_file():
        raise ConfigError(
            f"there is no database at {settings.store.path.absolute()}.",
            field="store.path",
            remedy="Correct the path, or create it: kz-compliance db upgrade",
        )


def refuse_server(settings: Settings, instead: str) -> None:
    """Raises ConfigError for a store that is no file: another tool does it `instead`."""
    if settings.store.url is not None:
        raise ConfigError(
            "this command is about a store's file, and the store is on PostgreSQL.",
            field="store.url",
            remedy=f"There it is done with {instead}: see docs/operations.md, On PostgreSQL.",
        )


def install(name: str, extra: str) -> ConfigError:
    """What to say when an optional dependency is missing."""
    return ConfigError(
        f"{name} is not installed.", field="extra", remedy=f"Run: pip install 'kz-compliance-sdk[{extra}]'"
    )


def _json_wanted(ctx: typer.Context, wanted: bool) -> bool:
    if wanted and not ctx.resilient_parsing:
        Session.of(ctx).json = True
    return wanted


Json = Annotated[
    bool,
    # Eager: an option beside it that cannot be read is told as a document as well.
    typer.Option(
        "--json", callback=_json_wanted, is_eager=True, help="Print one JSON document on stdout, for programs."
    ),
]
CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The case's reference, or its notice id.")]


# ------------------------------------------------------------------------------------------------------- platform parts
# The platform's own code, by the name that a command is given: its Enforcer, its Content port and its Messenger.


_PORTS = {
    "--enforcer": ("Enforcer", ("enforce", "restore"), "takedown:enforcer"),
    "--content": ("Content port", ("resolve",), "posts:content"),
    "--messenger": ("Messenger", ("tell",), "mail:messenger"),
}
"""What each option names, the methods that it must have, and an example."""


def load(option: str, name: str | None) -> Any:
    """What `module:attribute` names, or that it makes when it is called; None without a name. Raises ConfigError."""
    if name is None:
        return None
    what, methods, example = _PORTS[option]
    module_name, _, attribute = name.partition(":")

    def wrong(message: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=option, remedy=remedy)

    def is_one(found: Any) -> bool:
        return all(callable(getattr(found, method, None)) for method in methods)

    needs = f"It needs the method{'s' if len(methods) > 1 else ''} {' and '.join(methods)}."
    if not module_name or not attribute:
        raise wrong(f"{name!r} is no MODULE:NAME.", f"Write it as in myplatform.{example}.")
    # As with `python -m`: the platform's own code often lies in the working directory.
    if os.getcwd() not in sys.path:  # noqa: PTH109  sys.path holds text
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise wrong(f"{module_name} cannot be imported: {error}.", "Run where it can be, or install it.") from None
    except Exception as error:
        raise wrong(f"{module_name} fails as it is imported: {_kind(error)}.", "Mend it.") from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise wrong(f"{module_name} has no {attribute}.", "Correct the name.")
    if isinstance(found, type) or not is_one(found):
        if not callable(found):
            raise wrong(f"{name} is no {what}.", needs)
        try:
            found = found()
        except Exception as error:
            raise wrong(f"{name} is no {what} and makes none: {_kind(error)}.", "Name one that does.") from error
    if not is_one(found):
        raise wrong(f"what {name} makes is no {what}.", needs)
    return found


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}: {screen.one_line(str(error))}"
