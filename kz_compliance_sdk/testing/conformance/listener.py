"""A platform's intake as far as pushes go: it writes down what comes, and refuses each message once with 503."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.testing.mock_regulator.exchange import JSON, Reply, Request, refuse, refuse_method
from kz_compliance_sdk.testing.mock_regulator.server import Server, running

RETRY_AFTER_S: Final = 1
_MOST_PUSHES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pushed:
    """One push that came, and how it was answered."""

    request: Request
    status: int


class Listener:
    """Answers 503 with a Retry-After to the first push of each body, and 202 from then on."""

    def __init__(self) -> None:
        self._came: list[Pushed] = []
        self._news = threading.Condition()

    def take(self, request: Request) -> Reply:
        """The reply to one push; whatever else comes is none."""
        if request.method != "POST":
            return refuse_method(["POST"], "Use POST.").reply()
        with self._news:
            known = any(one.request.body == request.body for one in self._came)
            reply = _accepted() if known else _not_now()
            if len(self._came) < _MOST_PUSHES:
                self._came.append(Pushed(request, reply.status))
            self._news.notify_all()
        return reply

    def came(self) -> tuple[Pushed, ...]:
        """All that came so far, in their order."""
        with self._news:
            return tuple(self._came)

    def wait(self, pushes: int, timeout_s: float) -> tuple[Pushed, ...]:
        """All that came, once so many did or the time is over."""
        with self._news:
            self._news.wait_for(lambda: len(self._came) >= pushes, timeout_s)
        return self.came()


def _accepted() -> Reply:
    now = int(time.time())
    body = {"case_reference": "conformance", "received_at": instant_text(now), "due_at": instant_text(now + 86_400)}
    return Reply(202, (JSON,), canonical(body))


def _not_now() -> Reply:
    detail = "Nothing was stored. Send the same message again."
    return refuse(503, "store_full", detail, headers=(("retry-after", str(RETRY_AFTER_S)),)).reply()


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[tuple[Listener, int]]:
    """A listener on a port, as long as the block runs; 0 takes a free one. Raises ConfigError if it cannot be had."""
    listener = Listener()
    with contextlib.ExitStack() as stack:
        try:
            _, at = stack.enter_context(running(Server(listener.take), host, port))
        except OSError as error:
            raise ConfigError(
                # Not the error's own text, in which asyncio repeats the address.
                f"{host} port {port} cannot be listened on: {os.strerror(error.errno or 0)}.",
                field="--listen",
                remedy="Choose another port, or stop what listens there.",
            ) from None
        yield listener, at
