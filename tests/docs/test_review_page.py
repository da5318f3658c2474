"""What the pages about review and measures say is true of the code, and their examples run."""

from __future__ import annotations

import re

from kz_compliance_sdk.domain.legal_check import QUESTIONS
from tests.docs.blocks import DOCS


def test_the_questions_of_the_legal_check_are_those_of_the_code() -> None:
    page = (DOCS / "concepts" / "review.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (yes|no) \|$", page, re.MULTILINE)
    assert rows == [(question.name, question.text["en"], question.bars) for question in QUESTIONS]
