"""Where a store lies: on a local disk, where locks hold, in files that this account can read and write."""

from __future__ import annotations

import errno
import os
import stat
import struct
from pathlib import Path
from typing import Final

from kz_compliance_sdk.errors import StoreUnusable

SHARING: Final = (
    "Where several accounts share the store, its folder and files belong to a group of theirs: chmod 2770 the folder, "
    "chmod 660 the files (docs/operations.md)."
)
"""What lets another account in."""
BESIDE: Final = ("-wal", "-shm", "-journal", ".lane", ".open")
"""How the files beside the database end."""
_NETWORK: Final = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gpfs"),
        *("orangefs", "vboxsf", "prl_fs", "davfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"),
        *("fuse.glusterfs", "fuse.ceph", "fuse.davfs2", "fuse.grpcfuse", "fuse.osxfs", "fuse.juicefs"),
    )
)
_MAKES_ANEW: Final = "Once every process has stopped it may be removed: it is made anew."
_REMEDIES: Final = {
    "-wal": "It is part of the database: never remove it.",
    "-journal": "It is part of the database: never remove it.",
    "-shm": _MAKES_ANEW,
    ".lane": _MAKES_ANEW,
    ".open": _MAKES_ANEW,
}
_LOCK: Final = "hhqqi4x"
_BUSY: Final = (errno.EAGAIN, errno.EACCES)


def refuse_place(path: str, *others: str) -> None:
    """Raises StoreUnusable for a place on a network share, where SQLite's locks do not hold, for a folder that is not
    there, and for the first of the store's files and `others` that this account cannot use."""
    _refuse_network_file_system(Path(path))
    if wrong := unusable(path, *others):
        raise wrong


def _refuse_network_file_system(path: Path) -> None:
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    place = str(path.resolve().parent)
    best, kind = "", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = fields[4].replace("\\040", " ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split()[0]
    if kind in _NETWORK:
        raise StoreUnusable(
            f"the store's file lies on a network file system ({kind} at {best}), where SQLite's locks do not hold. "
            "Put it on a local disk."
        )


def unusable(path: str, *others: str) -> StoreUnusable | None:
    """The first of the store's files, its folder and `others` that this account cannot read and write: which it is, its
    mode and owner, and what helps. None if it can use all that are there."""
    real = os.path.realpath(path)
    folder = Path(path).absolute().parent
    for name, ending in [(str(folder), "/"), (path, ""), *((f"{real}{end}", end) for end in BESIDE[:3])]:
        if found := _unusable(name, ending):
            return found
    for name in (*(f"{path}{end}" for end in BESIDE[3:]), *others):
        if found := _unusable(name, name.removeprefix(path)):
            return found
    return None


def _unusable(name: str, ending: str) -> StoreUnusable | None:
    try:
        found = os.stat(name)  # noqa: PTH116
    except FileNotFoundError:
        missing = f"the folder of the store's file does not exist: {name}. Create it."
        return StoreUnusable(missing) if ending == "/" else None
    except OSError as error:
        return _refusal(f"{name} cannot be reached by the account {_me()}: {error.strerror}.", ending)
    is_folder = ending == "/"
    if not (stat.S_ISDIR if is_folder else stat.S_ISREG)(found.st_mode):
        what = "no folder" if is_folder else "no regular file"
        return _refusal(f"{name} is {what}. Stop every process and move it away.", ending)
    wanted = os.R_OK | os.W_OK | (os.X_OK if is_folder else 0)
    if os.access(name, wanted, effective_ids=os.access in os.supports_effective_ids):
        return None
    if hasattr(os, "statvfs") and os.statvfs(name).f_flag & os.ST_RDONLY:
        return _refusal(
            f"{name} lies on a file system that is mounted for reading alone. Mount it for writing.", ending
        )
    owner = f"{_name('pwd', found.st_uid)}:{_name('grp', found.st_gid)}"
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    what = f"{name} has the mode {mode} and belongs to {owner}: the account {_me()} cannot read and write it."
    return _refusal(f"{what} Run chmod u+rw{'x' * is_folder} {name}, or give it to that account.", ending)


def _refusal(what: str, ending: str) -> StoreUnusable:
    of = "folder" if ending == "/" else "file"
    remedy = " ".join(filter(None, (_REMEDIES.get(ending), SHARING)))
    return StoreUnusable(f"store.path: the store's {of} {what} {remedy}")


def _me() -> str:
    return _name("pwd", os.geteuid()) if hasattr(os, "geteuid") else "of this process"


def _name(book: str, number: int) -> str:
    """The name of an account or a group, or its number if it has none here."""
    try:
        if book == "pwd":
            import pwd

            return pwd.getpwuid(number).pw_name
        import grp

        return grp.getgrgid(number).gr_name
    except (ImportError, KeyError):
        return str(number)


def refuse_without_locks(file: str) -> None:
    """Lock a file that is there twice, in both ways that the store and SQLite lock theirs: the second must not get it.
    Raises StoreUnusable where it does, and where locks fail."""
    try:
        import fcntl
    except ImportError:
        return
    one, other = (os.open(file, os.O_RDWR | os.O_CLOEXEC) for _ in range(2))

    def whole(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def of_byte(fd: int) -> None:
        # SQLite's own belong to the process; these tell two descriptors apart, and are the same to the file system.
        command: int = fcntl.F_OFD_SETLK  # type: ignore[attr-defined,unused-ignore]
        fcntl.fcntl(fd, command, struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 1 << 30, 1, 0))

    try:
        for take in (whole, of_byte) if hasattr(fcntl, "F_OFD_SETLK") else (whole,):
            why = "two got the same one at once"
            try:
                take(one)
                take(other)
            except OSError as error:
                if error.errno in _BUSY:
                    continue
                if take is of_byte and error.errno == errno.EINVAL:
                    continue  # this kernel knows no such lock
                why = error.strerror or str(error)
            raise StoreUnusable(
                f"locks do not hold where the store lies: {why}, tried on {file}. Two processes would write over what "
                "each other acknowledged. Put the store on a local disk, and mount it with locks."
            )
    finally:
        os.close(one)
        os.close(other)
