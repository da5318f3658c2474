"""What is refused, by its code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kz_compliance_sdk.errors import ComplianceError


@contextmanager
def refused(code: str) -> Iterator[None]:
    """What is done inside is refused with this code."""
    with pytest.raises(ComplianceError) as caught:
        yield
    assert caught.value.code == code, caught.value
