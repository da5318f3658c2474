"""What the pool of connections is asked for is what httpx itself would ask for."""

from __future__ import annotations

import httpcore
import httpx
import pytest

from kz_compliance_sdk.adapters.http_client import HttpCaller, Reply, checked_url
from kz_compliance_sdk.ports import Env

ADDRESSES = (
    "https://regulator.example",
    "https://regulator.example/v1/notices/KZ-1%2F2/reports",
    "https://Regulator.Example:8443/a/b?since=1&x=%D0%B0",
    "https://регулятор.example/ә б",
    "http://[::1]:8080/feed?since=",
    "http://127.0.0.1:9//two",
    "https://regulator.example:443/v1",
)


class Seen(httpx.BaseTransport):
    """httpx's own way to a request."""

    def __init__(self) -> None:
        self.request: httpx.Request | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.request = request
        return httpx.Response(204)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_pool_is_asked_for_what_httpx_would_ask_for(
    address: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[httpcore.Request] = []

    def handle(_pool: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        asked.append(request)
        return httpcore.Response(204)

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", handle)
    url = checked_url(address, setting="regulator.url", allow_insecure=True, query=True)
    body, headers = b"{}" if method == "POST" else b"", [("x-one", "1")]
    seen = Seen()
    for client in (None, httpx.Client(transport=seen, headers={})):
        caller = HttpCaller(Env.system(), connect_timeout=1, read_timeout=1, in_flight=1, client=client)
        answer = caller.exchange(method, url, headers, body, deadline=Env.system().monotonic() + 5, max_bytes=10)
        assert isinstance(answer, Reply)
    ours, theirs = asked[0], seen.request
    assert theirs is not None
    assert ours.method.decode() == theirs.method
    assert ours.url.scheme == theirs.url.raw_scheme
    assert ours.url.host == theirs.url.raw_host
    assert ours.url.port == theirs.url.port
    assert ours.url.target == theirs.url.raw_path
    said = {name.decode().lower(): value.decode() for name, value in ours.headers}
    for name in ("host", "content-length", "x-one"):
        assert said.get(name) == theirs.headers.get(name), name
