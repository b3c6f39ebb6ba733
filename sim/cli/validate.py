"""``sorsim validate``."""

import click

from sim.cli.options import CONTEXT, FINE, USER, json_option


@click.command(context_settings=CONTEXT)
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True)
@json_option
def validate(*, scenarios: tuple[str, ...], as_json: bool) -> int:
    """Check each SCENARIO, a file or the name of a shipped one, and say every problem.

    Exit code 2 says that one or more are wrong.
    """
    import msgspec

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
        document = msgspec.json.encode({"scenarios": rows})
        click.echo(msgspec.json.format(document, indent=2).decode())
    for name, problems in found:
        for problem in problems:
            click.echo(str(problem), err=True)
        if not problems and not as_json:
            click.echo(f"{name}: ok")
    return USER if any(problems for _, problems in found) else FINE
