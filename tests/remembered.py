"""What pure functions gave once they give again.

A chain is read anew for nearly everything that is asked of a case, and each test asks much of few cases: what is
decoded and hashed are the same bytes again and again. Whether they prove themselves is judged each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql import ledger as stored
from kz_compliance_sdk.config import settings
from kz_compliance_sdk.domain import believed, ledger, values
from kz_compliance_sdk.domain.events import READERS
from kz_compliance_sdk.domain.policy import Policy, of_own_content

_MOST = 20_000


def remember(patch: pytest.MonkeyPatch) -> None:
    """Let the functions remember from here on, also what they gave when they remembered before. None of what they give
    can be changed."""
    for owner, name, remembering in _remembering():
        patch.setattr(owner, name, remembering)


@cache
def _remembering() -> tuple[tuple[Any, str, Any], ...]:
    pure = (
        (ledger, "_content"),
        (ledger, "_people"),
        (ledger, "hash_of"),
        (ledger.LedgerKey, "mac"),
        (values, "_uuid"),
    )
    return (
        *((owner, name, lru_cache(_MOST)(getattr(owner, name))) for owner, name in pure),
        (stored, "READERS", {kind: _of_bytes(read) for kind, read in READERS.items()}),
        (believed.Reading, "_said", _of_body(believed.Reading._said)),
        (settings, "of_own_content", _of_equal(of_own_content)),
    )


def _of_bytes(read: Callable[[bytes], Any]) -> Callable[[Any], Any]:
    remembered = lru_cache(_MOST)(read)
    return lambda raw: remembered(bytes(raw))


def _of_body(said: Callable[[Any, bytes], Any]) -> Callable[[Any, bytes], Any]:
    known: dict[bytes, Any] = {}

    def remembered(self: believed.Reading, body: bytes) -> Any:
        if body not in known:
            known[body] = said(self, body)
        return known[body]

    return remembered


def _of_equal(named: Callable[[Policy], Policy]) -> Callable[[Policy], Policy]:
    known: list[tuple[Policy, Policy]] = []

    def remembered(policy: Policy) -> Policy:
        made = next((made for one, made in known if one == policy), None)
        if made is None:
            made = named(policy)
            known.append((policy, made))
        return made

    return remembered
