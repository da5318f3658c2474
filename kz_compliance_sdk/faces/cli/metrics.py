"""/metrics for Prometheus, on a port of its own, with a bound on what a stranger can hold open there."""

from __future__ import annotations

import socket
from contextlib import suppress
from socketserver import ThreadingMixIn
from threading import Event
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

MOST: Final = 8
"""Connections at once. A process that receives has few descriptors to give away."""
_PATIENCE_S: Final = 0.1


class MetricsServer(ThreadingMixIn, WSGIServer):
    """Shows a registry to a few at once: for a newcomer the connection that is the oldest is hung up on."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._open: list[Any] = []
        self._left = Event()
        super().__init__((host, port), _Silent)
        self.set_app(make_wsgi_app(registry))

    def get_request(self) -> tuple[Any, Any]:
        """Raises BlockingIOError where nobody has made room yet: then it is asked again."""
        if len(self._open) >= MOST:
            self._left.clear()
            for oldest in self._open[:1]:
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            self._left.wait(_PATIENCE_S)
            raise BlockingIOError
        request, address = super().get_request()
        self._open.append(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._open.remove(request)
        self._left.set()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as it is called above
        """Log no request."""
