"""How a fault of this program is told in a log: its kind and its place. Its text may quote what a message holds."""

from __future__ import annotations


def kind_and_place(error: BaseException) -> str:
    """Such as `ValidationError at report.py:92`."""
    trace = error.__traceback__
    if trace is None:
        return type(error).__name__
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename.replace("\\", "/").rpartition("/")[2]
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"
