"""A sample of the attacks on the files of stores, and what they come to without the mark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kz_compliance_sdk.adapters.sql.mark import Mark
from kz_compliance_sdk.adapters.sql.sqlite import choose_driver
from tests.store.attacks import AT_START, BY_CHECK, FOUND, SILENT, campaign

pytestmark = [
    pytest.mark.slow,
    pytest.mark.writes_by_itself,  # the pages that a commit is compared with may be damaged
    pytest.mark.skipif(os.name != "posix", reason="files that are open can be moved and deleted here"),
    pytest.mark.skipif(not choose_driver().wal, reason="this SQLite keeps no log"),
]


def test_nothing_that_was_acknowledged_is_lost_in_silence(tmp_path: Path) -> None:
    result = campaign(tmp_path, seed=1, resting=90, running=12, count=20)
    assert result.faults == []
    assert sum(result.total(kind) for kind in (FOUND, AT_START, BY_CHECK)) == 102
    assert min(result.total(kind) for kind in (FOUND, AT_START, BY_CHECK)) > 0


def test_control_without_the_mark_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mark, "missing", lambda *_: [])
    result = campaign(tmp_path, seed=1, resting=24, running=0, count=20, only="older copy")
    assert result.total(SILENT) == len(result.faults) > 0
    assert "are lost" in result.faults[0]
