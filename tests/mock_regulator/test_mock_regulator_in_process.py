"""What becomes of a connection where there is none: a client meets what it meets on a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

import httpx
import pytest
import respx

from kz_compliance_sdk.testing.mock_regulator import Fault, MockRegulator, httpx_handler, respx_routes
from kz_compliance_sdk.testing.mock_regulator.server import running
from tests.conftest import FrozenClock
from tests.mock_regulator.test_mock_regulator_mounts import BASE, NOTICE, Exchange, regulator, signed
from tests.waiting import PATIENCE_S

SPOILED: dict[str, tuple[Fault, type[httpx.TransportError] | None]] = {
    "reset before": (Fault("reset_before"), httpx.ReadError),
    "reset after": (Fault("reset_after"), httpx.ReadError),
    "hangs before": (Fault("hang_before"), httpx.ReadTimeout),
    "hangs after": (Fault("hang_after"), httpx.ReadTimeout),
    "truncated": (Fault("truncated"), httpx.RemoteProtocolError),
    "garbage": (Fault("garbage"), httpx.RemoteProtocolError),
    "drips": (Fault("dripping", bytes_per_s=4_000), None),
    "drips too slowly": (Fault("dripping", bytes_per_s=1), httpx.ReadTimeout),
    "takes too long": (Fault("latency", latency_ms=2_000), httpx.ReadTimeout),
}
# Short where it is waited in vain. On the socket the others get their answer when the machine has the time for it.
_HASTY, _PATIENT = httpx.Timeout(PATIENCE_S, read=0.3), httpx.Timeout(PATIENCE_S)


@contextlib.contextmanager
def _socket(mock: MockRegulator) -> Iterator[httpx.Client]:
    with running(mock.server()) as (host, port), httpx.Client(trust_env=False) as client:
        mock.reached_at(f"http://{host}:{port}")
        yield client


@contextlib.contextmanager
def _transport(mock: MockRegulator) -> Iterator[httpx.Client]:
    transport = httpx.MockTransport(httpx_handler(mock.handle, sleep=_instantly))
    with httpx.Client(transport=transport) as client:
        yield client


@contextlib.contextmanager
def _respx(mock: MockRegulator) -> Iterator[httpx.Client]:
    with respx.mock() as router, httpx.Client(trust_env=False) as client:
        respx_routes(mock, router, sleep=_instantly)
        yield client


def _instantly(_seconds: float) -> None:
    """Sleep that takes no time."""


Opened = Callable[[MockRegulator], contextlib.AbstractContextManager[httpx.Client]]


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("opened", [_socket, _transport, _respx], ids=["socket", "transport", "respx"])
def test_a_client_meets_the_same_error_with_and_without_a_connection(
    opened: Opened, how: str, clock: FrozenClock
) -> None:
    mock = regulator(clock)
    fault, meets = SPOILED[how]
    lookup = Exchange("GET", f"/v1/notices/{NOTICE.notice_id}")
    with opened(mock) as client:
        client.timeout = _HASTY if meets is httpx.ReadTimeout else _PATIENT
        mock.fail(fault)
        headers = signed(mock, lookup, 1)
        if meets is not None:
            with pytest.raises(httpx.TransportError) as met:
                client.get(mock.url + lookup.target, headers=headers)
            assert type(met.value) is meets
        else:
            got = client.get(mock.url + lookup.target, headers=headers)
            assert len(got.content) == int(got.headers["content-length"]) > 100


def test_a_client_without_a_timeout_does_not_hang_a_test_and_an_awaited_one_meets_the_same(clock: FrozenClock) -> None:
    mock = regulator(clock)
    mock.fail(Fault("hang_before"))
    transport = httpx.MockTransport(httpx_handler(mock.handle, sleep=_instantly))
    no_timeout = httpx.Client(transport=transport, timeout=None)  # noqa: S113 - what is tested
    with no_timeout as client, pytest.raises(httpx.ReadTimeout):
        client.get(f"{BASE}/v1/notices")

    async def awaited() -> None:
        mock.fail(Fault("truncated"))
        async with httpx.AsyncClient(transport=transport) as client:
            await client.get(f"{BASE}/v1/notices")

    with pytest.raises(httpx.RemoteProtocolError):
        asyncio.run(awaited())
