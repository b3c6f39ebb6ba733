"""``python -m sim.cli``: the console script's work where no script is installed."""

import sys
from pathlib import Path

# `python -m` puts the current folder first on the path, where a user's own `router.py` would stand
# in for our package. It stays only if it is the folder that we were loaded from.
if not sys.flags.safe_path:
    root = Path(__file__).resolve().parents[2]
    if Path(sys.path[0]).resolve() != root:
        del sys.path[0]

from sim.cli import main

sys.exit(main())
