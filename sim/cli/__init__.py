"""The command line; commands load lazily."""

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; the console script ``sorsim`` ends in it.

    Args:
        args: What follows the program's name; None takes it from the process.
    """
    try:
        from sim.cli.app import run_command_line
        from sim.kernel.interrupt import always_heard

        with always_heard():
            return run_command_line(args)
    except KeyboardInterrupt:  # before or after what knows what to say of it
        sys.stderr.write("sorsim: interrupted\n")
        return 130
