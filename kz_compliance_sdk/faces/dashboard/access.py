"""Who asks: the person behind a request, and what of the desk that person sees."""

from __future__ import annotations

import hashlib
import logging
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from kz_compliance_sdk.domain.actor import Actor, Role
from kz_compliance_sdk.domain.case import Case
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import ConfigError

PREFIX: Final = "kzc_"
"""How every token begins, so that a scanner for secrets finds one that was published."""
_BEARER: Final = "bearer "
_log = logging.getLogger("kz_compliance_sdk.api")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the host's authentication, or a token, vouches for. They see the cases of these `categories` and
    `authorities` alone; where one of the two is empty, of all."""

    actor: Actor
    categories: frozenset[str] = frozenset()
    authorities: frozenset[str] = frozenset()

    def sees(self, case: Case) -> bool:
        """Whether a case is one of theirs. Of another they are told that it is not there."""
        in_category = not self.categories or case.category in self.categories
        return in_category and (not self.authorities or case.authority_id in self.authorities)


SignIn = Callable[[Mapping[str, str]], Person | None]
"""Whoever asks, by the headers of a request (names in lower case); None for somebody whom nobody knows."""


_Scope = frozenset[Annotated[str, StringConstraints(min_length=1)]]


class _Token(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    actor: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    roles: frozenset[Role]
    categories: _Scope = frozenset()
    authorities: _Scope = frozenset()
    expires_at: datetime

    @property
    def person(self) -> Person:
        # Two tokens of one person are one account: nobody is a second person to themselves.
        return Person(Actor(self.actor, frozenset(self.roles), f"api:{self.actor}"), self.categories, self.authorities)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: list[_Token] = Field(default_factory=list)


class Tokens:
    """Bearer tokens, by a TOML file that holds their digests: who has which, with which roles, until when.

    The file is read anew once it changes, so that who is taken out of it is out at once. While it cannot be read,
    nobody is in. `clock` tells UTC seconds. Raises ConfigError.
    """

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._known: dict[str, _Token] = {}
        self._fault = ""
        self._state = self._look()
        self._known = read_tokens(path)

    def __call__(self, headers: Mapping[str, str]) -> Person | None:
        given = headers.get("authorization", "")
        if given[: len(_BEARER)].lower() != _BEARER:
            return None
        return self.person(digest_of(given[len(_BEARER) :].strip()))

    def person(self, digest: str) -> Person | None:
        """Whoever has the token of this digest, now."""
        self._follow()
        found = self._known.get(digest)
        return found.person if found is not None and self._clock() < found.expires_at.timestamp() else None

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _follow(self) -> None:
        state = self._look()
        if state == self._state:
            return
        self._state, self._known = state, {}
        try:
            self._known = read_tokens(self._path)
        except ConfigError as error:
            self._state = (0, 0, 0)  # what is in the way may go without the file being touched
            if str(error) != self._fault:
                _log.error("nobody is let in: %s", error)
            self._fault = str(error)
        else:
            self._fault = ""


def read_tokens(path: Path) -> dict[str, _Token]:
    """What the file says, by the digest of each token. Raises ConfigError naming the file, the field and the remedy."""
    remedy = "Make one: kz-compliance api-token --actor ID --role ROLE"
    try:
        held = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}.", field="--tokens", remedy=remedy) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", field="--tokens", remedy=remedy) from None
    except ValidationError as error:
        raise _wrong(path, error, "Correct it, or take the token out.") from None
    for number, token in enumerate(held.tokens):
        if token.expires_at.tzinfo is None:
            told = f"{path}: the time has no offset."
            raise ConfigError(told, field=f"tokens.{number}.expires_at", remedy="Write 2027-01-01T00:00:00Z.")
    return {token.sha256: token for token in held.tokens}


def _wrong(path: Path, error: ValidationError, remedy: str) -> ConfigError:
    first = error.errors(include_input=False, include_url=False)[0]
    return ConfigError(f"{path}: {first['msg']}.", field=".".join(map(str, first["loc"])), remedy=remedy)


def add_token(
    path: Path,
    actor: str,
    roles: Sequence[str],
    expires_at: int,
    *,
    entropy: Callable[[int], bytes],
    categories: Sequence[str] = (),
    authorities: Sequence[str] = (),
) -> str:
    """Make a token of 32 bytes of `entropy`, write its digest into the file (mode 0600) and return it: it is nowhere
    else. `expires_at` is UTC seconds. Raises ConfigError for what no token can say, and for a file that says something
    else or cannot be written."""
    if path.exists():
        read_tokens(path)
    token = PREFIX + entropy(32).hex()
    said = {"actor": actor, "roles": roles, "categories": categories, "authorities": authorities}
    try:
        _Token.model_validate({"sha256": digest_of(token), "expires_at": instant_text(expires_at), **said})
    except ValidationError as error:
        raise _wrong(path, error, "Give another; nothing was written.") from None

    def listed(words: Sequence[str]) -> str:
        return "[" + ", ".join(_text(word) for word in words) + "]"

    lines = [
        "",  # the line before may lack its end
        "[[tokens]]",
        f"sha256 = {_text(digest_of(token))}",
        f"actor = {_text(actor)}",
        f"roles = {listed(roles)}",
        *((f"categories = {listed(categories)}",) if categories else ()),
        *((f"authorities = {listed(authorities)}",) if authorities else ()),
        f"expires_at = {instant_text(expires_at)}",
        "",
    ]
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8") as file:
            file.write("\n".join(lines))
    except OSError as error:
        told = f"{path} cannot be written: {error.strerror}."
        raise ConfigError(
            told, field="--tokens", remedy="Name a file in a folder in which this account may write."
        ) from None
    return token


def digest_of(token: str) -> str:
    """The SHA-256 of a token, in hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _text(value: str) -> str:
    """A text as TOML has it."""
    plain = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one >= " " and one != "\x7f" else f"\\u{ord(one):04x}" for one in plain) + '"'
