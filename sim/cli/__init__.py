"""The command line; commands load lazily."""

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; the console script ``sorsim`` ends in it.

    Args:
        args: What follows the program's name; None takes it from the process.
    """
    from sim.cli.app import run_command_line

    return run_command_line(args)
