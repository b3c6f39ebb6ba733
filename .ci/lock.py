"""Prints the lock: every package that the extra ``dev`` needs, at the version pip resolves today.

Run by ``make lock``. The lock serves as a constraints file; pins that a platform does not
need do no harm there.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HEADER = """\
# The versions that sorsim is tested with: a constraints file for every extra.
# Exact repeatability is promised with these. Written by `make lock`.
"""


def main() -> None:
    """Resolve the extra ``dev`` without installing it and print one pin per line."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report), ".[dev]"]
        subprocess.run(command, check=True, stdout=sys.stderr)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in installed}
    pins = [f"{name}=={version}" for name, version in sorted(found.items()) if name != "sorsim"]
    sys.stdout.write(HEADER + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
