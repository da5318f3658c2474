"""The worker makes checkpoints, and goes on while nobody can keep them."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

from kz_compliance_sdk.desk import ComplianceDesk
from kz_compliance_sdk.faces.worker import CHECKPOINT_LOOK_S, Worker
from kz_compliance_sdk.ports import Env
from tests.arrivals.bad_inputs.office import Feed, settings
from tests.arrivals.bad_inputs.requests import NOW, envelope, signed
from tests.conftest import FrozenClock
from tests.waiting import PATIENCE_S, comes


def test_a_worker_writes_checkpoints_to_the_file_and_tries_again_where_it_could_not(tmp_path: Path) -> None:
    clock, file = FrozenClock(NOW), tmp_path / "not-mounted" / "checkpoints.jsonl"
    given = settings(tmp_path / "desk.sqlite3", checkpoints={"file": file}, worker={"idle_s": 0.05})
    env = replace(Env.system(), clock=clock, monotonic=clock.monotonic, boot=clock.boot)
    with ComplianceDesk(given, regulator=Feed(), env=env, create=True) as desk:
        request = signed(envelope(), at=clock())
        assert desk.receive("POST", "/notices", request.headers, request.body).status == 202
        worker = Worker(desk, poll=False, deliver=False)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            comes(lambda: desk.store.queries(desk.platform_id).last_checkpoint() is not None)
            file.parent.mkdir()
            clock.advance(CHECKPOINT_LOOK_S + 1)
            comes(file.exists)
        finally:
            worker.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        (line,) = file.read_text(encoding="utf-8").splitlines()
        assert json.loads(line)["size"] == 2  # the case, and how the clocks of the host stood
        verdict = desk.verify_audit(checkpoint=file.read_bytes())
        assert (verdict.checked, verdict.faults) == (1, ())
