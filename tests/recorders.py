"""What stands at the edges of a run and keeps all that passes: every log record, and every byte on a socket."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from kz_compliance_sdk.adapters.sql.transaction import SqlTransaction


class Everything(logging.Handler):
    """All that any logger was given, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("kz_compliance_sdk.testing", "faker", "hypothesis")):
            return
        fields = {name: value for name, value in record.__dict__.items() if name not in ("exc_info", "args")}
        self.lines.append(f"{record.getMessage()} {record.args!r} {fields!r}")
        if record.exc_info:
            self.lines.append(self._formatter.formatException(record.exc_info))

    @property
    def text(self) -> bytes:
        return "\n".join(self.lines).encode()


class Wire:
    """Every byte that leaves by a socket, but for what the stand-ins of this test send themselves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[bytes] = []
        self.not_ours: set[int] = set()  # ports whose side of a line is played by the test
        self.to_us: set[int] = set()  # what is sent to these is what others say to us
        for name in ("send", "sendall"):
            monkeypatch.setattr(socket.socket, name, self._recording(getattr(socket.socket, name)))

    def _recording(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(line: socket.socket, data: Any, *rest: Any) -> Any:
            with contextlib.suppress(OSError, IndexError):
                here, there = line.getsockname()[1], line.getpeername()[1]
                if here not in self.not_ours and there not in self.to_us:
                    self.sent.append(bytes(data))
            return original(line, data, *rest)

        return call

    @property
    def bytes(self) -> bytes:
        return b"".join(self.sent)


def statements_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of each statement that the writer of a store opened from now on reads by, as it goes."""
    read, ask = list[str](), SqlTransaction.all

    def noted(of: SqlTransaction, statement: Any, **values: Any) -> list[Any]:
        read.append(statement.sql)
        return ask(of, statement, **values)

    monkeypatch.setattr(SqlTransaction, "all", noted)
    return read
