"""Adds the golden bytes of kinds that have none: `python -m tests.ledger.golden`. What is there is never changed."""

from __future__ import annotations

import json

from kz_compliance_sdk.domain.events import KINDS
from tests.ledger.samples import sample
from tests.ledger.test_vocabulary import GOLDEN, bytes_of

if __name__ == "__main__":
    held = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    new = {f"{name}/{kind.v}": bytes_of(sample(kind)).decode() for name, kind in KINDS.items()}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps({**new, **held}, indent=1, sort_keys=True) + "\n")
