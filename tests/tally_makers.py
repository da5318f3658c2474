"""Tallies for tests of the figures: no store, no notice, the facts as they are kept."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from kz_compliance_sdk.domain.fold import Tally
from kz_compliance_sdk.transparency.counting import Counting
from kz_compliance_sdk.transparency.report import Period, TransparencyReport, published

DAY = 86_400
START = 1_767_207_600  # 2026-01-01T00:00 in Almaty
END = START + 181 * DAY
NOW = END + 40 * DAY
CATEGORIES = frozenset({"drugs", "fraud", "violence", "false_information"})
NAMES = {"body-1": {"kk": "Орган", "ru": "Орган власти", "en": "Authority"}}
TYPES = {"body-1": "authorised_body", "body-2": "authorised_body", "court-1": "court", "rare-1": "prosecutor"}


def facts(**given: Any) -> str:
    """The facts of an answered demand for one removed URL."""
    told: dict[str, Any] = {
        "authority": "body-1",
        "authority_type": "authorised_body",
        "originated": False,
        "category": "drugs",
        "kind": "prescription",
        "channel": "pushed",
        "authenticity": "signed",
        "state": "closed",
        "languages": ["ru"],
        "items": [["url", "removed", "local_law", "", "kz", 1]],
        "cancelled": [],
        "user_data": False,
        "events": {},
        "legal_basis": ["online_platforms/9"],
        "requested": "remove",
        "barred": False,
        "barred_until": None,
        **given,
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def a_tally(number: int = 1, at: int = START, took: int = 3600, **given: Any) -> Tally:
    cancelled = given.get("state") == "cancelled"
    decided = None if cancelled else at + took
    receipt = None if cancelled else at + took + 600
    return Tally("social", f"case-{number:06}", at, at - 60, at + DAY, decided, receipt, facts(**given))


def random_tallies(seed: int, demands: int) -> list[Tally]:
    """Demands with a long tail: most are alike, and some of each kind are rare."""
    chance = random.Random(seed)

    def pick(*values: Any) -> Any:
        return values[min(int(chance.expovariate(1.1)), len(values) - 1)]

    found = []
    for number in range(demands):
        authority = pick("body-1", "court-1", "body-2", "rare-1", f"rare-{number}")
        cancelled = chance.random() < 0.05
        items = [["url", "stopped", "", "", "kz", 1]] if cancelled else []
        for _ in range(0 if cancelled else chance.randrange(1, 4)):
            outcome = pick("removed", "refused", "restricted", "not_found", "cannot_comply")
            ground = pick("local_law", "terms_of_service") if outcome in ("removed", "restricted") else ""
            code = pick("not_illegal", "protected_speech", "overbroad") if outcome == "refused" else ""
            items.append([pick("url", "account"), outcome, ground, code, pick("kz", "kz", "beyond_kz"), 1])
        found.append(
            a_tally(
                number,
                at=START + number * 977,
                took=chance.randrange(60, 2 * DAY),
                authority=authority,
                authority_type=TYPES.get(authority, "other"),
                originated=pick(False, True),
                category=pick("drugs", "fraud", "violence", "false_information", "a_new_word"),
                kind=pick("prescription", "request", "recommendation", "court_order"),
                channel=pick("pushed", "polled", "typed"),
                state="cancelled" if cancelled else "closed",
                items=items,
                cancelled=["withdrawn"] if cancelled else [],
                legal_basis=pick(
                    ["online_platforms/9"], ["communications/41-1"], ["online_platforms/9", f"mass_media/{number}"]
                ),
                barred=chance.random() < 0.1,
                barred_until=NOW + DAY if chance.random() < 0.05 else None,
            )
        )
    return found


def a_report(
    tallies: list[Tally],
    *,
    threshold: int = 5,
    draft: bool = False,
    withheld_until: int = NOW + 9 * DAY,
    names: Mapping[str, Mapping[str, str]] = NAMES,
) -> TransparencyReport:
    counting = Counting(NOW, CATEGORIES, withheld_until)
    for tally in tallies:
        counting.add(tally)
    return published(
        counting,
        Period(START, END),
        platform_id="social",
        threshold=threshold,
        embargo_days=30,
        draft=draft,
        names=names,
    )
