"""Where the audit log's bytes go: a locked file, or memory. Knows nothing of records or hashes."""

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path
from typing import Final, Protocol

from sim.protocol.errors import AuditWriteError

MEMORY_BYTES_MAX: Final = 512 << 20


class Target(Protocol):
    """Takes whole lines. Every method but ``close`` and ``data`` may raise OSError."""

    @property
    def name(self) -> str:
        """The name that error messages show."""

    def write(self, offset: int, lines: bytearray) -> None:
        """Put whole lines at an offset: where the last write ended, or began if interrupted.

        After an OSError none may follow.
        """

    def confirm(self) -> None:
        """Return once what was written would survive a power loss."""

    def close(self) -> None:
        """Release everything; never raises."""

    def data(self) -> bytes:
        """All that was written, if it is kept in memory."""

    def last(self, end: int, most: int) -> bytes:
        """At most so many of the bytes before offset ``end``; none if it cannot; never raises."""


class MemoryTarget:
    """Keeps the log in memory, up to `MEMORY_BYTES_MAX`; then it behaves like a full disk."""

    name = "memory"

    def __init__(self) -> None:
        self._kept = bytearray()

    def write(self, offset: int, lines: bytearray) -> None:
        """Keep the lines."""
        if offset + len(lines) > MEMORY_BYTES_MAX:
            raise OSError(errno.ENOSPC, f"more than {MEMORY_BYTES_MAX} bytes in memory")
        self._kept[offset:] = lines

    def confirm(self) -> None:
        """Nothing to do: memory survives no power loss."""

    def close(self) -> None:
        """Nothing to release: ``data`` stays readable."""

    def data(self) -> bytes:
        """All that was written."""
        return bytes(self._kept)

    def last(self, end: int, most: int) -> bytes:
        """The last bytes before ``end``."""
        return bytes(self._kept[max(0, end - most) : end])


class FileTarget:
    """A file of our own under an exclusive lock.

    The lock is advisory (``flock``): it keeps out other audit logs, also of this process. On
    Windows there is none. Devices such as ``/dev/null`` are neither locked nor confirmed.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self.name = str(path)
        if not path.parent.is_dir():
            raise _cannot_open(path, "its folder does not exist")
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            raise _cannot_open(path, _why(error)) from error
        try:
            self._is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)
            if self._is_file:
                self._take(path, replace=replace)
        except OSError as error:
            os.close(self._fd)
            raise _cannot_open(path, _why(error)) from error
        except AuditWriteError:
            os.close(self._fd)
            raise

    def write(self, offset: int, lines: bytearray) -> None:
        """Write in one call, unless the system takes less than it was given."""
        written = 0
        try:
            if self._is_file:
                os.lseek(self._fd, offset, os.SEEK_SET)
            with memoryview(lines) as view:
                while written < len(view):
                    written += os.write(self._fd, view[written:])
        except OSError:
            # A full disk may have taken a part of a line: drop that part if it lets us.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, offset + lines.rfind(b"\n", 0, written) + 1)
            raise

    def confirm(self) -> None:
        """Flush the file to the disk."""
        if self._is_file:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file, which gives up its lock."""
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def data(self) -> bytes:
        """Refused: the log is not in memory."""
        raise ValueError(f"the audit log is kept in {self.name}, not in memory")

    def last(self, end: int, most: int) -> bytes:
        """The last bytes before ``end``, read back; none from a device, or if the disk refuses."""
        if not self._is_file:
            return b""
        try:
            with Path(self.name).open("rb") as file:
                file.seek(max(0, end - most))
                return file.read(min(most, end))
        except OSError:
            return b""

    def _take(self, path: Path, *, replace: bool) -> None:
        """Lock first and look after: an earlier log may only be emptied once it is ours."""
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _cannot_open(path, "another run is writing it") from None
        if os.fstat(self._fd).st_size and not replace:
            raise _cannot_open(path, "it holds an earlier log")
        os.ftruncate(self._fd, 0)
        os.fsync(self._fd)
        if sys.platform != "win32":
            # A new file's name is safe on the disk only once its folder is.
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _cannot_open(path: Path, why: str) -> AuditWriteError:
    return AuditWriteError(f"{path}: cannot open the audit log: {why}")


def _why(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
