"""A path is the intake's, the health's, or nobody's: whatever lies before it or behind it makes it another."""

from __future__ import annotations

import pytest

from kz_compliance_sdk.services.admission import Route, Routes

BELOW_A_PREFIX = Routes("https://social.example/kz", "/notices")
AT_THE_ROOT = Routes("https://social.example", "/notices")


@pytest.mark.parametrize(
    ("routes", "mounted_at", "path", "route"),
    [
        (AT_THE_ROOT, "", "/notices", "intake"),
        (AT_THE_ROOT, "", "/notices/", "intake"),
        (AT_THE_ROOT, "", "/notices/health", "health"),
        (AT_THE_ROOT, "", "/any/notices", "nothing"),
        (AT_THE_ROOT, "", "/any/notices/health", "nothing"),
        (AT_THE_ROOT, "", "/xnotices", "nothing"),
        (AT_THE_ROOT, "", "/notices/more", "nothing"),
        (AT_THE_ROOT, "", "", "nothing"),
        (AT_THE_ROOT, "/mounted", "/mounted/notices", "intake"),
        (AT_THE_ROOT, "/mounted/", "/mounted/notices", "intake"),
        (AT_THE_ROOT, "/mounted", "/notices", "intake"),
        (AT_THE_ROOT, "/mounted", "/mounted/mounted/notices", "nothing"),
        (AT_THE_ROOT, "/mount", "/mounted/notices", "nothing"),
        (BELOW_A_PREFIX, "", "/kz/notices", "intake"),
        (BELOW_A_PREFIX, "", "/notices", "intake"),  # a proxy took the prefix away
        (BELOW_A_PREFIX, "", "/other/kz/notices", "nothing"),
        (BELOW_A_PREFIX, "/kz", "/kz/notices", "intake"),
        (BELOW_A_PREFIX, "/kz", "/kz/notices/health", "health"),
        (BELOW_A_PREFIX, "/kz", "/kz/kz/notices", "nothing"),
        (BELOW_A_PREFIX, "/other", "/other/kz/notices", "nothing"),
        (Routes("https://social.example/%D2%9B", "/no%20tices"), "", "/қ/no tices", "intake"),
        (Routes("https://social.example/kz", "/"), "/kz", "/kz/", "intake"),
        (Routes("https://social.example/kz", "/"), "/kz", "/kz/health", "health"),
    ],
)
def test_only_the_whole_path_counts(routes: Routes, mounted_at: str, path: str, route: Route) -> None:
    assert routes.route(mounted_at, path) == route


@pytest.mark.parametrize(
    ("mounted_at", "path", "is_public"),
    [
        ("", "/kz/notices", True),
        ("", "/kz/notices/", True),
        ("", "/kz/notices/health", True),
        ("/kz", "/notices", True),
        ("/kz/", "/kz/notices", True),
        ("", "/notices", False),
        ("", "/notices/health", False),
        ("/other", "/notices", False),
        ("", "/kz", False),
    ],
)
def test_a_page_of_the_hosts_own_is_its_own(mounted_at: str, path: str, is_public: bool) -> None:
    assert BELOW_A_PREFIX.is_public(mounted_at, path) == is_public
