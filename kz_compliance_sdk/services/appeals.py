"""The appeals of affected users, as people look at them."""

from __future__ import annotations

from kz_compliance_sdk.domain import appeals
from kz_compliance_sdk.domain.appeals import AppealFile
from kz_compliance_sdk.ports import AppealPage, Store


class Appeals:
    """The appeals against one platform's measures."""

    def __init__(self, store: Store, platform_id: str) -> None:
        self._store, self._platform = store, platform_id

    def list(self, state: str = "open", cursor: str | None = None, limit: int = 50) -> AppealPage:
        """A page of the appeals in a state (`open`, `upheld`, `reversed`, `withdrawn`), those first that are due first.

        Raises InvalidInput.
        """
        return self._store.queries(self._platform).appeals(state=state, cursor=cursor, limit=limit)

    def case_of(self, appeal_id: str) -> str:
        """The id of the case in which an appeal was made. Raises NotFound."""
        return self._store.queries(self._platform).case_of_appeal(appeal_id)

    def show(self, appeal_id: str) -> AppealFile:
        """An appeal with what the user wrote. Raises NotFound, and StoreDamaged for one that cannot be read."""
        kept = self._store.queries(self._platform).kept(self.case_of(appeal_id))
        return appeals.file_of(kept.chain.stream, kept.case, appeal_id, kept.chain.words)
