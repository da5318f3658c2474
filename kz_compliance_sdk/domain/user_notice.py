"""What an affected user is to be told, as the platform's `Messenger` gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserNotice:
    """What an affected user is to be told about one item. Telling the same `id` twice must tell the user once.

    `kind` is `measure`, `restored` or `appeal_decided`; `url`, `object_id` and `account_ref` are the item as the notice
    named it, and whose it is the platform knows. `outcome` is the report's word for the measure, or `restored`,
    `upheld`, `reversed`. `authority` holds the name of whoever demanded it by language, `texts` the whole statement as
    plain text in `kk`, `ru` and `en`: escape it where it goes into markup. Times are UTC seconds; `effective_at` is 0
    where there is none. Nothing in it comes from a reporter, and it names no moderator.
    """

    id: str
    kind: str
    case_id: str
    item_id: str
    object_key: str
    url: str
    object_id: str
    account_ref: str
    outcome: str
    action: str
    scope: tuple[str, ...]
    ground: str
    legal_provision: str
    legal_basis: tuple[str, ...]
    authority: Mapping[str, str]
    authority_type: str
    reference_number: str
    effective_at: int
    made_at: int
    appeal_url: str
    appeal_answer_s: int
    texts: Mapping[str, str]
