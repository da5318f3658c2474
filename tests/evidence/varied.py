"""Chains of many cases that went many ways: those that other campaigns leave behind in their stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from kz_compliance_sdk.adapters.sql.store import SqliteStore
from kz_compliance_sdk.domain.fold import Chain
from kz_compliance_sdk.domain.policy import Policy
from kz_compliance_sdk.domain.review_policy import Form
from kz_compliance_sdk.evidence.dossier import contents, handed_on
from kz_compliance_sdk.evidence.taking import packed
from kz_compliance_sdk.testing.builders import PLATFORM_ID
from tests.evidence.scene import key


@contextmanager
def left_behind() -> Iterator[list[Chain]]:
    """The chain of each case of every store that is closed meanwhile."""
    found: list[Chain] = []
    close = SqliteStore.close

    def closing(store: SqliteStore) -> None:
        queries = store.queries(PLATFORM_ID)
        found.extend(queries.records(case_id).chain for case_id in queries.case_ids())
        close(store)

    with mock.patch.object(SqliteStore, "close", closing):
        yield found


def packs_of(chain: Chain, policy: Policy | None = None) -> list[bytes]:
    """A pack of a case in each form, as it would be made without being told."""
    forms: tuple[Form, ...] = ("redacted", "full")
    return [packed(contents(handed_on(chain, form), form, policy), "en", key()) for form in forms]
