"""The Content port as a platform registers it, on the desk and on the awaited one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from kz_compliance_sdk import AsyncComplianceDesk, ComplianceDesk, Reference, Resolved, Settings
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor
from kz_compliance_sdk.domain.case import CaseState
from kz_compliance_sdk.errors import ConfigError, Conflict
from kz_compliance_sdk.testing.content import FakeContent, naming
from kz_compliance_sdk.testing.frozen import FrozenClock, frozen_env
from kz_compliance_sdk.testing.office import Office
from tests.case_makers import YES
from tests.docs.site import INTAKE_PATH, settings_file, signed_notice

MODERATOR, LAWYER = Actor("m", frozenset({"moderator"})), Actor("l", frozenset({"legal"}))
DOUBT = YES.model_copy(update={"clarity": "unclear"})


def _pushed(desk: ComplianceDesk) -> str:
    headers, body = signed_notice(1)
    assert desk.receive("POST", INTAKE_PATH, list(headers.items()), body).status == 202
    (case,) = desk.cases().cases
    return case.id


def test_a_function_is_registered_as_the_enforcer_is(tmp_path: Path) -> None:
    clock = FrozenClock(int(time.time()))
    with ComplianceDesk(Settings.load(settings_file(tmp_path)), env=frozen_env(clock)) as desk:
        case_id = _pushed(desk)
        ready = [desk.can_look]
        with pytest.raises(ConfigError, match="no Content port"):
            desk.look(MODERATOR, case_id)

        @desk.on_resolve
        def resolve(reference: Reference) -> Resolved:
            return Resolved(reference.object_id, "a" * 64, available=True, at=clock(), preview="words")

        assert [*ready, desk.can_look] == [False, True]
        (seen,) = desk.look(MODERATOR, case_id)
        assert (seen.digest, seen.preview, seen.fault) == ("a" * 64, "words", "")
        file = desk.case_file(case_id)
        assert [(row.digest, row.seen_by) for row in file.content] == [("a" * 64, "m")]


def test_the_office_of_the_tests_looks_where_it_can(tmp_path: Path) -> None:
    clock = FrozenClock(int(time.time()))
    content = FakeContent(clock)
    with ComplianceDesk(Settings.load(settings_file(tmp_path)), content=content, env=frozen_env(clock)) as desk:
        case_id = _pushed(desk)
        decided = Office(desk).decide()
        (item,) = decided.decision.proposal.items
        (row,) = desk.case_file(case_id).content
        assert item.content_sha256 == row.digest
        assert len(content.calls) == 1


def test_the_awaited_desk_looks_answers_and_compares(tmp_path: Path) -> None:
    clock = FrozenClock(int(time.time()))
    content = FakeContent(clock)

    async def work() -> None:
        async with AsyncComplianceDesk(
            Settings.load(settings_file(tmp_path)), content=content, env=frozen_env(clock)
        ) as desk:
            case_id = await asyncio.to_thread(_pushed, desk.blocking)
            row = await desk.take(LAWYER, case_id, commands.RecordLegalCheck(DOUBT))
            lease = await desk.claim(MODERATOR)
            assert lease is not None
            seen = await desk.look(MODERATOR, case_id, lease.token)
            chosen = Office(desk.blocking).proposal(await desk.notice(case_id), legal_check=row.version)
            decided = await desk.propose(MODERATOR, case_id, lease.token, naming(chosen, seen))
            assert decided.decision.needs_approval
            content.write(seen[0].object_id, "edited")
            with pytest.raises(Conflict, match="not what was proposed about"):
                await desk.approve(LAWYER, case_id, decided.digest)
            assert (await desk.case(case_id)).state is CaseState.QUEUED

    asyncio.run(work())
