"""The settings of one platform: from arguments, the environment and a TOML file, read when asked and never at import.

    settings = Settings.load(Path("/etc/kz-compliance.toml"))

`docs/reference/settings.md` lists every setting.
"""

from __future__ import annotations

from kz_compliance_sdk.config.sections import StoreSettings
from kz_compliance_sdk.config.settings import Settings

__all__ = ["Settings", "StoreSettings"]
