"""What a URL in a notice may look like. Nothing here, and nothing anywhere, ever fetches one.

A URL in a notice names what somebody wants removed, so it is judged for one thing: whether a person
and a program will read it alike. What reads in two ways is refused; what merely is unusual is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kz_compliance_sdk.errors import InvalidInput

MAX_URL: Final = 2_048
"""The longest URL in characters."""

# White space, a backslash and invisible characters are read differently by browsers and by programs.
_READ_IN_TWO_WAYS = r"\x00-\x20\x7f-\xa0\\\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
_AMBIGUOUS = re.compile(f"[{_READ_IN_TWO_WAYS}]")
_PLAIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})/[!#-;=?-\[\]_a-z~]+")
_NOT_NORMAL = re.compile(r"/\.|%2[eE]|\?(?:#|$)|#$")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_INTERNAL_NAMES = frozenset({"localhost", "local", "internal", "localdomain", "lan", "intranet", "home", "corp"})
_INTERNAL_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
_INTERNAL_V6 = tuple(IPv6Network(net) for net in ("::/127", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"))
_NAT64 = IPv6Network("64:ff9b::/96")
_DEFAULT_PORT = {"http": 80, "https": 443}

LINK_SCHEMA: Final[Mapping[str, object]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_URL,
    "pattern": rf"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@{_READ_IN_TWO_WAYS}]+([/?#][^{_READ_IN_TWO_WAYS}]*)?$",
}
"""As much of `check_link` as JSON Schema can say: it refuses nothing that `check_link` takes."""

ITEM_URL_SCHEMA: Final[Mapping[str, object]] = {**LINK_SCHEMA, "not": {"pattern": r"^[A-Za-z]+://[^/?#]+/*$|\*$"}}
"""As much of `check_url` as JSON Schema can say."""


def check_url(text: str) -> str:
    """The normal form of the URL of one item; two URLs with the same normal form name the same thing.

    Scheme and host in lower case, the host in its ASCII form, no default port, no dot segments. The
    query and the fragment stay as they are: what they mean is the platform's business.

    Raises InvalidInput and nothing else: the codes of `check_link`, and `scope_too_wide` for a home page
    or a pattern, which name no item.
    """
    normal = check_link(text)
    rest = normal.split("/", 3)[3]
    if not rest.strip("/") or rest.endswith("*"):
        raise _refused("scope_too_wide", "the URL names a whole site", "Name each item by its own URL.")
    return normal


def check_link(text: str) -> str:
    """The normal form of any URL that a message carries.

    Raises InvalidInput and nothing else, with one of the codes `url_length`, `url_control`, `url_scheme`,
    `url_userinfo`, `url_host`, `url_internal`.
    """
    if len(text) > MAX_URL:
        raise _refused("url_length", f"the URL is longer than {MAX_URL} characters", "Send its canonical form.")
    plain = _PLAIN.fullmatch(text)
    if plain and plain.end(1) <= 253 and plain[1] not in _INTERNAL_NAMES and not _NOT_NORMAL.search(text):
        return text
    if _AMBIGUOUS.search(text):
        raise _refused("url_control", "the URL holds a blank, a backslash or an invisible character", "Encode it.")
    try:
        parts = urlsplit(text)
        port = parts.port
        name = parts.hostname or ""
    except ValueError:
        raise _bad_host() from None
    if parts.scheme not in _DEFAULT_PORT:
        raise _refused("url_scheme", "the URL is neither http nor https", "Send the address of the page.")
    if "@" in parts.netloc:
        raise _refused("url_userinfo", "the URL carries credentials", "Remove them.")
    host = _host(name)
    where = host if port is None or port == _DEFAULT_PORT[parts.scheme] else f"{host}:{port}"
    return f"{parts.scheme}://{where}{_without_dots(parts.path)}{_tail(parts)}"


def host_of(normal: str) -> str:
    """The host of a URL in normal form, without its port."""
    authority = normal.split("/", 3)[2]
    return authority[: authority.index("]") + 1] if authority[0] == "[" else authority.partition(":")[0]


def _host(name: str) -> str:
    if name.startswith("v") and "." in name and ":" in name:
        raise _bad_host()
    if ":" in name:
        return f"[{_checked_v6(name)}]"
    try:
        ascii_name = name.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise _bad_host() from None
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad_host()
    if _NUMBER.fullmatch(labels[-1]):
        return str(_checked_v4(_numeric_v4(labels)))
    if len(labels) == 1 or labels[-1] in _INTERNAL_NAMES:
        raise _internal()
    return ascii_name


def _numeric_v4(labels: list[str]) -> IPv4Address:
    # Browsers read 2852039166, 0xa9fea9fe and 169.254.43518 as 169.254.169.254, so this must too.
    if len(labels) > 4:
        raise _bad_host()
    try:
        numbers = [_number(label) for label in labels]
        if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
            raise _bad_host()
        head = sum(number << (24 - 8 * place) for place, number in enumerate(numbers[:-1]))
        return IPv4Address(head + numbers[-1])
    except ValueError:
        raise _bad_host() from None


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label.startswith("0") else 10)


def _checked_v4(address: IPv4Address) -> IPv4Address:
    if any(address in net for net in _INTERNAL_V4):
        raise _internal()
    return address


def _checked_v6(name: str) -> IPv6Address:
    try:
        address = IPv6Address(name)
    except ValueError:
        raise _bad_host() from None
    if address.scope_id is not None:
        raise _bad_host()
    inside = address.ipv4_mapped or address.sixtofour
    if address in _NAT64 or int(address) >> 32 == 0:
        inside = IPv4Address(int(address) & 0xFFFFFFFF)
    if inside is not None:
        _checked_v4(inside)
    if any(address in net for net in _INTERNAL_V6):
        raise _internal()
    return address


def _without_dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain in (".", ".."):
            if plain == ".." and kept:
                kept.pop()
            if place == len(segments) - 1:
                kept.append("")
        else:
            kept.append(segment)
    return "/" + "/".join(kept)


def _tail(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return query + fragment


def _refused(code: str, message: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{message}.", field="url", remedy=remedy, code=code)


def _bad_host() -> InvalidInput:
    return _refused("url_host", "the URL's host cannot be read in one way only", "Send the public host name.")


def _internal() -> InvalidInput:
    return _refused("url_internal", "the URL points into a private network", "Send the public address.")
