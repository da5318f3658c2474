"""Adapters for what a platform runs on already: Django, FastAPI, Flask, Celery. Each needs its framework, which is
imported here alone."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Makes a thing when it is first asked for, and keeps it. Two threads that ask first get the same one, of which
    `functools.cache` would make two."""

    def __init__(self, make: Callable[[], T]) -> None:
        self.__doc__ = make.__doc__
        self.made: T | None = None
        self._make, self._lock = make, Lock()

    def __call__(self) -> T:
        with self._lock:
            if self.made is None:
                self.made = self._make()
            return self.made
