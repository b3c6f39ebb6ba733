"""Opening what others have written: regular files alone, and never a wait for a writer."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path


def open_regular(path: Path) -> BufferedReader:
    """A regular file, opened for reading.

    A pipe would be waited for, and a device such as ``/dev/zero`` has no end.

    Raises:
        OSError: If it cannot be opened, or is no regular file; ``strerror`` says which.
    """
    try:
        # Without blocking, since what kind of file it is shows only once it is open.
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
    except ValueError as error:
        raise OSError(errno.EINVAL, "its name holds a NUL character", str(path)) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is a pipe or a device, not a regular file", str(path))
