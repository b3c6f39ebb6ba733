"""``sorsim verify``."""

from pathlib import Path

import click

from sim.cli.echo import escaped, print_json
from sim.cli.options import ANSWER_IS_NO, CONTEXT, FINE, NAMED_PATH, json_option


@click.command(context_settings=CONTEXT)
@click.argument("log", type=NAMED_PATH)
@click.option(
    "--expect-head",
    metavar="HEX",
    help="Hash of the last record as it was noted when the run ended. Only this finds a log that "
    "was written anew from end to end.",
)
@json_option
def verify(*, log: Path, expect_head: str | None, as_json: bool) -> int:
    """Check that LOG, a run's folder or its audit.jsonl, is whole and untouched.

    Exit code 1 says that it is not; the first bad record is named.
    """
    import msgspec

    from sim.audit.verify import verify as verify_log

    path = log / "audit.jsonl" if log.is_dir() else log
    try:
        result = verify_log(path, expect_head)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--expect-head") from error
    if as_json:
        print_json({"log": str(path), **msgspec.structs.asdict(result)})
    else:
        name = escaped(str(path))
        click.echo(f"{name}: {'ok' if result.ok else 'NOT OK'}: {result.message}")
    return FINE if result.ok else ANSWER_IS_NO
