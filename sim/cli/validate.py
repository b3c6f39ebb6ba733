"""``sorsim validate``."""

from typing import Any

import click

from sim.cli.echo import print_json, say, tell
from sim.cli.options import CONTEXT, FINE, USER, allow_code_option, json_option


@click.command(context_settings=CONTEXT)
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True)
@allow_code_option
@json_option
def validate(*, scenarios: tuple[str, ...], allow_code: bool, as_json: bool) -> int:
    """Check each SCENARIO, a file or the name of a shipped one, and say every problem.

    The files that a scenario names are read to their end. With --allow-code its plug-in is imported
    and made once; exit code 3 says that this failed. Exit code 2 says that one or more
    scenarios are wrong.
    """
    from sim.cli.errors import error_document
    from sim.protocol.errors import Problem, ScenarioError
    from sim.scenario.load import load_scenario
    from sim.scenario.plugins import try_plugin

    found: list[tuple[str, list[Problem]]] = []
    for scenario in scenarios:
        try:
            loaded = load_scenario(scenario, allow_code=allow_code)
        except ScenarioError as error:
            found.append((scenario, error.problems))
        else:
            if allow_code and loaded.scenario.plugins:
                try_plugin(loaded)
            found.append((scenario, []))
    if as_json:
        rows = [
            {"scenario": name, "ok": not problems, "problems": problems} for name, problems in found
        ]
        document: dict[str, Any] = {"scenarios": rows}
        wrong = [problem for _, problems in found for problem in problems]
        if wrong:
            document |= error_document(ScenarioError(wrong))
        print_json(document)
    for name, problems in found:
        for problem in problems:
            say(str(problem))
        if not problems and not as_json:
            tell(f"{name}: ok")
    return USER if any(problems for _, problems in found) else FINE
