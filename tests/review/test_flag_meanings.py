"""Every flag that a case can have is explained to whoever must decide."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import kz_compliance_sdk
from kz_compliance_sdk.domain.events.arrivals import LetterEntered
from kz_compliance_sdk.domain.flags import FLAG_MEANINGS, UNREADABLE, FlagCode
from kz_compliance_sdk.domain.notice import Effect

_SET = re.compile(
    r'_flagged\(received, "(\w+)"|flag\(case, \("(\w+)"|\*(?:case|arrival)\.flags,[^)]*?"(\w+)"|\(\*flags, "(\w+)"'
    r'|case\.flag\([^)]*?"(\w+)"'
)


def test_every_flag_has_a_meaning() -> None:
    package = Path(kz_compliance_sdk.__file__).parent
    files = [file for part in ("domain", "services") for file in (package / part).rglob("*.py")]
    found = [names for file in files for names in _SET.findall(file.read_text(encoding="utf-8"))]
    elsewhere = {name for names in found for name in names if name}
    assert {"amended", "late_revision", "message_id_reused", "report_rejected"} <= elsewhere, "the search finds none"
    cancelled = {f"cancelled_{effect}" for effect in get_args(Effect)}
    content = {"content_changed", "content_gone"}
    letters = {f"{kind}_unverified" for kind in get_args(get_type_hints(LetterEntered)["kind"])}
    assert set(FLAG_MEANINGS) == {*get_args(FlagCode), *elsewhere, *cancelled, *content, *letters, UNREADABLE}
    assert all(told.endswith(".") for told in FLAG_MEANINGS.values())
