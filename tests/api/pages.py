"""The page of the API's operations, made from them."""

from __future__ import annotations

from kz_compliance_sdk.domain.commands.base import LEASE
from kz_compliance_sdk.faces.dashboard.api import OPERATIONS, Operation

_HEAD = """# Operations of the API

Made from the operations of `kz_compliance_sdk.faces.dashboard` by `python -m tests.generate`.
[The API](../guides/api.md) says how to sign in; `/openapi.json` has the forms as JSON Schema.

| Operation | Fields | Who |
|---|---|---|
"""


def api_page() -> str:
    """Return the page with every operation, the fields of its body, and who may ask for it."""
    return _HEAD + "".join(f"| `{one.method} {one.path}` | {_fields(one)} | {_who(one)} |\n" for one in OPERATIONS)


def _fields(one: Operation) -> str:
    if own := {"claim": "`case`, `category`", "look": "`token`", "evidence": "`lang`, in the query"}.get(one.name):
        return own
    return "" if one.kind is None else ", ".join(f"`{name}`" for name in one.kind._fields())


def _who(one: Operation) -> str:
    if one.kind is not None and one.kind.may is LEASE:
        return "who holds the lease"
    if not one.roles:
        return "whoever is signed in"
    never = ", and never the head" if one.kind is not None and one.kind.may.never_head else ""
    return ", ".join(sorted(one.roles)) + never
