"""``sorsim schema``."""

import click

from sim.cli.options import CONTEXT, FINE


@click.command(context_settings=CONTEXT)
def schema() -> int:
    """Print the JSON Schema of the scenario file, for editors and other tools."""
    import json

    from sim.scenario.model import Scenario

    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
    }
    click.echo(json.dumps(document, indent=2))
    return FINE
