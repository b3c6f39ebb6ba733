"""``sorsim validate``."""

from typing import Any

import click

from sim.cli.options import CONTEXT, FINE, USER, json_option


@click.command(context_settings=CONTEXT)
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True)
@json_option
def validate(*, scenarios: tuple[str, ...], as_json: bool) -> int:
    """Check each SCENARIO, a file or the name of a shipped one, and say every problem.

    The files that a scenario names are read to their end. Exit code 2 says that one or more
    scenarios are wrong.
    """
    import msgspec

    from sim.cli.errors import error_document, say
    from sim.protocol.errors import Problem, ScenarioError
    from sim.scenario.load import load_scenario

    found: list[tuple[str, list[Problem]]] = []
    for scenario in scenarios:
        try:
            load_scenario(scenario)
        except ScenarioError as error:
            found.append((scenario, error.problems))
        else:
            found.append((scenario, []))
    if as_json:
        rows = [
            {"scenario": name, "ok": not problems, "problems": problems} for name, problems in found
        ]
        document: dict[str, Any] = {"scenarios": rows}
        wrong = [problem for _, problems in found for problem in problems]
        if wrong:
            document |= error_document(ScenarioError(wrong))
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    for name, problems in found:
        for problem in problems:
            say(str(problem))
        if not problems and not as_json:
            click.echo(f"{name}: ok")
    return USER if any(problems for _, problems in found) else FINE
