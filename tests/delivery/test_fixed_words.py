"""What the office says where no person words it, and which field a refusal names."""

from __future__ import annotations

from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.words import words
from kz_compliance_sdk.errors import InvalidInput
from kz_compliance_sdk.testing import builders
from tests.case_makers import LEGAL, T0, a_notice, measure, proposal, stamp
from tests.scene import Host, World


def test_a_measure_that_is_lifted_for_a_cancellation_is_reported_in_the_catalogue_s_words(tmp_path: Path) -> None:
    host = Host(World(tmp_path / "desk.sqlite3"))
    notice = a_notice(languages=("ru",))
    host.push(notice, "m-1")
    host.decide(proposal(measure("1")))
    host.drain()
    host.push(builders.cancellation(notice), "m-2")
    host.drain()
    told = host.world.regulator.reports(notice.notice_id)[-1]["items"][0]
    assert told["outcome"] == "restored"
    assert told["statement_of_reasons"] == [{"lang": "ru", "text": words("ru", "cases")("statement", "lifted")}]
    assert "lifted" not in told["statement_of_reasons"][0]["text"], "the control: the name alone is no sentence"
    host.store.close()


def test_a_hold_without_reasons_names_the_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        commands.Hold(" ", T0 + 9).admit(stamp(T0, LEGAL))
    assert refused.value.field == "reasons"
