"""How a run's own files are written, its audit log apart."""

from pathlib import Path
from typing import Any

import yaml

from sim.protocol.errors import AuditWriteError


def yaml_bytes(data: dict[str, Any]) -> bytes:
    """Plain data as YAML, in ASCII, its keys as they stand."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # in C where libyaml is there
    text: str = yaml.dump(data, Dumper=dumper, sort_keys=False, allow_unicode=False, width=100)
    return text.encode()


def write_file(path: Path, content: bytes) -> None:
    """Write one of the run's files.

    Raises:
        AuditWriteError: If the disk refuses: a run without its files is no run.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AuditWriteError(f"{path}: cannot be written: {error.strerror}") from error
