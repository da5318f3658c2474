"""A process to which the kernel grants every lock, or none: what a file system without working locks looks like."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import platform
import struct
from typing import Final

ALL_GRANTED: Final = 0
NONE_GRANTED: Final = errno.ENOLCK
_CALLS: Final = {"x86_64": (72, 73), "aarch64": (25, 32)}
"""The numbers of fcntl and flock."""
POSSIBLE: Final = platform.system() == "Linux" and platform.machine() in _CALLS
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _SECOND_ARGUMENT = 0, 24
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
# F_SETLK, F_SETLKW and their like of open file descriptions.
_TAKE: Final = (fcntl.F_SETLK, fcntl.F_SETLKW, 37, 38)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def without_locks(answer: int, *, flock: bool = True, ranges: bool = True) -> None:
    """From here on the kernel answers this process every try to take a lock with `answer`, and does nothing. It cannot
    be undone: call it in a process of its own."""
    of_fcntl, of_flock = _CALLS[platform.machine()]
    steps = [(_LOAD, 0, 0, _NUMBER)]
    if flock:
        steps += [(_EQUAL, 0, 1, of_flock), (_RETURN, 0, 0, _ERRNO | answer)]
    if ranges:
        steps += [(_EQUAL, 0, 2 * len(_TAKE) + 1, of_fcntl), (_LOAD, 0, 0, _SECOND_ARGUMENT)]
        for command in _TAKE:
            steps += [(_EQUAL, 0, 1, command), (_RETURN, 0, 0, _ERRNO | answer)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps), code)
    for call in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(program))):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "this kernel takes no filter")
