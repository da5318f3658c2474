"""Who keeps checkpoints outside the store: a file, a signed webhook, the log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from kz_compliance_sdk.adapters.log import logger
from kz_compliance_sdk.adapters.notifiers import Post
from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.errors import ComplianceError
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.wire.signature import SigningKey, sign

NOT_KEPT: Final = "checkpoint_not_kept"


class LogWitness:
    """Writes size and root to the log. It keeps as much as the log does."""

    def keep(self, checkpoint: Checkpoint) -> None:
        """Write one line. Never fails."""
        logger.info("checkpoint", platform_id=checkpoint.platform_id, size=checkpoint.size, root=checkpoint.root)


class FileWitness:
    """Adds each checkpoint as one line to a file, and waits until it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def keep(self, checkpoint: Checkpoint) -> None:
        """Raises ComplianceError (`checkpoint_not_kept`)."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                # One write: another process that adds a line must not end up inside this one.
                line = checkpoint.line + b"\n"
                if os.write(descriptor, line) != len(line):
                    raise OSError("the line was cut")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ComplianceError(
                f"the checkpoint could not be added to its file: {error.strerror or error}.", code=NOT_KEPT
            ) from error


class WebhookWitness:
    """Posts each checkpoint, signed after Standard Webhooks."""

    def __init__(self, url: str, key: SigningKey, env: Env, post: Post) -> None:
        self._url, self._key, self._env, self._post = url, key, env, post

    def keep(self, checkpoint: Checkpoint) -> None:
        """Raises ComplianceError: no answer, or one that is not 2xx."""
        now, message_id = self._env.clock(), self._env.ids()
        body = checkpoint.line
        signature = sign(self._key, "standard-webhooks", "POST", "", body, now, message_id, message_id)
        status = self._post(self._url, body, [("content-type", "application/json"), *signature])
        if not 200 <= status < 300:
            raise ComplianceError(f"the webhook answered {status}", code=NOT_KEPT)
