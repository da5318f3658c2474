"""What every journey holds its store to: each case that has ended left its row for the public figures."""

from __future__ import annotations

import json

from kz_compliance_sdk.domain.transitions import ENDED
from kz_compliance_sdk.ports import Queries
from kz_compliance_sdk.transparency.publication import recounted


def check_tallies(queries: Queries) -> None:
    """The row is there and says what the records of its case say.

    Whatever ends a case, or changes an ended one, goes through `with_tally`.
    """
    always = (0, 1 << 40)
    assert list(queries.untallied(*always)) == [], "these ended, and nothing wrote their tally"
    for kept in queries.tallies(*always):
        erased = queries.case(kept.case_id).erased_at is not None
        if queries.case(kept.case_id).state in ENDED and not erased:
            facts, now = json.loads(kept.facts), json.loads(recounted(queries, kept.case_id).facts)
            assert facts == now, (facts, now)
