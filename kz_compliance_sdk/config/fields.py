"""The kinds of values that settings are made of. No refusal repeats what was written: it may be a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar, get_args
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from kz_compliance_sdk.domain.notice import check_link, host_of
from kz_compliance_sdk.domain.values import Identifier, Instant, Line, Prose
from kz_compliance_sdk.errors import InvalidInput

T = TypeVar("T")

Loc = tuple[int | str, ...]
"""Where a value stands in the settings: names of tables and settings, and places in lists."""

RULE: Final = "setting_rule"
"""The type of the pydantic errors that `refused` makes."""

_URL_ALPHABET = re.compile(r"[!-~]+")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Section(BaseModel):
    """One table of the settings. Frozen; an unknown key is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


def refused(message: str, remedy: str, *at: int | str) -> PydanticCustomError:
    """A broken rule: what is wrong, what to do, and where, counted from the value that is being validated."""
    return PydanticCustomError(RULE, "{message}", {"message": message, "remedy": remedy, "at": at})


def sentence(text: str) -> str:
    """The text with a capital letter."""
    return text[:1].upper() + text[1:]


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named or not _URL_ALPHABET.fullmatch(text) or parts.scheme not in {"http", "https"}:
        raise refused("This is no address of the web.", "Give one such as https://host.example/path.")
    if "@" in parts.netloc:
        raise refused("An address must not carry credentials.", "Remove what stands before the @.")
    return parts


def _base_url(text: str) -> str:
    parts = _split(text)
    if "?" in text or "#" in text:
        raise refused("This address must end with its path.", "Remove the query and the fragment.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def check_secret_url(url: SecretStr) -> SecretStr:
    """Refuse what is no http or https URL. The path and the query of a webhook are often its password."""
    _split(url.get_secret_value())
    return url


def is_private_line(url: str) -> bool:
    """Whether what goes to this URL cannot be read on the way: https, or it never leaves this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_name(text: str) -> str:
    try:
        if any(mark in text for mark in "/:?#@"):
            raise InvalidInput("more than a name", field="", remedy="")
        return host_of(check_link(f"https://{text}/"))
    except InvalidInput:
        raise refused("This is no public host name.", "Give a name such as social.example, alone.") from None


def _url_path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise refused("This is no path of a URL.", "Begin it with / and end it without one.")
    return text


def _moment(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return (value - _EPOCH) // timedelta(seconds=1)
    if isinstance(value, date):
        raise refused("This time has no offset from UTC.", "Write it as 2026-01-31T00:00:00Z.")
    return value


def by_name(rows: Mapping[str, T]) -> Mapping[str, T]:
    """The same rows, and nobody can change them."""
    return MappingProxyType(dict(rows))


Flag = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=1, le=2**31)]
Seconds = Annotated[int, Field(strict=True, ge=1, le=86_400)]
Wait = Annotated[float, Field(strict=True, gt=0, le=3_600, allow_inf_nan=False)]
"""How long to pause, in seconds. A length of time, never a point in it."""

Moment = Annotated[Instant, BeforeValidator(_moment)]
"""UTC seconds; written as RFC 3339 text, as a TOML date-time with an offset, or as the number itself."""

BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""An http or https URL without credentials, query, fragment and final slash."""

HostName = Annotated[str, AfterValidator(_host_name)]
UrlPath = Annotated[str, AfterValidator(_url_path)]
PlaceOnDisk = Annotated[Path, PlainSerializer(str, return_type=str, when_used="json")]

Secret = Annotated[SecretStr, PlainSerializer(lambda _: "***", return_type=str, when_used="json")]
Names = Annotated[frozenset[Identifier], PlainSerializer(sorted, when_used="json")]

_line, _prose = (get_args(kind)[1] for kind in (Line, Prose))
LineOrNone = Annotated[str, StringConstraints(max_length=_line.max_length, pattern=_line.pattern)]
"""A `Line` that may be empty."""

ProseOrNone = Annotated[str, StringConstraints(max_length=_prose.max_length, pattern=_prose.pattern)]
"""A `Prose` that may be empty."""
