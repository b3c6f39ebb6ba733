"""What the commands that read an audit log share."""

from pathlib import Path


def log_path(log: Path) -> Path:
    """The audit log of a run's folder, or the file itself."""
    return log / "audit.jsonl" if log.is_dir() else log
