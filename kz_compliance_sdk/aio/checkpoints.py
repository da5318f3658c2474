"""The checkpoints over all cases, awaited."""

from __future__ import annotations

from typing import Any

from kz_compliance_sdk.aio.hop import Awaited
from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.evidence.checkpoints import Checkpoints


class AsyncCheckpoints(Awaited[Checkpoints]):
    """Checkpoints for event loops: the same names and arguments, awaited."""

    async def run(self) -> Checkpoint | None:
        """See Checkpoints."""
        return await self._hop(self.blocking.run)

    async def checkpoint(self) -> Checkpoint:
        """See Checkpoints."""
        return await self._hop(self.blocking.checkpoint)

    async def prove(self, case_id: str) -> dict[str, Any]:
        """See Checkpoints."""
        return await self._hop(self.blocking.prove, case_id)

    async def prove_growth(self, size: int) -> dict[str, Any]:
        """See Checkpoints."""
        return await self._hop(self.blocking.prove_growth, size)
