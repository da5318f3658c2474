"""A short form of the campaign, and its controls: without one of its rules the verification misses some."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import ledger, proofs
from kz_compliance_sdk.evidence import verify_store
from tests.ledger.tampering.run import Outcome, campaign


@pytest.mark.slow(takes_s=60)
@pytest.mark.timeout(600)
def test_two_hundred_tamperings_are_found_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    outcome = campaign(tmp_path, 200, seed=20261126)
    assert not outcome.missed
    assert not outcome.unnamed
    assert len(outcome.done) == 15


@pytest.mark.slow
def test_a_few_tamperings_are_found_and_named(tmp_path: Path) -> None:
    outcome = campaign(tmp_path, 12, seed=7)
    assert (outcome.missed, outcome.unnamed) == ([], [])


@pytest.mark.slow
def test_without_a_checkpoint_from_outside_a_rewritten_store_is_not_called_fine(tmp_path: Path) -> None:
    """Nothing inside can show it, and the report says so; nor can it show that a backup is an old one."""
    for what in ("rewrite_store", "old_backup"):
        (tmp_path / what).mkdir()
        outcome = campaign(tmp_path / what, 6, seed=3, outside=False, only=what)
        assert outcome.missed
        (said,) = [one for one in outcome.not_provable if "rewritten as a whole" in one]
        assert outcome.not_provable[said] == 6


def _without(rule: str, monkeypatch: pytest.MonkeyPatch, folder: Path, only: str) -> Outcome:
    if rule == "rows":
        monkeypatch.setattr(proofs, "check", lambda *_: ())
    elif rule == "macs and roots":
        monkeypatch.setattr(ledger, "_check_mac", lambda *_: None)
        monkeypatch.setattr(verify_store, "_hold_inside", lambda *_: None)
    if rule in ("roots", "macs and roots"):
        monkeypatch.setattr(verify_store, "_hold_outside", lambda *given: setattr(given[3], "proved", given[3].size))
    return campaign(folder, 25, seed=11, only=only)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "only"),
    [("rows", "edit"), ("macs and roots", "rewrite_chain"), ("roots", "rewrite_store"), ("roots", "old_backup")],
)
def test_without_one_of_its_rules_the_verification_misses_some(
    rule: str, only: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    assert _without(rule, monkeypatch, tmp_path, only).missed
