"""What all commands share that costs nothing to import."""

import os
from pathlib import Path
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


class _NamedPath(click.Path):
    """A path that was named: an empty one, as of an unset variable, would mean this folder."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        if not str(value):
            self.fail("must not be empty (the current folder is .)", param, ctx)
        return super().convert(value, param, ctx)


NAMED_PATH: Final = _NamedPath(path_type=Path)
NAMED_FOLDER: Final = _NamedPath(path_type=Path, file_okay=False)


def there(folder: Path, option: str) -> None:
    """Refuse a folder to read from that is not there: it would be passed over without a word."""
    if not folder.is_dir():
        raise click.BadParameter(f"folder '{folder}' does not exist", param_hint=option)


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document to stdout, and nothing else."
)

allow_code_option = click.option(
    "--allow-code",
    is_flag=True,
    help="Let code that the scenario names in `plugins` run, with your rights.",
)
