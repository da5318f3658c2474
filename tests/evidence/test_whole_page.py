"""The page of a pack as a reader has it, line by line: what it says, in which order, and nothing beside.

`python -m tests.evidence.test_whole_page` writes anew what is expected. Read what changed before you commit it.
"""

from __future__ import annotations

import re
import tempfile
from html import unescape
from pathlib import Path

import pytest

from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.ports import Told
from tests.evidence.scene import FORMS, HEAD, LEAD, opened, scene

EXPECTED = Path(__file__).parent / "golden"
# What chance or a release makes: ids, digests, signatures.
_MADE = re.compile(r"\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,})\b")
_BLOCK = re.compile(
    r"</?(?:p|li|ul|ol|tr|h[1-6]|table|thead|tbody|section|header|footer|div|dl|dt|dd|caption|summary)\b[^>]*>"
)


def text_of(page: bytes) -> str:
    """The words of a page, a block on a line."""
    body = page.decode().partition("<body")[2].partition(">")[2]
    marked = re.sub(r"</t[dh]>", " | ", _BLOCK.sub("\n", body))
    lines = (" ".join(unescape(re.sub(r"<[^>]+>", "", line)).split()) for line in marked.splitlines())
    return "".join(f"{_MADE.sub('~', line)}\n" for line in lines if line)


def pages(folder: Path) -> dict[str, str]:
    """A case that was sent back, proposed anew, approved, carried out, reported, told and contested, in both forms."""
    with scene(folder) as at:
        at.desk.on_tell_user(lambda _notice: Told(at.clock()))
        case_id = at.reviewed_twice(seed=1)
        at.desk.take(
            LEAD,
            case_id,
            commands.RecordContest(body="A court", reference="C-7", filed_at=at.clock(), remedy="annulment"),
        )
        at.desk.proof.checkpoint()
        return {
            form: text_of(
                opened(at.desk.evidence(HEAD, case_id, lang="en", full=form == "full", reason="the court asked"))[
                    "report.html"
                ]
            )
            for form in FORMS
        }


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return pages(tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("form", FORMS)
def test_the_page_says_what_it_should_and_nothing_else(written: dict[str, str], form: str) -> None:
    assert written[form] == (EXPECTED / f"page.{form}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    EXPECTED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        for name, text in pages(Path(made)).items():
            (EXPECTED / f"page.{name}.txt").write_text(text, encoding="utf-8")
