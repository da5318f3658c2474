"""Offices on files of their own, for messages that an authority should not have sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.arrivals.bad_inputs.office import Offices


@pytest.fixture(scope="module")
def all_offices(tmp_path_factory: pytest.TempPathFactory) -> Offices:
    return Offices(tmp_path_factory.mktemp("offices"))


@pytest.fixture
def offices(all_offices: Offices) -> Iterator[Offices]:
    yield all_offices
    all_offices.close()
