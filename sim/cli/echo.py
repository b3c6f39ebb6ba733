"""What goes to a terminal: text of files, logs and arguments made harmless, and JSON documents.

Whoever names a file or writes a log may put codes into it that a terminal obeys, that hide text or
turn it around. They are shown escaped, in JSON as JSON escapes them, which every reader undoes.
"""

from typing import Any

import click


def escaped(text: str) -> str:
    """Text that may hold the names of files, without what a terminal would obey."""
    lines = text.expandtabs(2).split("\n")  # click indents with tabs, which harm nobody
    return "\n".join(line if line.isprintable() else ascii(line)[1:-1] for line in lines)


def say(text: str) -> None:
    """To stderr; whoever closed it does not want to hear."""
    try:
        click.echo(escaped(text), err=True)
    except OSError:
        return


def tell(text: str) -> None:
    """To stdout."""
    click.echo(escaped(text))


def json_text(document: object, *, indent: int = 2) -> str:
    """A document as JSON, without a final newline; its unprintable characters are escaped.

    Args:
        document: What msgspec can write.
        indent: Blanks per level; 0 gives one line.
    """
    import msgspec

    from sim.audit.read import printable_json

    try:
        encoded = msgspec.json.encode(document)
    except UnicodeEncodeError:  # the name of a file whose bytes are no UTF-8
        encoded = msgspec.json.encode(_without_surrogates(msgspec.to_builtins(document)))
    text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
    return printable_json(text)


def print_json(document: object) -> None:
    """One JSON document to stdout."""
    click.echo(json_text(document))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(one) for one in value]
    return value
