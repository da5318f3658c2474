"""What a pack says of each message, in its own names."""

from __future__ import annotations

from kz_compliance_sdk.evidence.dossier import said_of
from kz_compliance_sdk.testing import builders
from tests.case_makers import a_notice


def test_of_a_cancellation_it_says_which_notice_is_cancelled() -> None:
    notice = a_notice()
    said = said_of(builders.cancellation(notice), full=True)
    assert (said["notice_id"], said["revision"], said["effect"]) == (notice.notice_id, notice.revision, "withdrawn")
