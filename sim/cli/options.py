"""What all commands share that costs nothing to import."""

from typing import Any, Final

import click

FINE: Final = 0
ANSWER_IS_NO: Final = 1
USER: Final = 2
PLUGIN: Final = 3
OURS: Final = 4
INTERRUPTED: Final = 130
"""Exit codes."""

CONTEXT: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document to stdout, and nothing else."
)
