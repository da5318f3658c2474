"""Whoever is told how long things take and how often they happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from kz_compliance_sdk.domain.metrics import Metric, Operation

Ended = Callable[..., None]
"""Called once with the labels of an operation, when it has ended."""


class Telemetry(Protocol):
    """Told of what happens on one platform; nothing that it does can fail what it is told of."""

    def begin(self, operation: Operation, case: str = "") -> Ended | None:
        """An operation begins, about this case if one is named. None if nobody listens."""

    def tell(self, metric: Metric, value: float, **labels: str) -> None:
        """Add to a counter, or one more value of a histogram."""


@contextmanager
def told(telemetry: Telemetry, operation: Operation, **labels: str) -> Iterator[None]:
    """What is done within is told, with `outcome`: `done`, or the class of the error that ended it."""
    ended, outcome = telemetry.begin(operation), "done"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        if ended is not None:
            ended(**labels, outcome=outcome)
