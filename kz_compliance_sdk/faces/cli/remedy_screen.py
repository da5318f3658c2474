"""Contests and suspensions of a case, as people see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kz_compliance_sdk.faces.cli import documents, screen

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import CaseFile

__all__ = ["show_remedies"]


def show_remedies(file: CaseFile) -> None:
    """What is recorded against the order, with the texts that are sealed with it."""
    for filed in file.case.contests:
        said = documents.sealed_of(file, filed.seq)
        ended = f"{filed.result} {screen.both(filed.result_at)}" if filed.result_at is not None else "open"
        fields = [*said.items(), ("filed", screen.both(filed.filed_at)), ("result", ended)]
        screen.show_fields(f"Contest {filed.number}, recorded by {filed.recorded_by}", fields)
    for one in file.case.suspensions:
        said = documents.sealed_of(file, one.seq)
        until = screen.both(one.ends_at) if one.ends_at is not None else "no end known"
        standing = f"confirmed by {one.confirmed_by}" if one.confirmed_by else "not confirmed: no effect"
        fields = [*said.items(), ("from", screen.both(one.from_at)), ("until", until), ("proof", one.proof_sha256)]
        screen.show_fields(f"Suspension {one.number}, recorded by {one.recorded_by}, {standing}", fields)
