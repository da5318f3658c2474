"""What stands around a guide's code in these tests: settings, a signed notice, a decision."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

from kz_compliance_sdk.testing import builders, keys
from kz_compliance_sdk.wire.signature import sign
from tests.blank import put_blank

PUBLIC_URL = "https://social.example/kz"
INTAKE_PATH = "/kz/notices"


def settings_file(folder: Path, extra: str = "") -> Path:
    """A settings file that trusts the sample regulator, and carries a decision out at once."""
    path = folder / "kz-compliance.toml"
    regulator, own = keys.regulator_key(), keys.platform_signing_key()
    path.write_text(
        f"""
platform_id = "{builders.PLATFORM_ID}"
public_url = "{PUBLIC_URL}"
allow_test_keys = true
undo_window_s = 0
{extra}

[store]
path = "cases.sqlite3"

[worker]
idle_s = 0.05

[signing_key]
key_id = "{own.key_id}"
secret = "{base64.b64encode(own.material).decode()}"

[[keys]]
key_id = "{regulator.key_id}"
public_key = "{base64.b64encode(regulator.material).decode()}"
sender = "{regulator.sender}"
authorities = {sorted(regulator.authorities)!r}
not_before = 2020-01-01T00:00:00Z
not_after = 2199-12-31T00:00:00Z
""",
        encoding="utf-8",
    )
    put_blank(folder / "cases.sqlite3")  # as `kz-compliance db upgrade` does
    return path


def signed_notice(seed: int = 1, path: str = INTAKE_PATH) -> tuple[dict[str, str], bytes]:
    """Headers and body of a push that is authentic now."""
    now = int(time.time())
    body = builders.message_bytes(builders.notice(seed, issued_at=now), message_id=f"msg_{seed}", sent_at=now)
    url = f"https://social.example{path}"
    signature = sign(keys.regulator_signing_key(), "rfc9421", "POST", url, body, now, f"msg_{seed}", f"nonce_{seed}")
    return {"content-type": "application/json", **dict(signature)}, body


def proposal(notice: dict[str, Any]) -> dict[str, Any]:
    """A removal of every item, with its legal check and reasons."""
    lang = notice["languages"][0]
    return {
        "items": [
            {
                "item_id": item["item_id"],
                "finding": "illegal",
                "reasons": "The advertisement is for a casino without a licence.",
                "action": "remove",
                "ground": "local_law",
                "wording": {
                    "outcome": "removed",
                    "statement_of_reasons": [{"lang": lang, "text": "Рассмотрено. Қаралды."}],
                },
            }
            for item in notice["items"]
        ],
        "legal_check": {
            "authority": "yes",
            "legal_basis": "yes",
            "clarity": "yes",
            "content_matches": "yes",
            "protected_speech": "no",
            "proportionate": "yes",
            "narrowest": "yes",
        },
        "text_checked": True,
    }
