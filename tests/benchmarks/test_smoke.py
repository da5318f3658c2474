"""The benchmarks run, and a row says what it must say."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Literal

import anyio
import httpx
import pytest

from kz_compliance_sdk.adapters.sql import transaction
from kz_compliance_sdk.aio import AsyncComplianceDesk
from kz_compliance_sdk.faces import asgi
from kz_compliance_sdk.faces.asgi import App
from tests.benchmarks import apps, samples, stages
from tests.benchmarks.__main__ import GROUPS, main
from tests.benchmarks.rows import Row, interleaved

FIELDS = {"name", "figure", "unit", "against", "baseline", "ratio", "bar", "sense", "verdict", "note"}


@pytest.mark.slow
def test_two_cheap_rows_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A measured row has a positive figure, its baseline where it has one, the ratio between them, and a verdict."""
    code = main(["--quick", "--json", "--only", "watch.idle", "--only", "import.package"])

    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in found["rows"]}
    assert rows.keys() == {"watch.idle", "import.package"}
    for row in rows.values():
        assert row.keys() == FIELDS
        assert row["figure"] > 0
        assert row["verdict"] == ("pass" if row["figure"] <= row["bar"] else "below")
    assert code == (1 if any(row["verdict"] == "below" for row in rows.values()) else 0)
    assert found["quick"] is True


@pytest.mark.parametrize(
    ("ratio", "bar", "sense", "verdict"),
    [
        (0.6, 0.6, "least", "pass"),
        (0.59, 0.6, "least", "below"),
        (1.5, 1.5, "most", "pass"),
        (1.6, 1.5, "most", "below"),
    ],
)
def test_a_verdict_is_about_the_ratio(ratio: float, bar: float, sense: Literal["least", "most"], verdict: str) -> None:
    """The bar itself is reached; one step on the wrong side of it is not."""
    assert Row("r", 6.0, "/s", "b", 10.0, ratio, bar, sense).verdict == verdict


def test_what_was_not_measured_is_no_pass() -> None:
    """A row without a figure is skipped, and one without a bar only reports."""
    assert Row("r", None, "").verdict == "skipped"
    assert Row("r", 1.0, "ms").verdict == "report"


def test_rounds_are_interleaved() -> None:
    """Every measure runs once in each round, and the order is turned round every other time."""
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = interleaved({"a": lambda: measure("a"), "b": lambda: measure("b")}, 2)

    assert order == ["a", "b", "b", "a"]
    assert found == {"a": [1.0, 4.0], "b": [2.0, 3.0]}


@pytest.mark.parametrize("kind", ["bare", "unstored", "decided", "durable"])
def test_every_app_answers_a_notice(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each app that a row is measured on takes a signed notice, and refuses one whose signature is another's."""
    for name, value in (("APP", kind), ("PORT", "9"), ("STORE", str(tmp_path / "store.sqlite3"))):
        monkeypatch.setenv(f"KZ_BENCH_{name}", value)
    desks: list[AsyncComplianceDesk] = []

    def asgi_app(desk: AsyncComplianceDesk) -> App:
        desks.append(desk)
        return asgi.asgi_app(desk)

    monkeypatch.setattr(apps, "asgi_app", asgi_app)
    app = apps._make()
    head, _, body = samples.request(1, "standard-webhooks", 9, int(time.time())).partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    forged = headers | {"webhook-signature": "v1," + "A" * 43 + "="}

    async def both() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9") as client:
            answers = [await client.post(samples.PATH, content=body, headers=given) for given in (headers, forged)]
        return [answer.status_code for answer in answers]

    assert anyio.run(both) == [202, 401]
    for desk in desks:
        desk.blocking.close()


@pytest.mark.slow
def test_every_part_of_a_step_is_timed(tmp_path: Path) -> None:
    """Each function that is named as a part is there and is called, and what is left is put back."""
    before = transaction.write_operations
    for measured, parts in (
        (stages.intake(tmp_path, 4), stages.INTAKE),
        (stages.decision(tmp_path, 16), stages.DECISION),
    ):
        assert measured.keys() >= set(parts.values()) - {"decrypting"}
        assert all(seconds > 0 for seconds in measured.values())
    assert transaction.write_operations is before


def test_every_row_has_one_name(capsys: pytest.CaptureFixture[str]) -> None:
    """`--list` names every row of every group, and no two alike."""
    assert main(["--list"]) == 0

    listed = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith(" ")]
    assert sorted(listed) == sorted(name for names, _ in GROUPS.values() for name in names)
    assert len(set(listed)) == len(listed)
