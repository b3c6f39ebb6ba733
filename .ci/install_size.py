"""Says how large an environment is by pip's own records, byte code left out.

Run by the Python of the environment: ``venv/bin/python .ci/install_size.py``. It must hold what is
to be counted and nothing else; ``pip`` itself is not counted. A limit in MB as the only argument
makes it exit with 1 above it. Needs nothing but the standard library.
"""

import sys
from importlib.metadata import Distribution, distributions

MB = 1_000_000
NOT_COUNTED = frozenset({"pip", "setuptools", "wheel"})


def bytes_of(distribution: Distribution) -> int:
    """Sizes in the RECORD of one distribution, as pip wrote them."""
    return sum(
        file.size or 0 for file in distribution.files or () if not file.name.endswith(".pyc")
    )


def main(args: list[str]) -> int:
    """Print a line per distribution, the largest first, and the sum."""
    sizes = {
        distribution.name: bytes_of(distribution)
        for distribution in distributions()
        if distribution.name.lower() not in NOT_COUNTED
    }
    for name, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        print(f"{size / MB:8.1f} MB  {name}")
    total = sum(sizes.values())
    print(f"{total / MB:8.1f} MB  in all")
    return 1 if args and total > float(args[0]) * MB else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
